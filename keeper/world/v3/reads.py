"""The view functions of a v3 pool and position manager: the call to make, and what its answer means."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from keeper.world.chain import codec
from keeper.world.chain.multicall import Call

_POSITION: Final = Struct(">64x12x20s12x20s28xI28xi28xi16x16s32s32s16x16s16x16s")
_TICK: Final = Struct(">16x16s16x16s32s32s")
_integer = int.from_bytes

MAX_UINT128: Final = (1 << 128) - 1


class Slot0(NamedTuple):
    """``UniswapV3Pool.slot0`` without what no decision needs."""

    sqrt_price_x96: int
    tick: int
    observation_cardinality: int
    fee_protocol: int


class PositionRecord(NamedTuple):
    """``NonfungiblePositionManager.positions`` without nonce and operator; tokens are the 20 bytes of their address."""

    token0: bytes
    token1: bytes
    fee_pips: int
    lower_tick: int
    upper_tick: int
    liquidity: int
    inside_last_0_x128: int
    inside_last_1_x128: int
    owed_0: int
    owed_1: int


class TickRecord(NamedTuple):
    """``UniswapV3Pool.ticks`` as far as liquidity and fees go."""

    liquidity_gross: int
    liquidity_net: int
    fee_growth_outside_0_x128: int
    fee_growth_outside_1_x128: int


def plain(target: str, signature: str) -> Call:
    """A call without arguments."""
    return target, codec.SELECTORS[signature]


@functools.lru_cache(maxsize=1 << 15)
def tick_call(pool: str, tick: int) -> Call:
    return pool, codec.call("ticks(int24)", tick)


@functools.lru_cache(maxsize=1 << 12)
def bitmap_call(pool: str, word_position: int) -> Call:
    return pool, codec.call("tickBitmap(int16)", word_position)


@functools.lru_cache(maxsize=1 << 15)
def position_call(positions: str, token_id: int) -> Call:
    return positions, codec.call("positions(uint256)", token_id)


@functools.lru_cache(maxsize=1 << 12)
def owned_token_call(positions: str, owner: str, index: int) -> Call:
    return positions, codec.call("tokenOfOwnerByIndex(address,uint256)", owner, index)


def balance_call(token: str, owner: str) -> Call:
    """An ERC-20 balance, or how many NFTs an owner has."""
    return token, codec.call("balanceOf(address)", owner)


def allowance_call(token: str, owner: str, spender: str) -> Call:
    return token, codec.call("allowance(address,address)", owner, spender)


def observe_call(pool: str, seconds_ago: Sequence[int]) -> Call:
    """The oracle's cumulative ticks at so many seconds before the block; reverts ("OLD") where it does not reach."""
    return pool, codec.call_with_integers("observe(uint32[])", seconds_ago)


def decode_slot0(data: bytes) -> Slot0:
    return Slot0(codec.unsigned(data), codec.signed(data, 1), codec.unsigned(data, 3), codec.unsigned(data, 5))


def decode_position(data: bytes) -> PositionRecord:
    token0, token1, fee, lower, upper, liquidity, inside_0, inside_1, owed_0, owed_1 = _POSITION.unpack_from(data)
    return PositionRecord(
        token0, token1, fee, lower, upper, _integer(liquidity, "big"),
        _integer(inside_0, "big"), _integer(inside_1, "big"), _integer(owed_0, "big"), _integer(owed_1, "big"),
    )  # fmt: skip


def decode_tick(data: bytes) -> TickRecord:
    gross, net, outside_0, outside_1 = _TICK.unpack_from(data)
    return TickRecord(
        _integer(gross, "big"),
        _integer(net, "big", signed=True),
        _integer(outside_0, "big"),
        _integer(outside_1, "big"),
    )


def decode_tick_cumulatives(data: bytes) -> list[int]:
    """The first of the two arrays that ``observe`` returns."""
    start = codec.unsigned(data) // codec.WORD
    count = codec.unsigned(data, start)
    return [codec.signed(data, start + 1 + index) for index in range(count)]

"""The whole state of a pool at one old block: what a replay must start from, and where it must end."""

from __future__ import annotations

from typing import Any, Final, Protocol

from keeper.errors import RpcError, TransientError
from keeper.model.observation import TickState
from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.world.chain import codec
from keeper.world.chain.multicall import Multicall
from keeper.world.tape.tape import Opening
from keeper.world.v3 import reads
from keeper.world.v3.identity import PoolIdentity

_WORD_BITS: Final = 256
_STATE: Final = ("slot0()", "liquidity()", "feeGrowthGlobal0X128()", "feeGrowthGlobal1X128()")


class OneNode(Protocol):
    """A node that answers one call."""

    def request(self, method: str, params: list[Any]) -> Any: ...


def state_before(multicall: Multicall, identity: PoolIdentity, first_block: int) -> tuple[Opening | None, str | None]:
    """The pool with all its ticks at the end of the block before ``first_block``; or None, and why there is none."""
    if first_block == 0:
        return Opening(0, 0, 0, 0, 0, 0, 0, 0, ()), None
    return _state(multicall, identity, first_block - 1, with_ticks=True)


def state_at(multicall: Multicall, identity: PoolIdentity, block: int) -> Opening | None:
    """The pool without its ticks at the end of a block; None where the node does not give it."""
    return _state(multicall, identity, block, with_ticks=False)[0]


def _state(
    multicall: Multicall, identity: PoolIdentity, block: int, *, with_ticks: bool
) -> tuple[Opening | None, str | None]:  # fmt: skip
    try:
        header = multicall.node.request("eth_getBlockByNumber", [hex(block), False])
        timestamp, block_hash = int(header["timestamp"], 16), str(header["hash"])
        code = multicall.node.request("eth_getCode", [identity.address, hex(block)])
        if code in ("0x", "", None):
            return Opening(block, timestamp, 0, 0, 0, 0, 0, 0, ()), None
        return _read(multicall, identity, block, timestamp, block_hash, with_ticks=with_ticks), None
    except RpcError as error:
        return None, f"the node does not give the state of block {block} ({str(error)[:160]})"
    except TransientError as error:
        # A failover takes "header not found" for a node that lags; of an old block it means that its state is gone.
        if "cannot answer eth_" not in str(error):
            raise
        return None, f"the node does not give the state of block {block}"


def _read(
    multicall: Multicall, identity: PoolIdentity, block: int, timestamp: int, block_hash: str, *, with_ticks: bool
) -> Opening:
    pool = identity.address
    answers = multicall.read([reads.plain(pool, name) for name in _STATE], block_hash)
    if any(not answer for answer in answers):
        raise RpcError("the pool does not answer")
    slot0, liquidity, growth_0, growth_1 = (answer for answer in answers if answer is not None)
    state = reads.decode_slot0(slot0)
    return Opening(
        block, timestamp, state.sqrt_price_x96, state.tick, codec.unsigned(liquidity), codec.unsigned(growth_0),
        codec.unsigned(growth_1), state.fee_protocol, _ticks(multicall, identity, block_hash) if with_ticks else (),
    )  # fmt: skip


def _ticks(multicall: Multicall, identity: PoolIdentity, block_hash: str) -> tuple[TickState, ...]:
    """All initialized ticks, ascending: the bits set in the bitmap."""
    pool, spacing = identity.address, identity.tick_spacing
    words = range(MIN_TICK // spacing // _WORD_BITS, MAX_TICK // spacing // _WORD_BITS + 1)
    found = []
    for word, answer in zip(words, multicall.read([reads.bitmap_call(pool, word) for word in words], block_hash),
                            strict=True):  # fmt: skip
        bits = codec.unsigned(_must(answer, "tickBitmap()"))
        while bits:
            lowest = bits & -bits
            found.append((word * _WORD_BITS + lowest.bit_length() - 1) * spacing)
            bits ^= lowest
    answers = multicall.read([reads.tick_call(pool, tick) for tick in found], block_hash)
    return tuple(
        TickState(tick, *reads.decode_tick(_must(answer, "ticks()")))
        for tick, answer in zip(found, answers, strict=True)
    )


def _must(answer: bytes | None, what: str) -> bytes:
    if not answer:
        raise RpcError(f"the pool does not answer {what}")
    return answer

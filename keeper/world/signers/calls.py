"""Calldata read back, strictly: exactly the calls that the keeper makes, each in its one canonical spelling.

Shares no code with what wrote it. Words, offsets and padding are those of the Solidity ABI specification in the only
arrangement that the encoder of a contract's own interface gives; whatever else a contract might accept is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keeper.world.signers.abi_words import (
    WORD,
    DecodingError,
    Words,
    address,
    arguments,
    array_head,
    expect,
    expect_end,
    int24,
    padded_bytes,
    uint24,
    uint128,
    uint160,
    uint256,
)

__all__ = [
    "ApproveCall", "BurnCall", "CollectCall", "DecodingError", "DecreaseCall", "IncreaseCall", "InnerCall", "MintCall",
    "PlainCall", "PositionCalls", "SwapCall", "calls_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ApproveCall:
    """ERC-20 ``approve``."""

    spender: str
    amount: int


@dataclass(frozen=True, slots=True)
class SwapCall:
    """A router's ``exactInputSingle``. ``router02``: the shape without a deadline, inside a multicall that has it."""

    router02: bool
    token_in: str
    token_out: str
    fee_pips: int
    recipient: str
    deadline_timestamp: int
    amount_in: int
    amount_out_min: int
    sqrt_price_limit_x96: int


@dataclass(frozen=True, slots=True)
class MintCall:
    """The position manager's ``mint``."""

    token0: str
    token1: str
    fee_pips: int
    lower_tick: int
    upper_tick: int
    amount_0_desired: int
    amount_1_desired: int
    amount_0_min: int
    amount_1_min: int
    recipient: str
    deadline_timestamp: int


@dataclass(frozen=True, slots=True)
class IncreaseCall:
    """The position manager's ``increaseLiquidity``."""

    token_id: int
    amount_0_desired: int
    amount_1_desired: int
    amount_0_min: int
    amount_1_min: int
    deadline_timestamp: int


@dataclass(frozen=True, slots=True)
class DecreaseCall:
    """The position manager's ``decreaseLiquidity``."""

    token_id: int
    liquidity: int
    amount_0_min: int
    amount_1_min: int
    deadline_timestamp: int


@dataclass(frozen=True, slots=True)
class CollectCall:
    """The position manager's ``collect``."""

    token_id: int
    recipient: str
    amount_0_max: int
    amount_1_max: int


@dataclass(frozen=True, slots=True)
class BurnCall:
    """The position manager's ``burn``."""

    token_id: int


InnerCall = MintCall | IncreaseCall | DecreaseCall | CollectCall | BurnCall


@dataclass(frozen=True, slots=True)
class PositionCalls:
    """The position manager's ``multicall`` of at least one call."""

    calls: tuple[InnerCall, ...]


PlainCall = ApproveCall | SwapCall | PositionCalls


def calls_of(data: bytes) -> PlainCall:
    """What calldata asks for.

    Raises:
        DecodingError: an unknown selector, or arguments that are not in their canonical encoding.
    """
    selector = data[:4]
    if selector == _APPROVE:
        return ApproveCall(*arguments(data, (address, uint256), "approve"))
    if selector == _SWAP:
        return SwapCall(False, *arguments(data, _SWAP_WORDS, "exactInputSingle"))
    if selector == _MULTICALL_02:
        deadline, items = _bytes_array(data, leading=1)
        if len(items) != 1 or items[0][:4] != _SWAP_02:
            raise DecodingError("the router's multicall holds something else than one exactInputSingle")
        words = arguments(items[0], _SWAP_02_WORDS, "exactInputSingle")
        return SwapCall(True, *words[:4], *(deadline, *words[4:]))
    if selector == _MULTICALL:
        _, items = _bytes_array(data, leading=0)
        return PositionCalls(tuple([_inner(item) for item in items]))
    raise DecodingError(f"the selector 0x{selector.hex()} is none of the keeper's calls")


def _inner(item: bytes) -> InnerCall:
    known = _INNER.get(item[:4])
    if known is None:
        raise DecodingError(f"the selector 0x{item[:4].hex()} inside a multicall is none of the keeper's calls")
    make, words, name = known
    made: InnerCall = make(*arguments(item, words, name))
    return made


# Selector: the first four bytes of the keccak-256 of the signature in the contracts' published interfaces.
_APPROVE: Final = bytes.fromhex("095ea7b3")
_SWAP: Final = bytes.fromhex("414bf389")
_SWAP_02: Final = bytes.fromhex("04e45aaf")
_MULTICALL_02: Final = bytes.fromhex("5ae401dc")
_MULTICALL: Final = bytes.fromhex("ac9650d8")
_SWAP_WORDS: Final[Words] = (address, address, uint24, address, uint256, uint256, uint256, uint160)
_SWAP_02_WORDS: Final[Words] = (address, address, uint24, address, uint256, uint256, uint160)
_MINT_WORDS: Final[Words] = (
    address, address, uint24, int24, int24, uint256, uint256, uint256, uint256, address, uint256,
)  # fmt: skip
_INNER: Final[dict[bytes, tuple[Callable[..., InnerCall], Words, str]]] = {
    bytes.fromhex("88316456"): (MintCall, _MINT_WORDS, "mint"),
    bytes.fromhex("219f5d17"): (IncreaseCall, (uint256,) * 6, "increaseLiquidity"),
    bytes.fromhex("0c49ccbe"): (
        DecreaseCall,
        (uint256, uint128, uint256, uint256, uint256),
        "decreaseLiquidity",
    ),
    bytes.fromhex("fc6f7865"): (CollectCall, (uint256, address, uint128, uint128), "collect"),
    bytes.fromhex("42966c68"): (BurnCall, (uint256,), "burn"),
}


def _bytes_array(data: bytes, *, leading: int) -> tuple[int, list[bytes]]:
    """The word before (0 where there is none) and the items of a ``bytes[]`` that is a call's last argument."""
    body = data[4:]
    first = int.from_bytes(body[:WORD], "big") if leading else 0
    start = WORD * (leading + 1)
    expect(body, WORD * leading, start, "the offset of a multicall's array")
    count, table = array_head(body, start)
    items, at = [], table + WORD * count
    for index in range(count):
        expect(body, table + WORD * index, at - table, "the offset of a call inside a multicall")
        item, at = padded_bytes(body, at)
        items.append(item)
    expect_end(body, at)
    return first, items

"""Calldata read back, strictly: exactly the calls that the keeper makes, each in its one canonical spelling.

Shares no code with what wrote it. Words, offsets and padding are those of the Solidity ABI specification in the only
arrangement that the encoder of a contract's own interface gives; whatever else a contract might accept is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_WORD: Final = 32
_INT24_END: Final = 1 << 23
_UINT256_END: Final = 1 << 256


class DecodingError(ValueError):
    """The bytes are not the one spelling of a transaction that the keeper could have made; the text says why."""


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


def calls_of(data: bytes) -> ApproveCall | SwapCall | PositionCalls:
    """What calldata asks for.

    Raises:
        DecodingError: an unknown selector, or arguments that are not in their canonical encoding.
    """
    selector = data[:4]
    if selector == _APPROVE:
        return ApproveCall(*_arguments(data, (_address, _uint256), "approve"))
    if selector == _SWAP:
        return SwapCall(False, *_arguments(data, _SWAP_WORDS, "exactInputSingle"))
    if selector == _MULTICALL_02:
        deadline, items = _bytes_array(data, leading=1)
        if len(items) != 1 or items[0][:4] != _SWAP_02:
            raise DecodingError("the router's multicall holds something else than one exactInputSingle")
        words = _arguments(items[0], _SWAP_02_WORDS, "exactInputSingle")
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
    made: InnerCall = make(*_arguments(item, words, name))
    return made


def _uint(bits: int) -> Callable[[bytes], int]:
    end = 1 << bits

    def read(word: bytes) -> int:
        value = int.from_bytes(word, "big")
        if value >= end:
            raise DecodingError(f"a word exceeds uint{bits}")
        return value

    return read


def _address(word: bytes) -> str:
    if any(word[:12]):
        raise DecodingError("the high bytes of an address are not zero")
    return "0x" + word[12:].hex()


def _int24(word: bytes) -> int:
    value = int.from_bytes(word, "big")
    signed = value if value < _UINT256_END >> 1 else value - _UINT256_END
    if not -_INT24_END <= signed < _INT24_END:
        raise DecodingError("a tick is not a sign-extended int24")
    return signed


_uint24, _uint128, _uint160, _uint256 = _uint(24), _uint(128), _uint(160), _uint(256)

_Words = tuple[Callable[[bytes], int | str], ...]
# Selector: the first four bytes of the keccak-256 of the signature in the contracts' published interfaces.
_APPROVE: Final = bytes.fromhex("095ea7b3")
_SWAP: Final = bytes.fromhex("414bf389")
_SWAP_02: Final = bytes.fromhex("04e45aaf")
_MULTICALL_02: Final = bytes.fromhex("5ae401dc")
_MULTICALL: Final = bytes.fromhex("ac9650d8")
_SWAP_WORDS: Final[_Words] = (_address, _address, _uint24, _address, _uint256, _uint256, _uint256, _uint160)
_SWAP_02_WORDS: Final[_Words] = (_address, _address, _uint24, _address, _uint256, _uint256, _uint160)
_MINT_WORDS: Final[_Words] = (
    _address, _address, _uint24, _int24, _int24, _uint256, _uint256, _uint256, _uint256, _address, _uint256,
)  # fmt: skip
_INNER: Final[dict[bytes, tuple[Callable[..., InnerCall], _Words, str]]] = {
    bytes.fromhex("88316456"): (MintCall, _MINT_WORDS, "mint"),
    bytes.fromhex("219f5d17"): (IncreaseCall, (_uint256,) * 6, "increaseLiquidity"),
    bytes.fromhex("0c49ccbe"): (
        DecreaseCall,
        (_uint256, _uint128, _uint256, _uint256, _uint256),
        "decreaseLiquidity",
    ),
    bytes.fromhex("fc6f7865"): (CollectCall, (_uint256, _address, _uint128, _uint128), "collect"),
    bytes.fromhex("42966c68"): (BurnCall, (_uint256,), "burn"),
}


def _arguments(data: bytes, words: _Words, name: str) -> list[Any]:
    """The static words of a call, no more and no fewer."""
    if len(data) != 4 + _WORD * len(words):
        raise DecodingError(f"{name} has {len(data) - 4} bytes of arguments; it takes {_WORD * len(words)}")
    return [read(data[4 + _WORD * index : 36 + _WORD * index]) for index, read in enumerate(words)]


def _bytes_array(data: bytes, *, leading: int) -> tuple[int, list[bytes]]:
    """The word before (0 where there is none) and the items of a ``bytes[]`` that is a call's last argument."""
    body = data[4:]
    first = int.from_bytes(body[:_WORD], "big") if leading else 0
    start = _WORD * (leading + 1)
    _expect(body, _WORD * leading, start, "the offset of a multicall's array")
    count = _word(body, start)
    if not 1 <= count <= len(body) // _WORD:
        raise DecodingError(f"a multicall counts {count} calls, which it does not hold")
    table = start + _WORD
    items, at = [], _WORD * count
    for index in range(count):
        _expect(body, table + _WORD * index, at, "the offset of a call inside a multicall")
        length = _word(body, table + at)
        head = table + at + _WORD
        padded = -(-length // _WORD) * _WORD
        if head + padded > len(body):
            raise DecodingError("a call inside a multicall is cut off")
        if any(body[head + length : head + padded]):
            raise DecodingError("the padding inside a multicall is not zero")
        items.append(body[head : head + length])
        at += _WORD + padded
    if table + at != len(body):
        raise DecodingError(f"{len(body) - table - at} bytes stand after a multicall; none are allowed")
    return first, items


def _expect(body: bytes, at: int, value: int, name: str) -> None:
    if _word(body, at) != value:
        raise DecodingError(f"{name} is not where the encoder puts it")


def _word(body: bytes, at: int) -> int:
    word = body[at : at + _WORD]
    if len(word) != _WORD:
        raise DecodingError("the calldata is cut off")
    return int.from_bytes(word, "big")

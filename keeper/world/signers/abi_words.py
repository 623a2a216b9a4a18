"""Words of the Solidity ABI read strictly: each value in its one canonical encoding, and nothing between or behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

WORD: Final = 32
_INT24_END: Final = 1 << 23
_UINT256_END: Final = 1 << 256


class DecodingError(ValueError):
    """The bytes are not the one spelling of a transaction that the keeper could have made; the text says why."""


def uint(bits: int) -> Callable[[bytes], int]:
    """The reader of an unsigned integer of so many bits."""
    end = 1 << bits

    def read(word: bytes) -> int:
        value = int.from_bytes(word, "big")
        if value >= end:
            raise DecodingError(f"a word exceeds uint{bits}")
        return value

    return read


def address(word: bytes) -> str:
    """An address in lower-case hex."""
    if any(word[:12]):
        raise DecodingError("the high bytes of an address are not zero")
    return "0x" + word[12:].hex()


def int24(word: bytes) -> int:
    """A tick."""
    value = int.from_bytes(word, "big")
    signed = value if value < _UINT256_END >> 1 else value - _UINT256_END
    if not -_INT24_END <= signed < _INT24_END:
        raise DecodingError("a tick is not a sign-extended int24")
    return signed


uint24, uint128, uint160, uint256 = uint(24), uint(128), uint(160), uint(256)

Words = tuple[Callable[[bytes], int | str], ...]


def arguments(data: bytes, words: Words, name: str) -> list[Any]:
    """The static words of a call, no more and no fewer."""
    if len(data) != 4 + WORD * len(words):
        raise DecodingError(f"{name} has {len(data) - 4} bytes of arguments; it takes {WORD * len(words)}")
    return [read(data[4 + WORD * index : 36 + WORD * index]) for index, read in enumerate(words)]


def padded_bytes(body: bytes, at: int) -> tuple[bytes, int]:
    """The ``bytes`` whose length stands at ``at``, and where what follows their padding begins."""
    length = word_at(body, at)
    head = at + WORD
    end = head + -(-length // WORD) * WORD
    if end > len(body):
        raise DecodingError("bytes inside the calldata are cut off")
    if any(body[head + length : end]):
        raise DecodingError("the padding inside the calldata is not zero")
    return body[head : head + length], end


def array_head(body: bytes, start: int) -> tuple[int, int]:
    """How many items the array at ``start`` has, and where the table of their offsets begins."""
    count = word_at(body, start)
    if not 1 <= count <= len(body) // WORD:
        raise DecodingError(f"a batch counts {count} calls, which it does not hold")
    return count, start + WORD


def address_at(body: bytes, at: int) -> str:
    """The address in the 32 bytes from ``at`` on."""
    word = body[at : at + WORD]
    if len(word) != WORD:
        raise DecodingError("the calldata is cut off")
    return address(word)


def expect(body: bytes, at: int, value: int, name: str) -> None:
    """DecodingError unless the word at ``at`` is ``value``."""
    if word_at(body, at) != value:
        raise DecodingError(f"{name} is not where the encoder puts it")


def word_at(body: bytes, at: int) -> int:
    """The unsigned integer in the 32 bytes from ``at`` on."""
    word = body[at : at + WORD]
    if len(word) != WORD:
        raise DecodingError("the calldata is cut off")
    return int.from_bytes(word, "big")


def expect_end(body: bytes, at: int) -> None:
    """DecodingError unless the calldata ends at ``at``."""
    if at != len(body):
        raise DecodingError(f"{len(body) - at} bytes stand after the calldata; none are allowed")

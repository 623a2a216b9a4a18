"""The bytes of an EIP-1559 transaction read back, strictly: one transaction has one spelling, any other is refused.

This is the second pair of eyes before a signature. It shares no code with what wrote the bytes: RLP is decoded here
from the Ethereum Yellow Paper, appendix B, and the field order is that of EIP-1559.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keeper.world.signers.calls import DecodingError

_TYPE: Final = 0x02
_FIELDS: Final = ("chain id", "nonce", "priority fee", "maximum fee", "gas limit", "to", "value", "data", "access list")
_ADDRESS_BYTES: Final = 20
_UINT256_BYTES: Final = 32
# No call of the keeper comes near; a length that is read as an integer must not be a way to make work.
_MAX_BYTES: Final = 1 << 17

__all__ = ["DecodingError", "Signature", "SignedTransaction", "Unsigned", "decode_signed", "decode_unsigned"]


@dataclass(frozen=True, slots=True)
class Unsigned:
    """The fields of a transaction; ``to`` in lower-case hex. The access list was empty."""

    chain_id: int
    nonce: int
    max_priority_fee_wei: int
    max_fee_wei: int
    gas_limit: int
    to: str
    value_wei: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signer added to a transaction."""

    y_parity: int
    r: int
    s: int


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A signed transaction: its fields, the very bytes that they stand in, and the signature behind them."""

    unsigned: Unsigned
    payload: bytes
    signature: Signature


def decode_unsigned(unsigned: bytes) -> Unsigned:
    """The transaction of ``0x02`` and the RLP of its nine fields.

    Raises:
        DecodingError: anything but the canonical bytes of such a transaction with an empty access list.
    """
    payload, end = _whole_list(unsigned)
    items = _items(unsigned, payload, end)
    if len(items) != len(_FIELDS):
        raise DecodingError(f"the transaction has {len(items)} fields; {len(_FIELDS)} are allowed")
    return _transaction(items)


def decode_signed(raw: bytes) -> SignedTransaction:
    """A signed transaction taken apart.

    Raises:
        DecodingError: not the canonical bytes of a signed EIP-1559 transaction.
    """
    payload, end = _whole_list(raw)
    items = _items(raw, payload, end)
    if len(items) != len(_FIELDS) + 3:
        raise DecodingError(f"the signed transaction has {len(items)} fields; {len(_FIELDS) + 3} are allowed")
    added = items[len(_FIELDS) :]
    if any(is_list for is_list, _ in added):
        raise DecodingError("a part of the signature is a list; only numbers are allowed")
    y_parity, r, s = (_number(name, part) for name, (_, part) in zip(("y parity", "r", "s"), added, strict=True))
    at = payload
    for _ in _FIELDS:
        _, _, at = _span(raw, at, end)
    return SignedTransaction(_transaction(items[: len(_FIELDS)]), raw[payload:at], Signature(y_parity, r, s))


def unsigned_payload(unsigned: bytes) -> bytes:
    """The payload of an unsigned transaction's list: what a signed one must begin with. DecodingError as above."""
    payload, end = _whole_list(unsigned)
    return unsigned[payload:end]


def _transaction(items: list[tuple[bool, bytes]]) -> Unsigned:
    *plain, (is_list, access_list) = items
    for name, (nested, _) in zip(_FIELDS, plain, strict=False):
        if nested:
            raise DecodingError(f"{name} is a list; only bytes are allowed")
    if not is_list or access_list:
        raise DecodingError("the access list is not empty; only an empty one is allowed")
    chain_id, nonce, tip, fee, gas, to, value, data = (content for _, content in plain)
    if len(to) != _ADDRESS_BYTES:
        raise DecodingError(f"to has {len(to)} bytes; an address has {_ADDRESS_BYTES}")
    return Unsigned(
        _number("chain id", chain_id),
        _number("nonce", nonce),
        _number("priority fee", tip),
        _number("maximum fee", fee),
        _number("gas limit", gas),
        "0x" + to.hex(),
        _number("value", value),
        data,
    )


def _number(name: str, content: bytes) -> int:
    if len(content) > _UINT256_BYTES:
        raise DecodingError(f"{name} has {len(content)} bytes; a number has at most {_UINT256_BYTES}")
    if content[:1] == b"\0":
        raise DecodingError(f"{name} begins with a zero byte; a number has none")
    return int.from_bytes(content, "big")


def _whole_list(raw: bytes) -> tuple[int, int]:
    """Where the payload of the one list after the type byte starts and ends."""
    if len(raw) > _MAX_BYTES:
        raise DecodingError(f"the transaction has {len(raw)} bytes; at most {_MAX_BYTES} are allowed")
    if raw[:1] != bytes((_TYPE,)):
        raise DecodingError(f"the transaction type is 0x{raw[:1].hex()}; only 0x02 is allowed")
    is_list, start, end = _span(raw, 1, len(raw))
    if not is_list:
        raise DecodingError("the transaction is not a list of fields")
    if end != len(raw):
        raise DecodingError(f"{len(raw) - end} bytes stand after the transaction; none are allowed")
    return start, end


def _items(raw: bytes, at: int, end: int) -> list[tuple[bool, bytes]]:
    items = []
    while at < end:
        is_list, start, at = _span(raw, at, end)
        items.append((is_list, raw[start:at]))
    return items


def _span(raw: bytes, at: int, limit: int) -> tuple[bool, int, int]:
    """Whether the item at ``at`` is a list, and where its content starts and ends, which is not after ``limit``."""
    if at >= limit:
        raise DecodingError("the transaction is cut off")
    first = raw[at]
    if first < 0x80:
        return False, at, at + 1
    is_list = first >= 0xC0
    short = first - (0xC0 if is_list else 0x80)
    start = at + 1
    length = short
    if short > 55:
        start += short - 55
        counted = raw[at + 1 : start]
        if start > limit or counted[:1] == b"\0":
            raise DecodingError("a length in the transaction is cut off or begins with a zero byte")
        length = int.from_bytes(counted, "big")
        if length <= 55:
            raise DecodingError("a length in the transaction is written in more bytes than it needs")
    end = start + length
    if end > limit:
        raise DecodingError("the transaction is cut off")
    if not is_list and length == 1 and raw[start] < 0x80:
        raise DecodingError("a single byte in the transaction is written in two")
    return is_list, start, end

"""The bytes of a transaction read back, strictly: one transaction has one spelling, any other is refused.

This is the second pair of eyes before a signature. It shares no code with what wrote the bytes: RLP is decoded here
from the Ethereum Yellow Paper, appendix B, and the field order is that of EIP-1559, and of EIP-7702 (type 4) with one
authorization.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keeper.world.signers.abi_words import DecodingError

_FIELDS: Final = ("chain id", "nonce", "priority fee", "maximum fee", "gas limit", "to", "value", "data", "access list")
# Type -> how many fields it has: a transaction of type 4 has its authorizations besides.
_TYPES: Final = {0x02: len(_FIELDS), 0x04: len(_FIELDS) + 1}
_AUTHORIZATION_FIELDS: Final = 6  # chain id, address, nonce, y parity, r, s
_ADDRESS_BYTES: Final = 20
_UINT256_BYTES: Final = 32
# No call of the keeper comes near; a length that is read as an integer must not be a way to make work.
_MAX_BYTES: Final = 1 << 17

__all__ = [
    "Authorization", "DecodingError", "Signature", "SignedTransaction", "Unsigned", "decode_signed", "decode_unsigned",
    "unsigned_payload",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signer added to a transaction, or to an authorization."""

    y_parity: int
    r: int
    s: int


@dataclass(frozen=True, slots=True)
class Authorization:
    """The consent of an account to run the code at ``address`` (lower-case hex) as its own (EIP-7702)."""

    chain_id: int
    address: str
    nonce: int
    signature: Signature


@dataclass(frozen=True, slots=True)
class Unsigned:
    """The fields of a transaction; ``to`` in lower-case hex. The access list was empty; ``authorization`` is the one of
    a transaction of type 4, None for type 2."""

    chain_id: int
    nonce: int
    max_priority_fee_wei: int
    max_fee_wei: int
    gas_limit: int
    to: str
    value_wei: int
    data: bytes
    authorization: Authorization | None = None


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A signed transaction: its fields, the very bytes that they stand in, and the signature behind them."""

    unsigned: Unsigned
    payload: bytes
    signature: Signature


def decode_unsigned(unsigned: bytes) -> Unsigned:
    """The transaction of its type (2 or 4) and the RLP of its nine or ten fields.

    Raises:
        DecodingError: anything but the canonical bytes of such a transaction with an empty access list.
    """
    payload, end = _whole_list(unsigned)
    items, wanted = _items(unsigned, payload, end), _TYPES[unsigned[0]]
    if len(items) != wanted:
        raise DecodingError(f"the transaction has {len(items)} fields; {wanted} are allowed")
    return _transaction(items)


def decode_signed(raw: bytes) -> SignedTransaction:
    """A signed transaction taken apart.

    Raises:
        DecodingError: not the canonical bytes of a signed transaction of type 2 or 4.
    """
    payload, end = _whole_list(raw)
    items, fields = _items(raw, payload, end), _TYPES[raw[0]]
    if len(items) != fields + 3:
        raise DecodingError(f"the signed transaction has {len(items)} fields; {fields + 3} are allowed")
    added = items[fields:]
    if any(is_list for is_list, _ in added):
        raise DecodingError("a part of the signature is a list; only numbers are allowed")
    numbers = [_number(name, part) for name, (_, part) in zip(("y parity", "r", "s"), added, strict=True)]
    at = payload
    for _ in range(fields):
        _, _, at = _span(raw, at, end)
    return SignedTransaction(_transaction(items[:fields]), raw[payload:at], Signature(*numbers))


def unsigned_payload(unsigned: bytes) -> bytes:
    """The payload of an unsigned transaction's list: what a signed one must begin with. DecodingError as above."""
    payload, end = _whole_list(unsigned)
    return unsigned[payload:end]


def _transaction(items: list[tuple[bool, bytes]]) -> Unsigned:
    *plain, (is_list, access_list) = items[: len(_FIELDS)]
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
        _authorization(*items[len(_FIELDS)]) if len(items) > len(_FIELDS) else None,
    )


def _authorization(is_list: bool, content: bytes) -> Authorization:
    """The one authorization of the list with that content."""
    lists = _items(content, 0, len(content)) if is_list else []
    if len(lists) != 1 or not lists[0][0]:
        raise DecodingError("the authorizations are not a list of exactly one")
    ((_, inner),) = lists
    parts = _items(inner, 0, len(inner))
    if len(parts) != _AUTHORIZATION_FIELDS or any(nested for nested, _ in parts):
        raise DecodingError(f"an authorization is not {_AUTHORIZATION_FIELDS} plain fields")
    chain_id, address, nonce, *signature = (part for _, part in parts)
    if len(address) != _ADDRESS_BYTES:
        raise DecodingError(f"the address of an authorization has {len(address)} bytes; one has {_ADDRESS_BYTES}")
    y_parity, r, s = (_number(f"{name} of an authorization", part) for name, part in zip("yrs", signature, strict=True))
    return Authorization(
        _number("chain id of an authorization", chain_id), "0x" + address.hex(),
        _number("nonce of an authorization", nonce), Signature(y_parity, r, s),
    )  # fmt: skip


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
    if not raw or raw[0] not in _TYPES:
        raise DecodingError(f"the transaction type is 0x{raw[:1].hex()}; only 0x02 and 0x04 are allowed")
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

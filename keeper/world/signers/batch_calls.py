"""Several calls in one, read back strictly: by an account that runs a batch contract, and by a Safe.

``executeBatch`` is that of account-abstraction 0.8 (``BaseAccount.sol``), the others those of Safe 1.3.0 and 1.4.1
(``Safe.sol``, ``MultiSendCallOnly.sol``). No value is ever sent, and nothing but a plain CALL is ever inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keeper.world.signers.abi_words import (
    WORD,
    DecodingError,
    address_at,
    array_head,
    expect,
    expect_end,
    padded_bytes,
    uint,
    word_at,
)

_EXECUTE_BATCH: Final = bytes.fromhex("34fcd5be")
_MULTI_SEND: Final = bytes.fromhex("8d80ff0a")
_EXECUTE: Final = bytes.fromhex("6a761202")
_APPROVE_HASH: Final = bytes.fromhex("d4d9bdcd")
_EXECUTE_HEAD: Final = 10 * WORD
_uint8: Final = uint(8)
# Of one call inside multiSend: operation, target, value and length of the data.
_TARGET_AT, _VALUE_AT, _LENGTH_AT, _DATA_AT = 1, 21, 53, 85


@dataclass(frozen=True, slots=True)
class TargetCall:
    """One call of a batch: where it goes, and its calldata."""

    target: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ExecuteCall:
    """A Safe's ``execTransaction``, every argument in its order. Its nonce is none of them: it is the Safe's own."""

    to: str
    value_wei: int
    data: bytes
    operation: int
    safe_tx_gas: int
    base_gas: int
    gas_price: int
    gas_token: str
    refund_receiver: str
    signatures: bytes


@dataclass(frozen=True, slots=True)
class ApproveHashCall:
    """A Safe's ``approveHash``."""

    hash: bytes


def account_batch(data: bytes) -> tuple[TargetCall, ...]:
    """The calls of ``executeBatch((address,uint256,bytes)[])``.

    Raises:
        DecodingError: it is something else, not canonically encoded, or sends value.
    """
    body = _body(data, _EXECUTE_BATCH, "executeBatch")
    expect(body, 0, WORD, "the offset of a batch")
    count, table = array_head(body, WORD)
    calls, at = [], table + WORD * count
    for index in range(count):
        expect(body, table + WORD * index, at - table, "the offset of a call inside a batch")
        target = address_at(body, at)
        expect(body, at + WORD, 0, "the value of a call inside a batch")
        expect(body, at + 2 * WORD, 3 * WORD, "the offset of the calldata inside a batch")
        inner, at = padded_bytes(body, at + 3 * WORD)
        calls.append(TargetCall(target, inner))
    expect_end(body, at)
    return tuple(calls)


def multi_send(data: bytes) -> tuple[TargetCall, ...]:
    """The calls of ``multiSend(bytes)``, which are packed without padding between them.

    Raises:
        DecodingError: it is something else, not canonically encoded, sends value, or holds a DELEGATECALL.
    """
    body = _body(data, _MULTI_SEND, "multiSend")
    expect(body, 0, WORD, "the offset of a batch")
    packed, end = padded_bytes(body, WORD)
    expect_end(body, end)
    calls, at = [], 0
    while at < len(packed):
        head = packed[at : at + _DATA_AT]
        if len(head) < _DATA_AT:
            raise DecodingError("a call inside multiSend is cut off")
        if head[0] != 0:
            raise DecodingError(f"the operation of a call inside multiSend is {head[0]}; only 0 (CALL) is allowed")
        if any(head[_VALUE_AT:_LENGTH_AT]):
            raise DecodingError("a call inside multiSend sends value; none is allowed")
        start = at + _DATA_AT
        at = start + int.from_bytes(head[_LENGTH_AT:], "big")
        if at > len(packed):
            raise DecodingError("a call inside multiSend is cut off")
        calls.append(TargetCall("0x" + head[_TARGET_AT:_VALUE_AT].hex(), packed[start:at]))
    if not calls:
        raise DecodingError("multiSend holds no call")
    return tuple(calls)


def safe_call(data: bytes) -> ExecuteCall | ApproveHashCall:
    """``execTransaction`` or ``approveHash``.

    Raises:
        DecodingError: it is something else, or not canonically encoded.
    """
    if data[:4] == _APPROVE_HASH:
        if len(data) != 4 + WORD:
            raise DecodingError(f"approveHash has {len(data) - 4} bytes of arguments; it takes {WORD}")
        return ApproveHashCall(data[4:])
    body = _body(data, _EXECUTE, "execTransaction")
    expect(body, 2 * WORD, _EXECUTE_HEAD, "the offset of a Safe's calldata")
    inner, signatures_at = padded_bytes(body, _EXECUTE_HEAD)
    expect(body, 9 * WORD, signatures_at, "the offset of a Safe's signatures")
    signatures, end = padded_bytes(body, signatures_at)
    expect_end(body, end)
    value, gas, base_gas, price = (word_at(body, WORD * index) for index in (1, 4, 5, 6))
    operation = _uint8(body[3 * WORD : 4 * WORD])
    to, gas_token, refund_receiver = (address_at(body, WORD * index) for index in (0, 7, 8))
    return ExecuteCall(to, value, inner, operation, gas, base_gas, price, gas_token, refund_receiver, signatures)


def _body(data: bytes, selector: bytes, name: str) -> bytes:
    if data[:4] != selector:
        raise DecodingError(f"the selector 0x{data[:4].hex()} is not that of {name}")
    return data[4:]

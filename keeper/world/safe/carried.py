"""Whether what a Safe carried out made exactly the calls of a proposal, though its hash is another.

People choose nonces and gas fields, and put calls of their own beside ours; executors wrap an execution into whatever
they like. Bytes that merely stand somewhere in a transaction prove nothing: anybody can append them. So what was sent
is searched for ``execTransaction``, and that is believed only where its fields have the hash of the event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, cast

from keeper.model.safe import DELEGATE_CALL, Operation, SafeExecution, SafeTx
from keeper.world.chain import codec
from keeper.world.safe.calldata import EXECUTE_SELECTOR
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.multisend import MULTI_SEND_SELECTOR

_HEAD: Final = 10 * codec.WORD
# Of one call inside multiSend: operation, target, value and length of the data.
_TARGET_AT, _VALUE_AT, _LENGTH_AT, _DATA_AT = 1, 21, 53, 85
_Made = tuple[str, int, bytes]


def carries(execution: SafeExecution, sent: bytes, ours: SafeTx, nonces: Iterable[int]) -> bool:
    """Whether the execution made all our calls, in their order and with nothing between them.

    ``sent`` is the input of the transaction that it is in; ``nonces`` those of the Safe that it may have used.
    """
    tried = tuple(nonces)
    if any(_named(replace(ours, nonce=nonce)) == execution.safe_tx_hash for nonce in tried):
        return True
    for found in _executions(sent, ours):
        if any(_named(replace(found, nonce=nonce)) == execution.safe_tx_hash for nonce in tried):
            return _holds(_calls(found), _calls(ours))
    return False


def _named(tx: SafeTx) -> str:
    return "0x" + safe_tx_hash(tx).hex()


def _executions(sent: bytes, ours: SafeTx) -> Iterator[SafeTx]:
    """Everything in the bytes that reads like an ``execTransaction``; which of it is one, its hash says."""
    at = sent.find(EXECUTE_SELECTOR)
    while at >= 0:
        body = sent[at + len(EXECUTE_SELECTOR) :]
        at = sent.find(EXECUTE_SELECTOR, at + 1)
        words = [codec.unsigned(body, index) for index in range(10)] if len(body) >= _HEAD else [1 << 255] * 10
        start = words[2] + codec.WORD
        if start > len(body) or words[3] > DELEGATE_CALL:
            continue
        length = int.from_bytes(body[words[2] : start], "big")
        to, gas_token, refund_receiver = (f"0x{words[index]:040x}" for index in (0, 7, 8))
        try:
            yield SafeTx(
                ours.chain_id, ours.safe, to, words[1], body[start : start + length], cast(Operation, words[3]), 0,
                words[4], words[5], words[6], gas_token, refund_receiver,
            )  # fmt: skip
        except ValueError:
            continue


def _calls(tx: SafeTx) -> list[_Made]:
    """The single calls of a transaction: target, value in wei and data of each. What is cut off counts as no call."""
    if tx.operation != DELEGATE_CALL:
        return [(tx.to, tx.value_wei, tx.data)]
    if tx.data[:4] != MULTI_SEND_SELECTOR:
        return []
    packed_at = 4 + 2 * codec.WORD
    length = int.from_bytes(tx.data[packed_at - codec.WORD : packed_at], "big")
    packed, made, at = tx.data[packed_at : packed_at + length], list[_Made](), 0
    while at + _DATA_AT <= len(packed):
        head, start = packed[at : at + _DATA_AT], at + _DATA_AT
        at = start + int.from_bytes(head[_LENGTH_AT:], "big")
        target = "0x" + head[_TARGET_AT:_VALUE_AT].hex() if head[0] == 0 else ""
        made.append((target, int.from_bytes(head[_VALUE_AT:_LENGTH_AT], "big"), packed[start:at]))
    return made


def _holds(calls: list[_Made], wanted: list[_Made]) -> bool:
    spans = range(len(calls) - len(wanted) + 1)
    return bool(wanted) and any(calls[first : first + len(wanted)] == wanted for first in spans)

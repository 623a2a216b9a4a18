"""Several calls as one transaction of a Safe: ``MultiSendCallOnly``, which reverts all if one of them does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keeper.model.safe import CALL, DELEGATE_CALL, Operation
from keeper.world.chain import codec
from keeper.world.protocols import Call
from keeper.world.safe.calldata import dynamic, selector

MULTI_SEND_SELECTOR: Final = selector("multiSend(bytes)")


def multi_send(calls: Sequence[Call]) -> bytes:
    """Calldata of ``multiSend``: operation 0 (1 byte), target (20), value in wei (32), length (32), data; packed.

    Raises:
        ValueError: there is nothing to do.
    """
    if not calls:
        raise ValueError("a batch without calls does nothing")
    packed = b"".join(
        b"\0" + bytes.fromhex(call.to[2:]) + codec.word(call.value_wei) + codec.word(len(call.data)) + call.data
        for call in calls
    )
    return MULTI_SEND_SELECTOR + codec.word(codec.WORD) + dynamic(packed)


def batch_of(calls: Sequence[Call], multisend_address: str) -> tuple[str, int, bytes, Operation]:
    """(to, value in wei, data, operation) of a ``SafeTx`` that makes the calls in their order.

    One call stays a plain CALL; several become a DELEGATECALL, whose own value is none: each call takes its value out
    of what the Safe holds.

    Raises:
        ValueError: there is nothing to do.
    """
    if len(calls) == 1:
        (call,) = calls
        return call.to.lower(), call.value_wei, call.data, CALL
    return multisend_address.lower(), 0, multi_send(calls), DELEGATE_CALL

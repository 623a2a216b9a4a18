"""A signer without the policy in front: for tests of what is not the policy, whose calls are no plan's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rlp  # type: ignore[import-untyped]

from keeper.world.protocols import Purpose, Signed, Signer
from keeper.world.signers import passed
from keeper.world.signers.envelope import unsigned_bytes


class Unpoliced:
    """Implements ``LastLook`` and lets everything through."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    @property
    def address(self) -> str:
        return self._signer.address

    def sign(self, transaction: Mapping[str, Any], purpose: Purpose) -> Signed:  # noqa: ARG002
        return Signed(sign_anything(self._signer, transaction), 0)


def sign_anything(signer: Signer, transaction: Mapping[str, Any]) -> bytes:
    """Raw bytes, as a stranger with the same key would make them."""
    if "delegate" in transaction:
        return _set_code(signer, transaction)
    return signer.sign(passed.issue(unsigned_bytes(transaction)))


def _set_code(signer: Signer, transaction: Mapping[str, Any]) -> bytes:
    """A transaction of type 4 with one authorization, which the sender gives to itself."""
    chain_id, nonce = transaction["chainId"], transaction["nonce"]
    delegate, to = (bytes.fromhex(transaction[name].removeprefix("0x")) for name in ("delegate", "to"))
    granted = [chain_id, delegate, nonce + 1]
    authorization = [*granted, *_signature(signer, b"\x05" + rlp.encode(granted))]
    fees = [transaction[name] for name in ("maxPriorityFeePerGas", "maxFeePerGas", "gas")]
    fields = [chain_id, nonce, *fees, to, transaction["value"], transaction["data"], [], [authorization]]
    return b"\x04" + bytes(rlp.encode([*fields, *_signature(signer, b"\x04" + rlp.encode(fields))]))


def _signature(signer: Signer, preimage: bytes) -> tuple[int, int, int]:
    raw = signer.sign_message(passed.issue_message(preimage))
    return raw[64] - 27, int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")

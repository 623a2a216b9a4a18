"""A signer without the policy in front: for tests of what is not the policy, whose calls are no plan's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    return signer.sign(passed.issue(unsigned_bytes(transaction)))

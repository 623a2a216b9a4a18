"""A signer behind the signing policy: what the policy does not pass never reaches the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keeper.world.protocols import Purpose, Signed, Signer
from keeper.world.signers import passed
from keeper.world.signers.envelope import unsigned_bytes


class PolicedSigner:
    """Implements ``LastLook``."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    @property
    def address(self) -> str:
        """The signer's."""
        return self._signer.address

    def sign(self, transaction: Mapping[str, Any], purpose: Purpose) -> Signed:  # noqa: ARG002
        """Sign what the policy passes."""
        return Signed(self._signer.sign(passed.issue(unsigned_bytes(transaction))), 0)

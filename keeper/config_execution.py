"""The sections ``execution`` and ``safe``, which ``keeper.yaml`` and each strategy may have."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from keeper.policy.settings import Address, Section

Mode = Literal["dry", "wallet", "atomic", "safe", "proposal_file"]
SAFE_MODES: Final = ("safe", "proposal_file")
"""Modes in which the positions belong to a Safe."""


class Execution(Section):
    """How plans are carried out. ``dry`` prepares and simulates, and never signs."""

    mode: Mode = "dry"
    delegate: Address | None = Field(
        default=None,
        description="the batch account that mode atomic sets the key's account to; left out: Simple7702Account",
    )


class Safe(Section):
    """The Safe which owns the positions, and how its owners are told of what to sign."""

    address: Address
    propose_by: Literal["service", "approve_hash"] = Field(
        default="service", description="the Safe Transaction Service, or `approveHash` on chain by an owner's key"
    )
    service_url: str | None = Field(
        default=None, pattern=r"^https?://", description="left out: the service that Safe runs for the chain"
    )
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    execute: Literal["auto", "never", "always"] = Field(
        default="auto",
        description="whether the key pays for the execution of what enough owners have signed; auto: where its own "
        "signature is enough",
    )
    proposals_folder: Path = Field(default=Path("proposals"), description="where mode proposal_file writes")
    multisend: Address | None = Field(default=None, description="MultiSendCallOnly; left out: Safe's own, 1.4.1")

"""What the journal holds of a proposal to the owners of a Safe, and the evidence of its end.

States: HASHED (signed and written down), PROPOSED (the owners can see it), READY (enough of them have signed), EXECUTED
(in a block that may still be replaced), then FINAL, or REPLACED (the nonce went to something else), REJECTED (to our
own rejection), EXPIRED (its deadline passed without it). Where a reorganisation takes the end back, it is PROPOSED
again.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from keeper.model.safe import SafeTx
from keeper.world.safe.stored import safe_tx_of

ProposalState = Literal["HASHED", "PROPOSED", "READY", "EXECUTED", "FINAL", "REPLACED", "REJECTED", "EXPIRED"]
ProposalKind = Literal["act", "rejection"]
OPEN: Final[tuple[ProposalState, ...]] = ("HASHED", "PROPOSED", "READY", "EXECUTED")


@dataclass(frozen=True, slots=True)
class Execution:
    """Chain evidence that a proposal was carried out: the receipt of the transaction that did it."""

    receipt: Mapping[str, Any]
    block_timestamp: int
    succeeded: bool = True

    @property
    def transaction_hash(self) -> str:
        return str(self.receipt["transactionHash"]).lower()

    @property
    def gas_wei(self) -> int:
        """What whoever executed it has paid; ``l1Fee`` is an OP-stack chain's."""
        used, price = int(self.receipt["gasUsed"], 16), int(self.receipt["effectiveGasPrice"], 16)
        return used * price + int(self.receipt.get("l1Fee") or "0x0", 16)


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """A row of the journal. ``since_block``: the block that its decision was made at, before which it cannot have been
    executed. ``execution`` is None until it is FINAL; ``block_hash`` is that of the block it is in, final or not."""

    id: int
    step_id: int
    transaction: SafeTx
    hash: str
    kind: ProposalKind
    state: ProposalState
    proposer: str
    signature: bytes | None
    signed_timestamp: int
    deadline_timestamp: int
    place: str
    report: str
    confirmations: int
    threshold: int
    note: str
    since_block: int
    transaction_hash: str | None = None
    block_number: int | None = None
    block_hash: str | None = None
    execution: Execution | None = None

    @property
    def nonce(self) -> int:
        return self.transaction.nonce

    @property
    def is_open(self) -> bool:
        """Whether its end is not known."""
        return self.state in OPEN


def packed(receipt: Mapping[str, Any]) -> bytes:
    """A receipt as the journal keeps it."""
    return zlib.compress(json.dumps(dict(receipt)).encode())


def stored(row: Any) -> StoredProposal:
    """The proposal of its row, with ``since_block`` and its step's state beside its own columns."""
    execution = None
    if row.state == "FINAL" and row.receipt is not None:
        receipt = json.loads(zlib.decompress(row.receipt))
        execution = Execution(
            receipt, row.block_timestamp, succeeded=row.kind == "rejection" or row.step_state == "DONE"
        )
    return StoredProposal(
        id=row.id,
        step_id=row.step_id,
        transaction=safe_tx_of(bytes(row.body)),
        hash=row.hash,
        kind=row.kind,
        state=row.state,
        proposer=row.proposer,
        signature=None if row.signature is None else bytes(row.signature),
        signed_timestamp=row.signed_timestamp,
        deadline_timestamp=row.deadline_timestamp,
        place=row.place,
        report=row.report,
        confirmations=row.confirmations,
        threshold=row.threshold,
        note=row.note,
        since_block=row.since_block,
        transaction_hash=row.transaction_hash,
        block_number=row.block_number,
        block_hash=row.block_hash,
        execution=execution,
    )

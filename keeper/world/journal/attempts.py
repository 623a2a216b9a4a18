"""What the journal holds of a nonce: the transaction, every attempt made at it, and the evidence of its end.

States of a transaction: SIGNED, BROADCAST, INCLUDED (in a block that may still be replaced), CANCELLING (a self-send at
the same nonce is out), then FINAL_OK, FINAL_REVERTED, CANCELLED or LOST_NONCE. A reorganisation takes it back from any
of these to BROADCAST or CANCELLING.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from keeper.model.plan import Step

TransactionState = Literal[
    "SIGNED", "BROADCAST", "INCLUDED", "CANCELLING", "FINAL_OK", "FINAL_REVERTED", "CANCELLED", "LOST_NONCE"
]
LIVE: Final[tuple[TransactionState, ...]] = ("SIGNED", "BROADCAST", "INCLUDED", "CANCELLING")
FINAL: Final[tuple[TransactionState, ...]] = ("FINAL_OK", "FINAL_REVERTED", "CANCELLED")
SETTLED: Final[tuple[TransactionState, ...]] = (*FINAL, "LOST_NONCE")

_SET_CODE: Final = b"\x04"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Signed bytes for a nonce. Fees are wei per gas. ``cancels``: the self-send that takes the nonce back.

    ``signed_timestamp`` is the chain's time when it was signed.
    """

    hash: str
    raw: bytes
    gas_limit: int
    max_fee_wei: int
    max_priority_fee_wei: int
    cancels: bool = False
    route: Literal["public", "private"] = "public"
    signed_timestamp: int = 0

    @property
    def most_gas_wei(self) -> int:
        """The most that its gas can cost."""
        return self.gas_limit * self.max_fee_wei

    @property
    def nonces(self) -> int:
        """How many nonces it takes when it is mined, whether it succeeds or reverts: the authorization that the sender
        of a type-4 transaction gives itself has the one after the transaction's own (EIP-7702)."""
        return 2 if self.raw[:1] == _SET_CODE else 1


@dataclass(frozen=True, slots=True)
class Ending:
    """Chain evidence of a transaction's end: the node's own receipt, of whichever attempt was mined."""

    state: Literal["FINAL_OK", "FINAL_REVERTED", "CANCELLED"]
    receipt: Mapping[str, Any]
    block_timestamp: int


@dataclass(frozen=True, slots=True)
class StoredTransaction:
    """A nonce in use, with every attempt made at it, oldest first. ``ending`` is None until it is final.

    ``sender`` is in lower case; ``block_hash`` is that of the block it is in, final or not.
    """

    id: int
    step_id: int
    chain_id: int
    sender: str
    nonce: int
    state: TransactionState
    attempts: tuple[Attempt, ...]
    ending: Ending | None
    block_number: int | None = None
    block_hash: str | None = None

    @property
    def nonces(self) -> int:
        """How many nonces it took, or may take while its end is not known."""
        mined = None if self.ending is None else str(self.ending.receipt["transactionHash"]).lower()
        return max(each.nonces for each in self.attempts if mined in (None, each.hash))


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A step of a plan, how far it came, and its transaction if it has one."""

    id: int
    step: Step
    state: Literal["READY", "DONE", "FAILED"]
    transaction: StoredTransaction | None


def packed(receipt: Mapping[str, Any]) -> bytes:
    """A receipt as the journal keeps it."""
    return zlib.compress(json.dumps(dict(receipt)).encode())


def stored(row: Any, attempts: Sequence[Any]) -> StoredTransaction:
    """The transaction of its row and those of its attempts, oldest first."""
    final = row.receipt is not None and row.state in FINAL
    ending = Ending(row.state, json.loads(zlib.decompress(row.receipt)), row.block_timestamp) if final else None
    return StoredTransaction(
        id=row.id,
        step_id=row.step_id,
        chain_id=row.chain_id,
        sender=row.sender,
        nonce=row.nonce,
        state=row.state,
        attempts=tuple(map(attempt_of, attempts)),
        ending=ending,
        block_number=row.block_number,
        block_hash=row.block_hash,
    )


def attempt_row(transaction_id: int, attempt: Attempt) -> dict[str, Any]:
    """The row of an attempt."""
    return {
        "transaction_id": transaction_id,
        "hash": attempt.hash,
        "raw": attempt.raw,
        "gas_limit": attempt.gas_limit,
        "max_fee_wei": str(attempt.max_fee_wei),
        "max_priority_fee_wei": str(attempt.max_priority_fee_wei),
        "signed_timestamp": attempt.signed_timestamp,
        "cancels": attempt.cancels,
        "route": attempt.route,
    }


def attempt_of(row: Any) -> Attempt:
    """The attempt of its row."""
    return Attempt(
        row.hash,
        row.raw,
        row.gas_limit,
        int(row.max_fee_wei),
        int(row.max_priority_fee_wei),
        row.cancels,
        row.route,
        row.signed_timestamp,
    )

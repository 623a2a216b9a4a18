"""What the commands ask of a journal about proposals to the owners of a Safe, and about what a Safe was pinned as."""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Final

from keeper.errors import ConfigError, FatalError
from keeper.model.safe import SafeTx
from keeper.world.journal.query import Query, Row
from keeper.world.safe.stored import safe_tx_of

OPEN_STATES: Final = ("HASHED", "PROPOSED", "READY", "EXECUTED")
"""Their end is not known yet, or not deep enough in the chain."""

_SHORTEST_PREFIX: Final = 8  # of a hash, 0x included
_COLUMNS: Final = (
    "r.id, p.strategy, p.decision_id, p.id, p.action, r.chain_id, r.safe, r.nonce, r.hash, r.kind, r.state, "
    "r.proposer, r.confirmations, r.threshold, r.signed_timestamp, r.deadline_timestamp, r.place, r.report, r.note, "
    "r.transaction_hash, r.block_number, r.block_timestamp, r.gas_wei, r.body"
)
_FROM: Final = "FROM proposals r JOIN steps s ON s.id = r.step_id JOIN plans p ON p.id = s.plan_id"


@dataclass(frozen=True, slots=True)
class ProposalRecord:
    """One proposal. ``transaction`` is what its owners sign.

    ``transaction_hash`` and what follows are of the transaction that executed it, or that was executed in its place;
    ``gas_wei`` is what its executor paid. ``proposer`` is empty where nobody signed (a file).
    """

    id: int
    strategy: str
    decision_id: int
    plan_id: int
    action: str
    chain_id: int
    safe: str
    nonce: int
    hash: str
    kind: str
    state: str
    proposer: str
    confirmations: int
    threshold: int
    signed_timestamp: int
    deadline_timestamp: int
    place: str
    report: str
    note: str
    transaction_hash: str | None
    block_number: int | None
    block_timestamp: int | None
    gas_wei: int | None
    transaction: SafeTx

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES


@dataclass(frozen=True, slots=True)
class ExecutorGas:
    """What somebody paid, out of his own pocket, to execute a transaction of a Safe."""

    transaction_hash: str
    gas_wei: int
    block_number: int
    timestamp: int


def proposals(query: Query, strategy: str | None = None, *, with_closed: bool = True) -> list[ProposalRecord]:
    """Open ones first, then the closed ones; the newest first among each."""
    where, parameters = ("", ()) if strategy is None else ("WHERE p.strategy = ?", (strategy,))
    records = [_record(row) for row in query(f"SELECT {_COLUMNS} {_FROM} {where} ORDER BY r.id DESC", parameters)]
    closed = [each for each in records if not each.is_open] if with_closed else []
    return [each for each in records if each.is_open] + closed


def proposal(query: Query, reference: str) -> ProposalRecord:
    """The one of that number, or whose safeTxHash begins so. ConfigError if there is none, or more than one."""
    if reference.isdecimal() and len(reference) < _SHORTEST_PREFIX * 2:
        rows = query(f"SELECT {_COLUMNS} {_FROM} WHERE r.id = ?", (int(reference),))
    elif reference.lower().startswith("0x") and len(reference) >= _SHORTEST_PREFIX:
        rows = query(f"SELECT {_COLUMNS} {_FROM} WHERE substr(r.hash, 1, ?) = ?", (len(reference), reference.lower()))
    else:
        raise ConfigError(f"{reference!r} is neither a proposal's number nor a hash (0x and six digits at least)")
    if len(rows) != 1:
        found = "no proposal" if not rows else f"{len(rows)} proposals"
        raise ConfigError(f"{found} in this journal with {reference!r}; `keeper proposals --all` lists them")
    return _record(rows[0])


def executor_gas(query: Query, chain_id: int, safe: str) -> tuple[ExecutorGas, ...]:
    """What was paid for a Safe's proposals (rejections too) that were executed and are final, oldest first."""
    rows = query(
        "SELECT transaction_hash, gas_wei, block_number, block_timestamp FROM proposals "
        "WHERE chain_id = ? AND safe = ? AND state = 'FINAL' AND gas_wei IS NOT NULL ORDER BY block_number, id",
        (chain_id, safe.lower()),
    )
    return tuple(ExecutorGas(digest, int(gas_wei), block, timestamp) for digest, gas_wei, block, timestamp in rows)


def executions(query: Query) -> dict[int, tuple[str, ...]]:
    """By plan: the hashes of the transactions in which its proposals were executed, whoever sent them."""
    found: dict[int, list[str]] = {}
    for plan_id, digest in query(
        f"SELECT p.id, r.transaction_hash {_FROM} WHERE r.transaction_hash IS NOT NULL AND r.state IN "
        "('EXECUTED', 'FINAL') ORDER BY r.id"
    ):
        found.setdefault(plan_id, []).append(digest)
    return {plan_id: tuple(hashes) for plan_id, hashes in found.items()}


def horizon_days(query: Query, settings_digest: str) -> float | None:
    """``profit.horizon_days`` of settings as they were; None where the journal does not have them."""
    rows = query("SELECT body FROM settings WHERE digest = ?", (settings_digest,))
    found = json.loads(bytes(rows[0][0])).get("profit", {}).get("horizon_days") if rows else None
    return None if found is None else float(found)


def _record(row: Row) -> ProposalRecord:
    *fields, gas_wei, body = row
    try:
        transaction = safe_tx_of(bytes(body))
    except (TypeError, ValueError) as error:
        raise FatalError(f"proposal {row[0]} of this journal cannot be read ({error}): it is damaged") from error
    names = [each.name for each in dataclass_fields(ProposalRecord)]
    values = (*fields, None if gas_wei is None else int(gas_wei), transaction)
    return ProposalRecord(**dict(zip(names, values, strict=True)))

"""The record of what was proposed to the owners of a Safe.

The order that keeps money safe: ``record_hashed`` commits the transaction, its hash, the signature and what it counts
against the limits before anything is posted; a receipt's effects are written in the commit that marks the step done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, insert, or_, select, update

from keeper.model.ledger import Effects
from keeper.model.memory import OpenSubmission
from keeper.model.safe import SafeTx
from keeper.world.journal import decisions, outcomes, tables, undoing
from keeper.world.journal.outcomes import Account
from keeper.world.journal.proposal_rows import (
    OPEN,
    Execution,
    ProposalKind,
    ProposalState,
    StoredProposal,
    packed,
    stored,
)
from keeper.world.journal.sql import insert_row, query_on
from keeper.world.safe.stored import body_of


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal that is about to be written down. ``signature`` None: nobody signs it (a file, an approval on chain).

    ``debit_quote``: what it may swap, raw units of the quote token. Timestamps are the chain's.
    """

    transaction: SafeTx
    hash: str
    kind: ProposalKind
    proposer: str
    signature: bytes | None
    signed_timestamp: int
    deadline_timestamp: int
    debit_quote: int = 0
    place: str = ""
    report: str = ""


class ProposalLog:
    """Every method is one committed transaction of the journal. ``on_taken_back`` is called when ledger lines may
    have gone."""

    def __init__(self, engine: Engine, on_taken_back: Callable[[], object] = lambda: None) -> None:
        self._engine, self._on_taken_back = engine, on_taken_back

    def of_step(self, step_id: int, kind: ProposalKind = "act") -> StoredProposal | None:
        """The newest proposal of that kind for a step; None where there is none."""
        table = tables.proposals
        found = self._found(and_(table.c.step_id == step_id, table.c.kind == kind))
        return found[-1] if found else None

    def of_plan(self, plan_id: int) -> tuple[StoredProposal, ...]:
        """Everything that was proposed for a plan, oldest first."""
        steps = select(tables.steps.c.id).where(tables.steps.c.plan_id == plan_id)
        return self._found(tables.proposals.c.step_id.in_(steps))

    def on_nonce(self, chain_id: int, safe: str, nonce: int) -> tuple[StoredProposal, ...]:
        """Everything that was ever proposed on a nonce of a Safe."""
        return self._found(and_(_of(chain_id, safe), tables.proposals.c.nonce == nonce))

    def live(self, chain_id: int, safe: str) -> tuple[StoredProposal, ...]:
        """Acts of every strategy whose end is not known, by nonce."""
        table = tables.proposals
        return self._found(and_(_of(chain_id, safe), table.c.kind == "act", table.c.state.in_(OPEN)))

    def open_rejections(self, strategy: str) -> tuple[StoredProposal, ...]:
        """Rejections whose end is not known."""
        table = tables.proposals
        mine = table.c.step_id.in_(undoing.steps_of(strategy))
        return self._found(and_(mine, table.c.kind == "rejection", table.c.state.in_(OPEN)))

    def watched(self, strategy: str, chain_id: int, blocks: int) -> tuple[StoredProposal, ...]:
        """Acts that have come to an end which the chain may take back: all that expired with their nonce unused, and
        any other end in the last ``blocks`` blocks that the strategy has seen."""
        seen, table = tables.decisions, tables.proposals
        newest = select(func.max(seen.c.block_number)).where(seen.c.strategy == strategy, seen.c.chain_id == chain_id)
        recent = table.c.block_number > newest.scalar_subquery() - blocks
        ended = and_(table.c.state.in_(("FINAL", "REPLACED", "REJECTED")), recent)
        mine = and_(table.c.step_id.in_(undoing.steps_of(strategy)), table.c.chain_id == chain_id)
        return self._found(and_(mine, table.c.kind == "act", or_(table.c.state == "EXPIRED", ended)))

    def undone(self, strategy: str) -> tuple[tuple[OpenSubmission, StoredProposal], ...]:
        """The strategy's open proposals whose plan had been closed, by nonce, each with its plan."""
        plans, steps, table = tables.plans, tables.steps, tables.proposals
        mine = table.c.step_id.in_(undoing.steps_of(strategy, plan_state="undone"))
        found = self._found(and_(mine, table.c.kind == "act", table.c.state.in_(OPEN)))
        with self._engine.begin() as connection:
            pairs = []
            for proposal in found:
                of_it = select(plans.c.id, plans.c.decision_id, plans.c.deadline_timestamp).join(
                    steps, steps.c.plan_id == plans.c.id
                )
                row = connection.execute(of_it.where(steps.c.id == proposal.step_id)).one()
                pairs.append((OpenSubmission(row.id, row.decision_id, strategy, row.deadline_timestamp), proposal))
        return tuple(pairs)

    def decided_timestamp(self, decision_id: int) -> int:
        """The chain's time at which a decision was made."""
        table = tables.decisions
        with self._engine.begin() as connection:
            return int(connection.execute(select(table.c.timestamp).where(table.c.id == decision_id)).scalar_one())

    def record_hashed(self, step_id: int, draft: Draft) -> StoredProposal:
        """Transaction, hash, signature and debit in one commit, before anything is posted.

        One rejection serves every proposal of its nonce: it stays as it is. An act that is asked for again, byte for
        byte, after it expired becomes the new step's.
        """
        tx = draft.transaction
        row = {
            "step_id": step_id,
            "chain_id": tx.chain_id,
            "safe": tx.safe,
            "nonce": tx.nonce,
            "hash": draft.hash,
            "body": body_of(tx),
            "kind": draft.kind,
            "state": "HASHED",
            "proposer": draft.proposer.lower(),
            "signature": draft.signature,
            "signed_timestamp": draft.signed_timestamp,
            "deadline_timestamp": draft.deadline_timestamp,
            "debit_quote": str(draft.debit_quote),
            "place": draft.place,
            "report": draft.report,
        }
        with self._engine.begin() as connection:
            table = tables.proposals
            known = connection.execute(select(table.c.id).where(table.c.hash == draft.hash)).scalar()
            if known is None:
                insert_row(connection, table, row)
            elif draft.kind == "act":
                _set(connection, known, **row, note="")
        (found,) = self._found(table.c.hash == draft.hash)
        return found

    def record_progress(self, proposal_id: int, state: ProposalState, confirmations: int, threshold: int) -> None:
        """PROPOSED or READY, and how many of the owners have signed. A place in a block that is gone is forgotten."""
        gone = dict.fromkeys(("transaction_hash", "block_number", "block_hash", "block_timestamp", "gas_wei"))
        counted = {"confirmations": confirmations, "threshold": threshold}
        with self._engine.begin() as connection:
            _set(connection, proposal_id, state=state, **counted, **gone)
            # A transaction of our own for it (an approval of the hash) does not end the step.
            _set_step(connection, self._row(connection, proposal_id).step_id, "READY")

    def record_posted(self, proposal_id: int, place: str) -> None:
        """The owners can see it."""
        table = tables.proposals
        with self._engine.begin() as connection:
            hashed = and_(table.c.id == proposal_id, table.c.state == "HASHED")
            connection.execute(update(table).where(hashed).values(state="PROPOSED", place=place))

    def record_executed(self, proposal_id: int, execution: Execution) -> None:
        """It is in a block, which is not final."""
        self._update(proposal_id, state="EXECUTED", **_evidence(execution))

    def record_note(self, proposal_id: int, note: str) -> None:
        """What a person should know of it."""
        self._update(proposal_id, note=note)

    def record_final(self, proposal_id: int, execution: Execution, effects: Effects) -> None:
        """Receipt, effects, step and proposal together. If another end of it was booked before, that is taken back in
        the same commit."""
        with self._engine.begin() as connection:
            row = self._row(connection, proposal_id)
            undoing.take_back_proposal(connection, proposal_id)
            values = {"state": "FINAL", "receipt": packed(execution.receipt), **_evidence(execution)}
            _set(connection, proposal_id, note="" if execution.succeeded else "executed, and failed inside", **values)
            plan = undoing.plan_of_step(connection, row.step_id)
            if row.kind == "act":
                _set_step(connection, row.step_id, "DONE" if execution.succeeded else "FAILED")
                decision = decisions.bare_decision(query_on(connection), plan.decision_id)
                account = Account(plan.chain_id, plan.owner, plan.strategy, plan.id)
                outcomes.write_effects(connection, account, decision, effects, execution.block_timestamp)
                if plan.state == "undone" and not execution.succeeded:
                    undoing.expire_later(connection, plan)
                undoing.close_undone(connection, plan)
        self._on_taken_back()

    def record_ended(
        self,
        proposal_id: int,
        state: ProposalState,
        note: str,
        by: Execution | None = None,
        block_number: int | None = None,
    ) -> None:
        """REPLACED, REJECTED or EXPIRED. ``by``: what used the nonce in its place; ``block_number``: seen there."""
        with self._engine.begin() as connection:
            row = self._row(connection, proposal_id)
            evidence: dict[str, Any] = {"block_number": block_number} if by is None else _evidence(by)
            _set(connection, proposal_id, **({"gas_wei": None} | evidence), state=state, note=note)
            if row.kind == "act" and row.state in OPEN:
                _set_step(connection, row.step_id, "FAILED")
                undoing.close_undone(connection, undoing.plan_of_step(connection, row.step_id))

    def record_undone(self, proposal_id: int) -> None:
        """The chain shows another end than the one that was written down: all that followed from that goes with it,
        and the proposal is open again."""
        with self._engine.begin() as connection:
            undoing.take_back_proposal(connection, proposal_id)
            undoing.revive_proposal(connection, proposal_id)
        self._on_taken_back()

    def record_event_once(self, strategy: str, kind: str, message: str, timestamp: int) -> bool:
        """Keep an alert unless the strategy's last of that kind says the same; whether it was kept."""
        table = tables.events
        mine = and_(table.c.strategy == strategy, table.c.kind == kind)
        with self._engine.begin() as connection:
            last = connection.execute(select(table.c.message).where(mine).order_by(table.c.id.desc()).limit(1)).scalar()
            if last == message:
                return False
            row = {"strategy": strategy, "kind": kind, "message": message, "timestamp": timestamp}
            connection.execute(insert(table).values(row))
        return True

    def _update(self, proposal_id: int, **values: Any) -> None:
        with self._engine.begin() as connection:
            _set(connection, proposal_id, **values)

    def _found(self, wanted: Any) -> tuple[StoredProposal, ...]:
        with self._engine.begin() as connection:
            return tuple(map(stored, _rows(connection, wanted)))

    @staticmethod
    def _row(connection: Connection, proposal_id: int) -> Any:
        table = tables.proposals
        return connection.execute(select(table).where(table.c.id == proposal_id)).one()


def _rows(connection: Connection, wanted: Any) -> Iterable[Any]:
    table, steps, plans, seen = tables.proposals, tables.steps, tables.plans, tables.decisions
    joined = (
        table.join(steps, steps.c.id == table.c.step_id)
        .join(plans, plans.c.id == steps.c.plan_id)
        .join(seen, seen.c.id == plans.c.decision_id)
    )
    columns = (table, steps.c.state.label("step_state"), seen.c.block_number.label("since_block"))
    return connection.execute(
        select(*columns).select_from(joined).where(wanted).order_by(table.c.nonce, table.c.id)
    ).all()


def _of(chain_id: int, safe: str) -> Any:
    return and_(tables.proposals.c.chain_id == chain_id, tables.proposals.c.safe == safe.lower())


def _set(connection: Connection, proposal_id: int, **values: Any) -> None:
    table = tables.proposals
    connection.execute(update(table).where(table.c.id == proposal_id).values(**values))


def _set_step(connection: Connection, step_id: int, state: str) -> None:
    table = tables.steps
    connection.execute(update(table).where(table.c.id == step_id).values(state=state))


def _evidence(execution: Execution) -> dict[str, Any]:
    return {
        "transaction_hash": execution.transaction_hash,
        "block_number": int(execution.receipt["blockNumber"], 16),
        "block_hash": execution.receipt["blockHash"],
        "block_timestamp": execution.block_timestamp,
        "gas_wei": str(execution.gas_wei),
    }

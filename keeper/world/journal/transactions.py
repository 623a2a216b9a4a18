"""The record of what is signed and sent: step, transaction (one nonce), attempts (signed bytes).

The order that keeps money safe: ``record_attempt`` commits nonce, bytes and hash before any byte leaves; a receipt's
effects are written in the commit that marks its step done.

States of a transaction: SIGNED, BROADCAST, CANCELLING (a self-send at the same nonce is out), then FINAL_OK,
FINAL_REVERTED, CANCELLED or LOST_NONCE.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, func, insert, select, update

from keeper.model import canonical
from keeper.model.ledger import Effects
from keeper.model.plan import Step
from keeper.world.journal import decisions, outcomes, tables
from keeper.world.journal.outcomes import Account
from keeper.world.journal.sql import insert_row, query_on

TransactionState = Literal["SIGNED", "BROADCAST", "CANCELLING", "FINAL_OK", "FINAL_REVERTED", "CANCELLED", "LOST_NONCE"]
LIVE: Final[tuple[TransactionState, ...]] = ("SIGNED", "BROADCAST", "CANCELLING")
SETTLED: Final[tuple[TransactionState, ...]] = ("FINAL_OK", "FINAL_REVERTED", "CANCELLED", "LOST_NONCE")
_STEP_STATE: Final = {"FINAL_OK": "DONE", "FINAL_REVERTED": "FAILED", "CANCELLED": "FAILED", "LOST_NONCE": "FAILED"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """Signed bytes for a nonce. Fees are wei per gas. ``cancels``: the self-send that takes the nonce back."""

    hash: str
    raw: bytes
    gas_limit: int
    max_fee_wei: int
    max_priority_fee_wei: int
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """Chain evidence of a transaction's end: the node's own receipt, of whichever attempt was mined."""

    state: Literal["FINAL_OK", "FINAL_REVERTED", "CANCELLED"]
    receipt: Mapping[str, Any]
    block_timestamp: int


@dataclass(frozen=True, slots=True)
class StoredTransaction:
    """A nonce in use, with every attempt made at it, oldest first. ``ending`` is None until it is final."""

    id: int
    step_id: int
    nonce: int
    state: TransactionState
    attempts: tuple[Attempt, ...]
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A step of an open plan, how far it came, and its transaction if it has one."""

    id: int
    step: Step
    state: Literal["READY", "DONE", "FAILED"]
    transaction: StoredTransaction | None


class TransactionLog:
    """Every method is one committed transaction of the journal."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def steps(self, plan_id: int) -> tuple[StoredStep, ...]:
        """The steps of a plan in order."""
        table = tables.steps
        wanted = select(table.c.id, table.c.body, table.c.state).where(table.c.plan_id == plan_id)
        with self._engine.begin() as connection:
            rows = connection.execute(wanted.order_by(table.c.ordinal)).all()
            return tuple(
                StoredStep(row.id, _step(row.body), row.state, _transaction(connection, row.id)) for row in rows
            )

    def highest_live_nonce(self, chain_id: int, sender: str) -> int | None:
        """The highest nonce signed for whose end is not known, or None."""
        return self._highest_nonce(chain_id, sender, LIVE)

    def highest_settled_nonce(self, chain_id: int, sender: str) -> int | None:
        """The highest nonce that the chain has taken, by its own evidence, or None."""
        return self._highest_nonce(chain_id, sender, SETTLED)

    def _highest_nonce(self, chain_id: int, sender: str, states: tuple[TransactionState, ...]) -> int | None:
        table = tables.transactions
        wanted = select(func.max(table.c.nonce)).where(
            table.c.chain_id == chain_id, table.c.sender == sender.lower(), table.c.state.in_(states)
        )
        with self._engine.begin() as connection:
            return connection.execute(wanted).scalar()

    def record_attempt(self, step_id: int, chain_id: int, sender: str, nonce: int, attempt: Attempt) -> int:
        """Nonce, bytes and hash in one commit, before any byte leaves. Returns the transaction's number."""
        row = {"step_id": step_id, "chain_id": chain_id, "sender": sender.lower(), "nonce": nonce, "state": "SIGNED"}
        with self._engine.begin() as connection:
            transaction_id = insert_row(connection, tables.transactions, row)
            _insert_attempt(connection, transaction_id, attempt)
        return transaction_id

    def record_cancellation(self, transaction_id: int, attempt: Attempt) -> None:
        """A self-send that is to take the nonce of an expired transaction, before it leaves."""
        with self._engine.begin() as connection:
            _insert_attempt(connection, transaction_id, attempt)
            _set_state(connection, transaction_id, "CANCELLING")

    def record_broadcast(self, transaction_id: int) -> None:
        """A node has accepted the bytes."""
        with self._engine.begin() as connection:
            table = tables.transactions
            signed = (table.c.id == transaction_id, table.c.state == "SIGNED")
            connection.execute(update(table).where(*signed).values(state="BROADCAST"))

    def record_ending(self, transaction_id: int, ending: Ending, effects: Effects) -> None:
        """The end of a transaction: its receipt, its effects and the state of its step, together."""
        with self._engine.begin() as connection:
            _set_state(
                connection,
                transaction_id,
                ending.state,
                receipt=zlib.compress(json.dumps(dict(ending.receipt)).encode()),
                block_number=int(ending.receipt["blockNumber"], 16),
                block_hash=ending.receipt["blockHash"],
                block_timestamp=ending.block_timestamp,
            )
            plan = _plan_of(connection, transaction_id)
            decision = decisions.bare_decision(query_on(connection), plan.decision_id)
            account = Account(plan.chain_id, plan.owner, plan.strategy, plan.id)
            outcomes.write_effects(connection, account, decision, effects, ending.block_timestamp)

    def record_lost_nonce(self, transaction_id: int, reason: str) -> None:
        """The nonce went to a transaction that is not ours: close the plan and halt the strategy."""
        with self._engine.begin() as connection:
            _set_state(connection, transaction_id, "LOST_NONCE")
            plan = _plan_of(connection, transaction_id)
            plans, strategies = tables.plans, tables.strategies
            connection.execute(update(plans).where(plans.c.id == plan.id).values(state="failed", note=reason))
            connection.execute(
                update(strategies).where(strategies.c.name == plan.strategy).values(state="halted", reason=reason)
            )


def _step(body: str) -> Step:
    step: Step = canonical.from_plain(Step, json.loads(body))
    return step


def _plan_of(connection: Connection, transaction_id: int) -> Any:
    plans, steps, transactions = tables.plans, tables.steps, tables.transactions
    joined = plans.join(steps, steps.c.plan_id == plans.c.id).join(transactions, transactions.c.step_id == steps.c.id)
    return connection.execute(select(plans).select_from(joined).where(transactions.c.id == transaction_id)).one()


def _insert_attempt(connection: Connection, transaction_id: int, attempt: Attempt) -> None:
    row = {
        "transaction_id": transaction_id,
        "hash": attempt.hash,
        "raw": attempt.raw,
        "gas_limit": attempt.gas_limit,
        "max_fee_wei": str(attempt.max_fee_wei),
        "max_priority_fee_wei": str(attempt.max_priority_fee_wei),
        "cancels": attempt.cancels,
    }
    connection.execute(insert(tables.attempts).values(row))


def _set_state(connection: Connection, transaction_id: int, state: TransactionState, **columns: Any) -> None:
    table, steps = tables.transactions, tables.steps
    connection.execute(update(table).where(table.c.id == transaction_id).values(state=state, **columns))
    if state in _STEP_STATE:
        step_id = select(table.c.step_id).where(table.c.id == transaction_id).scalar_subquery()
        connection.execute(update(steps).where(steps.c.id == step_id).values(state=_STEP_STATE[state]))


def _transaction(connection: Connection, step_id: int) -> StoredTransaction | None:
    table, attempts = tables.transactions, tables.attempts
    row = connection.execute(select(table).where(table.c.step_id == step_id)).one_or_none()
    if row is None:
        return None
    tried = connection.execute(select(attempts).where(attempts.c.transaction_id == row.id).order_by(attempts.c.id))
    return StoredTransaction(
        id=row.id,
        step_id=row.step_id,
        nonce=row.nonce,
        state=row.state,
        attempts=tuple(
            Attempt(
                each.hash,
                each.raw,
                each.gas_limit,
                int(each.max_fee_wei),
                int(each.max_priority_fee_wei),
                each.cancels,
            )
            for each in tried
        ),
        ending=None
        if row.receipt is None
        else Ending(row.state, json.loads(zlib.decompress(row.receipt)), row.block_timestamp),
    )

"""The record of what is signed and sent: step, transaction (one nonce), attempts (signed bytes).

The order that keeps money safe: ``record_attempt`` commits nonce, bytes, hash and what they count against the limits
before any byte leaves; a receipt's effects are written in the commit that marks its step done.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, Engine, and_, func, insert, select, update

from keeper.model import canonical
from keeper.model.ledger import Effects
from keeper.model.memory import OpenSubmission
from keeper.model.plan import Step
from keeper.world.journal import decisions, outcomes, tables, undoing
from keeper.world.journal.attempts import (
    FINAL,
    LIVE,
    SETTLED,
    Attempt,
    Ending,
    StoredStep,
    StoredTransaction,
    TransactionState,
    attempt_of,
    attempt_row,
    packed,
    stored,
)
from keeper.world.journal.outcomes import Account
from keeper.world.journal.sql import insert_missing, insert_row, query_on
from keeper.world.journal.undelegations import UndelegationLog, highest_nonce

_STEP_STATE: Final = {"FINAL_OK": "DONE", "FINAL_REVERTED": "FAILED", "CANCELLED": "FAILED", "LOST_NONCE": "FAILED"}


class TransactionLog:
    """Every method is one committed transaction of the journal. ``on_taken_back`` is called when ledger lines may
    have gone. ``undelegations``: what of the same nonces belongs to no step."""

    def __init__(self, engine: Engine, on_taken_back: Callable[[], object] = lambda: None) -> None:
        self._engine, self._on_taken_back = engine, on_taken_back
        self.undelegations = UndelegationLog(engine)

    def steps(self, plan_id: int) -> tuple[StoredStep, ...]:
        """The steps of a plan in order."""
        table = tables.steps
        wanted = select(table.c.id, table.c.body, table.c.state).where(table.c.plan_id == plan_id)
        with self._engine.begin() as connection:
            rows = connection.execute(wanted.order_by(table.c.ordinal)).all()
            found = _transactions(connection, tables.transactions.c.step_id.in_([row.id for row in rows]))
            of_step = {transaction.step_id: transaction for transaction in found}
            return tuple(StoredStep(row.id, _step(row.body), row.state, of_step.get(row.id)) for row in rows)

    def highest_live_nonce(self, chain_id: int, sender: str) -> int | None:
        """The highest nonce that what is signed and not settled may take, or None."""
        return self._highest_nonce(chain_id, sender, LIVE)

    def highest_settled_nonce(self, chain_id: int, sender: str) -> int | None:
        """The highest nonce that the chain has taken, by its own evidence, or None."""
        return self._highest_nonce(chain_id, sender, SETTLED)

    def _highest_nonce(self, chain_id: int, sender: str, states: tuple[TransactionState, ...]) -> int | None:
        table = tables.transactions
        last = table.c.nonce + table.c.nonces - 1
        wanted = select(func.max(last)).where(_of(chain_id, sender), table.c.state.in_(states))
        beside = highest_nonce(chain_id, sender, live=states is LIVE)
        with self._engine.begin() as connection:
            found = [connection.execute(each).scalar() for each in (wanted, beside)]
        return max((each for each in found if each is not None), default=None)

    def out(self, chain_id: int, sender: str) -> tuple[tuple[int, int, str], ...]:
        """What is signed and not settled: each nonce, how many it may take, and the strategy; in order."""
        table, steps, plans = tables.transactions, tables.steps, tables.plans
        joined = table.join(steps, steps.c.id == table.c.step_id).join(plans, plans.c.id == steps.c.plan_id)
        live = and_(_of(chain_id, sender), table.c.state.in_(LIVE))
        wanted = select(table.c.nonce, table.c.nonces, plans.c.strategy).select_from(joined).where(live)
        with self._engine.begin() as connection:
            rows = connection.execute(wanted.order_by(table.c.nonce))
            return tuple((row.nonce, row.nonces, row.strategy) for row in rows)

    def out_for_halted(self, chain_id: int, sender: str, since_nonce: int) -> tuple[tuple[int, str], ...]:
        """Nonces from ``since_nonce`` on that are out for strategies which are halted, with their names, in order."""
        table, steps, plans, strategies = tables.transactions, tables.steps, tables.plans, tables.strategies
        joined = table.join(steps, steps.c.id == table.c.step_id).join(plans, plans.c.id == steps.c.plan_id)
        joined = joined.join(strategies, strategies.c.name == plans.c.strategy)
        out = and_(_of(chain_id, sender), table.c.nonce >= since_nonce, table.c.state.in_(LIVE))
        wanted = select(table.c.nonce, plans.c.strategy).select_from(joined).where(out, strategies.c.state == "halted")
        with self._engine.begin() as connection:
            return tuple((row.nonce, row.strategy) for row in connection.execute(wanted.order_by(table.c.nonce)))

    def record_attempt(
        self, step_id: int, chain_id: int, sender: str, nonce: int, attempt: Attempt, debit_quote: int = 0
    ) -> StoredTransaction:
        """Nonce, bytes, hash and debit in one commit, before any byte leaves."""
        row = {
            "step_id": step_id,
            "chain_id": chain_id,
            "sender": sender.lower(),
            "nonce": nonce,
            "state": "SIGNED",
            "signed_timestamp": attempt.signed_timestamp,
            "debit_gas_wei": str(attempt.most_gas_wei),
            "debit_quote": str(debit_quote),
            "nonces": attempt.nonces,
        }
        with self._engine.begin() as connection:
            transaction_id = insert_row(connection, tables.transactions, row)
            connection.execute(insert(tables.attempts).values(attempt_row(transaction_id, attempt)))
        return StoredTransaction(transaction_id, step_id, chain_id, sender.lower(), nonce, "SIGNED", (attempt,), None)

    def record_replacement(self, transaction_id: int, attempt: Attempt) -> None:
        """Another attempt at the same nonce, before it leaves: dearer, or the self-send that takes the nonce back."""
        state: TransactionState = "CANCELLING" if attempt.cancels else "SIGNED"
        table = tables.transactions
        with self._engine.begin() as connection:
            spent = connection.execute(select(table.c.debit_gas_wei).where(table.c.id == transaction_id)).scalar_one()
            # Only one attempt can be mined: the dearest of them is what the nonce can cost.
            debit = str(max(int(spent), attempt.most_gas_wei))
            connection.execute(insert(tables.attempts).values(attempt_row(transaction_id, attempt)))
            _set_state(
                connection, transaction_id, state, debit_gas_wei=debit, signed_timestamp=attempt.signed_timestamp
            )

    def record_broadcast(self, transaction_id: int) -> None:
        """A node has accepted the bytes."""
        with self._engine.begin() as connection:
            table = tables.transactions
            signed = (table.c.id == transaction_id, table.c.state == "SIGNED")
            connection.execute(update(table).where(*signed).values(state="BROADCAST"))

    def record_included(self, transaction_id: int, block_number: int, block_hash: str) -> None:
        """It is in a block, which is not final."""
        with self._engine.begin() as connection:
            _set_state(connection, transaction_id, "INCLUDED", block_number=block_number, block_hash=block_hash)

    def record_dropped(self, transaction_id: int, *, cancels: bool) -> None:
        """The block that it was in, not final yet, is no longer part of the chain."""
        state: TransactionState = "CANCELLING" if cancels else "BROADCAST"
        with self._engine.begin() as connection:
            _set_state(connection, transaction_id, state, block_number=None, block_hash=None)

    def record_ending(self, transaction_id: int, ending: Ending, effects: Effects) -> None:
        """The end of a transaction: its receipt, its effects and the state of its step, together.

        If another end of it was booked before (a reorganisation moved it), that is taken back in the same commit, and
        what was decided since upon its success falls with it.
        """
        with self._engine.begin() as connection:
            undoing.take_back(connection, transaction_id)
            _set_state(
                connection,
                transaction_id,
                ending.state,
                nonces=_nonces(connection, transaction_id, str(ending.receipt["transactionHash"]).lower()),
                receipt=packed(ending.receipt),
                block_number=int(ending.receipt["blockNumber"], 16),
                block_hash=ending.receipt["blockHash"],
                block_timestamp=ending.block_timestamp,
            )
            plan = undoing.plan_of(connection, transaction_id)
            decision = decisions.bare_decision(query_on(connection), plan.decision_id)
            account = Account(plan.chain_id, plan.owner, plan.strategy, plan.id)
            outcomes.write_effects(connection, account, decision, effects, ending.block_timestamp)
            if plan.state == "undone" and ending.state != "FINAL_OK":
                undoing.expire_later(connection, plan)
            undoing.close_undone(connection, plan)
        self._on_taken_back()

    def record_undone(self, transaction_id: int) -> None:
        """A reorganisation has taken a final transaction out of the chain: all that followed from it goes with it, and
        it is live again."""
        with self._engine.begin() as connection:
            undoing.take_back(connection, transaction_id)
            undoing.revive(connection, transaction_id)
            table = tables.transactions
            again = {"nonces": _nonces(connection, transaction_id)}
            connection.execute(update(table).where(table.c.id == transaction_id).values(again))
        self._on_taken_back()

    def recent_final(self, strategy: str, chain_id: int, blocks: int) -> tuple[StoredTransaction, ...]:
        """The strategy's final transactions in the last ``blocks`` blocks that it has seen of the chain, by nonce."""
        seen = tables.decisions
        of_chain = (seen.c.strategy == strategy, seen.c.chain_id == chain_id)
        newest = select(func.max(seen.c.block_number)).where(*of_chain).scalar_subquery()
        table = tables.transactions
        with self._engine.begin() as connection:
            mine = and_(table.c.chain_id == chain_id, table.c.step_id.in_(undoing.steps_of(strategy)))
            recent = and_(mine, table.c.state.in_(FINAL), table.c.block_number > newest - blocks)
            return _transactions(connection, recent)

    def undone(self, strategy: str) -> tuple[tuple[OpenSubmission, StoredStep], ...]:
        """The strategy's live transactions whose plan had been closed, by nonce, each with its plan and step."""
        plans, steps, table = tables.plans, tables.steps, tables.transactions
        joined = steps.join(plans, plans.c.id == steps.c.plan_id)
        columns = (steps.c.id, steps.c.body, steps.c.state, plans.c.id, plans.c.decision_id, plans.c.deadline_timestamp)
        with self._engine.begin() as connection:
            mine = table.c.step_id.in_(undoing.steps_of(strategy, plan_state="undone"))
            found = []
            for transaction in _transactions(connection, and_(mine, table.c.state.in_(LIVE))):
                of_it = select(*columns).select_from(joined).where(steps.c.id == transaction.step_id)
                step_id, body, state, plan_id, decision_id, deadline = connection.execute(of_it).one()
                submission = OpenSubmission(plan_id, decision_id, strategy, deadline)
                found.append((submission, StoredStep(step_id, _step(body), state, transaction)))
            return tuple(found)

    def settings_digest(self, plan_id: int) -> str:
        """Which settings a plan was made by."""
        table = tables.plans
        with self._engine.begin() as connection:
            return str(connection.execute(select(table.c.settings_digest).where(table.c.id == plan_id)).scalar_one())

    def strategy_state(self, strategy: str) -> str:
        """The durable state, as an operator or a halt set it."""
        table = tables.strategies
        with self._engine.begin() as connection:
            found = connection.execute(select(table.c.state).where(table.c.name == strategy)).scalar()
        return "running" if found is None else str(found)

    def signer_halt(self, chain_id: int, address: str) -> str | None:
        """Why nothing may be signed with this key, or None."""
        table = tables.signers
        wanted = select(table.c.reason).where(
            table.c.chain_id == chain_id, table.c.address == address.lower(), table.c.state == "halted"
        )
        with self._engine.begin() as connection:
            return connection.execute(wanted).scalar()

    def record_lost_nonce(self, transaction_id: int, reason: str, timestamp: int) -> None:
        """The nonce went to a transaction that is not ours: close the plan, halt the strategy and the signer."""
        with self._engine.begin() as connection:
            _set_state(connection, transaction_id, "LOST_NONCE", nonces=1)  # none of ours can be mined any more
            table = tables.transactions
            lost = connection.execute(select(table).where(table.c.id == transaction_id)).one()
            plan = undoing.plan_of(connection, transaction_id)
            plans, strategies, signers = tables.plans, tables.strategies, tables.signers
            closed = {"state": "failed", "note": reason, "closed_timestamp": timestamp, "cost_quote": "0"}
            connection.execute(update(plans).where(plans.c.id == plan.id).values(closed))
            connection.execute(
                update(strategies).where(strategies.c.name == plan.strategy).values(state="halted", reason=reason)
            )
            key = {"chain_id": lost.chain_id, "address": lost.sender}
            connection.execute(insert_missing(connection, signers), key)
            mine = and_(signers.c.chain_id == lost.chain_id, signers.c.address == lost.sender)
            connection.execute(update(signers).where(mine).values(state="halted", reason=reason))
            event = {"strategy": plan.strategy, "kind": "halted", "message": reason, "timestamp": timestamp}
            connection.execute(insert(tables.events).values(event))


def _step(body: str) -> Step:
    step: Step = canonical.from_plain(Step, json.loads(body))
    return step


def _of(chain_id: int, sender: str) -> Any:
    table = tables.transactions
    return and_(table.c.chain_id == chain_id, table.c.sender == sender.lower())


def _nonces(connection: Connection, transaction_id: int, mined: str | None = None) -> int:
    """How many nonces it takes: by the attempt that was ``mined``, else by the one that takes most."""
    table = tables.attempts
    rows = connection.execute(select(table).where(table.c.transaction_id == transaction_id)).all()
    return max(each.nonces for each in map(attempt_of, rows) if mined in (None, each.hash))


def _set_state(connection: Connection, transaction_id: int, state: TransactionState, **columns: Any) -> None:
    table, steps = tables.transactions, tables.steps
    connection.execute(update(table).where(table.c.id == transaction_id).values(state=state, **columns))
    step_id = select(table.c.step_id).where(table.c.id == transaction_id).scalar_subquery()
    reached = _STEP_STATE.get(state, "READY")
    connection.execute(update(steps).where(steps.c.id == step_id).values(state=reached))


def _transactions(connection: Connection, wanted: Any) -> tuple[StoredTransaction, ...]:
    table, attempts = tables.transactions, tables.attempts
    rows = connection.execute(select(table).where(wanted).order_by(table.c.nonce)).all()
    if not rows:
        return ()
    tried = connection.execute(
        select(attempts).where(attempts.c.transaction_id.in_([row.id for row in rows])).order_by(attempts.c.id)
    ).all()
    return tuple(stored(row, [each for each in tried if each.transaction_id == row.id]) for row in rows)

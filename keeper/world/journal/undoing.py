"""Taking back what followed from a transaction that a reorganisation removed from the chain, or moved in it.

Everything here runs inside the caller's transaction. Ledger lines, positions and the strategy's course follow from
receipts alone, so what is taken back is written again when the transaction comes to an end once more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, update

from keeper.world.journal import decisions, outcomes, tables
from keeper.world.journal.attempts import FINAL, LIVE
from keeper.world.journal.sql import query_on

# How far back the course of a strategy is followed to know whether it is between an exit and its mint.
_COURSE_PLANS = 20


def plan_of(connection: Connection, transaction_id: int) -> Any:
    """The row of the plan that a transaction belongs to."""
    plans, steps, transactions = tables.plans, tables.steps, tables.transactions
    joined = plans.join(steps, steps.c.plan_id == plans.c.id).join(transactions, transactions.c.step_id == steps.c.id)
    return connection.execute(select(plans).select_from(joined).where(transactions.c.id == transaction_id)).one()


def steps_of(strategy: str, plan_state: str | None = None) -> Any:
    """The numbers of a strategy's steps, of all its plans or of those in one state."""
    plans, steps = tables.plans, tables.steps
    mine = plans.c.strategy == strategy
    wanted = mine if plan_state is None else and_(mine, plans.c.state == plan_state)
    return select(steps.c.id).join(plans, plans.c.id == steps.c.plan_id).where(wanted)


def take_back(connection: Connection, transaction_id: int) -> None:
    """Remove what was booked of a final transaction; nothing happens where nothing was."""
    table, attempts, ledger, positions = tables.transactions, tables.attempts, tables.ledger, tables.positions
    row = connection.execute(select(table).where(table.c.id == transaction_id)).one()
    if row.state not in FINAL:
        return
    plan = plan_of(connection, transaction_id)
    hashes = select(attempts.c.hash).where(attempts.c.transaction_id == transaction_id)
    mine = and_(ledger.c.chain_id == row.chain_id, ledger.c.owner == plan.owner, ledger.c.plan_id == plan.id)
    connection.execute(delete(ledger).where(mine, ledger.c.transaction_hash.in_(hashes)))
    # A plan has one act, so the positions that its plan opened or closed are those of the transaction.
    connection.execute(delete(positions).where(positions.c.opened_plan_id == plan.id))
    closed_by_it = positions.c.closed_plan_id == plan.id
    connection.execute(update(positions).where(closed_by_it).values(closed_timestamp=None, closed_plan_id=None))
    empty = {"receipt": None, "block_number": None, "block_hash": None, "block_timestamp": None}
    connection.execute(update(table).where(table.c.id == transaction_id).values(empty))


def revive(connection: Connection, transaction_id: int) -> None:
    """Make a transaction live again that was final, and its plan one that has to be finished once more."""
    table, attempts, plans, steps = tables.transactions, tables.attempts, tables.plans, tables.steps
    last = select(func.max(attempts.c.id)).where(attempts.c.transaction_id == transaction_id).scalar_subquery()
    cancels = connection.execute(select(attempts.c.cancels).where(attempts.c.id == last)).scalar_one()
    state = "CANCELLING" if cancels else "BROADCAST"
    connection.execute(update(table).where(table.c.id == transaction_id).values(state=state))
    step_id = select(table.c.step_id).where(table.c.id == transaction_id).scalar_subquery()
    connection.execute(update(steps).where(steps.c.id == step_id).values(state="READY"))
    plan = plan_of(connection, transaction_id)
    if plan.state == "failed":
        expire_later(connection, plan)
    if plan.state != "open":
        note = "undone by a reorganisation of the chain"
        connection.execute(update(plans).where(plans.c.id == plan.id).values(state="undone", note=note))
    _follow_course(connection, plan.strategy)
    if plan.action == "exit":
        _set_strategy(connection, plan.strategy, "exited", "exiting")


def close_undone(connection: Connection, plan: Any) -> None:
    """Close an undone plan once all its transactions have ended again; an open plan is its executor's to close."""
    plans, steps, transactions = tables.plans, tables.steps, tables.transactions
    of_plan = select(steps.c.id).where(steps.c.plan_id == plan.id)
    live = select(func.count()).where(transactions.c.step_id.in_(of_plan), transactions.c.state.in_(LIVE))
    if plan.state != "undone" or connection.execute(live).scalar_one():
        return
    states = {state for (state,) in connection.execute(select(steps.c.state).where(steps.c.plan_id == plan.id))}
    done = states == {"DONE"}
    decision = decisions.bare_decision(query_on(connection), plan.decision_id)
    cost = outcomes.cost_quote(query_on(connection), plan.id, decision, done=done)
    note = "after a reorganisation of the chain"
    values = {"state": "done" if done else "failed", "note": note, "cost_quote": str(cost)}
    connection.execute(update(plans).where(plans.c.id == plan.id).values(values))
    _follow_course(connection, plan.strategy)
    if done and plan.action == "exit" and decision.plan.next_steps == decision.plan.steps:
        _set_strategy(connection, plan.strategy, "exiting", "exited")


def expire_later(connection: Connection, plan: Any) -> None:
    """Let the strategy's unfinished plans after this one pass their deadlines now: they were decided upon an end of
    this plan that it did not keep, so what is out for them is taken back."""
    plans = tables.plans
    later = and_(plans.c.strategy == plan.strategy, plans.c.id > plan.id, plans.c.state.in_(("open", "undone")))
    connection.execute(update(plans).where(later).values(deadline_timestamp=0))


def _follow_course(connection: Connection, strategy: str) -> None:
    """Whether the strategy is in transition, worked out again from the plans that are done."""
    plans, strategies = tables.plans, tables.strategies
    done = and_(plans.c.strategy == strategy, plans.c.state == "done")
    wanted = select(plans.c.decision_id).where(done).order_by(plans.c.id.desc()).limit(_COURSE_PLANS)
    moving = False
    for (decision_id,) in reversed(connection.execute(wanted).all()):
        moving = outcomes.transition_after(decisions.bare_decision(query_on(connection), decision_id).plan, moving)
    connection.execute(update(strategies).where(strategies.c.name == strategy).values(in_transition=moving))


def _set_strategy(connection: Connection, strategy: str, before: str, after: str) -> None:
    table = tables.strategies
    mine = and_(table.c.name == strategy, table.c.state == before)
    connection.execute(update(table).where(mine).values(state=after))

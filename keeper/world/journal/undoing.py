"""Taking back what followed from a transaction, or a proposal, that a reorganisation removed from the chain or moved.

Everything here runs inside the caller's transaction. Ledger lines, positions and the strategy's course follow from
receipts alone, so what is taken back is written again when the transaction comes to an end once more.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Table, and_, delete, func, select, update

from keeper.world.journal import decisions, outcomes, tables
from keeper.world.journal.attempts import FINAL, LIVE
from keeper.world.journal.proposal_rows import OPEN
from keeper.world.journal.sql import query_on

# How far back the course of a strategy is followed to know whether it is between an exit and its mint.
_COURSE_PLANS = 20


def plan_of(connection: Connection, transaction_id: int) -> Any:
    """The row of the plan that a transaction belongs to."""
    table = tables.transactions
    return plan_of_step(connection, _step_of(connection, table, transaction_id))


def plan_of_step(connection: Connection, step_id: int) -> Any:
    """The row of the plan that a step belongs to."""
    plans, steps = tables.plans, tables.steps
    joined = plans.join(steps, steps.c.plan_id == plans.c.id)
    return connection.execute(select(plans).select_from(joined).where(steps.c.id == step_id)).one()


def steps_of(strategy: str, plan_state: str | None = None) -> Any:
    """The numbers of a strategy's steps, of all its plans or of those in one state."""
    plans, steps = tables.plans, tables.steps
    mine = plans.c.strategy == strategy
    wanted = mine if plan_state is None else and_(mine, plans.c.state == plan_state)
    return select(steps.c.id).join(plans, plans.c.id == steps.c.plan_id).where(wanted)


def take_back(connection: Connection, transaction_id: int) -> None:
    """Remove what was booked of a final transaction; nothing happens where nothing was."""
    table, attempts = tables.transactions, tables.attempts
    row = connection.execute(select(table).where(table.c.id == transaction_id)).one()
    if row.state not in FINAL:
        return
    hashes = select(attempts.c.hash).where(attempts.c.transaction_id == transaction_id)
    _remove_effects(connection, plan_of(connection, transaction_id), hashes)
    connection.execute(update(table).where(table.c.id == transaction_id).values(_NO_EVIDENCE))


def take_back_proposal(connection: Connection, proposal_id: int) -> None:
    """Remove what was booked of a proposal that was carried out; nothing happens where nothing was."""
    table = tables.proposals
    row = connection.execute(select(table).where(table.c.id == proposal_id)).one()
    if row.state != "FINAL":
        return
    if row.kind == "act":
        _remove_effects(connection, plan_of_step(connection, row.step_id), [row.transaction_hash])
    empty = {**_NO_EVIDENCE, "transaction_hash": None, "gas_wei": None}
    connection.execute(update(table).where(table.c.id == proposal_id).values(empty))


_NO_EVIDENCE: Final[dict[str, Any]] = dict.fromkeys(("receipt", "block_number", "block_hash", "block_timestamp"))


def _remove_effects(connection: Connection, plan: Any, hashes: Any) -> None:
    ledger, positions = tables.ledger, tables.positions
    mine = and_(ledger.c.chain_id == plan.chain_id, ledger.c.owner == plan.owner, ledger.c.plan_id == plan.id)
    connection.execute(delete(ledger).where(mine, ledger.c.transaction_hash.in_(hashes)))
    # A plan has one act, so the positions that its plan opened or closed are those of the transaction.
    connection.execute(delete(positions).where(positions.c.opened_plan_id == plan.id))
    closed_by_it = positions.c.closed_plan_id == plan.id
    connection.execute(update(positions).where(closed_by_it).values(closed_timestamp=None, closed_plan_id=None))


def revive(connection: Connection, transaction_id: int) -> None:
    """Make a transaction live again that was final, and its plan one that has to be finished once more."""
    table, attempts = tables.transactions, tables.attempts
    last = select(func.max(attempts.c.id)).where(attempts.c.transaction_id == transaction_id).scalar_subquery()
    cancels = connection.execute(select(attempts.c.cancels).where(attempts.c.id == last)).scalar_one()
    state = "CANCELLING" if cancels else "BROADCAST"
    connection.execute(update(table).where(table.c.id == transaction_id).values(state=state))
    _reopen(connection, _step_of(connection, table, transaction_id))


def revive_proposal(connection: Connection, proposal_id: int) -> None:
    """Make a proposal open again that had come to an end, and its plan one that has to be finished once more."""
    table = tables.proposals
    connection.execute(update(table).where(table.c.id == proposal_id).values(state="PROPOSED", note=""))
    step_id = _step_of(connection, table, proposal_id)
    _reopen(connection, step_id)
    # Who has left did so without what this may have put in: that is taken out too.
    _set_strategy(connection, plan_of_step(connection, step_id).strategy, "exited", "exiting")


def _step_of(connection: Connection, table: Table, row_id: int) -> int:
    return int(connection.execute(select(table.c.step_id).where(table.c.id == row_id)).scalar_one())


def _reopen(connection: Connection, step_id: int) -> None:
    plans, steps = tables.plans, tables.steps
    connection.execute(update(steps).where(steps.c.id == step_id).values(state="READY"))
    plan = plan_of_step(connection, step_id)
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
    plans, steps, transactions, proposals = tables.plans, tables.steps, tables.transactions, tables.proposals
    of_plan = select(steps.c.id).where(steps.c.plan_id == plan.id)
    live = select(func.count()).where(transactions.c.step_id.in_(of_plan), transactions.c.state.in_(LIVE))
    asked = select(func.count()).where(proposals.c.step_id.in_(of_plan), proposals.c.state.in_(OPEN))
    asked = asked.where(proposals.c.kind == "act")
    if plan.state != "undone" or connection.execute(live).scalar_one() or connection.execute(asked).scalar_one():
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

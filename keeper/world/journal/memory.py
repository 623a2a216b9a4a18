"""A strategy's memory, read from the journal's rows."""

from __future__ import annotations

from typing import Final

from keeper.model.memory import FailingAct, HeldRange, Memory, OpenSubmission, PastAct, RegimeMemory
from keeper.world.journal.query import Query

# Daily limits look back a day from a block that is at or after the last decision's; the second day is margin.
RECENT_SECONDS: Final = 2 * 86_400


def memory(query: Query, strategy: str) -> Memory:
    """What is remembered of the strategy; a strategy never seen is running, with nothing held.

    ``recent`` holds the acts of the two days before the last decision, and the last act of each kind however old
    (a cooldown may be long). An act that failed counts when it cost gas.
    """
    rows = query(
        "SELECT state, reason, in_transition, regime_label, regime_since, last_timestamp "
        "FROM strategies WHERE name = ?",
        (strategy,),
    )
    if not rows:
        return Memory(strategy, "running", "", (), False, (), None, None)
    ((state, reason, in_transition, label, since, last_timestamp),) = rows
    return Memory(
        strategy=strategy,
        state=state,
        state_reason=reason,
        held=_held(query, strategy),
        in_transition=bool(in_transition),
        recent=_recent(query, strategy, last_timestamp or 0),
        regime=None if label is None else RegimeMemory(label, since),
        open=_open(query, strategy),
        failing=failing(query, strategy),
    )


def _held(query: Query, strategy: str) -> tuple[HeldRange, ...]:
    rows = query(
        "SELECT token_id, lower_tick, upper_tick, trigger_lower_tick, trigger_upper_tick, share_ppm, opened_timestamp "
        "FROM positions WHERE strategy = ? AND closed_timestamp IS NULL ORDER BY id",
        (strategy,),
    )
    return tuple(HeldRange(int(token_id), *others) for token_id, *others in rows)


def _recent(query: Query, strategy: str, last_timestamp: int) -> tuple[PastAct, ...]:
    finished = "strategy = ? AND (state = 'done' OR (state = 'failed' AND cost_quote <> '0'))"
    rows = query(
        f"SELECT action, act, closed_timestamp, cost_quote FROM plans WHERE {finished} AND (closed_timestamp >= ? "
        f"OR id IN (SELECT max(id) FROM plans WHERE {finished} GROUP BY action, act)) ORDER BY id",
        (strategy, last_timestamp - RECENT_SECONDS, strategy),
    )
    return tuple(PastAct(action, act, timestamp, int(cost)) for action, act, timestamp, cost in rows)


def failing(query: Query, strategy: str) -> tuple[FailingAct, ...]:
    """Acts that failed since they were last done, and since an operator last resumed the strategy."""
    last_done = "SELECT max(id) FROM plans d WHERE d.strategy = p.strategy AND d.act = p.act AND d.state = 'done'"
    resumed = "SELECT resumed_plan_id FROM strategies WHERE name = p.strategy"
    rows = query(
        "SELECT act, count(*), max(closed_timestamp) FROM plans p WHERE strategy = ? AND state = 'failed' "
        f"AND id > coalesce(({last_done}), 0) AND id > coalesce(({resumed}), 0) GROUP BY act ORDER BY act",
        (strategy,),
    )
    return tuple(FailingAct(act, times, timestamp or 0) for act, times, timestamp in rows)


def _open(query: Query, strategy: str) -> OpenSubmission | None:
    rows = query(
        "SELECT id, decision_id, strategy, deadline_timestamp FROM plans WHERE strategy = ? AND state = 'open'",
        (strategy,),
    )
    return OpenSubmission(*rows[0]) if rows else None

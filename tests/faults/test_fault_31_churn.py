"""Row 31: the price swings over the edge of the range, again and again, on the real contracts. Cooldown, count and cost
of a day hold by themselves: the profitability gate is switched off here."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from keeper.world.journal import queries
from keeper.world.journal.queries import ActRecord
from tests.faults.attacker import Attacker, attacker_at
from tests.policy.conftest import warm
from tests.policy.desk import NAME, Desk, Warm, at_desk

__all__ = ["warm"]

HOUR, DAY = 3_600, 86_400
SWINGS = 52


def swung(desk: Desk, attacker: Attacker, swings: int = SWINGS) -> list[ActRecord]:
    """Each swing takes the price out of whatever is held, and lasts half an hour; every act that was done."""
    for _ in range(swings):
        desk.run()
        held = desk.journal.memory(NAME).held
        middle = (held[0].trigger_lower_tick + held[0].trigger_upper_tick) // 2
        beyond = (held[0].trigger_upper_tick - held[0].trigger_lower_tick) // 2 + 5
        attacker.honest_move(middle + (beyond if desk.tick < middle + beyond else -beyond))
    with desk.journal.reading() as query:
        return [act for act in queries.acts(query) if act.state == "done"]


def starts(acts: list[ActRecord]) -> list[int]:
    return [act.timestamp for act in acts if act.action == "rebalance" and act.steps[0] == "exit"]


def desk_of(warm: Warm, folder: Path, **limits: Any) -> Desk:
    narrow = {"kind": "fixed", "lower_pct": 1, "upper_pct": 1}
    return at_desk(warm, folder, range=narrow, limits=limits, profit={"gate": "none"})


def test_31_without_limits_it_would_churn(warm: Warm, tmp_path: Path) -> None:
    """The swings are such that a keeper without these limits moves at every one."""
    desk = desk_of(warm, tmp_path, cooldown_minutes=0, max_rebalances_per_day=1_000)
    assert len(starts(swung(desk, attacker_at(desk), 8))) >= 7


@pytest.mark.parametrize(("cooldown_minutes", "per_day"), [(120, 1_000), (0, 4)])
def test_31_cooldown_and_daily_count_hold(warm: Warm, tmp_path: Path, cooldown_minutes: int, per_day: int) -> None:
    desk = desk_of(warm, tmp_path, cooldown_minutes=cooldown_minutes, max_rebalances_per_day=per_day)
    began = starts(swung(desk, attacker_at(desk)))
    assert len(began) >= 3
    assert all(later - earlier >= cooldown_minutes * 60 for earlier, later in pairwise(began))
    for end in began:
        assert sum(1 for each in began if end - DAY < each <= end) <= per_day
    assert set(desk.difference().values()) == {0}


def test_31_the_cost_of_a_day_is_capped(warm: Warm, tmp_path: Path) -> None:
    cap = 40  # whole quote tokens; a move of 50,000 costs about 14
    desk = desk_of(warm, tmp_path, cooldown_minutes=0, max_rebalances_per_day=1_000, max_cost_quote_per_day=cap)
    acts = swung(desk, attacker_at(desk))
    spent = [(act.timestamp, act.cost_quote or 0) for act in acts]
    assert sum(cost for _, cost in spent) > cap * 10**6 // 2, "it has cost something"
    worst = max(sum(cost for at, cost in spent if end - DAY < at <= end) for end, _ in spent)
    # What an act costs is known once it is mined: the last may come out a little above its own plan.
    assert worst <= cap * 10**6 * 102 // 100
    assert "daily_cost" in _all_codes(desk)


def _all_codes(desk: Desk) -> list[str]:
    with desk.journal.reading() as query:
        return [code for record in queries.decision_list(query) for code in record.objections]

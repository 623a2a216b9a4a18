"""Whole bars of the clock from samples with holes."""

from __future__ import annotations

import math

import pytest

from keeper.model.observation import Bar, History
from keeper.policy.volatility.bars import bar_returns, newest_bars
from keeper.policy.volatility.past import Past, usable_past
from tests.policy.forecasters.walks import HOUR, LOG_TICK, NOW, from_logs


def past(history: History) -> Past:
    found = usable_past(history, NOW, 1)
    assert isinstance(found, Past), found
    return found


def test_a_return_over_a_hole_counts_as_one_of_its_size() -> None:
    """Prices at hours 0, 1, 4, 5: returns of 1 %, 3 % over three hours, and −1 %."""
    rows = from_logs([0.0, 0.01, 0.5, 0.5, 0.04, 0.03]).samples
    found = bar_returns(past(History("x", HOUR, (*rows[:2], *rows[4:]))), HOUR)
    assert found.returns == pytest.approx((0.01, 0.03 / math.sqrt(3), -0.01), rel=1e-6)
    assert found.ends == tuple(NOW - ago * HOUR for ago in (4, 1, 0))
    assert found.between(NOW - 4 * HOUR, NOW - HOUR) == (found.returns[1],)


def test_a_bar_that_has_not_ended_stays_out() -> None:
    """NOW is 07:00: of bars of four hours the last whole one ended at 04:00."""
    found = bar_returns(past(from_logs([0.001 * hour**2 for hour in range(12)])), 4 * HOUR)  # 20:00 to 07:00
    assert found.ends == (NOW - 7 * HOUR, NOW - 3 * HOUR)
    assert found.returns == pytest.approx((0.001 * 16, 0.001 * (64 - 16)), rel=1e-6)


def test_bars_reach_back_to_a_hole_and_no_further() -> None:
    logs = [LOG_TICK * (hour % 3) for hour in range(30)]
    bars: list[Bar | None] = [Bar(-hour, hour, 1, 1, 1) for hour in range(1, 31)]
    bars[10] = None
    bars[-1] = None  # the newest may be missing: the tape is a step behind
    seen = newest_bars(past(from_logs(logs, bars)), HOUR, 100)
    assert seen is not None
    found, ended = seen
    assert len(found) == 18 and ended == NOW - HOUR
    assert found.highs[-1] == pytest.approx(29.5 * LOG_TICK) and found.lows[-1] == pytest.approx(-28.5 * LOG_TICK)
    assert found.opens[1:] == pytest.approx(found.closes[:-1])
    fewer = newest_bars(past(from_logs(logs, bars)), HOUR, 5)
    assert fewer is not None and len(fewer[0]) == 5 and fewer[1] == ended
    bare: list[Bar | None] = [None] * 30
    assert newest_bars(past(from_logs(logs, bare)), HOUR, 5) is None


def test_a_pool_that_stays_within_a_tick_has_no_range() -> None:
    """Ticks are rounded down: at 0.4 ticks the tick is 0, at −0.4 it is −1, and neither says how far it went."""
    for at, tick in ((0.4, 0), (-0.4, -1)):
        seen = newest_bars(
            past(from_logs([at * LOG_TICK] * 5 + [(at + 0.01) * LOG_TICK], [Bar(tick, tick, 1, 1, 9)] * 6)), HOUR, 9
        )
        assert seen is not None
        assert max(seen[0].highs - seen[0].lows) == pytest.approx(0.01 * LOG_TICK, rel=1e-3)

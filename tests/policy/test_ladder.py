"""From log distances to ticks: orientation, snapping, the ends of the tick range, shares."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper.model.decision import Ladder
from keeper.model.observation import Observation
from keeper.model.ticks import MAX_TICK, MIN_TICK, max_usable_tick
from keeper.policy.forecasters import ewma
from keeper.policy.ladder import LOG_TICK, LadderSettings, ladder_around
from keeper.policy.ranges import fixed
from tests.policy.world import NOW, history, observation, scene


def place(obs: Observation, below: float, above: float, *rungs: tuple[float, float], trigger: float = 1.0) -> Ladder:
    ladder = [{"scale": scale, "share_pct": share} for scale, share in rungs or ((1.0, 100.0),)]
    chosen = LadderSettings.model_validate({"ladder": ladder, "trigger_scale": trigger})
    return ladder_around(obs, "test", below, above, chosen, "")


def at(tick: int, spacing: int, quote_is_token0: bool = False) -> Observation:
    inside = max(min(tick, 800_000), -800_000)  # the world around it needs room
    obs = observation(tick=inside, spacing=spacing, quote_is_token0=quote_is_token0)
    return replace(obs, pool=replace(obs.pool, tick=tick))


def test_below_in_quote_is_above_in_ticks_where_the_quote_is_token0() -> None:
    below, above = 1_000 * LOG_TICK, 3_000 * LOG_TICK
    plain, mirrored = place(at(0, 10), below, above), place(at(0, 10, True), below, above)
    assert (plain.ranges[0].lower_tick, plain.ranges[0].upper_tick) == (-1_000, 3_000)
    assert (mirrored.ranges[0].lower_tick, mirrored.ranges[0].upper_tick) == (-3_000, 1_000)
    assert (mirrored.trigger_lower_tick, mirrored.trigger_upper_tick) == (-3_000, 1_000)


def test_a_fixed_range_is_a_percentage_of_the_quote_price() -> None:
    rule = fixed.build(fixed.Settings(lower_pct=20, upper_pct=50))
    for quote_is_token0 in (False, True):
        chosen = rule.choose(scene(at(0, 1, quote_is_token0))).ranges[0]
        low, high = 1.0001**chosen.lower_tick, 1.0001**chosen.upper_tick
        if quote_is_token0:
            low, high = 1 / high, 1 / low
        assert low == pytest.approx(0.8, rel=1e-4) and high == pytest.approx(1.5, rel=1e-4)


@examples(max_examples=300, deadline=None)
@given(
    tick=st.one_of(st.integers(MIN_TICK, MAX_TICK - 1), st.integers(-300, 300)),
    spacing=st.sampled_from([1, 10, 60, 200]),
    below=st.floats(1e-6, 3),
    above=st.floats(1e-6, 3),
    scale=st.floats(0.01, 100),
)
def test_the_price_stands_strictly_inside(tick: int, spacing: int, below: float, above: float, scale: float) -> None:
    chosen = place(at(tick, spacing), below, above, (scale, 100.0))
    most = max_usable_tick(spacing)
    for lower, upper in (
        (chosen.ranges[0].lower_tick, chosen.ranges[0].upper_tick),
        (chosen.trigger_lower_tick, chosen.trigger_upper_tick),
    ):
        assert lower % spacing == upper % spacing == 0 and -most <= lower < upper <= most
        if -most < tick < most:
            assert lower < tick < upper
        wanted = (tick - below * scale / LOG_TICK, tick + above * scale / LOG_TICK)
        assert abs(lower - max(-most, wanted[0])) <= 2 * spacing and abs(upper - min(most, wanted[1])) <= 2 * spacing


def test_rungs_that_snap_together_are_one_range() -> None:
    chosen = place(at(0, 200), 0.01, 0.01, (1.0, 50.0), (1.1, 30.0), (30.0, 20.0))
    assert [(r.lower_tick, r.upper_tick, r.share_ppm) for r in chosen.ranges] == [
        (-200, 200, 800_000), (-3_000, 3_000, 200_000),
    ]  # fmt: skip


def test_shares_sum_to_a_million_however_they_round() -> None:
    third = 100 / 3
    chosen = place(at(0, 10), 0.1, 0.1, (1, third), (2, third), (3, third))
    assert sum(r.share_ppm for r in chosen.ranges) == 1_000_000
    assert [r.share_ppm for r in chosen.ranges] == [333_334, 333_333, 333_333]
    with pytest.raises(ValueError, match="sum to"):
        place(at(0, 10), 0.1, 0.1, (1, 50), (2, 49))


def test_the_trigger_is_a_multiple_of_the_first_rung() -> None:
    chosen = place(at(0, 10), 1_000 * LOG_TICK, 2_000 * LOG_TICK, (0.5, 60), (2, 40), trigger=1.5)
    assert (chosen.trigger_lower_tick, chosen.trigger_upper_tick) == (-750, 1_500)


def test_a_half_life_under_an_hour_is_refused_and_an_hour_has_weights() -> None:
    with pytest.raises(ValueError, match="half_life_hours"):
        ewma.Settings(half_life_hours=0.01)
    made = ewma.build(ewma.Settings(half_life_hours=1)).forecast(history(hours=720), (), NOW + 3 * 3_600)
    assert made.sigma_annual is not None and math.isclose(made.sigma_annual, 0.6, rel_tol=1e-6)

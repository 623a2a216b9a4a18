"""What holds of every range rule, whatever the market: ranges that a pool can hold, for both token orders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper import plugins
from keeper.model import canonical
from keeper.model.decision import Ladder, Regime
from keeper.model.memory import RegimeLabel
from keeper.model.observation import History
from keeper.model.ticks import MAX_TICK, MIN_TICK, max_usable_tick
from keeper.policy.ladder import RangeSettings
from keeper.policy.scene import NoRange, Scene, Stance
from keeper.policy.strategy import RangeRule
from tests.policy.ranges.worlds import at, priced
from tests.policy.world import NOW, carry, scene

KINDS = plugins.available("range")
LABELS: st.SearchStrategy[RegimeLabel] = st.sampled_from(["positive", "neutral", "negative"])
SPACINGS = [1, 10, 60, 200]
# Rules that may want no range at all; the others always place one.
MAY_REFUSE = {"bollinger", "hedged"}
OTHER_SETTINGS: dict[str, dict[str, Any]] = {
    "asymmetric": {"mode": "bear", "skew_pct": 95, "ladder": [{"share_pct": 60}, {"scale": 3, "share_pct": 40}]},
    "bands": {"first_width_sigmas": 0.5, "count": 16, "share_ratio": 0.1, "trigger_band": 16},
    "base_limit": {"base_width_pct": 0.01, "limit_width_pct": 10_000, "rebalance_hours": 24},
    "bollinger": {"window_hours": 48, "deviations": 20, "min_room_pct": 0.01},
    "fixed": {"lower_pct": 99.99, "upper_pct": 10_000, "trigger_scale": 20},
    "full": {"target_weight": 1},
    "hedged": {"min_width_pct": 0.01, "max_width_pct": 10_000, "hedge_cost_pct_per_year": -100},
    "optimal": {"min_width_pct": 0.01, "max_width_pct": 10_000, "risk_aversion": 20, "drift_pct_per_year": 1_000},
    "sigma": {"k_below": 20, "k_above": 0.01, "min_width_pct": 0.001, "max_width_pct": 10_000},
    "tau_reset": {"tau_ticks": 200_000},
}


def rule(kind: str, **changes: Any) -> RangeRule:
    module = plugins.find("range", kind)
    built: RangeRule = module.build(module.Settings(**changes))
    return built


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    quote_is_token0 = draw(st.booleans())
    tick = draw(st.one_of(st.integers(MIN_TICK, MAX_TICK - 1), st.integers(-400, 400)))
    amounts = st.one_of(st.just(0), st.integers(1, 10**30))
    prices = draw(st.sampled_from([(), (1.0,), (1.0,) * 72, tuple(1.5 ** (n % 7) for n in range(72))]))
    seen = at(
        tick,
        draw(st.sampled_from(SPACINGS)),
        quote_is_token0=quote_is_token0,
        past=priced(*prices, tick=max(min(tick, 800_000), -800_000), quote_is_token0=quote_is_token0),
        balances=(draw(amounts), draw(amounts)),
    )
    rates = carry(draw(st.floats(0.001, 20)), draw(st.floats(0, 200)), draw(st.floats(0.01, 1)))
    label = draw(LABELS)
    strength = 0.0 if label == "neutral" else draw(st.floats(0, 1))
    return scene(
        seen,
        sigma_annual=rates.sigma_annual,
        carry=rates,
        stance=Stance(label, strength, "regime"),
        regime=Regime("trend", label, 0.4, 0.3, 0.3, NOW - 7_200),
        capital_quote=draw(amounts),
        gas_fraction=draw(st.sampled_from([0.0, 1e-6, 0.01, 3.0, 1e15])),
        swap_cost=draw(st.floats(0, 1.1)),
        dilution=draw(st.sampled_from([1e-12, 1e-4, 1.0, 1e6])),
    )


def test_every_rule_is_tried_with_other_settings_than_its_defaults() -> None:
    assert set(OTHER_SETTINGS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_default", [True, False], ids=["defaults", "others"])
@examples(max_examples=40, deadline=None)
@given(asked=scenes())
def test_a_ladder_that_the_pool_can_hold(kind: str, is_default: bool, asked: Scene) -> None:
    chosen = rule(kind, **({} if is_default else OTHER_SETTINGS[kind])).choose(asked)
    if isinstance(chosen, NoRange):
        assert kind in MAY_REFUSE and chosen.reason
        return
    pool = asked.observation.pool
    most = max_usable_tick(pool.tick_spacing)
    assert chosen.kind == kind and chosen.reason and chosen.ranges
    ends = [(each.lower_tick, each.upper_tick) for each in chosen.ranges]
    trigger = (chosen.trigger_lower_tick, chosen.trigger_upper_tick)
    for lower, upper in [*ends, trigger]:
        assert lower % pool.tick_spacing == upper % pool.tick_spacing == 0
        assert -most <= lower < upper <= most
    assert len(set(ends)) == len(ends), "the same range twice"
    assert sum(each.share_ppm for each in chosen.ranges) == 1_000_000
    assert all(each.share_ppm > 0 for each in chosen.ranges)
    if -most < pool.tick < most:
        assert trigger[0] < pool.tick < trigger[1]


@pytest.mark.parametrize("kind", KINDS)
@examples(max_examples=15, deadline=None)
@given(asked=scenes())
def test_the_same_scene_has_the_same_bytes(kind: str, asked: Scene) -> None:
    first, second = (rule(kind).choose(asked) for _ in range(2))
    assert canonical.encode(first) == canonical.encode(second)


@pytest.mark.parametrize("kind", KINDS)
@examples(max_examples=25, deadline=None)
@given(
    tick=st.integers(-700_000, 700_000),
    spacing=st.sampled_from(SPACINGS),
    sigma=st.floats(0.05, 2),
    label=LABELS,
    wave=st.floats(0.9, 1.1),
)
def test_the_other_token_order_mirrors_the_ranges(
    kind: str, tick: int, spacing: int, sigma: float, label: RegimeLabel, wave: float
) -> None:
    # A tick half-way between two usable ones is rounded up in either order.
    assume((2 * tick) % spacing != 0 or spacing == 1)
    prices = [wave ** (index % 5) for index in range(30)]
    found = []
    for sign, quote_is_token0 in ((1, False), (-1, True)):
        past: History = priced(*prices, tick=sign * tick, quote_is_token0=quote_is_token0)
        balances = (10**18, 10**6)[::sign]
        seen = at(sign * tick, spacing, quote_is_token0=quote_is_token0, past=past, balances=balances)  # type: ignore[arg-type]
        asked = scene(seen, sigma, carry=carry(sigma, sigma**2), stance=Stance(label, 1.0, "view"))
        found.append(rule(kind).choose(replace(asked, capital_quote=10**12)))
    plain, mirrored = found
    if isinstance(plain, NoRange):
        assert isinstance(mirrored, NoRange)
        return
    assert isinstance(mirrored, Ladder)
    for one, other in zip(plain.ranges, mirrored.ranges, strict=True):
        assert abs(one.lower_tick + other.upper_tick) <= spacing and abs(one.upper_tick + other.lower_tick) <= spacing
        assert abs(one.share_ppm - other.share_ppm) <= 2_000
    assert abs(plain.trigger_lower_tick + mirrored.trigger_upper_tick) <= spacing
    assert abs(plain.trigger_upper_tick + mirrored.trigger_lower_tick) <= spacing


@pytest.mark.parametrize("kind", KINDS)
def test_the_wanted_mix_is_a_setting_of_every_rule(kind: str) -> None:
    module = plugins.find("range", kind)
    assert issubclass(module.Settings, RangeSettings)
    assert module.Settings().target_weight == 0.5
    for wrong in ({"target_weight": 1.1}, {"target_weight": -0.1}, {"no_such_key": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            module.Settings(**wrong)

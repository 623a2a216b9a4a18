"""The gas-adjusted check: enter, move, wait, leave; every threshold from both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keeper.model.decision import Decision
from keeper.model.memory import Memory, PastAct, RegimeMemory
from keeper.model.observation import Observation, Position
from keeper.model.plan import Hedge
from keeper.policy import profit
from keeper.policy.book import Book, Gain
from keeper.policy.decide import decide
from keeper.policy.forecasters import ewma
from keeper.policy.profit import Outlook
from keeper.policy.ranges import fixed, sigma
from keeper.policy.regimes import neutral
from keeper.policy.seeing import drift_annual, scene_of, stance
from keeper.policy.settings import Profit
from keeper.policy.situation import situate
from keeper.policy.strategy import Strategy
from tests.policy.test_book import NEUTRAL, one_range
from tests.policy.world import HOUR, NOW, forecast, held, history, memory, observation, regime, scene, settings

RICH = (20_000 * 10**6, 10**18)
WIDE = Position(7, 198_900, 201_060, 10**16, 0, 0)
LEFT_BEHIND = Position(7, 201_000, 203_400, 10**16, 0, 0)
GAIN = Gain(0.4, 1.0, 0.5, 0.0, 0.1, 10.0, 1.0, 0.5, 0.4)


def view(**changes: Any) -> Outlook:
    whole = Outlook(
        scene=scene(observation()),
        target_g=0.4,
        target_gain=GAIN,
        target_weight_now=0.5,
        carry_now=0.1,
        held=one_range(0.1, 0.1),
        terms=NEUTRAL,
        gas_fraction=0.0002,
        change_cost=0.0010,
        swap_cost_fraction=0.0008,
        horizon_years=0.01,
        hurdle_annual=0.05,
    )
    return replace(whole, **changes)


def run(obs: Observation, past: Memory | None = None, rule: Any = None, **changes: Any) -> Decision:
    parts = (ewma.build(ewma.Settings()), neutral.build(neutral.Settings()), rule or sigma.build(sigma.Settings()))
    return decide(Strategy("test", settings(**changes), "d" * 64, *parts), obs, past or memory())


def codes(made: Decision) -> list[str]:
    return [each.code for each in made.verdict.objections]


def test_entering_must_earn_the_gas_twice_and_the_dearer_swap() -> None:
    """g·H > 2·gas + the swap at hand, or the one a trigger will ask for: s·E|dw| = 0.003 · 0.4."""
    needed = 2 * 0.0002 + 0.003 * 0.4
    assert profit.objection_to_enter(view(target_g=needed / 0.01 * 1.001)) is None
    against = profit.objection_to_enter(view(target_g=needed / 0.01 * 0.999))
    assert against is not None and [f.value for f in against.figures][1] == pytest.approx(needed)
    at_hand = 2 * 0.0002 + 0.002
    assert profit.objection_to_enter(view(swap_cost_fraction=0.002, target_g=at_hand / 0.01 * 1.001)) is None
    assert profit.objection_to_enter(view(swap_cost_fraction=0.002, target_g=at_hand / 0.01 * 0.999)) is not None


def test_inside_the_trigger_a_change_must_earn_kappa_times_its_cost_beyond_staying() -> None:
    def against(kappa: float, **changes: float) -> str | None:
        found = profit.objection_to_move(view(**changes), Profit(kappa=kappa), outside_trigger=False)
        return None if found is None else found.code

    # (0.4 − 0.1)·0.01 = 0.003 against kappa · 0.001.
    assert against(3.001) == "inside_trigger"
    assert against(2.999) != "inside_trigger"
    assert against(2.0, carry_now=0.201) == "inside_trigger"
    assert against(2.0, carry_now=0.199) != "inside_trigger"


def test_outside_the_trigger_only_the_worth_of_waiting_counts() -> None:
    far = Book(((0.5, 0.7, 10.0),), 0.0, 0.0)
    poor = {"carry_now": 0.0, "target_g": 1.5, "held": far}
    assert profit.objection_to_move(view(**poor), Profit(kappa=100.0), outside_trigger=True) is None
    nothing = profit.objection_to_move(view(**(poor | {"target_g": 0.05})), Profit(), outside_trigger=True)
    assert nothing is not None and nothing.code == "waiting_is_worth_more"
    names = [figure.name for figure in nothing.figures]
    assert names[:2] == ["waiting_fraction_of_capital", "moving_fraction_of_capital"]


def test_waiting_is_judged_with_the_gas_of_the_plan_at_hand() -> None:
    """It is due now or later, so it moves both alike; what it takes from the target's own gain counts."""
    beside = Book(((0.1, 0.3, 10.0),), 0.0, 0.0)
    cheap, dear = (profit.worth_of_waiting(view(held=beside, target_g=1.5, gas_fraction=gas)) for gas in (0.0, 0.05))
    assert cheap.moving_value - dear.moving_value == pytest.approx(0.05)
    assert cheap.value - dear.value == pytest.approx(0.05)


def test_leaving_must_save_the_way_out_and_back_and_the_swap() -> None:
    needed = 2 * 0.0002 + 0.0008
    assert profit.objection_to_leave(view(carry_now=-needed / 0.01 * 1.001)) is None
    assert profit.objection_to_leave(view(carry_now=-needed / 0.01 * 0.999)) is not None


def test_providing_must_exceed_the_hurdle() -> None:
    obs = observation(balances=RICH)
    for hurdle, worth in ((1.0, True), (100.0, False)):
        made = run(obs, profit={"hurdle": hurdle})
        assert (codes(made) == []) is worth
        names = {figure.name for figure in made.verdict.figures}
        assert names >= {"sigma_annual", "phi_annual", "lvr_annual", "rho", "net_used_annual", "target_g_per_year"}
    assert codes(made) == ["not_worth_providing"]


def test_gain_and_carry_are_capped_alike() -> None:
    """φ 3 a year at σ 0.6 promises the moon; the cap is believed on both sides, so nothing moves for it."""
    obs = observation(positions=(WIDE,), past=history(phi_annual=3.0, tick=200_000))
    made = run(obs, memory(held(WIDE)), profit={"max_g_per_year": 0.25})
    figures = {figure.name: figure.value for figure in made.verdict.figures}
    assert figures["target_g_per_year"] == figures["carry_now_per_year"] == 0.25
    assert codes(made) == ["inside_trigger"]


def test_a_gate_that_is_open_lets_the_rule_act_at_its_triggers_alone() -> None:
    poor = history(phi_annual=0.02, tick=200_000)
    assert codes(run(observation(balances=RICH, past=poor), profit={"gate": "none"})) == []
    inside = run(observation(positions=(WIDE,), past=poor), memory(held(WIDE)), profit={"gate": "none"})
    assert codes(inside) == ["inside_trigger"] and inside.verdict.action == "hold"
    outside = observation(positions=(LEFT_BEHIND,), past=poor, base_fee_wei=10**12)
    moved = run(outside, memory(held(LEFT_BEHIND)), profit={"gate": "none"})
    assert moved.verdict.action == "rebalance" and codes(moved) == []
    # The limits hold all the same.
    capped = run(outside, memory(held(LEFT_BEHIND)), profit={"gate": "none"}, limits={"max_gas_gwei": "1"})
    assert codes(capped) == ["gas_price"]


def test_a_regime_that_turned_replaces_what_was_opened_before() -> None:
    rule = fixed.build(fixed.Settings())

    class Turned:
        def choose(self, asked: Any) -> Any:
            return replace(rule.choose(asked), replaces_before_timestamp=held(WIDE).opened_timestamp + 1)

    dear = observation(positions=(WIDE,), base_fee_wei=10**12)
    assert codes(run(dear, memory(held(WIDE)), rule)) == ["inside_trigger"]
    since = RegimeMemory("neutral", held(WIDE).opened_timestamp + 1)
    turned = run(dear, memory(held(WIDE), regime=since), Turned())
    assert turned.verdict.action == "rebalance" and "regime" in turned.verdict.reason
    adopted = run(dear, memory(replace(held(WIDE), opened_timestamp=0)), Turned())
    assert codes(adopted) == ["inside_trigger"]
    aged = run(dear, memory(held(WIDE)), Turned())
    assert aged.verdict.action == "rebalance" and "older" in aged.verdict.reason


@pytest.mark.parametrize(
    ("view_word", "act", "label", "expected"),
    [
        ("neutral", False, "positive", ("neutral", 0.0)),
        ("neutral", True, "positive", ("positive", 0.6)),
        ("neutral", True, "negative", ("negative", 0.6)),
        ("neutral", True, "neutral", ("neutral", 0.0)),
        ("bearish", True, "positive", ("negative", 1.0)),
        ("bullish", False, "neutral", ("positive", 1.0)),
    ],
)
def test_a_regime_counts_only_where_it_may_act_and_the_view_comes_first(
    view_word: str, act: bool, label: str, expected: tuple[str, float]
) -> None:
    given = settings(view=view_word, regime={"kind": "trend", "act": act},
                     range={"kind": "optimal", "drift_pct_per_year": 50})  # fmt: skip
    lead = (0.7, 0.1) if label != "negative" else (0.1, 0.7)
    found = stance(given, regime(label, *lead))
    assert (found.label, pytest.approx(found.strength)) == expected
    sign = {"neutral": 0, "positive": 1, "negative": -1}[found.label]
    assert drift_annual(given, found) == pytest.approx(sign * 0.5 * expected[1])


def test_the_scene_measures_the_capital_its_gas_and_its_place_in_the_pool() -> None:
    obs = observation(tick=0, decimals=(18, 18), pool_liquidity=10**22, balances=(10**20, 10**20), fee_pips=500,
                      past=history(tick=0))  # fmt: skip
    asked = scene_of(settings(), situate(settings(), obs, memory()), forecast(), regime("neutral"))
    assert not isinstance(asked, type(None)) and hasattr(asked, "capital_quote")
    assert asked.capital_quote == pytest.approx(2 * 10**20)
    assert asked.dilution == pytest.approx(0.02)
    assert asked.swap_cost == pytest.approx(0.0005 + 0.01)
    assert asked.gas_fraction > 0
    own = replace(WIDE, lower_tick=-600, upper_tick=600, liquidity=10**22)
    beside = observation(tick=0, decimals=(18, 18), pool_liquidity=10**22, positions=(own,), past=history(tick=0))
    with_own = scene_of(settings(), situate(settings(), beside, memory(held(own))), forecast(), regime("neutral"))
    assert hasattr(with_own, "dilution") and with_own.dilution * 10**22 == pytest.approx(with_own.capital_quote)
    limited = settings(capital={"max_quote": "50"})
    small = scene_of(limited, situate(limited, obs, memory()), forecast(), regime("neutral"))
    assert hasattr(small, "capital_quote") and small.capital_quote == pytest.approx(50 * 10**18, rel=1e-6)


def test_the_haircut_is_on_both_sides_of_the_hurdle() -> None:
    def shown(haircut: float) -> dict[str, Any]:
        made = run(observation(balances=RICH), profit={"haircut": haircut, "hurdle": 3.0})
        return {figure.name: figure.value for figure in made.verdict.figures}

    whole, half = shown(1.0), shown(0.5)
    for name in ("net_hurdle_annual", "net_used_annual"):
        assert half[name] == pytest.approx(whole[name] / 2)
    assert whole["net_hurdle_annual"] > 0


def test_a_regime_that_turned_neutral_is_still_the_one_that_acts() -> None:
    acting = settings(regime={"kind": "trend", "act": True})
    assert stance(acting, regime("neutral")).source == "regime"
    assert stance(settings(), regime("neutral")).source == "neutral"


def test_a_label_that_is_kept_against_its_odds_leans_on_nothing() -> None:
    acting = settings(regime={"kind": "trend", "act": True})
    assert stance(acting, regime("positive", 0.2, 0.5)).strength == 0.0
    assert stance(acting, regime("negative", 0.5, 0.2)).strength == 0.0


def test_the_hedge_goes_with_the_plan() -> None:
    rule = fixed.build(fixed.Settings())
    short = Hedge(12, 3, 2.0)

    class Hedged:
        def choose(self, asked: Any) -> Any:
            return replace(rule.choose(asked), hedge=short)

    assert run(observation(balances=RICH), rule=Hedged()).plan.hedge == short


@pytest.mark.parametrize("phi_annual", [0.3, 1.0, 3.0, 30.0])
def test_a_cap_on_the_gain_does_not_keep_a_range_that_was_left(phi_annual: float) -> None:
    """The target's g is capped; what is held may not be credited with more than that by waiting for it."""
    obs = observation(positions=(LEFT_BEHIND,), past=history(phi_annual=phi_annual, tick=200_000))
    made = run(obs, memory(held(LEFT_BEHIND)), profit={"max_g_per_year": 0.5})
    assert (made.verdict.action, codes(made)) == ("rebalance", [])


def test_waiting_believes_the_cap_on_both_sides() -> None:
    """A range against its own like: waiting is worth what its triggers make of it, capped or not; never more."""
    whole = Gain(4.0, 6.0, 1.0, 0.0, 1.0, 10.0, 1.0, 0.5, 0.4)
    capped = profit.worth_of_waiting(view(target_g=1.0, target_gain=whole))
    # g falls by 3 where φ is halved: fees of 6 become 3.
    terms = replace(NEUTRAL, phi_annual=NEUTRAL.phi_annual / 2)
    plain = profit.worth_of_waiting(view(target_g=1.0, target_gain=None, terms=terms))
    assert capped == plain
    led = replace(whole, g_per_year=9.0)  # most of it by drift: no fee is left to disbelieve, the rest of g stays
    free = replace(NEUTRAL, phi_annual=0.0)
    rest = profit.worth_of_waiting(view(target_g=3.0, target_gain=None, terms=free))
    assert profit.worth_of_waiting(view(target_g=1.0, target_gain=led)) == rest


def test_a_move_that_has_begun_is_completed() -> None:
    """Its exit was paid for. What would not be entered anew is entered to complete it, while it earns anything."""
    obs = observation(balances=(0, 2 * 10**18), past=history(phi_annual=0.2, tick=200_000))
    left = PastAct("rebalance", "exit", NOW - 60, 0)

    def after(*recent: PastAct, in_transition: bool = True, **changes: Any) -> list[str]:
        short = {"horizon_days": 0.05} | changes
        return codes(run(obs, memory(recent=recent, in_transition=in_transition), profit=short))

    assert after(left) == []
    assert after(left, in_transition=False) == ["entering_does_not_pay"]
    assert after(replace(left, timestamp=NOW - HOUR)) == ["entering_does_not_pay"]
    assert after() == ["entering_does_not_pay"]
    assert profit.objection_to_enter(view(target_g=-0.001), is_half_moved=True) is not None


def test_fees_are_compounded_only_where_a_range_would_be_entered() -> None:
    rich = replace(WIDE, uncollected_0=60 * 10**6, uncollected_1=2 * 10**16)
    more = {"compound": {"min_fees_quote": "50"}}

    def act(obs: Observation, **changes: Any) -> str:
        return run(obs, memory(held(rich)), **(more | changes)).verdict.action

    good = observation(positions=(rich,), base_fee_wei=1)
    assert act(good) == "compound"
    assert act(good, profit={"hurdle": 100.0}) == "exit"  # not worth providing; leaving is refused, nothing is added
    assert act(good, profit={"hurdle": 100.0, "gate": "none"}) == "compound"
    samples = good.history.samples
    assert act(replace(good, history=replace(good.history, samples=(*samples, samples[-1])))) == "hold"

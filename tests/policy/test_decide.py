"""Decisions: what is done in each situation, and what stands against it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.model import canonical
from keeper.model.decision import Decision, Ladder
from keeper.model.memory import FailingAct, Memory, PastAct
from keeper.model.observation import Allowance, History, Observation, Position
from keeper.policy.decide import decide
from keeper.policy.forecasters import ewma
from keeper.policy.ranges import fixed, sigma
from keeper.policy.regimes import neutral
from keeper.policy.strategy import Strategy
from tests.policy.world import ADDRESS_0, HOUR, NOW, held, history, memory, observation, scene, settings

RICH = (20_000 * 10**6, 10**18)
IN_RANGE = Position(7, 198_900, 201_060, 10**16, 0, 0)
LEFT_BEHIND = Position(7, 201_000, 203_400, 10**16, 0, 0)


def strategy(**changes: object) -> Strategy:
    return Strategy(
        "test",
        settings(**changes),
        "d" * 64,
        ewma.build(ewma.Settings()),
        neutral.build(neutral.Settings()),
        sigma.build(sigma.Settings()),
    )


def run(obs: Observation, past: Memory | None = None, **changes: object) -> Decision:
    return decide(strategy(**changes), obs, memory() if past is None else past)


def codes(decision: Decision) -> list[str]:
    return [objection.code for objection in decision.verdict.objections]


@pytest.mark.parametrize("quote_is_token0", [True, False])
def test_idle_capital_enters_when_fees_exceed_the_loss_to_arbitrage(quote_is_token0: bool) -> None:
    decision = run(observation(balances=RICH, quote_is_token0=quote_is_token0))
    assert (decision.verdict.action, codes(decision)) == ("enter", [])
    assert decision.plan.steps[-1].kind == "mint"


def test_idle_capital_stays_out_when_fees_do_not_cover_arbitrage() -> None:
    # sigma 0.6: the loss to arbitrage is sigma^2/4 = 0.09 a year per depth.
    decision = run(observation(balances=RICH, past=history(phi_annual=0.085, tick=200_000)))
    assert decision.plan.steps == () and codes(decision) == ["not_worth_providing"]


def test_a_position_that_only_loses_is_left() -> None:
    obs = observation(positions=(IN_RANGE,), past=history(phi_annual=0.02, tick=200_000), base_fee_wei=10**7)
    decision = run(obs, memory(held(IN_RANGE)))
    assert (decision.verdict.action, codes(decision)) == ("exit", [])
    dear = replace(obs, gas=replace(obs.gas, base_fee_wei=10**15), wallet=replace(obs.wallet, native_wei=10**25))
    assert codes(run(dear, memory(held(IN_RANGE)))) == ["leaving_does_not_pay"]


def test_price_outside_the_trigger_rebalances_if_it_pays() -> None:
    decision = run(observation(positions=(LEFT_BEHIND,)), memory(held(LEFT_BEHIND)))
    assert (decision.verdict.action, codes(decision)) == ("rebalance", [])
    assert decision.plan.next_steps[0].kind == "exit"


def test_a_rebalance_that_gas_eats_is_refused() -> None:
    obs = observation(positions=(LEFT_BEHIND,), base_fee_wei=10**14)
    obs = replace(obs, wallet=replace(obs.wallet, native_wei=10**24))
    assert codes(run(obs, memory(held(LEFT_BEHIND)))) == ["waiting_is_worth_more"]


def test_inside_the_trigger_nothing_moves_and_the_reason_has_figures() -> None:
    decision = run(observation(positions=(IN_RANGE,)), memory(held(IN_RANGE)))
    assert codes(decision) == ["inside_trigger"]
    figures = {f.name: f.value for f in decision.verdict.objections[0].figures}
    assert figures.keys() == {"ticks_to_trigger", "gain_fraction_of_capital", "needed_fraction_of_capital"}
    assert figures["ticks_to_trigger"] == 1_060


@pytest.mark.parametrize(
    ("lower", "upper", "inside"),
    [(200_000, 200_001, True), (200_001, 200_100, False), (199_900, 200_000, False), (199_999, 200_001, True)],
)
def test_a_trigger_holds_its_lower_tick_and_not_its_upper(lower: int, upper: int, inside: bool) -> None:
    decision = run(observation(positions=(IN_RANGE,)), memory(held(IN_RANGE, lower, upper)))
    assert ("inside_trigger" in codes(decision)) is inside


def test_one_range_of_several_outside_its_trigger_is_enough() -> None:
    other = replace(IN_RANGE, token_id=8)
    both = observation(positions=(IN_RANGE, other))
    assert "inside_trigger" not in codes(run(both, memory(held(IN_RANGE), held(other, 190_000, 199_000))))
    near = run(both, memory(held(IN_RANGE, 199_990, 200_100), held(other, 199_000, 201_000)))
    assert near.verdict.objections[0].figures[0].value == 10


def test_an_entry_that_does_not_pay_is_refused() -> None:
    obs = observation(balances=(20 * 10**6, 10**15), base_fee_wei=100 * 10**9)
    assert codes(run(obs)) == ["entering_does_not_pay"]


def test_guards_stand_before_every_act() -> None:
    """Entering, moving, leaving, compounding, tidying, the operator's exit: none slips past the guards it must pass."""
    losing = history(phi_annual=0.02, tick=200_000)
    leave = observation(positions=(IN_RANGE,), past=losing, base_fee_wei=10**7, twap_tick=199_800)
    assert codes(run(leave, memory(held(IN_RANGE)))) == ["spot_far_from_twap"]
    rich = replace(IN_RANGE, uncollected_0=60 * 10**6, uncollected_1=2 * 10**16)
    often = {"min_fees_quote": "50"}
    fees = observation(positions=(rich,), base_fee_wei=1, twap_tick=199_890)
    assert run(fees, memory(held(rich)), compound=often).verdict.action == "hold"
    moving = observation(positions=(LEFT_BEHIND,), twap_tick=199_800)
    assert "spot_far_from_twap" in codes(run(moving, memory(held(LEFT_BEHIND))))
    assert "spot_far_from_twap" in codes(run(observation(balances=RICH, twap_tick=199_800)))

    def failing(act: str) -> tuple[FailingAct, ...]:
        return (FailingAct(act, 5, NOW),)  # type: ignore[arg-type]

    def why(obs: Observation, past: Memory, **changes: object) -> list[str]:
        return codes(run(obs, past, **changes))

    assert why(observation(balances=RICH), memory(failing=failing("swap"))) == ["keeps_failing"]
    stray = observation(positions=(IN_RANGE,), allowances=(Allowance(ADDRESS_0, "positions", 3),))
    assert why(stray, memory(held(IN_RANGE), failing=failing("approve"))) == ["inside_trigger"]
    assert why(
        observation(positions=(IN_RANGE,)), memory(held(IN_RANGE), state="exiting", failing=failing("exit"))
    ) == ["keeps_failing"]


def test_the_stored_trigger_counts_not_the_edge() -> None:
    outside_edge = Position(7, 200_040, 202_200, 10**16, 0, 0)
    wide_trigger = memory(held(outside_edge, lower_trigger=190_000, upper_trigger=210_000))
    dear = observation(positions=(outside_edge,), base_fee_wei=10**13)
    assert codes(run(dear, wide_trigger)) == ["inside_trigger"]
    assert codes(run(dear, memory(held(outside_edge)))) != ["inside_trigger"]
    tight_trigger = memory(held(IN_RANGE, lower_trigger=199_920, upper_trigger=199_980))
    assert codes(run(observation(positions=(IN_RANGE,)), tight_trigger)) != ["inside_trigger"]


@pytest.mark.parametrize("spot", [200_101, 199_899, -101, 101])
def test_spot_far_from_the_twap_blocks_every_act(spot: int) -> None:
    twap = 200_000 if spot > 1_000 else 0
    obs = observation(balances=(10**18, 10**18), tick=spot, twap_tick=twap, past=history(tick=twap))
    assert "spot_far_from_twap" in codes(run(obs))
    leaving = run(replace(obs, positions=(Position(7, -60_000, 210_000, 10**15, 0, 0),)), _exiting())
    assert "spot_far_from_twap" in codes(leaving)


def _exiting() -> Memory:
    return memory(held(Position(7, -60_000, 210_000, 10**15, 0, 0)), state="exiting")


def test_cooldown_and_daily_count() -> None:
    def after(*minutes_ago: int) -> list[str]:
        recent = tuple(PastAct("rebalance", "exit", NOW - m * 60, 0) for m in minutes_ago)
        return codes(run(observation(positions=(LEFT_BEHIND,)), memory(held(LEFT_BEHIND), recent=recent)))

    assert after(59) == ["cooldown"]
    assert after(60) == []
    assert after(1439, 1000, 700, 300) == ["daily_count"]
    assert after(1440, 1000, 700, 300) == []


def test_the_swaps_and_mints_of_a_rebalance_are_not_rebalances() -> None:
    recent = tuple(PastAct("enter", act, NOW - 60, 0) for act in ("swap", "mint"))
    past = memory(held(LEFT_BEHIND), recent=recent)
    assert codes(run(observation(positions=(LEFT_BEHIND,)), past)) == []


def test_daily_cost_cap() -> None:
    spent = (PastAct("rebalance", "exit", NOW - 5 * HOUR, 99 * 10**6),)
    past = memory(held(LEFT_BEHIND), recent=spent)
    obs = observation(positions=(LEFT_BEHIND,))
    assert codes(run(obs, past, limits={"max_cost_quote_per_day": "100"})) == ["daily_cost"]
    assert codes(run(obs, past, limits={"max_cost_quote_per_day": "100000"})) == []


def test_gas_ceiling_and_reserve() -> None:
    obs = observation(balances=RICH)
    assert codes(run(obs, limits={"max_gas_gwei": "1"})) == ["gas_price"]
    poor = replace(obs, wallet=replace(obs.wallet, native_wei=5 * 10**16))
    assert codes(run(poor)) == ["gas_money"]
    last_gas = replace(poor, positions=(IN_RANGE,))
    assert codes(run(last_gas, memory(held(IN_RANGE), state="exiting"))) == []  # an exit may use the reserve


def test_a_large_swap_in_a_thin_pool_is_refused() -> None:
    obs = observation(balances=(10**12, 0), pool_liquidity=10**17)
    assert "price_impact" in codes(run(obs))


def test_unknown_positions() -> None:
    obs = observation(balances=RICH, positions=(IN_RANGE,))
    assert "unknown_position" in codes(run(obs))
    assert codes(run(obs, limits={"on_unknown_position": "ignore"})) == []
    adopted = run(observation(positions=(IN_RANGE,)), limits={"on_unknown_position": "adopt"})
    assert adopted.verdict.action == "hold" and codes(adopted) == ["inside_trigger"]


def test_paused_and_halted_strategies_sign_nothing() -> None:
    for state in ("paused", "halted", "exited"):
        decision = run(observation(balances=RICH), memory(state=state, state_reason="because"))
        assert decision.plan.steps == () and codes(decision) == [state]


def test_the_operators_exit_asks_for_no_profit() -> None:
    obs = observation(positions=(IN_RANGE,), base_fee_wei=10**12)
    decision = run(replace(obs, wallet=replace(obs.wallet, native_wei=10**22)), memory(held(IN_RANGE), state="exiting"))
    assert (decision.verdict.action, codes(decision)) == ("exit", [])


def test_too_little_or_stale_history_is_said() -> None:
    short = run(observation(balances=RICH, past=history(hours=10, tick=200_000)))
    assert codes(short) == ["no_forecast"] and "25 needed" in short.verdict.objections[0].message
    old = history(tick=200_000)
    samples = tuple(replace(s, timestamp=s.timestamp - 10 * HOUR) for s in old.samples)
    stale = run(observation(balances=RICH, past=History("x", HOUR, samples)))
    assert "old" in stale.verdict.objections[0].message
    blind = tuple(replace(s, fee_growth_global_0_x128=None) for s in old.samples)
    assert codes(run(observation(balances=RICH, past=History("x", HOUR, blind)))) == ["no_fee_history"]

    def seen_for(hours: int) -> list[str]:
        return codes(
            run(observation(balances=RICH, past=History("x", HOUR, (*blind[: -hours - 1], *old.samples[-hours - 1 :]))))
        )

    assert (seen_for(11), seen_for(12)) == (["no_fee_history"], [])


def test_leftover_allowances_are_taken_back_when_nothing_else_is_due() -> None:
    obs = observation(positions=(IN_RANGE,), allowances=(Allowance(ADDRESS_0, "positions", 3),))
    decision = run(obs, memory(held(IN_RANGE)))
    assert (decision.verdict.action, codes(decision)) == ("tidy", [])


def test_fees_are_compounded_while_the_range_stands() -> None:
    rich = replace(IN_RANGE, uncollected_0=60 * 10**6, uncollected_1=2 * 10**16)
    obs = observation(positions=(rich,), base_fee_wei=1)
    decision = run(obs, memory(held(rich)), compound={"min_fees_quote": "50"})
    assert (decision.verdict.action, codes(decision)) == ("compound", [])


def test_a_swap_just_made_is_not_repeated_for_little() -> None:
    obs = observation(balances=(7_000 * 10**6, 3_450 * 10**15))
    assert run(obs).plan.next_steps[-1].kind == "swap"
    swap = PastAct("enter", "swap", NOW - 30, 0)

    def next_act(*recent: PastAct, base_fee_wei: int = 10**9) -> str:
        seen = replace(obs, gas=replace(obs.gas, base_fee_wei=base_fee_wei))
        return run(seen, memory(recent=recent)).plan.next_steps[-1].kind

    assert next_act(swap) == "swap"  # once more, where gas is cheap beside what would stay outside
    assert next_act(swap, base_fee_wei=20 * 10**9) == "mint"
    assert next_act(swap, swap) == "mint"
    assert next_act(replace(swap, timestamp=NOW - HOUR), base_fee_wei=20 * 10**9) == "swap"
    assert next_act(swap, PastAct("enter", "mint", NOW - 20, 0), base_fee_wei=20 * 10**9) == "swap"


def test_equal_inputs_give_equal_bytes() -> None:
    obs = observation(balances=RICH)
    one, two = run(obs), run(canonical.decode(Observation, canonical.encode(obs)))
    assert canonical.encode(one) == canonical.encode(two)
    assert canonical.encode(canonical.decode(Decision, canonical.encode(one))) == canonical.encode(one)


def test_fixed_rule_reverses_with_the_quote() -> None:
    rule = fixed.build(fixed.Settings(lower_pct=5, upper_pct=20))
    for quote_is_token0 in (True, False):
        obs = observation(quote_is_token0=quote_is_token0)
        ladder = rule.choose(scene(obs, run(obs).forecast.sigma_annual or 0.0))
        assert isinstance(ladder, Ladder)
        chosen = ladder.ranges[0]
        down, up = obs.pool.tick - chosen.lower_tick, chosen.upper_tick - obs.pool.tick
        near, far = (up, down) if quote_is_token0 else (down, up)
        # ln(1/0.95) is 513 ticks, ln(1.2) 1823: each within half a spacing.
        assert near == pytest.approx(513, abs=31) and far == pytest.approx(1_823, abs=31)

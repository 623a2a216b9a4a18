"""Standing aside: leaving into the wanted mix, and the quote just before sending."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keeper.model.decision import Decision
from keeper.model.memory import Memory, PastAct
from keeper.model.observation import Observation, Position
from keeper.model.plan import Swap
from keeper.policy.aside import plan_aside, plan_mix
from keeper.policy.cost import fresh_cost_quote
from keeper.policy.decide import decide, requote
from keeper.policy.forecasters import ewma
from keeper.policy.ranges import sigma
from keeper.policy.regimes import neutral
from keeper.policy.situation import situate
from keeper.policy.strategy import Strategy
from keeper.policy.valuation import value_in_quote
from tests.policy.world import HOUR, NOW, held, history, memory, observation, settings

# All of it in token1 (200,000 lies above).
ABOVE = Position(7, 198_000, 199_800, 10**16, 0, 0)


def run(obs: Observation, past: Memory, **changes: Any) -> Decision:
    whole = settings(**changes)
    parts = (ewma.build(ewma.Settings()), neutral.build(neutral.Settings()), sigma.build(sigma.Settings()))
    return decide(Strategy("test", whole, "d" * 64, *parts), obs, past)


def base_share(obs: Observation, amount_0: int, amount_1: int, root: int) -> float:
    base = (0, amount_1) if obs.quote_is_token0 else (amount_0, 0)
    first = obs.quote_is_token0
    return value_in_quote(*base, root, first) / value_in_quote(amount_0, amount_1, root, first)


@pytest.mark.parametrize("quote_is_token0", [True, False])
@pytest.mark.parametrize("wanted", [0.0, 0.25, 0.5, 1.0])
def test_what_comes_out_is_swapped_to_the_wanted_mix(quote_is_token0: bool, wanted: float) -> None:
    obs = observation(positions=(ABOVE,), quote_is_token0=quote_is_token0)
    given = settings(range={"kind": "sigma", "target_weight": wanted})
    draft = plan_aside(obs, (ABOVE,), given)
    assert draft.objections == () and draft.plan.steps[0].kind == "exit"
    swaps = [step for step in draft.plan.steps if isinstance(step, Swap)]
    # Everything is token1: the base where token0 is the quote.
    if wanted == (1.0 if quote_is_token0 else 0.0):
        assert swaps == [] and draft.sqrt_price_after_swap_x96 is None
        return
    after = draft.sqrt_price_after_swap_x96
    assert after is not None and not swaps[0].zero_for_one
    freed = sum(w.liquidity for w in draft.plan.steps[0].withdrawals)  # type: ignore[union-attr]
    assert freed == ABOVE.liquidity
    from keeper.policy.valuation import principal

    _, amount_1 = principal(ABOVE, obs.pool)
    share = base_share(obs, swaps[0].expected_out, amount_1 - swaps[0].amount_in, after)
    assert share == pytest.approx(wanted, abs=0.02)
    assert draft.plan.cost.swap_fee_quote > 0


def test_the_operator_may_want_no_swap() -> None:
    obs = observation(positions=(ABOVE,))
    for changes in ({"profit": {"aside_mix": "held"}}, {"swap": {"route": "none"}}):
        assert [step.kind for step in plan_aside(obs, (ABOVE,), settings(**changes)).plan.steps] == ["exit"]


def left(seconds_ago: int) -> Memory:
    return memory(recent=(PastAct("exit", "exit", NOW - seconds_ago, 0),))


def test_a_swap_that_a_guard_refused_is_tried_for_a_day() -> None:
    """Looks may be an hour apart, and the first refused: one token alone for weeks is a bet that nobody asked for."""
    obs = observation(balances=(0, 10**18))
    for seconds in (60, 2 * HOUR, 23 * HOUR):
        draft = plan_mix(situate(settings(), obs, left(seconds)), settings())
        assert draft is not None and [step.kind for step in draft.plan.steps][-1] == "swap"
    assert plan_mix(situate(settings(), obs, left(25 * HOUR)), settings()) is None


def test_the_swap_follows_its_exit_once() -> None:
    obs = observation(balances=(0, 10**18), past=history(phi_annual=0.02, tick=200_000))
    made = run(obs, left(60))
    assert (made.verdict.action, made.verdict.objections) == ("exit", ())
    assert made.plan.next_steps[-1].kind == "swap"
    swapped = memory(recent=(*left(60).recent, PastAct("exit", "swap", NOW - 30, 0)))
    for past in (left(24 * HOUR), swapped, memory()):
        assert run(obs, past).verdict.action == "hold"
    # Not against the guards, and not for what the operator took out.
    assert "spot_far_from_twap" in [o.code for o in run(replace(obs, twaps=tuple(
        replace(t, mean_tick=199_800) for t in obs.twaps)), left(60)).verdict.objections]  # fmt: skip
    assert run(obs, replace(left(60), state="exited")).plan.steps == ()


def test_a_rebalance_that_is_not_completed_ends_in_the_wanted_mix() -> None:
    """Its exit was beyond an edge: all is one token, and nobody wanted that."""
    obs = observation(balances=(0, 10**18), past=history(phi_annual=0.02, tick=200_000))
    left_behind = memory(recent=(PastAct("rebalance", "exit", NOW - 60, 0),), in_transition=True)
    made = run(obs, left_behind)
    assert (made.verdict.action, made.verdict.objections) == ("exit", ())
    assert made.plan.next_steps[-1].kind == "swap"


def test_a_mix_near_enough_is_left_alone() -> None:
    near = observation(tick=0, decimals=(18, 18), balances=(10**18 * 51 // 100, 10**18 * 49 // 100))
    situation = situate(settings(), near, left(60))
    assert plan_mix(situation, settings()) is None
    off = replace(near, wallet=replace(near.wallet, balance_0=10**18 * 53 // 100, balance_1=10**18 * 47 // 100))
    assert plan_mix(situate(settings(), off, left(60)), settings()) is not None


def moved(made: Decision, **gas: int) -> Observation:
    obs = made.observation
    return replace(obs, block=replace(obs.block, hash="0x" + "cd" * 32, number=101), gas=replace(obs.gas, **gas))


def test_a_plan_that_has_become_dearer_by_a_quarter_is_given_up() -> None:
    obs = observation(tick=0, decimals=(18, 18), pool_liquidity=10**26, balances=(2 * 10**18, 10**18),
                      past=history(tick=0))  # fmt: skip
    made = run(obs, memory())
    cost = made.plan.cost
    assert made.verdict.objections == () and cost.gas_quote and cost.swap_fee_quote
    assert requote(made, moved(made)) is None
    each_wei = cost.gas_quote / (obs.gas.base_fee_wei + obs.gas.priority_fee_wei)
    just = obs.gas.base_fee_wei + int(0.25 * cost.total_quote / each_wei)
    assert requote(made, moved(made, base_fee_wei=just - 10**6)) is None
    dear = requote(made, moved(made, base_fee_wei=just + 10**6))
    assert dear is not None and dear.code == "requote"
    assert requote(made, replace(moved(made, base_fee_wei=10**15), block=obs.block)) is None  # the same block


def test_a_pool_that_has_grown_thin_makes_the_swap_dear() -> None:
    obs = observation(tick=0, decimals=(18, 18), pool_liquidity=10**22, balances=(2 * 10**18, 10**18),
                      past=history(tick=0))  # fmt: skip
    made = run(obs, memory())
    assert made.verdict.objections == ()
    thin = observation(tick=0, decimals=(18, 18), pool_liquidity=10**20, balances=(2 * 10**18, 10**18))
    fresh = moved(made)
    objection = requote(made, replace(fresh, pool=thin.pool))
    assert objection is not None and objection.code == "requote"
    empty = requote(made, replace(fresh, pool=replace(thin.pool, ticks=(), liquidity=10**12, known_lower_tick=-60,
                                                      known_upper_tick=60)))  # fmt: skip
    assert empty is not None and "price" in empty.message


def test_the_swap_is_priced_again_without_the_liquidity_that_is_leaving() -> None:
    """Own liquidity is half of the pool: with it in the way the swap would look twice as cheap."""
    own = Position(7, -600, 1_200, 10**22, 0, 0)
    obs = observation(tick=0, decimals=(18, 18), pool_liquidity=10**22, positions=(own,), past=history(tick=0))
    made = run(obs, memory(held(own, -900, -300)))
    assert made.plan.action == "rebalance" and any(isinstance(step, Swap) for step in made.plan.steps)
    assert fresh_cost_quote(made.plan, moved(made)) == pytest.approx(made.plan.cost.total_quote, rel=1e-9, abs=2)


def test_an_exit_goes_whatever_gas_costs() -> None:
    obs = observation(positions=(ABOVE,), past=history(phi_annual=0.02, tick=200_000), base_fee_wei=10**7)
    made = run(obs, memory(held(ABOVE), state="exiting"))
    assert made.verdict.action == "exit"
    assert requote(made, moved(made, base_fee_wei=10**13)) is None


def test_the_swap_of_a_mix_is_priced_again() -> None:
    obs = observation(balances=(0, 10**18), past=history(phi_annual=0.02, tick=200_000))
    made = run(obs, left(60))
    assert made.plan.action == "exit" and made.plan.next_steps[-1].kind == "swap"
    assert requote(made, moved(made)) is None
    dear = requote(made, moved(made, base_fee_wei=10**13))
    assert dear is not None and dear.code == "requote"


def test_leaving_is_judged_by_what_leaving_costs() -> None:
    """Not by the change that is not made: with the mix as it is there is no swap, and only the exit's gas counts."""
    obs = observation(positions=(ABOVE,), past=history(phi_annual=0.02, tick=200_000), base_fee_wei=10**7)
    costs = []
    for mix in ("held", "target"):
        made = run(obs, memory(held(ABOVE)), profit={"aside_mix": mix})
        (against,) = [each for each in made.verdict.objections if each.code == "leaving_does_not_pay"]
        needed = {figure.name: figure.value for figure in against.figures}["needed_fraction_of_capital"]
        cost = made.plan.cost
        swap = cost.swap_fee_quote + cost.price_impact_quote
        costs.append(swap)
        assert needed == pytest.approx((2 * cost.gas_quote + swap) / made.plan.value_quote)
    assert costs[0] == 0 < costs[1]


@pytest.mark.parametrize("limits", [{"max_price_impact_bps": 1}, {"max_cost_quote_per_day": "5"}])
def test_a_swap_that_a_limit_forbids_does_not_stand_in_the_way_out(limits: dict[str, object]) -> None:
    """The pool is thin, so the swap to the mix is dear: it may be left out, the exit may not."""
    in_range = replace(ABOVE, lower_tick=199_200, upper_tick=200_460)
    obs = observation(positions=(in_range,), past=history(phi_annual=0.001, sigma_annual=2.0, tick=200_000),
                      base_fee_wei=10**7, pool_liquidity=3 * 10**17,
                      balances=(0, 10**17))  # fmt: skip
    free = run(obs, memory(held(in_range)))
    assert (free.verdict.action, free.verdict.objections) == ("exit", ())
    assert [step.kind for step in free.plan.steps] == ["exit", "approve", "swap"]
    bound = run(obs, memory(held(in_range)), limits=limits)
    assert (bound.verdict.action, bound.verdict.objections) == ("exit", ())
    assert [step.kind for step in bound.plan.steps] == ["exit"]


def test_leaving_without_the_swap_is_not_judged_cheaper_for_it() -> None:
    """The swap would follow at the next look: what it costs counts before the exit, not after."""
    in_range = replace(ABOVE, lower_tick=199_200, upper_tick=200_460)
    obs = observation(positions=(in_range,), past=history(phi_annual=0.001, sigma_annual=2.0, tick=200_000),
                      base_fee_wei=10**7, pool_liquidity=3 * 10**17, balances=(0, 10**17))  # fmt: skip
    # A horizon over which the loss is more than the gas, and less than gas and swap.
    made = run(obs, memory(held(in_range)), profit={"horizon_days": 0.02})
    assert [each.code for each in made.verdict.objections] == ["leaving_does_not_pay"]
    needed = made.verdict.objections[0].figures[1].value
    assert isinstance(needed, float) and needed * made.plan.value_quote > 10**7  # ten whole quote tokens of swap
    held_mix = run(obs, memory(held(in_range)), profit={"horizon_days": 0.02, "aside_mix": "held"})
    assert (held_mix.verdict.action, held_mix.verdict.objections) == ("exit", ())

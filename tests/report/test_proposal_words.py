"""What owners read before they sign: every step with its bounds, when it is void, gain and cost with their units."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.model.decision import Decision, Figure
from keeper.model.observation import Observation, Position
from keeper.model.plan import Exit, Mint, Plan, Swap, singles
from keeper.report import amount, describe, describe_rejection, quote_token, step_in_words, when
from tests.policy.test_decide import LEFT_BEHIND, RICH, run
from tests.policy.world import OWNER, held, memory, observation


def of_safe(seen: Observation) -> Observation:
    return replace(seen, wallet=replace(seen.wallet, account="safe", native_wei=0))


def rebalance(**options: object) -> Decision:
    """A price that has left its range, seen for a Safe: exit, swap and mint at once."""
    seen = of_safe(observation(positions=(LEFT_BEHIND,), **options))  # type: ignore[arg-type]
    return run(seen, memory(held(LEFT_BEHIND)))


def test_every_step_stands_there_in_its_order_with_its_words() -> None:
    decision = rebalance()
    steps = singles(decision.plan.next_steps)
    assert {step.kind for step in steps} >= {"exit", "swap", "mint", "approve"}, "the whole rebalance is one act"
    title, text = describe(decision, 42, "nothing amiss")
    assert title.startswith("test: rebalance, ") and "\n" not in title
    assert "all of this in one transaction, or none of it:" in text
    places = [text.index(f"{at}. {step_in_words(step, decision.observation)}") for at, step in enumerate(steps, 1)]
    assert places == sorted(places)
    assert "decision 42" in text and "nothing amiss" in text


@pytest.mark.parametrize("quote_is_token0", [True, False])
def test_the_least_amounts_of_every_step_are_named(quote_is_token0: bool) -> None:
    decision = rebalance(quote_is_token0=quote_is_token0)
    pool = decision.observation.pool
    text = describe(decision, 1, "")[1]
    for step in singles(decision.plan.next_steps):
        if isinstance(step, Swap):
            bought = pool.token1 if step.zero_for_one else pool.token0
            assert f"(at least {amount(step.amount_out_min, bought)})" in text
        if isinstance(step, Mint):
            each = step.ranges[0]
            assert each.amount_0_min and each.amount_1_min
            least = f"{amount(each.amount_0_min, pool.token0)} and {amount(each.amount_1_min, pool.token1)}"
            assert f"(at least {least})" in text
        if isinstance(step, Exit):
            assert f"for at least {amount(step.withdrawals[0].amount_0_min, pool.token0)}" in text


def test_it_says_when_it_is_void_where_the_money_goes_and_who_pays_the_gas() -> None:
    decision = rebalance()
    text = describe(decision, 1, "")[1]
    assert f"reverts, and moves nothing, when it is executed after {when(decision.plan.deadline_timestamp)}" in text
    assert f"goes to {OWNER} and nowhere else" in text and "allowance is taken back" in text
    assert "paid by whoever executes it and not by the Safe" in text
    assert "not simulated" in text
    assert "\n- " + amount(decision.plan.leftover_quote, quote_token(decision.observation)) + " stay idle" in text
    key = replace(decision, observation=observation(positions=(LEFT_BEHIND,)))
    assert "whoever executes" not in describe(key, 1, "")[1]


def test_the_gain_is_that_of_the_decision_over_the_horizon_that_is_named() -> None:
    decision = rebalance()
    kept = [each for each in decision.verdict.figures if each.name != "carry_now_per_year"]
    earning = replace(decision.verdict, figures=(*kept, Figure("carry_now_per_year", 0.25)))
    decision = replace(decision, verdict=earning)
    figures = {each.name: each.value for each in decision.verdict.figures}
    target, now = float(figures["target_g_per_year"]), float(figures["carry_now_per_year"])
    quote, moved = quote_token(decision.observation), decision.plan.value_quote
    title, text = describe(decision, 1, "", horizon_days=3)
    more, cost = round(moved * (target - now) * 3 / 365), decision.plan.cost.total_quote
    assert title.endswith(f", to earn {amount(more, quote)} over 3 days, costs {amount(cost, quote)}")
    assert f"the new ranges {amount(round(moved * target * 3 / 365), quote)} over 3 days" in text
    assert f"{amount(round(moved * (target - now) * 3 / 365), quote)} over 3 days more than" in text
    assert "over 24 h" in describe(decision, 1, "")[1], "without a horizon it is said by the day"


def test_the_operators_exit_promises_no_gain() -> None:
    position = Position(7, 198_900, 201_060, 10**16, 0, 0)
    seen = of_safe(observation(positions=(position,)))
    text = describe(run(seen, memory(held(position), state="exiting")), 1, "")[1]
    assert "nothing that is counted: the operator asked for the exit" in text
    assert "exit of test" in text and "open " not in text


def test_what_carries_no_deadline_does_not_claim_one() -> None:
    decision = run(of_safe(observation(balances=RICH)))
    bare = replace(decision.plan, steps=tuple(s for s in singles(decision.plan.steps) if s.kind == "approve")[:1])
    assert isinstance(bare, Plan) and bare.steps
    text = describe(replace(decision, plan=bare), 1, "")[1]
    assert "carry no deadline" in text and "executed after" not in text and "nowhere else" not in text


def test_what_a_simulation_showed_is_told_in_whole_tokens() -> None:
    seen = "simulated, as the plan says: token0 -250000, token1 +3000000000000000000, position NFTs +1"
    text = describe(rebalance(), 1, seen)[1]
    assert "- simulated, as the plan says: −0.25 AAA, +3 BBB, position NFTs +1" in text
    assert "- token2 5 stays, token0 too" in describe(rebalance(), 1, "token2 5 stays, token0 too")[1]


def test_a_rejection_says_that_it_does_nothing_else() -> None:
    title, text = describe_rejection(rebalance(), 42, 7)
    assert "nonce 7" in title and "nothing but use up nonce 7" in text and "decision 42" in text

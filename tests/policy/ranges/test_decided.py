"""Every rule through a whole decision: what it wants is what is planned, and nothing about it stops the decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper import plugins
from keeper.assembly import build_strategy
from keeper.model import canonical
from keeper.model.plan import Mint, Swap
from keeper.policy.decide import decide
from tests.policy.world import history, memory, observation, settings

KINDS = plugins.available("range")
# At tick ±200,000 a raw unit of the dear token is 485,165,195 of the cheap one: three parts of four in the cheap one.
AMOUNTS = {True: (30_000 * 10**6, 2 * 10**19 // 4), False: (2 * 10**19 // 4, 30_000 * 10**6)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quote_is_token0", [True, False])
def test_capital_enters_the_ranges_of_the_rule(kind: str, quote_is_token0: bool) -> None:
    tick = 200_000 if quote_is_token0 else -200_000
    seen = observation(
        tick=tick,
        quote_is_token0=quote_is_token0,
        decimals=(6, 18) if quote_is_token0 else (18, 6),
        balances=AMOUNTS[quote_is_token0],
        # Fees far above the loss to arbitrage, and gas for nothing: whatever the rule, it pays to be there.
        past=history(phi_annual=3.0, tick=tick),
        base_fee_wei=1,
    )
    made = settings(
        quote="token0" if quote_is_token0 else "token1",
        range={"kind": kind},
        profit={"max_g_per_year": 100, "min_fee_history_hours": 1},
    )
    decision = decide(build_strategy(made), seen, memory())
    target = decision.target
    assert target is not None and target.kind == kind
    assert (decision.verdict.action, decision.verdict.objections) == ("enter", ())
    (mint,) = [step for step in decision.plan.steps if isinstance(step, Mint)]
    wanted = [(each.lower_tick, each.upper_tick, each.share_ppm) for each in target.ranges]
    assert [(each.lower_tick, each.upper_tick, each.share_ppm) for each in mint.ranges] == wanted
    assert (mint.trigger_lower_tick, mint.trigger_upper_tick) == (target.trigger_lower_tick, target.trigger_upper_tick)
    assert decision.plan.leftover_quote * 1_000 <= decision.plan.value_quote
    assert any(isinstance(step, Swap) for step in decision.plan.steps) == (kind != "base_limit")
    assert canonical.encode(decision) == canonical.encode(decide(build_strategy(made), seen, memory()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_past_that_is_too_short_is_a_reason_to_hold(kind: str) -> None:
    seen = observation(balances=AMOUNTS[True], past=history(hours=3))
    decision = decide(build_strategy(settings(range={"kind": kind})), seen, memory())
    assert decision.plan.steps == () and decision.verdict.action == "hold" and decision.verdict.objections


@pytest.mark.parametrize("kind", KINDS)
def test_a_price_at_the_end_of_all_ticks_is_a_reason_to_hold(kind: str) -> None:
    seen = observation(balances=AMOUNTS[True])
    seen = replace(seen, pool=replace(seen.pool, tick=887_271))
    decision = decide(build_strategy(settings(range={"kind": kind})), seen, memory())
    assert decision.plan.steps == () and decision.verdict.objections


def test_the_place_in_the_pool_is_the_same_whichever_token_is_the_quote() -> None:
    """Far from a price of one, where the depth of the pool in one token is nothing like that in the other."""
    dilutions = []
    for quote_is_token0, tick in ((True, 200_000), (False, -200_000)):
        seen = observation(
            tick=tick,
            quote_is_token0=quote_is_token0,
            decimals=(6, 18) if quote_is_token0 else (18, 6),
            balances=AMOUNTS[quote_is_token0],
            past=history(tick=tick),
        )
        made = decide(build_strategy(settings(quote="token0" if quote_is_token0 else "token1")), seen, memory())
        dilutions.append({figure.name: figure.value for figure in made.verdict.figures}["dilution"])
    assert dilutions[0] == pytest.approx(dilutions[1], rel=1e-6)
    # Worth of a full range of that liquidity is 2·L·√S: some 60,000 beside it is q = 2·60,000/that.
    depth_raw = 10**18 / 1.0001 ** (200_000 / 2)
    worth_raw = AMOUNTS[True][0] + AMOUNTS[True][1] / 1.0001**200_000
    assert dilutions[0] == pytest.approx(worth_raw / depth_raw, rel=1e-3)

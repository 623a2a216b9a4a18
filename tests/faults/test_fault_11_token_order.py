"""Row 11: a whole decision in two worlds that are each other's mirror image: the same money, the tokens exchanged.

What is planned must be the mirror image too, in exact integers, whatever the decimals. Uniswap rounds towards the pool
on both sides, so amounts may differ by a few raw units of the coarser token, and by the step of the swap search.
"""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper.assembly import build_strategy
from keeper.model import canonical
from keeper.model.decision import Decision
from keeper.model.observation import History, Observation, Position, Sample
from keeper.model.plan import Approve, Exit, Mint, Step, Swap
from keeper.policy.decide import decide
from keeper.policy.ratio import SEARCH_RESOLUTION
from tests.policy.world import ADDRESS_0, ADDRESS_1, held, history, memory, observation, settings

Q192 = 1 << 192
SPACING = 60
FAR_TICKS = 500_000
DECIMALS = st.sampled_from([0, 6, 8, 18, 24])
GAME = {"gate": "none"}
WITHIN = 8 / SEARCH_RESOLUTION, 5e-3
OTHER = {ADDRESS_0: ADDRESS_1, ADDRESS_1: ADDRESS_0}


def mirrored_history(past: History) -> History:
    samples = tuple(
        Sample(
            each.timestamp, Q192 // each.sqrt_price_x96, each.fee_growth_global_1_x128, each.fee_growth_global_0_x128
        )
        for each in past.samples
    )
    return History(canonical.digest(samples), past.sample_seconds, samples)


def mirrored_position(position: Position) -> Position:
    return replace(
        position,
        lower_tick=-position.upper_tick,
        upper_tick=-position.lower_tick,
        uncollected_0=position.uncollected_1,
        uncollected_1=position.uncollected_0,
    )


def worlds(
    tick: int, decimals: tuple[int, int], balances: tuple[int, int], depth: int, positions: tuple[Position, ...],
    quote_is_token0: bool,
) -> tuple[Observation, Observation]:  # fmt: skip
    past = history(tick=tick)
    one = observation(tick=tick, decimals=decimals, balances=balances, pool_liquidity=depth, positions=positions,
                      quote_is_token0=quote_is_token0, past=past, base_fee_wei=1)  # fmt: skip
    other = observation(
        tick=-tick, decimals=decimals[::-1], balances=balances[::-1], pool_liquidity=depth,
        positions=tuple(mirrored_position(each) for each in positions), quote_is_token0=not quote_is_token0,
        past=mirrored_history(past), base_fee_wei=1,
    )  # fmt: skip
    return one, other


def amounts(step: Step) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """What a step moves and what it must at least receive, each as (token0, token1)."""
    match step:
        case Swap():
            given, got, least = step.amount_in, step.expected_out, step.amount_out_min
            return ([(given, got)], [(0, least)]) if step.zero_for_one else ([(got, given)], [(least, 0)])
        case Mint():
            offered = [(each.amount_0_desired, each.amount_1_desired) for each in step.ranges]
            return offered, [(each.amount_0_min, each.amount_1_min) for each in step.ranges]
        case Exit():
            return [], [(each.amount_0_min, each.amount_1_min) for each in step.withdrawals]
        case _:
            raise AssertionError(step)


def near(mine: int, theirs: int, price_of_mine: float, within: float = WITHIN[0]) -> bool:
    """``price_of_mine``: raw units of the other token for one of this."""
    assert type(mine) is int and type(theirs) is int
    coarse = 1 + 1 / price_of_mine  # a unit of the other token, in this one
    return abs(mine - theirs) <= 6 * coarse + max(mine, theirs) * within


def assert_mirrored(one: Decision, other: Decision, tick: int) -> None:
    assert one.verdict.action == other.verdict.action
    assert [each.code for each in one.verdict.objections] == [each.code for each in other.verdict.objections]
    price = 1.0001**tick
    acts = [[each for each in plan.steps if not isinstance(each, Approve)] for plan in (one.plan, other.plan)]
    assert [each.kind for each in acts[0]] == [each.kind for each in acts[1]]
    allowed = [
        {(each.token, each.spender): each.amount for each in plan.steps if isinstance(each, Approve)}
        for plan in (one.plan, other.plan)
    ]
    assert allowed[0].keys() == {(OTHER[token], spender) for token, spender in allowed[1]}
    for (token, spender), amount in allowed[0].items():
        assert near(amount, allowed[1][OTHER[token], spender], price if token == ADDRESS_0 else 1 / price)
    for mine, theirs in zip(*acts, strict=True):
        if isinstance(mine, Swap) and isinstance(theirs, Swap):
            assert mine.zero_for_one is not theirs.zero_for_one
            product = mine.sqrt_price_limit_x96 * theirs.sqrt_price_limit_x96
            assert abs(math.log(product / Q192)) < 1.1e-4, "one tick: the limit counts from the mean tick"
        if isinstance(mine, Mint) and isinstance(theirs, Mint):
            assert [(r.lower_tick, r.upper_tick, r.share_ppm) for r in mine.ranges] == [
                (-r.upper_tick, -r.lower_tick, r.share_ppm) for r in theirs.ranges
            ]
        # Minimums come from a band around the mean *tick*, which stands for all prices up to the next: one tick aside
        # in the mirror, and a range of sixteen hundred ticks pays a few thousandths more or less for it.
        for pairs, within in zip(zip(amounts(mine), amounts(theirs), strict=True), WITHIN, strict=True):
            for (a0, a1), (b0, b1) in zip(*pairs, strict=True):
                assert near(a0, b1, price, within) and near(a1, b0, 1 / price, within), (mine, theirs)


@examples(max_examples=60, deadline=None)
@given(
    decimals=st.tuples(DECIMALS, DECIMALS),
    price=st.floats(1e-3, 1e4),
    worth=st.integers(10**5, 10**8),
    share=st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]),
    moved=st.sampled_from([None, 20, -20]),
    quote_is_token0=st.booleans(),
)
def test_11_both_orders_and_all_decimals_give_mirrored_plans(
    decimals: tuple[int, int], price: float, worth: int, share: float, moved: int | None, quote_is_token0: bool
) -> None:
    """``price``: whole token1 for one whole token0; ``moved``: a position left so many spacings away."""
    raw = price * 10.0 ** (decimals[1] - decimals[0])
    tick = round(math.log(raw) / math.log(1.0001)) // SPACING * SPACING
    # Further out the periphery's own arithmetic is coarse: √a·√b / 2^96 is left with a few digits of token0's side.
    assume(abs(tick) < FAR_TICKS)
    value_1 = round(worth * max(price, 1) * 10 ** decimals[1])  # raw token1, and at least so many whole token0 too
    balances = round(share * value_1 / 1.0001**tick), round((1 - share) * value_1)
    depth = round(1_000 * value_1 / 1.0001 ** (tick / 2)) + 10
    positions: tuple[Position, ...] = ()
    if moved is not None:
        lower = tick + moved * SPACING - 10 * SPACING
        positions = (Position(7, lower, lower + 20 * SPACING, depth // 500 + 1, 3, 5),)
    one, other = worlds(tick, decimals, balances, depth, positions, quote_is_token0)
    limits = {"max_slippage_bps": 100, "max_price_impact_bps": 1_000}
    changes = {"profit": GAME, "range": {"kind": "fixed", "lower_pct": 8, "upper_pct": 8},
               "capital": {"max_quote": 1e30}, "limits": limits}  # fmt: skip
    decisions = []
    for seen, quote, mine in (
        (one, quote_is_token0, positions), (other, not quote_is_token0, tuple(map(mirrored_position, positions))),
    ):  # fmt: skip
        strategy = build_strategy(settings(quote="token0" if quote else "token1", **changes))
        decisions.append(decide(strategy, seen, memory(*(held(each) for each in mine))))
    assert_mirrored(decisions[0], decisions[1], tick)
    if not decisions[0].verdict.objections:
        kinds = [each.kind for each in decisions[0].plan.steps]
        assert kinds[-1] == "mint" and ("exit" in kinds) is (moved is not None)

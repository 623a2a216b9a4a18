"""Profit and loss: exact sums, and the same figures from formulas that the code does not use."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keeper.errors import ConfigError
from keeper.model.ledger import LedgerEntry
from keeper.model.observation import Position
from keeper.policy.valuation import value_in_quote
from keeper.report.accounts import ProfitAndLoss, profit_and_loss
from keeper.report.holdings import holdings, principals, worth
from keeper.report.run import Run
from tests.report.small import BASE, GAS, NATIVE_PER_WEI, QUOTE, entry, observation, run_of
from tests.report.synthetic import Market, month

LIQUIDITY = 10**15
WIDE = Position(1, -20_000, 20_000, LIQUIDITY, 0, 0)
# Rounding of a few amounts to whole raw units.
DUST = 8


def last(run: Run) -> ProfitAndLoss:
    return profit_and_loss(run)[-1]


def assert_sums(pnl: ProfitAndLoss) -> None:
    assert pnl.total == pnl.hodl_change + pnl.fees - pnl.divergence - pnl.swap_cost - pnl.gas
    assert pnl.hedged_alpha == pnl.fees - pnl.lvr - pnl.swap_cost - pnl.gas
    assert pnl.against_hodl == pnl.total - pnl.hodl_change


def test_a_swap_worked_out_by_hand() -> None:
    """Start 1,000 + 1,000 at price 1; 100 quote buy 99 base; the price goes to 4; 10 wei of gas at 1 quote each."""
    swap = [entry("swap", QUOTE, -100), entry("swap", BASE, 99), entry("gas", GAS, -10)]
    run = run_of([observation(0, 1.0, quote=1_000, base=1_000), observation(10, 2.0, quote=900, base=1_099)], swap)
    pnl = last(run)
    assert (pnl.value_start, pnl.value) == (2_000, 900 + 4 * 1_099)
    assert pnl.hodl_change == 1_000 + 4 * 1_000 - 2_000
    assert (pnl.swap_cost, pnl.swap_fee, pnl.swap_impact) == (1, 1, 0)
    assert pnl.gas == 10 * NATIVE_PER_WEI
    assert pnl.gas_native_wei == 10
    assert pnl.fees == 0
    # The 99 base bought with 100 are worth 396 now: 296 better than holding, and one of cost.
    assert pnl.divergence == -297
    assert pnl.total == 3_296 - 10
    assert pnl.hodl_half_change == 1_000 + 4 * 1_000 - 2_000
    assert pnl.hodl_base_change == 4 * 2_000 - 2_000
    assert_sums(pnl)


@pytest.mark.parametrize("quote_is_token0", [False, True])
def test_fees_alone(quote_is_token0: bool) -> None:
    """The price stands still: all there is, is fees; by token and in quote."""
    before = observation(0, 1.0, quote_is_token0=quote_is_token0, positions=(WIDE,))
    earned = replace(WIDE, uncollected_0=700, uncollected_1=300)
    after = observation(10, 1.0, quote_is_token0=quote_is_token0, positions=(earned,))
    pnl = last(run_of([before, after], []))
    assert (pnl.fees_0, pnl.fees_1, pnl.fees) == (700, 300, 1_000)
    assert pnl.fees_in_base_quote == (300 if quote_is_token0 else 700)
    assert (pnl.divergence, pnl.lvr, pnl.swap_cost, pnl.gas, pnl.hodl_change) == (0, 0, 0, 0, 0)
    assert pnl.total == pnl.hedged_alpha == 1_000


@pytest.mark.parametrize("quote_is_token0", [False, True])
@pytest.mark.parametrize("root", [1.05, 0.9])
def test_divergence_alone(quote_is_token0: bool, root: float) -> None:
    """In range, holding less the position is L·(√P₁ − √P₀)²/√P₀, P in the quote; over one interval LVR is the same."""
    before = observation(0, 1.0, quote_is_token0=quote_is_token0, positions=(WIDE,))
    after = observation(10, root, quote_is_token0=quote_is_token0, positions=(WIDE,))
    pnl = last(run_of([before, after], []))
    expected = LIQUIDITY * (root - 1) ** 2
    assert pnl.divergence == pytest.approx(expected, rel=1e-9)
    assert pnl.lvr == pytest.approx(expected, rel=1e-9)
    assert pnl.total == pnl.hodl_change - pnl.divergence
    assert_sums(pnl)


def test_lvr_counts_every_leg_of_a_price_that_comes_back() -> None:
    roots = [1.0, 1.05, 1.0]
    pnl = last(run_of([observation(10 * i, r, positions=(WIDE,)) for i, r in enumerate(roots)], []))
    assert abs(pnl.divergence) <= DUST
    assert pnl.lvr == pytest.approx(LIQUIDITY * (0.05**2 + 0.05**2 / 1.05), rel=1e-9)


@pytest.mark.parametrize(("at", "counts"), [(1, True), (9, False)])
def test_a_mint_counts_for_its_interval_when_it_came_early_in_it(at: int, counts: bool) -> None:
    mint = [entry("mint", QUOTE, -1, block=at), entry("mint", BASE, -1, block=at)]
    pnl = last(run_of([observation(0, 1.0), observation(10, 1.05, positions=(WIDE,))], mint))
    assert (pnl.lvr > 0) is counts
    assert pnl.seconds_in_range == (120 if counts else 0)


def test_out_of_range_is_time_in_a_position_and_not_in_range() -> None:
    narrow = Position(1, 1_000, 2_000, LIQUIDITY, 0, 0)
    seen = [observation(0, 1.0), observation(10, 1.0, positions=(narrow,)), observation(30, 1.0, positions=(narrow,))]
    pnl = last(run_of(seen, []))
    assert (pnl.seconds_in_position, pnl.seconds_in_range) == (20 * 12, 0)
    assert pnl.in_range_share == 0


def test_a_deposit_on_the_way_is_not_profit() -> None:
    seen = [observation(0, 1.0, quote=1_000), observation(10, 1.0, quote=1_500), observation(20, 2.0, quote=1_500)]
    pnl = last(run_of(seen, [entry("deposit", QUOTE, 500, block=5)]))
    assert (pnl.net_deposits, pnl.total, pnl.hodl_change, pnl.divergence) == (500, 0, 0, 0)
    assert pnl.hodl_base_change == 4 * 1_500 - 1_500


def test_what_the_first_observation_holds_already_is_not_counted_again() -> None:
    seen = [observation(5, 1.0, quote=1_000), observation(10, 1.0, quote=1_000)]
    before = [entry("deposit", QUOTE, 1_000, block=5), entry("gas", GAS, -7, block=4)]
    pnl = last(run_of(seen, before))
    assert (pnl.total, pnl.gas) == (0, 0)


@pytest.mark.parametrize("quote_is_token0", [False, True])
def test_fees_owed_before_the_start_are_not_earned_in_the_run(quote_is_token0: bool) -> None:
    owed = replace(WIDE, uncollected_0=50, uncollected_1=60)
    more = replace(WIDE, uncollected_0=55, uncollected_1=67)
    seen = [
        observation(10 * i, 1.0, quote_is_token0=quote_is_token0, positions=(p,)) for i, p in enumerate((owed, more))
    ]
    pnl = last(run_of(seen, []))
    assert (pnl.fees_0, pnl.fees_1, pnl.total) == (5, 7, 12)


@pytest.mark.parametrize("quote_is_token0", [False, True])
def test_other_ways_to_hold_buy_at_the_price_of_the_start(quote_is_token0: bool) -> None:
    """1,000 at price 4: half is 500 and 125 base, all is 250 base; the price falls to 1."""
    seen = [observation(10 * i, r, quote=1_000, quote_is_token0=quote_is_token0) for i, r in enumerate((2.0, 1.0))]
    pnl = last(run_of(seen, []))
    assert (pnl.hodl_change, pnl.hodl_half_change, pnl.hodl_base_change) == (0, 625 - 1_000, 250 - 1_000)


def test_nothing_to_report_is_said() -> None:
    with pytest.raises(ConfigError, match="no decision yet"):
        Run("x", (), ())


@pytest.mark.parametrize("quote_is_token0", [False, True])
def test_a_month_of_rebalances(quote_is_token0: bool) -> None:
    run = month(quote_is_token0=quote_is_token0)
    series = profit_and_loss(run)
    assert len(series) == len(run.observations)
    for each in series:
        assert_sums(each)
    end = series[-1]
    exits = [d for d in run.decisions if d.verdict.action == "rebalance" and d.plan.steps and d.memory.held]
    assert end.rebalances == sum(d.plan.steps[0].kind == "exit" for d in exits) >= 5
    assert end.gas_native_wei == -sum(e.amount for e in run.entries if e.kind == "gas")
    assert end.lvr > 0
    assert end.swap_fee < end.swap_cost
    assert_measured(run, end)


@given(
    moves=st.lists(st.floats(0.93, 1.07), min_size=2, max_size=14),
    acts=st.lists(st.sampled_from(["enter", "leave", "none", "swap"]), min_size=14, max_size=14),
    quote_is_token0=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_identity_is_exact_and_its_residual_is_divergence(
    moves: list[float], acts: list[str], quote_is_token0: bool
) -> None:
    market = Market(quote_is_token0=quote_is_token0)
    market.decide("hold", None, "start", "start")
    for move, act in zip(moves, acts, strict=False):
        if act == "enter" and not market.positions:
            market.enter()
        elif act == "leave" and market.positions:
            market.leave()
        elif act == "swap":
            market.swap_to_half("rebalance")
        market.move(market.price * move, 3_600, 3.0)
        market.decide("hold", None, "waiting", "inside_trigger")
    run = market.run()
    for each in profit_and_loss(run):
        assert_sums(each)
    assert_measured(run, last(run))


def assert_measured(run: Run, pnl: ProfitAndLoss) -> None:
    """Divergence from the ledger's conversion and swaps, valued at the end: what the residual must be."""
    start, end = run.observations[0], run.observations[-1]
    token0 = end.pool.token0.address.lower()

    def moved(kinds: tuple[str, ...], is_token0: bool) -> int:
        return sum(e.amount for e in run.entries if e.kind in kinds and (e.token.lower() == token0) is is_token0)

    inside = principals(end, end.positions)
    gained = [
        inside[side] - principals(start, start.positions)[side] + moved(("mint", "decrease", "swap"), side == 0)
        for side in (0, 1)
    ]
    at_end = sum(
        (1 if amount >= 0 else -1) * value_in_quote(*pair, end.pool.sqrt_price_x96, end.quote_is_token0)
        for amount, pair in ((gained[0], (abs(gained[0]), 0)), (gained[1], (0, abs(gained[1]))))
    )
    assert pnl.divergence == pytest.approx(-at_end - pnl.swap_cost, abs=DUST)
    assert pnl.value == worth(end)
    assert pnl.fees_0 == moved(("collect",), True) + sum(p.uncollected_0 for p in end.positions)
    assert sum(holdings(end)) > 0


def test_an_entry_of_a_strange_token_changes_nothing() -> None:
    seen = [observation(0, 1.0, quote=1_000), observation(10, 1.0, quote=1_000)]
    strange = LedgerEntry("deposit", "0x" + "99" * 20, 10**30, None, "0x1", 0, 5, 60)
    assert last(run_of(seen, [strange])).total == 0

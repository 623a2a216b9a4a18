"""The renewal rate of any set of ranges: against finite differences, closed forms, and a search over thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from keeper.model.decision import Ladder, TargetRange
from keeper.model.observation import Observation, Position
from keeper.policy import book, book_kernel, book_search
from keeper.policy.book import Book, Terms
from keeper.policy.ladder import LOG_TICK
from keeper.policy.rebalance import plan_change
from tests.policy.test_renewal import VECTORS
from tests.policy.world import observation, settings

SIGMA = 0.7
NEUTRAL = Terms(SIGMA, 0.0, 0.3, 0.5, 0.0, 0.0005, 0.003, 0.0, 1e6)
NO_DRIFT = replace(NEUTRAL, drift_annual=SIGMA**2 / 2)  # m = 0


def one_range(a: float, b: float) -> Book:
    return Book(((-a, b, 1 / (2 - math.exp(-a / 2) - math.exp(-b / 2))),), 0.0, 0.0)


def expected_integral(rate: Callable[[float], float], down: float, up: float, terms: Terms, x: float = 0.0) -> float:
    """E∫rate(y)dt of the killed walk from x: ½σ²u″ + mu′ = −rate, u = 0 at the triggers, by finite differences."""
    count = 12_000
    grid = np.linspace(-down, up, count + 1)
    step, m = (up + down) / count, terms.drift_annual - terms.sigma_annual**2 / 2
    half = terms.sigma_annual**2 / 2 / step**2
    upper, lower, middle = half + m / (2 * step), half - m / (2 * step), -2 * half
    right = np.array([-rate(y) for y in grid[1:-1]])
    across, done = np.empty(count - 1), np.empty(count - 1)
    across[0], done[0] = upper / middle, right[0] / middle
    for i in range(1, count - 1):
        pivot = middle - lower * across[i - 1]
        across[i], done[i] = upper / pivot, (right[i] - lower * done[i - 1]) / pivot
    for i in range(count - 3, -1, -1):
        done[i] -= across[i] * done[i + 1]
    return float(np.interp(x, grid[1:-1], done))


@pytest.mark.parametrize("drift", [-1.5, -0.2, 0.0, SIGMA**2 / 2, 2.0])
@pytest.mark.parametrize(("down", "up"), [(0.1, 0.1), (0.05, 0.4), (0.7, 0.2)])
def test_every_integral_is_that_of_the_killed_walk(drift: float, down: float, up: float) -> None:
    terms = replace(NEUTRAL, drift_annual=drift, risk_aversion=1.0, target_weight=0.3)
    held = Book(((-0.08, 0.15, 6.0), (0.05, 0.3, 2.0)), 0.1, 0.2)
    arrays = book._arrays(held, terms)
    found = book_kernel.integrals(down, up, *arrays)
    for index, each in enumerate(found[:3]):
        wanted = expected_integral(lambda y, i=index: book_kernel.rates(y, *arrays)[i], down, up, terms)  # type: ignore[misc]
        assert each == pytest.approx(wanted, rel=2e-3, abs=1e-6)
    assert found[4] == pytest.approx(expected_integral(lambda _: 1.0, down, up, terms), rel=1e-4)


@pytest.mark.parametrize("drift", [-1.0, 0.0, SIGMA**2 / 2, 1.0])
def test_the_chance_of_the_upper_trigger_is_that_of_the_scale_function(drift: float) -> None:
    theta = 2 * (drift - SIGMA**2 / 2) / SIGMA**2
    found = book_kernel.probability_up(0.2, 0.3, theta)
    wanted = (
        0.4 if abs(theta) < 1e-12 else (1 - math.exp(theta * 0.2)) / (math.exp(-theta * 0.3) - math.exp(theta * 0.2))
    )
    assert found == pytest.approx(wanted, rel=1e-9)
    assert 0.0 <= book_kernel.probability_up(8.0, 8.0, 1e4 * theta) <= 1.0  # no overflow


@pytest.mark.parametrize(("a", "t"), [(0.03, 0.03), (0.03, 0.06), (0.1, 0.15)])
def test_closed_forms_without_drift(a: float, t: float) -> None:
    """E[τ] = t²/σ² and T_in = (2at − a²)/σ² exactly, g = N(2t − a)/t² − cσ²/t² to first order in a."""
    found = book.gain(one_range(a, a), NO_DRIFT, t, t)
    assert found.cycle_days / 365 == pytest.approx(t * t / SIGMA**2, rel=1e-9)
    assert found.in_range_share == pytest.approx((2 * a * t - a * a) / t**2, rel=1e-9)
    cost = NO_DRIFT.gas_fraction + NO_DRIFT.swap_cost / 2
    net = NO_DRIFT.phi_annual - SIGMA**2 / 4
    wanted = net * (2 * t - a) / t**2 - cost * SIGMA**2 / t**2
    # mu = sigma^2/2 leans on the mix: that part is no part of the closed form.
    assert found.g_per_year - found.lean_per_year == pytest.approx(wanted, rel=0.03)


def test_terms_of_the_gain_add_up() -> None:
    found = book.gain(one_range(0.1, 0.1), replace(NEUTRAL, risk_aversion=1.0), 0.1, 0.12)
    parts = found.fee_per_year - found.lvr_per_year + found.lean_per_year - found.cost_per_year
    assert found.g_per_year == pytest.approx(parts, rel=1e-12)
    assert found.lean_per_year < 0 < found.cost_per_year
    assert found.lvr_per_year == pytest.approx(found.fee_per_year * SIGMA**2 / 4 / 0.3, rel=1e-4)


def test_own_depth_dilutes_the_fees_once_in_all_overlapping_ranges() -> None:
    small = replace(NEUTRAL, others=3.0)
    whole = Book(((-0.1, 0.1, 9.0),), 0.0, 0.0)
    halves = Book(((-0.1, 0.1, 4.5), (-0.1, 0.1, 4.5)), 0.0, 0.0)
    one, two = (book.gain(each, small, 0.1, 0.1) for each in (whole, halves))
    assert one.fee_per_year == pytest.approx(two.fee_per_year, rel=1e-12)
    alone = book.gain(whole, replace(NEUTRAL, others=1e9), 0.1, 0.1)
    assert one.fee_per_year == pytest.approx(alone.fee_per_year * 3.0 / (3.0 + 9.0), rel=1e-6)
    apart = Book(((-0.1, 0.0, 9.0), (0.0, 0.1, 9.0)), 0.0, 0.0)
    assert book.gain(apart, small, 0.1, 0.1).fee_per_year == pytest.approx(one.fee_per_year, rel=1e-9)


def test_a_range_beside_the_price_earns_only_once_the_price_gets_there() -> None:
    beside = Book(((0.05, 0.1, 20.0),), 0.0, 0.0)
    found = book.gain(beside, NO_DRIFT, 0.1, 0.1)
    assert found.in_range_share == pytest.approx(0.05**2 / 2 / 0.1**2, rel=1e-9)
    assert book.gain(Book(((0.2, 0.3, 20.0),), 0.0, 0.0), NO_DRIFT, 0.1, 0.1).fee_per_year == 0.0


@pytest.mark.parametrize("x", [-0.3, 0.0, 0.05, 0.12])
def test_waiting_is_the_best_of_all_thresholds(x: float) -> None:
    """Against a dense grid, with the integral by finite differences at the best point."""
    held = Book(((-0.1 - x, 0.1 - x, 10.0),), 0.0, 0.0)
    target_g, target_weight = 0.4, 0.5
    found = book.waiting(held, NEUTRAL, target_g, target_weight)
    arrays = book._arrays(held, NEUTRAL)
    grid = np.geomspace(1e-4, 4.0, 60)
    best = max(book_search.waiting(d, u, *arrays, target_g, target_weight) for d in grid for u in grid)
    assert found.value >= best - 2e-5
    down, up = found.threshold_down_log, found.threshold_up_log
    held_back = expected_integral(lambda y: _rate(y, arrays) - target_g, down, up, NEUTRAL)
    p_up = book_kernel.probability_up(down, up, -1.0)
    costs = [
        NEUTRAL.gas_fraction + NEUTRAL.swap_cost * abs(book_kernel.base_weight(y, *arrays) - target_weight)
        for y in (-down, up)
    ]
    assert found.value == pytest.approx(held_back - (1 - p_up) * costs[0] - p_up * costs[1], rel=2e-3, abs=2e-6)
    here = NEUTRAL.gas_fraction + NEUTRAL.swap_cost * abs(book_kernel.base_weight(0.0, *arrays) - target_weight)
    assert found.moving_value == pytest.approx(-here)


def _rate(y: float, arrays: tuple[Any, ...]) -> float:
    fee, loss, lean, _, _ = book_kernel.rates(y, *arrays)
    return fee - loss + lean


def test_waiting_pays_in_the_middle_and_not_far_outside() -> None:
    def patience(x: float, target_g: float) -> book.Waiting:
        return book.waiting(Book(((-0.1 - x, 0.1 - x, 10.0),), 0.0, 0.0), NEUTRAL, target_g, 0.5)

    gains = book.gain(one_range(0.1, 0.1), NEUTRAL, 0.13, 0.13).g_per_year
    middle, far = patience(0.0, gains), patience(0.6, gains)
    assert middle.value > middle.moving_value
    assert far.value <= far.moving_value
    # Nothing to gain elsewhere: then waiting costs nothing.
    idle = patience(0.6, 0.0)
    assert idle.value > idle.moving_value


@pytest.mark.parametrize("quote_is_token0", [True, False])
def test_a_plan_and_a_position_of_the_same_ticks_are_the_same_book(quote_is_token0: bool) -> None:
    obs = observation(tick=30, quote_is_token0=quote_is_token0, decimals=(18, 18), pool_liquidity=10**24,
                      balances=(10**20, 10**20), base_fee_wei=0)  # fmt: skip
    target = Ladder("fixed", (TargetRange(-600, 900, 1_000_000),), -1_200, 600, "")
    plan = plan_change(obs, target, (), settings(), leftover_bps=10).plan
    planned = book.book_of_plan(obs, plan)
    low, high, depth = planned.ranges[0]
    at = 2 * math.log(obs.pool.sqrt_price_x96 / 2**96)
    ends = sorted((sign * (tick * LOG_TICK - at)) for sign in [-1 if quote_is_token0 else 1] for tick in (-600, 900))
    assert (low, high) == pytest.approx(tuple(ends), abs=1e-12)
    liquidity = plan_liquidity(obs, depth, plan.value_quote, quote_is_token0)
    held = book.book_of_positions(obs, [Position(1, -600, 900, liquidity, 0, 0)], plan.value_quote)
    assert held.ranges[0] == pytest.approx(planned.ranges[0], rel=1e-9)
    down, up = book.trigger_logs(obs, target)
    assert (down, up) == pytest.approx((570 * LOG_TICK, 1_230 * LOG_TICK) if quote_is_token0
                                       else (1_230 * LOG_TICK, 570 * LOG_TICK))  # fmt: skip


def plan_liquidity(obs: Observation, depth: float, value: int, quote_is_token0: bool) -> int:
    root = obs.pool.sqrt_price_x96 / 2**96
    return round(depth * value * (root if quote_is_token0 else 1 / root))


def test_an_endless_range_has_a_rate() -> None:
    obs = observation(tick=0, decimals=(18, 18), balances=(10**18, 10**18))
    full = Ladder("full", (TargetRange(-887_220, 887_220, 1_000_000),), -887_220, 887_220, "")
    plan = plan_change(obs, full, (), settings(), leftover_bps=10).plan
    found = book.gain(book.book_of_plan(obs, plan), NEUTRAL, *book.trigger_logs(obs, full))
    net = NEUTRAL.phi_annual - SIGMA**2 / 4
    assert math.isfinite(found.g_per_year) and found.cost_per_year < 1e-4
    assert found.fee_per_year - found.lvr_per_year == pytest.approx(
        found.fee_per_year * net / NEUTRAL.phi_annual, rel=1e-3
    )


def test_what_a_plan_leaves_idle_is_counted_half_and_half() -> None:
    obs = observation(tick=0, decimals=(18, 18), balances=(10**18, 10**18))
    target = Ladder("fixed", (TargetRange(-600, 600, 1_000_000),), -600, 600, "")
    plan = plan_change(obs, target, (), settings(), leftover_bps=10).plan
    left = replace(plan, leftover_quote=plan.value_quote // 5)
    assert book.book_of_plan(obs, left).idle_base == pytest.approx(0.1)
    assert book.book_of_plan(obs, left).idle_quote == pytest.approx(0.1)


@pytest.mark.parametrize("case", VECTORS["objective"], ids=range(len(VECTORS["objective"])))
def test_one_range_around_the_price_is_the_renewal_objective(case: dict[str, dict[str, float]]) -> None:
    given, wanted = case["inputs"], case["outputs"]
    terms = Terms(given["sigma"], given["mu"], given["phi"], given["w_star"], given["risk_aversion"], given["gas"],
                  given["swap_cost"], given["delay"], 1 / given["q"])  # fmt: skip
    found = book.gain(one_range(given["a"], given["b"]), terms, given["trigger_lower"], given["trigger_upper"])
    assert found.g_per_year == pytest.approx(wanted["g_per_year"], rel=1e-6)
    assert found.probability_up == pytest.approx(wanted["p_up"], rel=1e-6)
    assert found.cycle_days / 365 - given["delay"] == pytest.approx(wanted["E_tau_years"], rel=1e-6)
    assert found.in_range_share == pytest.approx(wanted["T_in_years"] / wanted["E_tau_years"], rel=1e-6)

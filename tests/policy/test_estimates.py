"""Fee intensity, volatility and cost: the figures that a verdict rests on."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from keeper.model.observation import History, Sample
from keeper.model.plan import Approve
from keeper.policy.activity import HALF_LIFE_SECONDS, SECONDS_PER_YEAR, _newey_west, fee_intensity
from keeper.policy.cost import APPROVE_GAS, SWAP_GAS, cost_of, swap_gas_quote
from keeper.policy.forecasters import ewma
from keeper.policy.ranges import sigma
from keeper.policy.ratio import Fit
from tests.policy.world import HOUR, NOW, history, observation, scene

Q96, Q128 = 2**96, 2**128


def paid(*points: tuple[int, int, int, int]) -> History:
    """(seconds ago, sqrt price, growth0, growth1), oldest first."""
    return History("x", HOUR, tuple(Sample(NOW - ago, root, zero, one) for ago, root, zero, one in points))


def test_fee_intensity_is_fee_growth_over_the_root_price() -> None:
    """F/(L·√S) = g0·√P + g1/√P per year, at a price of 4."""
    seen = fee_intensity(paid((2 * HOUR, 2 * Q96, 0, 0), (HOUR, 2 * Q96, Q128, 0), (0, 2 * Q96, Q128, 4 * Q128)))
    assert seen is not None and seen.hours == 2
    per_hour = SECONDS_PER_YEAR / HOUR
    older = 0.5 ** (HOUR / HALF_LIFE_SECONDS)
    assert seen.phi_annual == pytest.approx(
        (2 * older + 2) / (older + 1) * per_hour
    )  # 1·2 in one hour, 4/2 in the other


def test_fee_growth_may_pass_the_end_of_its_256_bits() -> None:
    wrapped = paid(
        (2 * HOUR, Q96, 2**256 - 5, 2**256 - 7), (HOUR, Q96, Q128 - 5, Q128 - 7), (0, Q96, 2 * Q128, 2 * Q128)
    )
    seen = fee_intensity(wrapped)
    assert seen is not None and seen.phi_annual == pytest.approx(2 * SECONDS_PER_YEAR / HOUR, rel=1e-9)


def test_a_long_gap_weighs_by_its_length() -> None:
    seen = fee_intensity(paid((11 * HOUR, Q96, 0, 0), (HOUR, Q96, 10 * Q128, 0), (0, Q96, 100 * Q128, 0)))
    older = 10 * 0.5 ** (HOUR / HALF_LIFE_SECONDS)
    assert seen is not None
    assert seen.phi_annual == pytest.approx((older * 1 + 90) / (older + 1) * SECONDS_PER_YEAR / HOUR, rel=1e-9)


def test_newey_west_counts_neighbours_with_falling_weights() -> None:
    terms = [1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0, 1.0]  # eight terms: lags one and two
    one = sum(a * b for a, b in pairwise(terms))
    two = sum(a * b for a, b in zip(terms, terms[2:], strict=False))
    assert _newey_west(terms) == pytest.approx(8 + 2 * (2 / 3 * one + 1 / 3 * two))
    assert _newey_west([1.0, -1.0] * 4) >= 0.0


def test_forecast_needs_its_samples_and_weighs_the_newest_most() -> None:
    rule = ewma.build(ewma.Settings(min_samples=24))
    assert rule.forecast(history(hours=24), (), NOW).sigma_annual == pytest.approx(0.6)  # 25 samples, 24 returns
    assert rule.forecast(history(hours=23), (), NOW).sigma_annual is None
    assert rule.forecast(history(), (), NOW + 3 * HOUR).sigma_annual is not None
    assert rule.forecast(history(), (), NOW + 3 * HOUR + 1).sigma_annual is None
    calm = tuple(replace(s, sqrt_price_x96=Q96) if s.timestamp > NOW - 36 * HOUR else s for s in history().samples)
    wild = tuple(replace(s, sqrt_price_x96=Q96) if s.timestamp < NOW - 36 * HOUR else s for s in history().samples)
    quiet, loud = (rule.forecast(History("x", HOUR, each), (), NOW).sigma_annual for each in (calm, wild))
    assert quiet is not None and loud is not None and quiet < 0.41 < 0.43 < loud


@pytest.mark.parametrize(
    ("volatility", "half_width", "words"),
    [
        (0.6, 2 * 0.6 * math.sqrt(3 / 365), ""),
        (0.05, math.log(1.03), "your floor"),
        (9.0, math.log(1.8), "your ceiling"),
    ],
)  # fmt: skip
def test_sigma_stays_between_its_bounds(volatility: float, half_width: float, words: str) -> None:
    chosen = sigma.build(sigma.Settings()).choose(scene(observation(tick=0, spacing=1), volatility))
    assert chosen is not None and words in chosen.reason
    assert chosen.ranges[0].upper_tick == pytest.approx(half_width / math.log(1.0001), abs=1)
    assert chosen.ranges[0].lower_tick == -chosen.ranges[0].upper_tick


def test_costs_round_up_and_count_the_tip() -> None:
    obs = observation(tick=0, decimals=(18, 18), base_fee_wei=10**9)
    obs = replace(obs, gas=replace(obs.gas, priority_fee_wei=1))
    assert swap_gas_quote(obs) == (APPROVE_GAS + SWAP_GAS) * (10**9 + 1)
    # 1,001 units at 0.3 % are 3.003: a fee of 4; the rest of what is missing is impact.
    cost = cost_of(obs, [], Fit(True, 1_001, 990, 0, 0, Q96))
    assert (cost.gas_quote, cost.swap_fee_quote, cost.price_impact_quote, cost.swapped_quote) == (0, 4, 7, 1_001)
    dear = observation(tick=0, decimals=(18, 6), quote_is_token0=False, base_fee_wei=10**9)
    dear = replace(
        dear, gas=replace(dear.gas, native_price=replace(dear.gas.native_price, numerator=1, denominator=10**13))
    )
    assert swap_gas_quote(dear) == -(-(APPROVE_GAS + SWAP_GAS) * 1_100_000_000 // 10**13)
    step = Approve("0x" + "11" * 20, "router", 1)
    assert cost_of(dear, [step], None).gas_quote == -(-APPROVE_GAS * 1_100_000_000 // 10**13) == 7

"""Intervals that hold what they claim to, on series whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from keeper.backtest.bootstrap import (
    Interval,
    Scheme,
    differences,
    interval_of_sum,
    intervals,
    resampled_days,
)
from keeper.backtest.metrics import Daily

FEW = Scheme(draws=300)


def days(values: NDArray[np.float64]) -> Daily:
    return Daily(tuple(values.tolist()), tuple((values / 2).tolist()))


def autoregressive(random: np.random.Generator, count: int, coefficient: float) -> NDArray[np.float64]:
    noise, found = random.normal(size=count + 50), np.zeros(count + 50)
    for day in range(1, count + 50):
        found[day] = coefficient * found[day - 1] + noise[day]
    return found[50:]


def coverage(coefficient: float, scheme: Scheme, trials: int = 200, count: int = 150) -> float:
    """How often the interval of the sum holds the true one, nought."""
    random = np.random.default_rng(4)
    found = [interval_of_sum(autoregressive(random, count, coefficient), scheme) for _ in range(trials)]
    return sum(not each.excludes_zero for each in found) / trials


def test_it_holds_nine_of_ten_where_days_are_independent() -> None:
    assert 0.85 <= coverage(0.0, FEW) <= 0.95
    assert 0.88 <= coverage(0.0, FEW, count=35) <= 0.97


def test_blocks_keep_what_single_days_would_lose() -> None:
    """Days that hang together (0.5 a day): blocks of ten hold the truth far more often than days drawn one by one."""
    blocks, single = coverage(0.5, Scheme(300, block_days=10)), coverage(0.5, Scheme(300, block_days=1))
    assert blocks >= 0.82 and single <= 0.75


def test_blocks_are_of_consecutive_days_and_as_long_as_asked() -> None:
    places = resampled_days(100, Scheme(draws=400, block_days=8))
    assert places.shape == (400, 100) and places.min() == 0 and places.max() == 99
    follows = (places[:, 1:] == (places[:, :-1] + 1) % 100).mean()
    assert follows == pytest.approx(1 - 1 / 8 + 1 / 800, abs=0.005)
    counts = np.bincount(places.ravel(), minlength=100) / 400
    assert counts.min() > 0.7 and counts.max() < 1.3, "every day is drawn about as often as another"


def test_the_same_arguments_draw_the_same_days() -> None:
    assert (resampled_days(35, Scheme()) == resampled_days(35, Scheme())).all()
    assert (resampled_days(35, Scheme()) != resampled_days(35, Scheme(seed=8))).any()
    assert Scheme().mean_block_days(35) == 7 and Scheme(block_days=50).mean_block_days(35) == 35


def test_figures_are_those_of_the_metrics() -> None:
    """Each day the same: every draw is the period itself."""
    even = Daily((0.001,) * 40, (-0.0002,) * 40)
    found = intervals(even, FEW)
    assert found is not None and found.sharpe is None
    assert found.total_apr_pct.lower == pytest.approx(100 * np.expm1(0.04) * 365.25 / 40)
    assert found.alpha_apr_pct.upper == pytest.approx(-0.8 * 365.25 / 40)


def test_a_difference_forgets_what_both_went_through() -> None:
    """Two methods in one wild market, one a hundredth of a per cent a day ahead: alone they overlap by far, paired they
    are told apart."""
    market = np.random.default_rng(1).normal(scale=0.04, size=60)
    ahead, behind = days(market + 0.0001), days(market)
    alone = intervals(ahead, FEW), intervals(behind, FEW)
    assert alone[0] and alone[1] and alone[0].total_apr_pct.overlaps(alone[1].total_apr_pct)
    paired = differences(ahead, behind, FEW)
    assert paired is not None and paired.total_apr_pct.lower > 0 and paired.sharpe and paired.sharpe.lower > 0
    nothing = differences(ahead, ahead, FEW)
    assert nothing is not None and nothing.total_apr_pct == Interval(0.0, 0.0)


def test_too_few_days_and_other_days() -> None:
    assert intervals(days(np.ones(13)), FEW) is None and differences(days(np.ones(13)), days(np.ones(13)), FEW) is None
    with pytest.raises(ValueError, match="cannot be paired"):
        differences(days(np.ones(20)), days(np.ones(21)), FEW)

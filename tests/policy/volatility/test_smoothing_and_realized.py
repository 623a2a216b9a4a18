"""Exponential means and realized variance, against pandas and by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from keeper.policy.volatility.past import Past, fit_window, usable_past
from keeper.policy.volatility.realized import daily_variances, following_means, trailing_means
from keeper.policy.volatility.smoothing import decayed_variance
from tests.policy.forecasters.walks import DAY, HOUR, NOW, from_logs, walk


def test_decayed_variance_is_the_exponential_mean_of_pandas() -> None:
    daily = np.random.default_rng(3).gamma(2, size=40)
    found, effective = decayed_variance(range(39, -1, -1), [1.0] * 40, daily.tolist(), 3.0)
    assert found == pytest.approx(pd.Series(daily).ewm(halflife=3).mean().iloc[-1])
    # Weights 1, ½: (1.5)²/1.25.
    assert decayed_variance([0, 3], [1, 1], [1, 1], 3)[1] == pytest.approx(1.8)
    assert 1 < effective < 40


def _past(history: object, now: int = NOW) -> Past:
    past = usable_past(history, now, 1)  # type: ignore[arg-type]
    assert isinstance(past, Past), past
    return past


def test_a_day_is_the_sum_of_its_squared_returns() -> None:
    """NOW is 07:00: 31 hours back is midnight, so one whole day lies in the 40 hours, the 24 returns up to 00:00."""
    chance = np.random.default_rng(5).normal(size=40) * 0.01
    past = _past(from_logs([0.0, *np.cumsum(chance).tolist()]))
    first, daily = daily_variances(past)
    assert first == (NOW - 31 * HOUR) // DAY and len(daily) == 1
    assert daily[0] == pytest.approx(float(np.sum(chance[9:33] ** 2)), rel=1e-9)


def test_a_day_with_a_long_hole_is_not_known_and_a_short_one_is_scaled() -> None:
    logs = np.cumsum(np.random.default_rng(6).normal(size=80) * 0.01).tolist()
    whole = from_logs(logs)
    start = (NOW - 2 * DAY) // DAY * DAY + DAY  # the newest whole day
    for missing, known in ((8, False), (5, True)):
        kept = tuple(s for s in whole.samples if not start + HOUR < s.timestamp < start + (missing + 1) * HOUR)
        _, daily = daily_variances(_past(type(whole)("x", HOUR, kept)))
        assert math.isfinite(daily[-1]) is known
        assert math.isfinite(daily[-2])


def test_means_before_and_after_each_day() -> None:
    daily = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    assert trailing_means(daily, 3).tolist()[2:] == pytest.approx([1.5, 3.0, 4.5])
    assert np.isnan(trailing_means(daily, 3)[:2]).all()
    assert following_means(daily, 2).tolist()[2] == pytest.approx(4.5)
    assert np.isnan(following_means(daily, 2)[[0, 1, 3, 4]]).all()  # half known is not enough; the end is not known
    assert np.isnan(trailing_means(daily, 9)).all()


@pytest.mark.parametrize("refit_hours", [24, 6, 168])
def test_the_window_of_a_fit_stays_while_a_rolling_history_goes_on(refit_hours: int) -> None:
    prices = walk(hours=1_400).samples
    windows = set()
    for end in range(1_200, 1_201 + refit_hours):
        newest = prices[end].timestamp
        rolling = type(walk(hours=2))("x", HOUR, prices[end - 720 : end + 1])
        after, until = fit_window(_past(rolling, newest), refit_hours * HOUR)
        assert prices[end - 720].timestamp <= after < until <= newest < until + refit_hours * HOUR
        windows.add((after, until))
    assert len(windows) == 2  # one boundary is crossed

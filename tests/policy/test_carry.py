"""What providing pays: daily N, its persistence and error, rewards, and when nothing is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from keeper.model.decision import Objection
from keeper.model.observation import History, Sample
from keeper.policy.carry import carry, daily_net, mean_error, persistence, reward_intensity
from keeper.policy.dates import days_since_epoch, end_of_day_timestamp
from keeper.policy.scene import Carry
from keeper.policy.settings import Reward
from tests.policy.world import HOUR, NOW, forecast, history, settings


def known(past: History, sigma: float = 0.6, **changes: object) -> Carry:
    found = carry(past, forecast(sigma), settings(**changes), NOW)
    assert isinstance(found, Carry)
    return found


def test_daily_net_is_the_days_fees_less_its_own_loss_to_arbitrage() -> None:
    days = daily_net(history(sigma_annual=0.6, phi_annual=0.3, hours=72))
    assert days == pytest.approx([0.3 - 0.09] * 3, rel=1e-3)


def test_a_day_with_holes_does_not_count() -> None:
    whole = history(hours=72)
    # Two hours out of the last day are one gap: prices and fees still cover it. Blind hours do not.
    gap = tuple(s for i, s in enumerate(whole.samples) if i not in (60, 61))
    assert len(daily_net(History("x", HOUR, gap))) == 3
    blind = tuple(replace(s, fee_growth_global_0_x128=None) if 55 <= i < 62 else s for i, s in enumerate(whole.samples))
    assert len(daily_net(History("x", HOUR, blind))) == 2
    assert daily_net(History("x", HOUR, ())) == []


def test_persistence_is_the_lag_one_regression() -> None:
    draws = np.random.default_rng(1).normal(size=4_000)
    series = [0.0]
    for each in draws:
        series.append(0.6 * series[-1] + float(each))
    assert persistence(series, float(np.mean(series))) == pytest.approx(0.6, abs=0.03)
    assert persistence([float(d) for d in draws], 0.0) < 0.05
    assert persistence([1.0, -1.0, 1.0, -1.0, 1.0, -1.0], 0.0) == 0.0  # never negative
    assert persistence([0.2, 0.21, 0.19, 0.2, 0.2], 0.0) == pytest.approx(1.0, abs=0.01)
    assert persistence([0.1] * 4, 0.0) == 1.0 == persistence([0.0] * 9, 0.0)


def test_the_error_is_that_of_a_five_day_mean() -> None:
    draws = np.random.default_rng(2).normal(size=3_000) * 0.3
    assert mean_error([float(d) for d in draws]) == pytest.approx(0.3 / math.sqrt(5), rel=0.1)
    series = [0.0]
    for each in draws:
        series.append(0.7 * series[-1] + float(each))
    means = [float(np.mean(series[i : i + 5])) for i in range(0, 3_000, 5)]
    assert mean_error(series) == pytest.approx(float(np.std(means)), rel=0.12)
    assert mean_error([0.1] * 7) is None and mean_error([0.1] * 8) == pytest.approx(0.0, abs=1e-12)


def test_little_history_is_not_pulled_toward_a_mean_that_is_not_known() -> None:
    found = known(history(hours=72), profit={"haircut": 0.5})
    assert (found.net_mean_annual, found.shrinkage, found.days) == (0.0, 1.0, 3)
    assert found.net_used_annual == pytest.approx(0.5 * found.net_now_annual)
    assert found.phi_used_annual == pytest.approx(0.09 + found.net_used_annual)
    assert found.rho == pytest.approx(4 * 0.3 / 0.36, rel=1e-3)


def _noisy(days: int) -> History:
    """Daily fee intensities drawn afresh each day, around 0.3."""
    draws = np.random.default_rng(5).uniform(0.1, 0.5, size=days)
    root, step = 2**96, 0.6 / math.sqrt(365 * 24)
    growth = [0, 0]
    samples = []
    for hour in range(days * 24 + 1):
        if hour:
            each = round(float(draws[(hour - 1) // 24]) / (365 * 24) / 2 * 2**128)
            growth = [growth[0] + each, growth[1] + each]
        at = round(root * math.exp(hour % 2 * step / 2))
        samples.append(Sample(NOW - (days * 24 - hour) * HOUR, at, growth[0], growth[1]))
    return History("x", HOUR, tuple(samples))


def test_with_a_months_past_a_fleeting_day_moves_it_little() -> None:
    found = known(_noisy(40), profit={"haircut": 1.0})
    assert found.days == 40 and found.net_mean_annual == pytest.approx(0.3 - 0.09, abs=0.04)
    assert found.shrinkage < 0.35
    away = found.net_now_annual - found.net_mean_annual
    assert abs(away) > 0.01
    assert found.net_used_annual == pytest.approx(found.net_mean_annual + found.shrinkage * away, rel=1e-12)
    assert found.net_standard_error == pytest.approx(0.4 / math.sqrt(12) / math.sqrt(5), rel=0.5)


def test_rewards_count_until_they_end() -> None:
    today = NOW // 86_400
    end = "2027-01-15"
    assert (days_since_epoch(end) - today) == 0  # NOW lies on that day
    reward = Reward(apr_pct_full_range=4, until="2027-03-01")
    assert reward_intensity([reward], NOW, 3.0) == pytest.approx(2 * 0.04)
    left = (end_of_day_timestamp(end) - NOW) / 86_400
    assert 0 < left < 1
    ending = Reward(apr_pct_full_range=4, until=end)
    assert reward_intensity([ending, reward], NOW, 3.0) == pytest.approx(0.08 + 0.08 * left / 3)
    assert reward_intensity([Reward(apr_pct_full_range=4, until="2027-01-14")], NOW, 3.0) == 0.0
    paid = known(history(), rewards=[{"apr_pct_full_range": 4, "until": "2027-03-01"}])
    bare = known(history())
    assert paid.net_used_annual - bare.net_used_annual == pytest.approx(0.5 * 0.08)
    assert paid.phi_annual == bare.phi_annual


def test_a_day_that_does_not_exist_is_refused() -> None:
    for day in ("2027-02-29", "2026-13-01", "2026-00-10", "2026-04-31"):
        with pytest.raises(ValueError, match="calendar"):
            Reward(apr_pct_full_range=1, until=day)


@given(some.dates())
def test_days_are_those_of_the_calendar(day: object) -> None:
    import datetime

    assert isinstance(day, datetime.date)
    assert days_since_epoch(day.isoformat()) == (day - datetime.date(1970, 1, 1)).days


@pytest.mark.parametrize("sigma", [5.0, 20.0, 0.0, 1e-9])
def test_an_absurd_volatility_is_not_believed(sigma: float) -> None:
    found = carry(history(), forecast(sigma), settings(), NOW)
    assert isinstance(found, Objection) and found.code == "sigma_implausible"


def test_fee_growth_that_ran_backwards_is_not_believed() -> None:
    """A single wrong answer of a node, long ago, wraps around: no pool pays 10³⁸ a year."""
    whole = history()
    less = replace(whole.samples[40], fee_growth_global_0_x128=(whole.samples[39].fee_growth_global_0_x128 or 0) - 1)
    damaged = replace(whole, samples=(*whole.samples[:40], less, *whole.samples[41:]))
    found = carry(damaged, forecast(), settings(), NOW)
    assert isinstance(found, Objection) and found.code == "fees_implausible"


@pytest.mark.parametrize(("days", "is_known"), [(29, False), (30, True)])
def test_a_long_run_begins_with_its_thirtieth_day(days: int, is_known: bool) -> None:
    assert (known(_noisy(days)).net_mean_annual != 0.0) is is_known

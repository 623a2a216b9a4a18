"""What each forecaster says in cases that can be worked out, and of walks whose volatility is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from keeper.model.decision import Forecast
from keeper.model.observation import Bar, History, ImpliedQuote
from keeper.policy.forecasters import ewma, garch, har, implied, range_based, true_range
from keeper.policy.volatility import garch as mathematics
from tests.policy.forecasters.walks import DAY, HOUR, LOG_TICK, NOW, from_logs, quote, walk

HOURS_PER_YEAR = 365 * 24


def figures(found: Forecast) -> dict[str, Any]:
    return {figure.name: figure.value for figure in found.figures}


def test_ewma_by_hand() -> None:
    """Two returns of 1 % and 2 %, the older weighing a half."""
    past = from_logs([0.0, 0.01, 0.03])
    found = ewma.build(ewma.Settings(half_life_hours=1, min_samples=2)).forecast(past, (), NOW)
    assert found.sigma_annual == pytest.approx(math.sqrt((0.02**2 + 0.5 * 0.01**2) / 1.5 * HOURS_PER_YEAR), rel=1e-6)
    assert figures(found)["effective_samples"] == pytest.approx(1.8)
    assert found.standard_error == pytest.approx((found.sigma_annual or 0) / math.sqrt(3.6))


def test_true_range_by_hand() -> None:
    """Alternating up and down by 100 ticks within bars of 200: a mean range of 200 ticks."""
    logs = [100 * LOG_TICK * (i % 2) for i in range(40)]
    bars = [Bar(-50, 150, 1, 1, 4)] * 40
    found = true_range.build(true_range.Settings(period_bars=5)).forecast(from_logs(logs, bars), (), NOW)
    expected = 200 * LOG_TICK / math.sqrt(8 / math.pi) * math.sqrt(HOURS_PER_YEAR)
    assert found.sigma_annual == pytest.approx(expected, rel=1e-9)
    assert figures(found)["average_true_range_pct"] == pytest.approx(20_000 * LOG_TICK)
    assert found.samples == 30


def test_parkinson_of_bars_by_hand() -> None:
    logs = [100 * LOG_TICK * (i % 2) for i in range(40)]
    rule = range_based.build(range_based.Settings(estimator="parkinson", window_bars=30))
    found = rule.forecast(from_logs(logs, [Bar(-50, 150, 1, 1, 4)] * 40), (), NOW)
    expected = 200 * LOG_TICK / math.sqrt(4 * math.log(2)) * math.sqrt(HOURS_PER_YEAR)
    assert found.sigma_annual == pytest.approx(expected, rel=1e-9) and found.samples == 30


def test_bars_of_several_hours_are_whole_ones_of_the_clock() -> None:
    """NOW is 07:00: the newest bar of four hours ended at 04:00; with its swing in 01:00-04:00 it is seen, in
    05:00-07:00 it is not."""
    for hour, seen in ((-5, True), (-1, False)):
        bars = [Bar(-10, 10, 1, 1, 1)] * 101
        bars[hour] = Bar(-1_000, 1_000, 1, 1, 1)
        past = from_logs([0.0] * 50 + [LOG_TICK] * 51, bars)
        rule = range_based.build(range_based.Settings(estimator="parkinson", bar_hours=4, window_bars=4, min_bars=4))
        found = rule.forecast(past, (), NOW)
        assert found.samples == 4 and ((found.sigma_annual or 0) > 1) is seen


@pytest.mark.parametrize("module", [true_range, range_based])
def test_without_bars_it_says_what_it_needs(module: Any) -> None:
    past = walk(hours=100)
    rule = module.build(module.Settings())
    bare = History("x", HOUR, tuple(replace(s, bar=None) for s in past.samples))
    assert "0 bars of 1 h with highs and lows, 24 needed" in (rule.forecast(bare, (), NOW).refusal or "")
    newest = tuple(replace(s, bar=None) if i > 95 else s for i, s in enumerate(past.samples))
    assert "newest 18000 s" in (rule.forecast(History("x", HOUR, newest), (), NOW).refusal or "")
    hole = tuple(replace(s, bar=None) if i == 90 else s for i, s in enumerate(past.samples))
    assert "10 bars" in (rule.forecast(History("x", HOUR, hole), (), NOW).refusal or "")


@pytest.mark.parametrize(
    ("horizon_days", "expected"),
    [(1, 0.8), (7, 0.8), (30, 0.5), (90, 0.5), (20, math.sqrt((0.64 * 7 + 13 / 23 * (0.25 * 30 - 0.64 * 7)) / 20))],
)
def test_implied_is_linear_in_total_variance(horizon_days: int, expected: float) -> None:
    quotes = (quote(0.5, 30), quote(0.8, 7), quote(0.9, 7, age_seconds=600))  # the newer of a tenor counts
    rule = implied.build(implied.Settings(horizon_hours=24.0 * horizon_days, ratio=0.9))
    found = rule.forecast(History("x", HOUR, ()), quotes, NOW)
    assert found.sigma_annual == pytest.approx(0.9 * expected) and found.samples == 2
    assert found.standard_error == pytest.approx(0.18 * expected)


@pytest.mark.parametrize(
    ("quotes", "said"),
    [
        ((), "no implied volatility was given"),
        ((quote(0.5, age_seconds=7 * HOUR),), "is 25200 s old"),
        ((quote(0.5, age_seconds=-60),), "no implied volatility was given"),
        ((quote(math.nan),), "nan, which cannot be"),
        ((quote(math.inf),), "inf, which cannot be"),
        ((quote(0.0),), "0, which cannot be"),
        ((quote(30.0),), "30, which cannot be"),
        ((quote(0.5), quote(0.5, tenor_days=0)), "which cannot be"),
    ],
)
def test_implied_refuses_what_is_no_quote(quotes: tuple[ImpliedQuote, ...], said: str) -> None:
    found = implied.build(implied.Settings()).forecast(walk(hours=50), quotes, NOW)
    assert found.sigma_annual is None and said in (found.refusal or "")


def test_implied_takes_the_source_it_was_told() -> None:
    chain = replace(quote(0.9), source="option_chain")
    rule = implied.build(implied.Settings(source="dvol"))
    assert rule.forecast(walk(hours=50), (chain, quote(0.5)), NOW).sigma_annual == 0.5
    assert rule.forecast(walk(hours=50), (chain,), NOW).refusal == "no implied volatility was given"


def test_har_needs_its_days_and_says_how_many() -> None:
    found = har.build(har.Settings()).forecast(walk(hours=1_000), (), NOW)
    assert found.refusal == "40 whole days of prices, 60 needed"
    assert har.build(har.Settings()).forecast(walk(hours=1_500), (), NOW).refusal is None
    with pytest.raises(ValidationError, match="month_days must be longer"):
        har.Settings(week_days=7, month_days=7)


def test_har_keeps_to_its_forecast_while_the_day_lasts() -> None:
    past = walk(hours=1_520, wobble=0.3)
    rule = har.build(har.Settings())
    found = [rule.forecast(History("x", HOUR, past.samples[h : 1_480 + h]), (), past.samples[1_479 + h].timestamp)
             for h in range(0, 41, 8)]  # fmt: skip
    assert len({each.sigma_annual for each in found}) == 3  # two midnights pass
    assert len({figures(each)["last_day_timestamp"] for each in found}) == 3


def test_garch_is_fitted_once_a_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 30 hours of a rolling history, with one boundary in them: two fits; the filter moves every hour."""
    windows: set[tuple[float, ...]] = set()
    true_fit = mathematics.fit_garch

    def watched(returns: tuple[float, ...], *rest: Any) -> Any:
        windows.add(returns)
        return true_fit(returns, *rest)

    monkeypatch.setattr(mathematics, "fit_garch", watched)
    past, rule = walk(hours=760, wobble=0.3), garch.build(garch.Settings())
    sigmas = []
    for h in range(30):
        samples = past.samples[h : 721 + h]
        sigmas.append(rule.forecast(History("x", HOUR, samples), (), samples[-1].timestamp).sigma_annual)
    assert len(windows) == 2 and len(set(sigmas)) == 30


def test_garch_says_what_it_lacks() -> None:
    rule = garch.build(garch.Settings())
    assert rule.forecast(walk(hours=310), (), NOW).refusal == "264 bars of 1 h to fit to, 300 needed"
    past = walk(hours=1_000)
    rows = tuple(s for i, s in enumerate(past.samples) if i % 3)
    assert "bars were seen" in (rule.forecast(History("x", HOUR, rows), (), NOW).refusal or "")


@pytest.mark.parametrize("model", ["garch", "gjr", "egarch"])
@pytest.mark.parametrize("dist", ["t", "normal"])
def test_every_model_answers_or_says_why(model: Any, dist: Any) -> None:
    rule = garch.build(garch.Settings(model=model, dist=dist, horizon_hours=168.0))
    found = rule.forecast(walk(hours=1_000, wobble=0.6), (), NOW)
    assert (found.sigma_annual is None) == (found.refusal is not None)
    if found.sigma_annual is not None:
        assert 0.2 < found.sigma_annual < 1.5 and figures(found)["model"] == model


KNOWN: dict[str, Any] = {
    "ewma": ewma.build(ewma.Settings()),
    "garch": garch.build(garch.Settings(dist="normal")),
    "har": har.build(har.Settings(log=False)),
    "range_based": range_based.build(range_based.Settings()),
    "true_range": true_range.build(true_range.Settings()),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_a_known_volatility_comes_back_within_its_errors(kind: str) -> None:
    """Twelve walks of 60 %: the deviations are about as large as the errors say."""
    # A range seen at a thousand moves an hour still misses a part of the extremes: 2.3 % of it.
    ranged = "range" in kind
    found = [KNOWN[kind].forecast(walk(0.6, 260 if ranged else 3_000, seed=seed, steps=1_000 if ranged else 1), (), NOW)
             for seed in range(12)]  # fmt: skip
    answers = [each for each in found if each.sigma_annual is not None]
    assert len(answers) >= 10, [each.refusal for each in found]
    sigma = 0.6 * (1 - 0.023) if ranged else 0.6
    deviations = np.array([((each.sigma_annual or 0) - sigma) / (each.standard_error or 1) for each in answers])
    assert abs(np.median(deviations)) < 1.2
    assert 0.3 < np.median(abs(deviations)) / 0.6745 < 2.2


def test_a_day_is_24_hours_of_the_clock() -> None:
    assert NOW % DAY == 7 * HOUR

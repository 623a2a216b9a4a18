"""The regime study: its model against one in plain Python, its placebos, and detectors that know all or nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from keeper.backtest import regime_study
from keeper.backtest.bootstrap import Scheme
from keeper.backtest.hourly_prices import HourlyPrices, hourly_prices
from keeper.backtest.regime_study import RegimeStudy, StudyModel, hourly_sigmas, judged, run_regime_study
from keeper.backtest.regime_study_kernel import simulate
from keeper.backtest.regime_study_labels import EVERY_HOURS, HISTORY_HOURS, late, persistent, shuffled, stances_of
from keeper.backtest.regime_words import regime_lines, regime_mapping, verdict
from keeper.errors import ConfigError
from keeper.model.decision import Forecast, Regime
from keeper.model.memory import RegimeMemory
from keeper.model.observation import History
from keeper.policy.strategy import Detector
from tests.shared_data import shared_file

HOUR = 3_600
Floats = NDArray[np.float64]


def walk(hours: int, seed: int, drift: float = 0.0) -> HourlyPrices:
    moves = np.random.default_rng(seed).normal(drift, 0.006, size=hours)
    closes = 2_000 * np.exp(np.cumsum(moves))
    return HourlyPrices("walk", "", tuple(range(0, hours * HOUR, HOUR)), tuple(closes.tolist()))


def plain(closes: Floats, stances: list[int], sigmas: Floats, model: StudyModel) -> list[float]:
    """The worth at each hour, written down anew from the description and with V3's own formula of worth."""
    kappa = float(model.packed(closes)[4])
    width = model.c * math.sqrt(model.horizon_days / 365)
    worth, cash, liquidity, low, high, taken, since = 1.0, 0.0, 0.0, 0.0, 0.0, 0, -1
    found = []

    def amounts(price: float) -> tuple[float, float]:
        inside = min(max(price, low), high)
        return liquidity * (inside**-0.5 - high**-0.5), liquidity * (inside**0.5 - low**0.5)

    for hour, price in enumerate(closes.tolist()):
        if since >= 0:
            old = closes[hour - 1]
            cash += kappa * liquidity * abs(min(max(price, low), high) ** 0.5 - min(max(old, low), high) ** 0.5)
            base, quote = amounts(price)
            worth = base * price + quote + cash
        if since < 0 or ((not low < price < high or stances[hour] != taken) and hour - since >= 24):
            held = amounts(price)[0] * price / worth if since >= 0 else None
            half = min(max(width * sigmas[hour], math.log(1.03)), math.log(1.8))
            share = {1: 0.7, 0: 0.5, -1: 0.3}[stances[hour]]
            low, high = price * math.exp(-2 * half * (1 - share)), price * math.exp(2 * half * share)
            liquidity = 1.0
            base, quote = amounts(price)
            weight = base * price / (base * price + quote)
            if held is not None:
                worth *= 1 - model.gas_bps / 1e4 - model.swap_bps / 1e4 * abs(weight - held)
            liquidity, cash = worth / (base * price + quote), 0.0
            taken, since = stances[hour], hour
        found.append(worth)
    return found


def test_the_model_is_the_one_that_is_described() -> None:
    closes = np.asarray(walk(3_000, 5).closes)
    stances = np.repeat(np.random.default_rng(6).integers(-1, 2, size=60), 50).astype(np.int8)
    model = StudyModel(gas_bps=3)
    sigmas = hourly_sigmas(closes, model.sigma_half_life_hours)
    out = np.empty((len(closes), 6))
    simulate(closes, stances, sigmas, model.packed(closes), out)
    wanted = np.array(plain(closes, stances.tolist(), sigmas, model))
    assert out[:, 0] == pytest.approx(wanted, rel=1e-9)
    assert out[:, 5].sum() > 30, "there must be resets, by the price and by the stance"
    # What was worth, hour by hour: direction, fees, costs; LVR is what holding the hour's base would have kept.
    assert (out[:, 2] > -1e-12).all() and (out[:, 1] >= 0).all()


def test_fees_equal_lvr_on_a_full_range_over_the_whole_file() -> None:
    """ρ = 1: over the file a very wide range earns what it loses, but for the price's own wandering."""
    closes = np.asarray(walk(6_000, 9).closes)
    model = StudyModel(min_width_pct=400, max_width_pct=400, gas_bps=0, swap_bps=0)
    out = np.empty((len(closes), 6))
    simulate(closes, np.zeros(len(closes), dtype=np.int8), np.ones(len(closes)), model.packed(closes), out)
    assert out[:, 1].sum() == pytest.approx(out[:, 2].sum(), rel=0.15)


class Knows:
    """Sees the next ``ahead`` hours of a path: no detector can."""

    def __init__(self, prices: HourlyPrices, ahead: int, least: float = 0.03) -> None:
        self._closes = prices.closes
        self._ahead, self._least = ahead, least

    def detect(self, history: History, forecast: Forecast, memory: RegimeMemory | None, now_timestamp: int) -> Regime:  # noqa: ARG002
        now = now_timestamp // HOUR - 1
        later = self._closes[min(now + 1 + self._ahead, len(self._closes) - 1)] / self._closes[now] - 1
        label = "positive" if later > self._least else "negative" if later < -self._least else "neutral"
        return Regime("knows", label, 0.0, 0.0, 1.0, now_timestamp)


class Dice:
    """Says the same for a day, and knows nothing."""

    def detect(self, history: History, forecast: Forecast, memory: RegimeMemory | None, now_timestamp: int) -> Regime:  # noqa: ARG002
        roll = np.random.default_rng(now_timestamp // 86_400).integers(3)
        return Regime("dice", ("positive", "negative", "neutral")[roll], 0.0, 0.0, 1.0, now_timestamp)


def study(prices: HourlyPrices, detector: Detector, monkeypatch: pytest.MonkeyPatch, **more: object) -> RegimeStudy:
    monkeypatch.setattr(regime_study.labels, "detectors", lambda _weights: {"asked": detector})
    return run_regime_study(prices, placebos=60, scheme=Scheme(draws=300), **more)  # type: ignore[arg-type]


def test_a_detector_that_knows_the_future_helps_and_its_placebos_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = walk(5_000, 1)
    found = study(prices, Knows(prices, 48), monkeypatch)
    row = found.rows[0]
    assert row.helps and row.interval.lower > 0 and row.delta_pct > 30
    assert row.shuffled and row.by_chance and row.shuffled.p_value < 0.03 and row.by_chance.p_value < 0.03
    assert abs(row.shuffled.mean_pct) < row.delta_pct / 2
    assert row.late_pct[-1] < row.delta_pct / 2, "a week too late it knows nothing any more"
    assert "acting on asked paid" in verdict(found)
    assert {each.detector for each in found.rows} == {"asked", "always positive", "always negative"}


def test_no_information_gives_intervals_around_nothing() -> None:
    """Labels of dice on forty markets, no costs: Δ has no sign, and nine of ten intervals hold zero."""
    deltas, holds, free = [], 0, StudyModel(gas_bps=0, swap_bps=0)
    for seed in range(40):
        prices = walk(4_000, 100 + seed)
        rolled = np.random.default_rng(seed).integers(-1, 2, size=167)
        row = judged("dice", prices, np.repeat(rolled, 24)[:4_000].astype(np.int8), free, Scheme(draws=300))
        deltas.append(row.delta_pct)
        holds += not row.interval.excludes_zero
    assert 33 <= holds <= 39
    assert abs(np.mean(deltas)) < 2 * np.std(deltas) / 40**0.5


def test_dice_do_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    found = study(walk(4_000, 20), Dice(), monkeypatch)
    row = found.rows[0]
    assert not row.helps and row.shuffled is not None and row.shuffled.p_value > 0.05
    assert row.extra_costs_pct > 0 and "no detector helps" in verdict(found)


def test_a_label_acts_an_hour_after_it_was_known_and_never_before() -> None:
    """What comes after an hour changes no stance up to that hour's successor."""
    prices = walk(1_500, 3)
    knows = Knows(prices, 0, 0.002)
    whole = stances_of(knows, prices)
    assert set(whole[:HISTORY_HOURS].tolist()) == {0} and set(whole.tolist()) == {-1, 0, 1}
    for index in range(HISTORY_HOURS - 1, 1_480, EVERY_HOURS):
        history = History("", HOUR, ())
        asked = knows.detect(history, Forecast("", None, None, 0, 0, None), None, (index + 1) * HOUR)
        wanted = {"positive": 1, "negative": -1, "neutral": 0}[asked.label]
        assert whole[index + 1 : index + 1 + EVERY_HOURS].tolist() == [wanted] * EVERY_HOURS


def test_placebos_have_the_habits_of_what_they_stand_for() -> None:
    random = np.random.default_rng(1)
    stances = np.repeat(random.choice([-1, 0, 0, 1], size=500), 36).astype(np.int8)
    mixed = shuffled(stances, random)
    assert sorted(mixed) == sorted(stances) and (mixed != stances).any()
    made = persistent(stances, random)
    assert len(made) == len(stances)
    for stance in (-1, 0, 1):
        assert (made == stance).mean() == pytest.approx((stances == stance).mean(), abs=0.1)
    assert np.count_nonzero(np.diff(made)) == pytest.approx(np.count_nonzero(np.diff(stances)), rel=0.25)
    assert late(stances, 24).tolist() == [0] * 24 + stances[:-24].tolist()


def test_words_and_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    found = study(walk(4_000, 2), Dice(), monkeypatch)
    text = "\n".join(regime_lines([found], None))
    assert "Always neutral: total" in text and "p order" in text and "Placebos switch" in text
    cells = found.rows[0].confusion
    assert sum(cell.periods for cell in cells) == int(found.rows[0].days) and "best negative" in text
    assert regime_mapping([found], None)["prices"][0]["verdict"] == verdict(found)


def test_too_few_hours_are_refused() -> None:
    with pytest.raises(ConfigError, match="fewer than 60 days of prices that trend can be judged by"):
        run_regime_study(walk(1_500, 1), only=["trend"])


def test_real_detectors_can_be_asked() -> None:
    found = run_regime_study(walk(2_200, 4), only=["trend"], placebos=5, scheme=Scheme(draws=100))
    assert [row.detector for row in found.rows] == ["trend", "always positive", "always negative"]
    assert found.rows[0].trend_share_pct > 0


@pytest.mark.soak
def test_no_detector_helped_on_ether() -> None:
    """ETH 2023-26. The figures are those of docs/backtesting.md."""
    file = shared_file("prices/ETHUSDT_perp_1h_2023_2026.parquet")
    found = run_regime_study(hourly_prices(file), only=["trend"])
    row = found.rows[0]
    assert not row.helps
    assert row.delta_pct == pytest.approx(2.5, abs=0.1) and row.delta_alpha_pct == pytest.approx(-4.5, abs=0.1)

"""The walk-forward study on made-up prices: no look-ahead, the right order, and the table on real ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from keeper.backtest import ForecastStudy, ImpliedDays, PriceBars, read_price_bars, run_forecast_study, study_mapping
from keeper.backtest.price_days import price_days
from keeper.backtest.walk_forward import TRAINING_DAYS, Walk, walk_forward
from keeper.errors import ConfigError
from tests.backtest.made import table, written
from tests.shared_data import shared_file


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> PriceBars:
    return read_price_bars(written(tmp_path_factory.mktemp("prices"), table()))


@pytest.fixture(scope="module")
def study(prices: PriceBars) -> ForecastStudy:
    return run_forecast_study(prices, (1, 7))


def test_every_model_is_scored_best_first(study: ForecastStudy) -> None:
    assert study.days == 498 and [scores.horizon_days for scores in study.horizons] == [1, 7]
    for scores in study.horizons:
        assert scores.days == 498 - TRAINING_DAYS - scores.horizon_days
        found = [row.qlike for row in scores.models]
        assert found == sorted(found) and min(found) > 0
        assert {row.model for row in scores.models} >= {
            "last RV", "EWMA3", "HAR", "log-HAR", "GARCH-t", "GJR-t", "Parkinson", "Garman-Klass", "Yang-Zhang",
            "true range", "blend, equal", "blend, fitted",
        }  # fmt: skip
        assert len(scores.realized_sigma) == scores.days == len(scores.forecast_sigma["HAR"])
        assert next(row for row in scores.models if row.model == "EWMA3").diebold_mariano_t == 0


def test_what_was_made_is_what_is_found(study: ForecastStudy) -> None:
    """Log volatility is an AR(1) with noise of the day: log-HAR is near the truth, yesterday alone is not."""
    day = {row.model: row for row in study.horizons[0].models}
    assert day["log-HAR"].qlike < 0.9 * day["last RV"].qlike
    assert day["log-HAR"].qlike < day["GARCH-t"].qlike
    assert day["log-HAR"].in_confidence_set and not day["last RV"].in_confidence_set
    assert day["last RV"].diebold_mariano_t > 2  # worse than the exponential mean
    # Unbiased within three errors.
    regression = day["log-HAR"].mincer_zarnowitz
    assert abs(regression.beta - 1) < 3 * regression.beta_error


def test_realized_is_what_followed(prices: PriceBars, study: ForecastStudy) -> None:
    days = price_days(prices, None)
    scores = study.horizons[1]
    first = int(scores.timestamps[0] // 86_400 - days.days[0])  # the day after the one that was last seen
    came = np.sqrt(days.variances[first : first + 7].mean() * 365)
    assert scores.realized_sigma[0] == pytest.approx(came)


@pytest.fixture(scope="module")
def walks(prices: PriceBars) -> tuple[Walk, ...]:
    return walk_forward(price_days(prices, None), (1, 7), lambda _done, _what: None)


@pytest.mark.parametrize("cut", [TRAINING_DAYS + 63, TRAINING_DAYS + 60])  # HAR, and GARCH and the blend, fit that day
def test_nothing_of_the_future_is_seen(prices: PriceBars, walks: tuple[Walk, ...], cut: int) -> None:
    """Garble every price from a day on: all that was forecast before is the same."""
    past = price_days(prices, None)
    bars = past.bars
    assert bars is not None
    wild = np.random.default_rng(9).gamma(1, size=(2, len(past) - cut - 1))
    edge = int(past.bar_ends[cut])
    edges = (getattr(bars, name) for name in ("opens", "highs", "lows", "closes"))
    garbled = replace(
        past,
        variances=np.concatenate((past.variances[: cut + 1], wild[0])),
        returns=np.concatenate((past.returns[: cut + 1], wild[1])),
        bars=type(bars)(*(np.concatenate((values[:edge], values[edge:] * 3)) for values in edges)),
    )
    for one, other in zip(walks, walk_forward(garbled, (1, 7), lambda _done, _what: None), strict=True):
        for name, values in one.forecasts.items():
            assert np.array_equal(values[: cut + 1], other.forecasts[name][: cut + 1], equal_nan=True), name
            assert not np.array_equal(values[cut + 1 :], other.forecasts[name][cut + 1 :], equal_nan=True), name


def test_without_highs_and_lows_the_other_models_are_scored(prices: PriceBars) -> None:
    bare = replace(prices, opens=None, highs=None, lows=None)
    names = {row.model for row in run_forecast_study(bare, (1,)).horizons[0].models}
    assert "log-HAR" in names and not names & {"Parkinson", "Yang-Zhang", "true range"}


def test_implied_decides_which_days_are_judged(prices: PriceBars) -> None:
    days = price_days(prices, None).days
    sigmas = {int(day): 0.6 + 0.1 * (int(day) % 3) for day in days[380:470]}
    scores = run_forecast_study(prices, (1,), ImpliedDays("dvol", sigmas)).horizons[0]
    assert scores.days == 90 and "implied" in {row.model for row in scores.models}
    assert scores.forecast_sigma["implied"][0] == pytest.approx(sigmas[int(days[380])])
    with pytest.raises(ConfigError, match="only 10 days"):
        run_forecast_study(prices, (1,), ImpliedDays("dvol", dict(list(sigmas.items())[:10])))


def test_too_short_a_file_says_how_much_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="398 whole days of prices, and 432 are needed"):
        run_forecast_study(read_price_bars(written(tmp_path, table(400))), (1, 7))


def test_the_mapping_is_json_and_whole(study: ForecastStudy) -> None:
    again = json.loads(json.dumps(study_mapping(study), allow_nan=False))
    assert again["horizons"][0]["models"][0]["model"] == study.horizons[0].models[0].model
    assert set(again["horizons"][1]["models"][0]) >= {"qlike", "mz_beta", "dm_t", "in_mcs", "mcs_p"}


# The reference of the method: QLIKE on ETH 2023-26, 812 days out of sample.
TABLE = {
    "log-HAR": (0.337, 0.199), "HAR": (0.354, 0.210), "blend, equal": (0.357, 0.202), "EWMA3": (0.383, 0.252),
    "GARCH-t": (0.418, 0.228), "GJR-t": (0.451, 0.236), "last RV": (0.555, 0.657),
}  # fmt: skip


@pytest.mark.soak
def test_the_table_on_real_prices() -> None:
    file = shared_file("prices/ETHUSDT_perp_30m_2023_2026.parquet")
    study = run_forecast_study(read_price_bars(file), (1, 7))
    assert study.days == 1_178 and study.horizons[0].days == 812
    for place, scores in enumerate(study.horizons):
        found = {row.model: row.qlike for row in scores.models}
        for name, wanted in TABLE.items():
            assert found[name] == pytest.approx(wanted[place], abs=0.03), (name, scores.horizon_days)
        assert scores.models[0].model == "log-HAR"
        assert found["blend, fitted"] < found["EWMA3"] and found["EGARCH-t"] < 0.5

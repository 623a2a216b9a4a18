from __future__ import annotations

import hashlib
import math
from itertools import pairwise

import pytest

from keeper.chainlab.paths import PathSettings, PricePath, generate
from keeper.errors import ConfigError

HOUR_SECONDS = 3600


def _returns(path: PricePath) -> list[float]:
    return [math.log(b / a) for a, b in pairwise(path.prices)]


def test_a_seed_gives_the_same_path_everywhere() -> None:
    path = generate(7, 30)
    assert len(path.prices) == 721
    digest = hashlib.sha256(repr(path.prices).encode()).hexdigest()
    assert digest == "8c9859d667712b9669507649b621ba0dac9d7b4ad7feb64fdea4d1a9fab2e2d7"
    assert generate(8, 30).prices != path.prices


def test_volatility_clusters_and_jumps_fatten_the_tails() -> None:
    returns = _returns(generate(1, 400))
    squares = [r * r for r in returns]
    mean = sum(squares) / len(squares)
    spread = sum((s - mean) ** 2 for s in squares)
    lagged = sum((a - mean) * (b - mean) for a, b in pairwise(squares))
    assert lagged / spread > 0.02
    assert sum(s * s for s in squares) / len(squares) / mean**2 > 4  # kurtosis; 3 for a normal
    calm = [r * r for r in _returns(generate(1, 400, settings=PathSettings(shock=0.0, jumps_per_day=0.0)))]
    assert sum(s * s for s in calm) / len(calm) / (sum(calm) / len(calm)) ** 2 < 3.3


def test_annual_volatility_is_near_what_was_asked() -> None:
    measured = [generate(seed, 200).annual_volatility() for seed in range(1, 9)]
    assert 0.5 < sum(measured) / len(measured) < 0.7


def test_regimes_drift() -> None:
    steady = PathSettings(annual_volatility=0.3, jumps_per_day=0, shock=0, drift_per_year=40.0, regime_hours=400)
    returns = _returns(generate(2, 100, settings=steady))
    days = [sum(returns[i : i + 24]) for i in range(0, len(returns), 24)]
    lagged = sum(a * b for a, b in pairwise(days)) / sum(d * d for d in days)
    assert lagged > 0.3


def test_price_between_rows_is_log_linear() -> None:
    path = PricePath((0, 100), (1.0, 4.0))
    assert [path.price_at(t) for t in (0, 50, 100)] == [1.0, 2.0, 4.0]
    for outside in (-1, 101):
        with pytest.raises(ConfigError, match="fewer days"):
            path.price_at(outside)


def test_the_bridge_keeps_rows_and_has_the_paths_own_volatility() -> None:
    path = generate(3, 60)
    fine = path.refine(900, 3)
    assert all(fine.price_at(t) == p for t, p in zip(path.timestamps_seconds, path.prices, strict=True))
    assert len(fine.prices) == 60 * 96 + 1
    assert fine.annual_volatility() == pytest.approx(path.annual_volatility(), rel=0.08)
    assert path.refine(900, 3) == fine != path.refine(900, 4)
    assert path.refine(HOUR_SECONDS, 3) == path


def test_nothing_to_generate_is_an_error() -> None:
    for days, price in ((0, 1.0), (1, 0.0), (math.nan, 1.0)):
        with pytest.raises(ConfigError, match="positive"):
            generate(1, days, start_price=price)
    with pytest.raises(ConfigError, match="two rows"):
        PricePath((1,), (1.0,))

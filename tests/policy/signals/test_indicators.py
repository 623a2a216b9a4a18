"""Indicators against published values and tables worked by hand."""

from __future__ import annotations

import math

import pytest

from keeper.policy.signals import indicators

# The worked example of Wilder's RSI (14) that StockCharts publishes with its definition.
RSI_CLOSES = (
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931, 46.0328,
    45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439, 46.2122, 46.2521, 45.7137, 46.4515,
    45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672, 43.4205, 42.6628, 43.1314,
)  # fmt: skip
RSI_PUBLISHED = (
    70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99, 41.46, 41.87, 45.46,
    37.30, 33.08, 37.77,
)  # fmt: skip


def test_rsi_is_wilders() -> None:
    found = indicators.rsi(RSI_CLOSES, 14)
    assert all(math.isnan(value) for value in found[:14])
    assert found[14:] == pytest.approx(RSI_PUBLISHED, abs=0.01)
    assert indicators.rsi((1.0, 2.0, 3.0), 2)[-1] == 100.0
    assert indicators.rsi((3.0, 2.0, 1.0), 2)[-1] == 0.0
    assert indicators.rsi((2.0, 2.0, 2.0), 2)[-1] == 50.0
    assert all(math.isnan(value) for value in indicators.rsi((1.0, 2.0), 2))


def test_directional_movement_by_hand() -> None:
    """Window 2. TR 2 2 3 2, +DM 1 2 0 0, −DM 0 0 2 1 (the last bar but one falls by 2 and rises by nothing)."""
    high = (10.0, 11.0, 13.0, 12.5, 12.0, 12.2)
    low = (8.0, 9.5, 11.5, 9.5, 8.5, 10.0)
    close = (9.0, 11.0, 12.0, 10.0, 9.0, 12.0)
    assert indicators.true_range(high, low, close) == pytest.approx([2.0, 2.0, 2.0, 3.0, 3.5, 3.2])
    found = indicators.directional(high, low, close, 2)
    # Smoothed sums: S₂ = x₁ + x₂, then S − S/2 + x.
    reach = [4.0, 5.0, 6.0, 6.2]
    up = [3.0, 1.5, 0.75, 0.575]  # +DM: 1, 2, 0, 0, 0.2
    down = [0.0, 2.0, 2.0, 1.0]  # −DM: 0, 0, 2, 1, 0
    assert found.plus_di[2:] == pytest.approx([100 * u / r for u, r in zip(up, reach, strict=True)])
    assert found.minus_di[2:] == pytest.approx([100 * d / r for d, r in zip(down, reach, strict=True)])
    strengths = [100 * abs(u - d) / (u + d) for u, d in zip(up, down, strict=True)]
    first = (strengths[0] + strengths[1]) / 2
    second = (first + strengths[2]) / 2
    assert found.adx[3:] == pytest.approx([first, second, (second + strengths[3]) / 2])
    assert all(math.isnan(value) for value in (*found.plus_di[:2], *found.adx[:3]))


def test_directional_movement_of_a_price_that_stands_still() -> None:
    still = (5.0,) * 10
    found = indicators.directional(still, still, still, 3)
    assert (found.plus_di[-1], found.minus_di[-1], found.adx[-1]) == (0.0, 0.0, 0.0)


def test_means_and_bands_by_hand() -> None:
    values = (1.0, 2.0, 4.0, 8.0)
    assert indicators.sma(values, 2)[1:] == [1.5, 3.0, 6.0]
    # Weight 2/3 from the mean of the first two: 1.5, 3.1667, 6.3889.
    assert indicators.ema(values, 2)[1:] == pytest.approx([1.5, 1.5 + 2.5 * 2 / 3, 19 / 6 + (8 - 19 / 6) * 2 / 3])
    # Mean 14/3, population deviation √(78/9): the band is 4·deviation wide.
    deviation = math.sqrt((1 + 4 + 16 + 64 - 1) / 3 - (14 / 3) ** 2)
    assert indicators.percent_b(values, 3)[-1] == pytest.approx((8 - 14 / 3 + 2 * deviation) / (4 * deviation))
    assert indicators.percent_b(values, 3, 1.0)[-1] == pytest.approx((8 - 14 / 3 + deviation) / (2 * deviation))
    assert indicators.percent_b((3.0,) * 5, 3)[-1] == 0.5
    assert indicators.momentum(values, 3)[-1] == pytest.approx(math.log(8))
    for series in (indicators.sma, indicators.ema, indicators.percent_b, indicators.momentum):
        assert len(series(values, 3)) == 4 and math.isnan(series(values, 3)[0])
        assert all(math.isnan(value) for value in series(values[:1], 3))

"""Range estimators by hand, and what they say of a walk of known volatility."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keeper.policy.volatility.range_based import (
    Bars,
    Estimator,
    average_true_range,
    range_variance,
    relative_error,
    sigma_of_range,
    true_range_error,
)

# Open, high, low, close of three bars; the second and third open at a jump.
BARS = Bars(
    np.array([0.0, 0.02, 0.01]), np.array([0.03, 0.04, 0.02]), np.array([-0.01, 0.01, -0.02]),
    np.array([0.01, 0.02, -0.01]),
)  # fmt: skip


def test_parkinson_garman_klass_and_rogers_satchell_by_hand() -> None:
    ranges = (0.04, 0.03, 0.04)
    assert range_variance(BARS, "parkinson") == pytest.approx(sum(r * r for r in ranges) / 3 / (4 * math.log(2)))
    insides = (0.01, 0.0, -0.02)
    by_hand = sum(0.5 * r * r - (2 * math.log(2) - 1) * c * c for r, c in zip(ranges, insides, strict=True)) / 3
    assert range_variance(BARS, "garman_klass") == pytest.approx(by_hand)
    by_hand = (0.03 * 0.02 + -0.01 * -0.02 + 0.02 * 0.02 + -0.01 * -0.01 + 0.01 * 0.03 + -0.03 * -0.01) / 3
    assert range_variance(BARS, "rogers_satchell") == pytest.approx(by_hand)


def test_yang_zhang_by_hand() -> None:
    """Of the last two bars: jumps 0.01 and −0.01, open to close 0 and −0.02; k = 0.34/(1.34 + 3/1)."""
    jumps, insides = 0.0002, 0.0002  # sums of squares about the mean over n − 1 = 1
    within = (0.02 * 0.02 + -0.01 * -0.01 + 0.01 * 0.03 + -0.03 * -0.01) / 2
    share = 0.34 / (1.34 + 3)
    assert range_variance(BARS, "yang_zhang") == pytest.approx(jumps + share * insides + (1 - share) * within)
    with pytest.raises(ValueError, match="three bars"):
        range_variance(BARS.last(2), "yang_zhang")


def test_wilder_by_hand() -> None:
    """True ranges 0.04, then from the close 0.01 up to 0.04 (0.03), then from 0.02 down to −0.02 (0.04)."""
    assert average_true_range(BARS, 2) == pytest.approx((0.035 + 0.04) / 2)
    gap = Bars(BARS.opens, BARS.highs, BARS.lows, np.array([0.01, 0.06, -0.01]))
    assert average_true_range(gap, 2) == pytest.approx((0.035 + 0.08) / 2)  # down from the close before
    assert average_true_range(BARS, 3) == pytest.approx(0.11 / 3)


def walked(bars: int, seed: int, steps: int = 400) -> Bars:
    moves = np.random.default_rng(seed).normal(size=(bars, steps)) / math.sqrt(steps)
    ends = np.cumsum(moves.sum(axis=1))
    opens = np.concatenate(([0.0], ends[:-1]))
    path = opens[:, None] + np.cumsum(moves, axis=1)
    return Bars(opens, np.maximum(path.max(axis=1), opens), np.minimum(path.min(axis=1), opens), path[:, -1])


@pytest.mark.parametrize("estimator", ["parkinson", "garman_klass", "rogers_satchell", "yang_zhang"])
def test_the_error_is_how_far_estimates_scatter(estimator: Estimator) -> None:
    found = np.sqrt([range_variance(walked(60, seed), estimator) for seed in range(150)])
    # 400 steps miss a part of the extremes: a few per cent too low.
    assert found.mean() == pytest.approx(1, abs=0.06)
    assert found.std() == pytest.approx(relative_error(60, estimator), rel=0.25)


def test_the_true_range_of_a_walk_gives_its_volatility() -> None:
    found = np.array([sigma_of_range(average_true_range(walked(120, seed), 14)) for seed in range(150)])
    assert found.mean() == pytest.approx(1, abs=0.06)
    assert found.std() == pytest.approx(true_range_error(120, 14), rel=0.25)

"""The deflated Sharpe ratio against the figures of its paper, and against luck itself."""

from __future__ import annotations

from random import Random
from statistics import fmean

import pytest

from keeper.backtest.deflated import deflated_sharpe, expected_best, probability, sharpe


def test_the_example_of_the_paper() -> None:
    """Bailey & López de Prado (2014): 100 trials, V = ½ and SR = 2.5 a year, 1,250 days of which a year has 250."""
    hurdle = expected_best(100, 0.5 / 250)
    assert hurdle == pytest.approx(0.1132, abs=5e-5)
    assert probability(2.5 / 250**0.5, hurdle, 1_250, -3, 10) == pytest.approx(0.9004, abs=5e-4)


def test_the_best_of_worthless_trials_is_told_to_be_luck() -> None:
    random, believed = Random(3), []
    for _ in range(60):
        trials = [[random.gauss(0, 0.01) for _ in range(120)] for _ in range(40)]
        ratios = [ratio for each in trials if (ratio := sharpe(each)) is not None]
        best = max(trials, key=lambda each: sharpe(each) or 0.0)
        found = deflated_sharpe(best, ratios)
        assert found is not None
        believed.append(found.probability)
    assert 0.35 < fmean(believed) < 0.65  # a naive test would believe nearly all of them


def test_skill_among_the_worthless_is_seen() -> None:
    random = Random(4)
    trials = [[random.gauss(0, 0.01) for _ in range(250)] for _ in range(20)]
    skilled = [random.gauss(0.004, 0.01) for _ in range(250)]
    found = deflated_sharpe(skilled, [sharpe(each) or 0.0 for each in [*trials, skilled]])
    assert found is not None
    assert found.probability > 0.95


def test_too_little_is_no_figure() -> None:
    assert sharpe([0.1] * 4) is None
    assert sharpe([0.1] * 9) is None
    assert deflated_sharpe([0.0] * 9, [0.1]) is None

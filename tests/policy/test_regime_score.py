"""A labeller that knows the future beats its placebos, one that guesses does not, and every switch costs its price."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from keeper.model.memory import RegimeLabel
from keeper.policy.regime_score import LABELS, Payoffs, RegimeScore, score

UP: RegimeLabel = "positive"
DOWN: RegimeLabel = "negative"
FLAT: RegimeLabel = "neutral"


def market(periods: int = 600, seed: int = 3, stay: float = 0.95) -> tuple[list[float], list[RegimeLabel]]:
    """Returns with persistent drift, and the label that knows the drift."""
    rng = random.Random(seed)
    drift, returns, labels = 0, [], []
    for _ in range(periods):
        if rng.random() > stay:
            drift = rng.choice((-1, 0, 1))
        returns.append(0.004 * drift + rng.gauss(0, 0.01))
        labels.append(LABELS[drift + 1])
    return returns, labels


def directional(returns: list[float], tilt: float = 0.2) -> Payoffs:
    up = tuple(tilt * value for value in returns)
    return Payoffs(tuple(-value for value in up), (0.0,) * len(up), up)


def test_foresight_beats_its_placebos() -> None:
    returns, labels = market()
    found = score(labels, directional(returns), 0.0002)
    assert found.gain > 0.05 and found.lower > 0 and found.is_significant
    assert found.shuffled.p_value < 0.01 and found.shuffled.upper_95 < found.gain
    assert all(late.gain < found.gain for late in found.lagged)
    assert [late.periods for late in found.lagged] == [1, 3, 7]
    assert found.lagged[0].gain > found.lagged[-1].gain


def test_noise_does_not() -> None:
    returns, labels = market()
    rng = random.Random(8)
    p_values = []
    for seed in range(12):
        guessed = labels[:]
        rng.shuffle(guessed)
        found = score(guessed, directional(returns), 0.0002, seed=seed, shuffles=200, resamples=200)
        assert not found.is_significant
        p_values.append(found.shuffled.p_value)
    assert 0.25 < sum(p_values) / len(p_values) < 0.75


def test_each_switch_costs_its_price() -> None:
    labels: list[RegimeLabel] = [*4 * [UP], *3 * [DOWN], *2 * [FLAT], UP]
    payoffs = Payoffs((0.01,) * 10, (0.002,) * 10, (0.03,) * 10)
    free, dear = (score(labels, payoffs, cost) for cost in (0.0, 0.005))
    assert free.switches == dear.switches == 4  # the first stance counts: the position stood at neutral
    assert free.gain == pytest.approx(5 * 0.028 + 3 * 0.008, abs=1e-15)
    assert dear.gain == pytest.approx(free.gain - 4 * 0.005, abs=1e-15)
    assert dear.gross_gain == free.gain and dear.costs == pytest.approx(0.02)
    assert score(["neutral"] * 10, payoffs, 0.005).gain == 0.0


def test_confusion_is_weighted_by_what_it_cost() -> None:
    labels: list[RegimeLabel] = [*5 * [UP], *5 * [FLAT]]
    payoffs = Payoffs((0.03,) * 2 + (0.0,) * 8, (0.01,) * 10, (0.0,) * 5 + (0.05,) * 2 + (0.01,) * 3)
    cells: dict[Any, Any] = {
        (cell.said, cell.best): (cell.periods, cell.regret) for cell in score(labels, payoffs, 0.0).confusion
    }
    assert cells["positive", "negative"] == (2, pytest.approx(0.06))
    assert cells["positive", "neutral"] == (3, pytest.approx(0.03))
    assert cells["neutral", "positive"] == (2, pytest.approx(0.08))
    assert cells["neutral", "neutral"] == (3, 0.0)  # as good as the best: nothing to regret
    assert len(cells) == 9 and sum(periods for periods, _ in cells.values()) == 10


def test_shuffling_keeps_runs_whole() -> None:
    """One run alone has one order: the placebo is the labeller itself, and nothing can be told."""
    returns, _ = market(60)
    found = score(["positive"] * 60, directional(returns), 0.001, shuffles=50)
    assert found.shuffled.p_value == 1.0
    assert found.shuffled.mean == pytest.approx(found.gain)


def test_the_same_seed_gives_the_same_score() -> None:
    returns, labels = market(120)
    scores = [score(labels, directional(returns), 0.0001, seed=seed) for seed in (5, 5, 6)]
    assert scores[0] == scores[1] != scores[2]
    assert isinstance(scores[0], RegimeScore)


@pytest.mark.parametrize(
    ("labels", "payoffs", "cost", "words"),
    [
        (["neutral"] * 9, Payoffs((0.0,) * 9, (0.0,) * 9, (0.0,) * 9), 0.0, "too few"),
        (["neutral"] * 10, Payoffs((0.0,) * 9, (0.0,) * 10, (0.0,) * 10), 0.0, "payoffs for each"),
        (["neutral"] * 10, Payoffs((math.nan,) * 10, (0.0,) * 10, (0.0,) * 10), 0.0, "not finite"),
        (["neutral"] * 10, Payoffs((0.0,) * 10, (0.0,) * 10, (0.0,) * 10), -1.0, "from zero up"),
        (["neutral"] * 10, Payoffs((0.0,) * 10, (0.0,) * 10, (0.0,) * 10), math.nan, "from zero up"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels: list[RegimeLabel], payoffs: Payoffs, cost: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        score(labels, payoffs, cost)

"""The switching model recovers a chain that it was not told of, and labels only what counts."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from keeper.model.decision import Regime
from keeper.policy.learning.switching import Switching, filtered, fit
from keeper.policy.regimes import markov
from keeper.policy.regimes.markov import Settings
from tests.policy.regimes.prices import DAY, FORECAST, HOUR, NOW, history, walk

MEANS = {2: (-0.003, 0.002), 3: (-0.006, 0.0, 0.006)}
SIGMAS = {2: (0.008, 0.004), 3: (0.005, 0.003, 0.005)}


def chain(states: int, steps: int, seed: int, stay: float = 0.98) -> tuple[list[float], list[int]]:
    rng = random.Random(seed)
    state, returns, truth = 0, [], []
    for _ in range(steps):
        if rng.random() > stay:
            state = rng.choice([other for other in range(states) if other != state])
        returns.append(rng.gauss(MEANS[states][state], SIGMAS[states][state]))
        truth.append(state)
    return returns, truth


@pytest.mark.parametrize("states", [2, 3])
def test_it_recovers_a_simulated_chain(states: int) -> None:
    returns, truth = chain(states, 2_400, seed=5)
    model = fit(returns, states)
    assert model.means == pytest.approx(MEANS[states], abs=0.001)
    assert [math.sqrt(each) for each in model.variances] == pytest.approx(SIGMAS[states], rel=0.15)
    assert [model.transition[k][k] for k in range(states)] == pytest.approx([0.98] * states, abs=0.02)
    assert all(math.fsum(row) == pytest.approx(1.0) for row in model.transition)
    assert math.fsum(model.occupation) == pytest.approx(2_400)
    guesses = [max(range(states), key=lambda k, row=row: row[k]) for row in filtered(model, returns)]  # type: ignore[misc]
    hits = sum(guess == right for guess, right in zip(guesses, truth, strict=True)) / len(truth)
    assert hits > 0.85


def test_the_filter_knows_no_later_return() -> None:
    returns, _ = chain(2, 300, seed=6)
    model = fit(returns, 2)
    whole = filtered(model, returns)
    assert filtered(model, returns[:200]) == whole[:200]
    assert filtered(model, returns[200:], whole[199]) == whole[200:]  # and may be gone on with
    assert all(math.fsum(row) == pytest.approx(1.0) for row in whole)


def test_the_likelihood_is_that_of_the_data() -> None:
    """One state twice: the mixture is a plain Gaussian, whose likelihood is known."""
    rng = random.Random(2)
    returns = [rng.gauss(0, 0.01) for _ in range(400)]
    variance = math.fsum(r * r for r in returns) / 400 - (math.fsum(returns) / 400) ** 2
    plain = -200 * (math.log(2 * math.pi * variance) + 1)
    assert plain < fit(returns, 2).log_likelihood < plain + 15


def test_an_outlier_leaves_numbers() -> None:
    returns, _ = chain(2, 300, seed=7)
    returns[150] = 3.0
    model = fit(returns, 2)
    assert all(math.isfinite(each) for each in (*model.means, *model.variances, model.log_likelihood))
    assert all(math.isfinite(p) for row in filtered(model, [*returns, -50.0]) for p in row)
    for wrong in ([0.01] * 300, [0.0] * 300, [0.01, -0.01]):
        with pytest.raises(ValueError, match=r"vary|few"):
            fit(wrong, 2)


def closes_of(returns: list[float]) -> list[float]:
    price, closes = 0.0005, [0.0005]
    for each in returns:
        price *= math.exp(each)
        closes.append(price)
    return closes


def detect(closes: list[float], settings: Settings | None = None, now: int = NOW) -> Regime:
    one = markov.build(settings or Settings(), quote_is_token0=False)
    return one.detect(history(closes, now=now), FORECAST, None, now)


@pytest.mark.parametrize(("sign", "label"), [(1, "positive"), (-1, "negative")])
def test_a_state_with_a_drift_is_a_trend(sign: int, label: str) -> None:
    rng = random.Random(9)
    returns = [rng.gauss(-0.004 * sign, 0.005) for _ in range(400)] + [
        rng.gauss(0.004 * sign, 0.005) for _ in range(200)
    ]
    found = detect(closes_of(returns))
    assert found.label == label
    assert max(found.probability_positive, found.probability_negative) > 0.9
    figures = {figure.name: float(figure.value) for figure in found.figures}
    assert figures["state_0_drift_annual"] < 0 < figures["state_1_drift_annual"]


def test_a_drift_that_does_not_count_is_neutral() -> None:
    """A calm and a wild state without drift, then one that is significant but does not last."""
    rng = random.Random(10)
    calm = [rng.gauss(0, 0.002 if k // 100 % 2 else 0.01) for k in range(620)]
    found = detect(closes_of(calm))
    assert (found.label, found.probability_neutral) == ("neutral", 1.0)
    fluttering = closes_of([0.004 * (-1) ** (k // 3) + rng.gauss(0, 0.001) for k in range(620)])
    assert detect(fluttering).probability_neutral == 1.0
    eager = Settings(min_duration_hours=1)
    assert detect(fluttering, eager).probability_neutral < 1.0


def test_one_fit_serves_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour that passes moves the window of the history, not that of the fit."""
    asked: list[int] = []

    def counted(returns: Sequence[float], states: int) -> Switching:
        asked.append(len(returns))
        return fit(returns, states)

    monkeypatch.setattr(markov, "fit", counted)
    markov._model.cache_clear()
    closes = walk(800, sigma=0.005, seed=3)
    midnight = NOW // DAY * DAY
    for hour in range(24):
        detect(closes[hour : hour + 720], now=midnight + hour * HOUR + 60)
    assert asked == [600]
    detect(closes[24:744], now=midnight + DAY + 60)
    assert asked == [600, 600]


def test_too_little_for_a_fit_is_told() -> None:
    found = detect(walk(200))
    assert found.reason.endswith("240 needed") and found.probability_neutral == 1.0
    assert detect(walk(300)).reason.startswith("states:")
    with pytest.raises(ValidationError, match="nothing would ever be fitted"):
        Settings(window_hours=200, min_window_hours=300)

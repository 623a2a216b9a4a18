"""Gaussian Markov switching: returns drawn from one of a few states, each with its own mean and variance.

Hamilton's filter (J. D. Hamilton, Econometrica 57, 1989) and Kim's smoother inside expectation-maximisation
(Baum–Welch). Plain floats in a fixed order: with two or three states that is as fast as arrays, and the same bytes on
every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# No state may collapse onto a few equal returns: its variance stays above this share of that of all returns.
LEAST_VARIANCE_SHARE = 0.01
# Of the log likelihood: a hundredth of a unit tells nothing apart.
TOLERANCE = 1e-5
MOST_ROUNDS = 200
START_STAYING = 0.95

Rows = list[list[float]]


@dataclass(frozen=True, slots=True)
class Switching:
    """A fitted model, per step of the returns; states in ascending order of their means.

    ``transition[i][j]`` is the probability of j after i. ``occupation`` the expected number of steps in each state of
    the fitted returns, ``log_likelihood`` of those returns. ``initial``: probabilities before the first return.
    """

    means: tuple[float, ...]
    variances: tuple[float, ...]
    transition: tuple[tuple[float, ...], ...]
    initial: tuple[float, ...]
    occupation: tuple[float, ...]
    log_likelihood: float

    def t_statistic(self, state: int) -> float:
        """The state's mean over its standard error, as if one knew which returns are its own: an upper bound."""
        return self.means[state] / math.sqrt(self.variances[state] / max(self.occupation[state], 1e-12))

    def expected_steps(self, state: int) -> float:
        """How long the state lasts on average once entered."""
        leaving = 1 - self.transition[state][state]
        return math.inf if leaving <= 0 else 1 / leaving


def fit(returns: Sequence[float], states: int) -> Switching:
    """Maximum likelihood by expectation-maximisation from two beginnings: states told apart by mean, and by variance.

    ValueError where the returns do not vary, or are fewer than ten for each state.
    """
    if states < 2 or len(returns) < 10 * states:
        raise ValueError(f"{len(returns)} returns are too few for {states} states")
    centre = math.fsum(returns) / len(returns)
    spread = math.sqrt(math.fsum((value - centre) ** 2 for value in returns) / len(returns))
    if not spread > 0 or not math.isfinite(spread):
        raise ValueError("the returns do not vary")
    scaled = [value / spread for value in returns]
    beginnings = (_beginning(scaled, states, by_size=False), _beginning(scaled, states, by_size=True))
    best = max((_climb(scaled, begun) for begun in beginnings), key=lambda model: model.log_likelihood)
    order = sorted(range(states), key=lambda state: (best.means[state], best.variances[state]))
    return Switching(
        means=tuple(best.means[state] * spread for state in order),
        variances=tuple(best.variances[state] * spread**2 for state in order),
        transition=tuple(tuple(best.transition[i][j] for j in order) for i in order),
        initial=tuple(best.initial[state] for state in order),
        occupation=tuple(best.occupation[state] for state in order),
        log_likelihood=best.log_likelihood - len(returns) * math.log(spread),
    )


def filtered(model: Switching, returns: Sequence[float], after: Sequence[float] | None = None) -> Rows:
    """Hamilton's filter: for each return the probability of each state, knowing the returns up to it and no later.

    ``after`` is the row of the return just before the first, to go on from; without it the first follows ``initial``.
    """
    begun = model.initial if after is None else _ahead(after, _columns(model))
    return _forward(model, _densities(model, returns), begun)[0]


def _beginning(values: Sequence[float], states: int, *, by_size: bool) -> Switching:
    """States of equal share: by the value itself, or by its distance from the mean (calm to wild)."""
    centre = math.fsum(values) / len(values)
    ordered = sorted(values, key=(lambda value: abs(value - centre)) if by_size else (lambda value: value))
    size = len(ordered) // states
    parts = [ordered[k * size : (k + 1) * size if k + 1 < states else len(ordered)] for k in range(states)]
    means = [math.fsum(part) / len(part) for part in parts]
    variances = [
        max(LEAST_VARIANCE_SHARE, math.fsum((v - mean) ** 2 for v in part) / len(part))
        for part, mean in zip(parts, means, strict=True)
    ]
    leaving = (1 - START_STAYING) / (states - 1)
    rows = tuple(tuple(START_STAYING if i == j else leaving for j in range(states)) for i in range(states))
    even = (1 / states,) * states
    return Switching(tuple(means), tuple(variances), rows, even, even, -math.inf)


def _climb(values: Sequence[float], model: Switching) -> Switching:
    for _ in range(MOST_ROUNDS):
        better = _round(values, model)
        gained = better.log_likelihood - model.log_likelihood
        model = better
        if gained < TOLERANCE * max(1.0, abs(better.log_likelihood)):
            break
    return model


def _round(values: Sequence[float], model: Switching) -> Switching:
    """One expectation and maximisation; the likelihood is that of the model put in."""
    forward, log_likelihood = _forward(model, _densities(model, values), model.initial)
    smooth, moves = _smooth(model, forward)
    states = range(len(model.means))
    weights = [max(math.fsum(row[k] for row in smooth), 1e-12) for k in states]
    means = [math.fsum(row[k] * v for row, v in zip(smooth, values, strict=True)) / weights[k] for k in states]
    variances = [
        math.fsum(row[k] * (v - means[k]) ** 2 for row, v in zip(smooth, values, strict=True)) / weights[k]
        for k in states
    ]
    totals = [max(math.fsum(moves[i]), 1e-12) for i in states]
    return Switching(
        tuple(means),
        tuple(max(variance, LEAST_VARIANCE_SHARE) for variance in variances),
        tuple(tuple(moves[i][j] / totals[i] for j in states) for i in states),
        tuple(smooth[0]),
        tuple(weights),
        log_likelihood,
    )


def _densities(model: Switching, values: Sequence[float]) -> Rows:
    """Log densities of each value in each state."""
    constants = [-0.5 * math.log(2 * math.pi * variance) for variance in model.variances]
    halves = [-0.5 / variance for variance in model.variances]
    terms = list(zip(model.means, constants, halves, strict=True))
    return [[constant + half * (value - mean) ** 2 for mean, constant, half in terms] for value in values]


def _columns(model: Switching) -> list[tuple[float, ...]]:
    return list(zip(*model.transition, strict=True))


def _ahead(row: Sequence[float], columns: Sequence[Sequence[float]]) -> list[float]:
    """The probabilities one step on."""
    return [sum(p * q for p, q in zip(row, column, strict=True)) for column in columns]


def _forward(model: Switching, densities: Rows, begun: Sequence[float]) -> tuple[Rows, float]:
    columns = _columns(model)
    predicted = list(begun)
    rows: Rows = []
    logs: list[float] = []
    for each in densities:
        # The greatest is taken out first, so that a far outlier does not leave nought over nought.
        top = max(each)
        joint = [p * math.exp(density - top) for p, density in zip(predicted, each, strict=True)]
        total = sum(joint)
        if total > 0:
            current = [value / total for value in joint]
            logs.append(top + math.log(total))
        else:  # the only state that could have given this value was ruled out: begin from the densities alone
            weights = [math.exp(density - top) for density in each]
            current = [weight / sum(weights) for weight in weights]
            logs.append(top + math.log(1e-300))
        rows.append(current)
        predicted = _ahead(current, columns)
    return rows, math.fsum(logs)


def _smooth(model: Switching, forward: Rows) -> tuple[Rows, Rows]:
    """Kim's smoother: the state at each step knowing all returns, and the expected number of moves from i to j."""
    states = range(len(model.means))
    transition = model.transition
    smooth: Rows = [forward[-1]]
    moves = [[0.0] * len(states) for _ in states]
    for current in reversed(forward[:-1]):
        after = smooth[-1]
        ahead = [sum(current[i] * transition[i][j] for i in states) for j in states]
        ratio = [after[j] / ahead[j] if ahead[j] > 0 else 0.0 for j in states]
        row = []
        for i in states:
            parts = [current[i] * transition[i][j] * ratio[j] for j in states]
            for j in states:
                moves[i][j] += parts[j]
            row.append(sum(parts))
        smooth.append(row)
    smooth.reverse()
    return smooth, moves

"""What a regime model learns from and is judged by: examples, labels, walk-forward folds, scores. No PyTorch here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from keeper.errors import ConfigError
from keeper.model.memory import RegimeLabel
from keeper.policy.learning.lstm import CLASSES
from keeper.policy.regime_score import directional_payoffs, score
from keeper.policy.signals.features import WARMUP_HOURS, feature_rows, hourly_sigma

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

NEGATIVE, NEUTRAL, POSITIVE = (CLASSES.index(name) for name in ("negative", "neutral", "positive"))
LEAST_EXAMPLES_PER_FOLD = 30


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a model is trained.

    A label is positive (negative) where the log return over ``horizon_hours`` is above ``threshold`` (below minus that)
    standard deviations, σ of the 168 hours before times √horizon. Examples are ``stride_hours`` apart, each of
    ``steps`` hourly rows. ``tilt`` and ``switch_cost`` (fractions of capital) are those of the score.
    """

    horizon_hours: int = 24
    threshold: float = 0.5
    steps: int = 48
    hidden: int = 16
    epochs: int = 6
    folds: int = 4
    stride_hours: int = 4
    batch: int = 128
    learning_rate: float = 0.003
    seed: int = 1
    tilt: float = 0.2
    switch_cost: float = 0.0005


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """``ends``: the row at which each example ends; ``labels`` its class; ``moves`` the simple return it is about."""

    rows: Array
    ends: Codes
    labels: Codes
    moves: Array

    def at(self, chosen: Codes) -> Examples:
        return Examples(self.rows, self.ends[chosen], self.labels[chosen], self.moves[chosen])

    def __len__(self) -> int:
        return len(self.ends)


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Positions of examples to learn from and to be judged by; the former end ``horizon_hours`` before the latter."""

    training: Codes
    judged: Codes


@dataclass(frozen=True, slots=True)
class Scores:
    """Of examples that the model had not seen. ``*_base`` are those of the training labels' frequencies alone.

    ``hit_rate``: where a trend was called, how often the price went that way. ``gain``: Δ net alpha against always
    neutral over non-overlapping horizons (fraction of capital, whole period), ``gain_p_value`` against shuffled runs.
    """

    examples: int
    log_loss: float
    log_loss_base: float
    accuracy: float
    accuracy_base: float
    called_share: float
    hit_rate: float
    gain: float
    gain_p_value: float

    def rounded(self) -> dict[str, float]:
        return {name: round(float(value), 6) for name, value in asdict(self).items()}


def examples(closes: tuple[float, ...], settings: TrainingSettings) -> Examples:
    """Every example whose label is known. ConfigError where there are too few for the folds."""
    needed = WARMUP_HOURS + settings.steps + settings.horizon_hours
    wanted = LEAST_EXAMPLES_PER_FOLD * (settings.folds + 1) * settings.stride_hours
    if len(closes) < needed + wanted:
        raise ConfigError(
            f"{len(closes)} hours of prices are too few to train on: {needed + wanted} needed; "
            "give a longer file, fewer folds or a shorter stride"
        )
    rows = feature_rows(closes)
    ends = np.arange(settings.steps - 1, len(rows) - settings.horizon_hours, settings.stride_hours, dtype=np.intp)
    prices = np.asarray(closes)
    now, later = prices[ends + WARMUP_HOURS], prices[ends + WARMUP_HOURS + settings.horizon_hours]
    scaled = np.log(later / now) / (hourly_sigma(closes)[ends] * np.sqrt(settings.horizon_hours))
    labels = np.full(len(ends), NEUTRAL, dtype=np.intp)
    labels[scaled > settings.threshold] = POSITIVE
    labels[scaled < -settings.threshold] = NEGATIVE
    return Examples(rows, ends, labels, later / now - 1)


def folds(found: Examples, settings: TrainingSettings) -> Iterator[Fold]:
    """Walk forward: learn from the past, be judged by what follows. Between them lies an embargo as long as a label
    looks ahead, so that no label that was learnt from reaches into what is judged."""
    bounds = [len(found) * k // (settings.folds + 1) for k in range(1, settings.folds + 2)]
    for start, stop in pairwise(bounds):
        known = np.flatnonzero(found.ends + settings.horizon_hours <= found.ends[start])
        yield Fold(known, np.arange(start, stop))


def normalisation(found: Examples, steps: int) -> tuple[Array, Array]:
    """Mean and standard deviation of each feature over the rows that these examples look at, and no others."""
    seen = found.rows[max(0, int(found.ends[0]) - steps + 1) : int(found.ends[-1]) + 1]
    return seen.mean(axis=0), np.maximum(seen.std(axis=0), 1e-6)


def scored(probabilities: Array, base: Array, judged: Examples, settings: TrainingSettings) -> Scores:
    """Scores of the probabilities (one row of ``CLASSES`` for each judged example); ``base``: of the constant ones."""
    count = len(judged)
    at = np.arange(count)
    called = probabilities.argmax(axis=1)
    trends = called != NEUTRAL
    hits = np.where(called == POSITIVE, judged.moves > 0, judged.moves < 0)
    apart = at[:: max(1, -(-settings.horizon_hours // settings.stride_hours))]
    labels: list[RegimeLabel] = [CLASSES[code] for code in called[apart]]  # type: ignore[misc]
    worth = score(
        labels,
        directional_payoffs(judged.moves[apart].tolist(), settings.tilt),
        settings.switch_cost,
        seed=settings.seed,
    )
    return Scores(
        examples=count,
        log_loss=float(-np.log(np.maximum(probabilities[at, judged.labels], 1e-12)).mean()),
        log_loss_base=float(-np.log(np.maximum(base[at, judged.labels], 1e-12)).mean()),
        accuracy=float((called == judged.labels).mean()),
        accuracy_base=float((base.argmax(axis=1) == judged.labels).mean()),
        called_share=float(trends.mean()),
        hit_rate=float(hits[trends].mean()) if trends.any() else 0.0,
        gain=worth.gain,
        gain_p_value=worth.shuffled.p_value,
    )


def frequencies(labels: Codes) -> Array:
    """The share of each class, none quite nought."""
    counts = np.bincount(labels, minlength=len(CLASSES)) + 1.0
    result: Array = counts / counts.sum()
    return result

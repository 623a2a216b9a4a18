"""What a detector said, hour by hour, and placebos that say as much and know nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keeper.backtest.hourly_prices import HourlyPrices
from keeper.errors import ConfigError
from keeper.model.decision import Forecast
from keeper.model.memory import RegimeLabel, RegimeMemory
from keeper.model.observation import History, Sample
from keeper.policy.regimes import lstm, markov, trend
from keeper.policy.strategy import Detector

HOUR_SECONDS = 3_600
EVERY_HOURS, HISTORY_HOURS = 6, 720
STANCES: dict[RegimeLabel, int] = {"negative": -1, "neutral": 0, "positive": 1}
_UNUSED = Forecast("none", None, None, 0, 0, "not used by these detectors")

Stances = NDArray[np.int8]
Progress = Callable[[float, str], None]


def detectors(weights: Path | None = None) -> dict[str, Detector]:
    """Those that can be asked: ``trend``, ``markov``, and ``lstm`` where its weights are given.

    ConfigError where the weights cannot be read or used.
    """
    found: dict[str, Detector] = {
        "trend": trend.build(trend.Settings(), quote_is_token0=False),
        "markov": markov.build(markov.Settings(), quote_is_token0=False),
    }
    if weights is not None:
        try:
            settings = lstm.Settings(weights=weights.name)
            found["lstm"] = lstm.build(settings, quote_is_token0=False, weights=weights.read_bytes())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            sentence = f"cannot be used as weights ({reason}); `keeper train` writes them"
            raise ConfigError(sentence, path=str(weights)) from error
    return found


def first_unseen_hour(detector: Detector, prices: HourlyPrices) -> int:
    """The place of the first hour that may be judged: a learned model's own past is not its future."""
    model = getattr(detector, "model", None)
    until = None if model is None else model.trained_on.get("until")
    if not isinstance(until, str):
        return HISTORY_HOURS
    seen = int(datetime.fromisoformat(until).replace(tzinfo=UTC).timestamp()) + 86_400
    return max(HISTORY_HOURS, int(np.searchsorted(np.asarray(prices.hours), seen)))


def stances_of(detector: Detector, prices: HourlyPrices, progress: Progress = lambda _done, _what: None) -> Stances:
    """The stance that may be taken at each hour's close. Asked every ``EVERY_HOURS`` with the hours up to then, a
    label acts from the close of the hour after; neutral before ``HISTORY_HOURS``."""
    samples = tuple(
        Sample(hour + HOUR_SECONDS, round(math.sqrt(close) * 2**96), None, None)
        for hour, close in zip(prices.hours, prices.closes, strict=True)
    )
    stances = np.zeros(len(samples), dtype=np.int8)
    memory: RegimeMemory | None = None
    for index in range(HISTORY_HOURS - 1, len(samples), EVERY_HOURS):
        if index % 600 < EVERY_HOURS:
            progress(index / len(samples), "asking the detector")
        history = History("", HOUR_SECONDS, samples[index + 1 - HISTORY_HOURS : index + 1])
        regime = detector.detect(history, _UNUSED, memory, samples[index].timestamp)
        memory = RegimeMemory(regime.label, regime.since_timestamp)
        stances[index + 1 : index + 1 + EVERY_HOURS] = STANCES[regime.label]
    return stances


def shuffled(stances: Stances, random: np.random.Generator) -> Stances:
    """The same runs of labels in another order: as many hours in the market, about as many switches."""
    runs = np.split(stances, np.flatnonzero(np.diff(stances)) + 1)
    return np.concatenate([runs[place] for place in random.permutation(len(runs))])


def persistent(stances: Stances, random: np.random.Generator) -> Stances:
    """Labels by chance that last as long, and follow each other as often, as the detector's: a Markov chain with its
    transitions, decision by decision."""
    asked = stances[::EVERY_HOURS].astype(np.intp) + 1
    counts = np.zeros((3, 3))
    np.add.at(counts, (asked[:-1], asked[1:]), 1.0)
    rows = counts.sum(axis=1, keepdims=True)
    chances = np.where(rows > 0, counts / np.maximum(rows, 1), np.eye(3))
    bounds = chances.cumsum(axis=1).tolist()
    label, made = int(random.choice(asked)), []
    for draw in random.random(len(asked)).tolist():
        low, middle, _ = bounds[label]
        label = 0 if draw < low else 1 if draw < middle else 2
        made.append(label - 1)
    return np.repeat(np.array(made, dtype=np.int8), EVERY_HOURS)[: len(stances)]


def late(stances: Stances, hours: int) -> Stances:
    """The same labels so many hours too late, neutral until the first."""
    return np.concatenate([np.zeros(min(hours, len(stances)), dtype=np.int8), stances])[: len(stances)]

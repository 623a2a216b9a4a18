"""Hourly histories from closes, for either token order."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from keeper.model import canonical
from keeper.model.decision import Forecast
from keeper.model.observation import Bar, History, Sample

HOUR = 3_600
DAY = 24 * HOUR
NOW = 1_800_000_000 // DAY * DAY + 5 * HOUR + 120  # a little after a full hour, five hours after midnight
FORECAST = Forecast("ewma", 0.6, 0.02, 86_400, 100, None)


def history(
    closes: Sequence[float], *, quote_is_token0: bool = False, now: int = NOW, reach: Sequence[tuple[int, int]] = ()
) -> History:
    """The last close stands at the last full hour before ``now``. ``reach``: lowest and highest tick of each bar."""
    last = now // HOUR * HOUR
    samples = []
    for index, close in enumerate(closes):
        price = 1 / close if quote_is_token0 else close
        at = last - (len(closes) - 1 - index) * HOUR
        bar = Bar(*reach[index], 0, 0, 1) if reach else None
        samples.append(Sample(at, round(math.sqrt(price) * 2**96), None, None, bar))
    return of(samples)


def of(samples: Sequence[Sample]) -> History:
    return History(canonical.digest(tuple(samples)), HOUR, tuple(samples))


def walk(hours: int, drift: float = 0.0, sigma: float = 0.004, seed: int = 1, start: float = 0.0005) -> list[float]:
    """A geometric walk: hourly drift and volatility."""
    rng = random.Random(seed)
    closes = [start]
    while len(closes) < hours:
        closes.append(closes[-1] * math.exp(drift + rng.gauss(0, sigma)))
    return closes

"""Price paths: the outside world's price, which the local market's arbitrage follows."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from keeper.errors import ConfigError

HOUR_SECONDS = 3600
HOURS_PER_YEAR = 8766.0
_DIGITS = 10
_EWMA_DECAY = 0.94


@dataclass(frozen=True, slots=True)
class PricePath:
    """Prices (quote per base, whole tokens) at strictly increasing UNIX seconds; log-linear between them."""

    timestamps_seconds: tuple[int, ...]
    prices: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.prices) != len(self.timestamps_seconds) or len(self.prices) < 2:
            raise ConfigError("a price path needs at least two rows, each with a time and a price")

    @property
    def start_seconds(self) -> int:
        """Time of the first price."""
        return self.timestamps_seconds[0]

    @property
    def end_seconds(self) -> int:
        """Time of the last price."""
        return self.timestamps_seconds[-1]

    def price_at(self, timestamp_seconds: int) -> float:
        """The price at a time, log-linear between neighbours.

        Raises:
            ConfigError: the time lies outside the path.
        """
        if not self.start_seconds <= timestamp_seconds <= self.end_seconds:
            raise ConfigError(
                f"the price path runs from {self.start_seconds} to {self.end_seconds}, not to {timestamp_seconds}; "
                "ask for fewer days or give a longer path"
            )
        after = min(bisect_right(self.timestamps_seconds, timestamp_seconds), len(self.prices) - 1)
        t0, t1 = self.timestamps_seconds[after - 1], self.timestamps_seconds[after]
        p0, p1 = self.prices[after - 1], self.prices[after]
        share = (timestamp_seconds - t0) / (t1 - t0)
        return _rounded(p0 * math.exp(share * math.log(p1 / p0)))

    def annual_volatility(self) -> float:
        """√(Σ r² ÷ years) over the path's own rows."""
        squares = sum(math.log(b / a) ** 2 for a, b in pairwise(self.prices))
        years = (self.end_seconds - self.start_seconds) / (HOURS_PER_YEAR * HOUR_SECONDS)
        return math.sqrt(squares / years)

    def bustle(self, half_life_seconds: int = 86_400) -> tuple[float, ...]:
        """How lively the market has been before each point: recent variance over the path's mean, about 1 on average.

        Exponentially weighted squared returns up to the point, never after it. Trading volume follows volatility in
        every market that was measured (Karpoff 1987, and the literature since).
        """
        total = sum(math.log(b / a) ** 2 for a, b in pairwise(self.prices))
        mean = total / (self.end_seconds - self.start_seconds)
        level, levels = 1.0, [1.0]
        for (t0, t1), (a, b) in zip(pairwise(self.timestamps_seconds), pairwise(self.prices), strict=True):
            kept = 0.5 ** ((t1 - t0) / half_life_seconds)
            level = kept * level + (1 - kept) * math.log(b / a) ** 2 / (t1 - t0) / mean if mean else 1.0
            levels.append(float(f"{level:.{_DIGITS}g}"))
        return tuple(levels)

    def refine(self, step_seconds: int, seed: int) -> PricePath:
        """The same path with a Brownian bridge of ``step_seconds`` inside each longer interval.

        A straight line between hourly closes would be a market without any movement inside the hour: its 15-minute
        quadratic variation is a quarter of the hourly one, so arbitrage, and with it fees, would come out far too low.
        The bridge keeps every given price exactly and gives the inside of an interval the recent variance
        (exponentially weighted squared returns), so volatility looks the same at every time scale.
        """
        random = np.random.default_rng([seed, 0xB21D6E])
        times, prices = [self.start_seconds], [self.prices[0]]
        returns = [math.log(b / a) for a, b in pairwise(self.prices)]
        variance_per_second = sum(r * r for r in returns) / (self.end_seconds - self.start_seconds)
        for i, change in enumerate(returns):
            t0, t1 = self.timestamps_seconds[i], self.timestamps_seconds[i + 1]
            variance_per_second += (1 - _EWMA_DECAY) * (change * change / (t1 - t0) - variance_per_second)
            inner = range(t0 + step_seconds, t1, step_seconds)
            steps = random.standard_normal(len(inner) + 1) * math.sqrt(variance_per_second * step_seconds)
            walk = np.cumsum(steps)
            for j, t in enumerate(inner):
                share = (j + 1) / (len(inner) + 1)
                bridge = float(walk[j]) - share * float(walk[-1])
                times.append(t)
                prices.append(_rounded(self.prices[i] * math.exp(change * (t - t0) / (t1 - t0) + bridge)))
            times.append(t1)
            prices.append(self.prices[i + 1])
        return PricePath(tuple(times), tuple(prices))


@dataclass(frozen=True, slots=True)
class PathSettings:
    """The seeded generator's character; all per hour or per year of simulated time.

    Returns follow GARCH(1,1) around ``annual_volatility`` with ``shock`` (alpha) and ``persistence`` (alpha + beta);
    a hidden regime drifts up, down or not at all and lasts ``regime_hours`` on average; jumps arrive ``jumps_per_day``.
    """

    annual_volatility: float = 0.60
    shock: float = 0.09
    persistence: float = 0.985
    drift_per_year: float = 1.5
    regime_hours: float = 96.0
    jumps_per_day: float = 0.15
    jump_size: float = 0.02


def _rounded(price: float) -> float:
    """Ten significant digits: exp and log may differ between platforms in the last bit, and a path must not."""
    return float(f"{price:.{_DIGITS}g}")


def generate(
    seed: int,
    days: float,
    *,
    start_price: float = 2000.0,
    start_seconds: int = 1_704_067_200,
    settings: PathSettings | None = None,
) -> PricePath:
    """An hourly path of ``days``, the same for a seed on every platform.

    Source of the parts: GARCH(1,1) of Bollerslev (1986) for clustering, a three-state Markov drift for trends, and
    compound-Poisson jumps (Merton 1976).

    Raises:
        ConfigError: ``days`` or ``start_price`` is not positive.
    """
    if not days > 0 or not start_price > 0:
        raise ConfigError(f"a price path needs positive days and price, not {days} and {start_price}")
    chosen = settings or PathSettings()
    hours = math.ceil(days * 24)
    random = np.random.default_rng([seed, 0x9A7B])
    normals, uniforms = random.standard_normal((hours, 2)), random.random((hours, 3))
    jump_variance = chosen.jumps_per_day / 24 * chosen.jump_size**2
    level = chosen.annual_volatility**2 / HOURS_PER_YEAR - jump_variance
    variance, drift, log_price = level, 0.0, math.log(start_price)
    prices = [_rounded(start_price)]
    for (shock, jump), (switch, which, arrival) in zip(normals.tolist(), uniforms.tolist(), strict=True):
        if switch < 1 / chosen.regime_hours:
            drift = (math.floor(which * 3) - 1) * chosen.drift_per_year / HOURS_PER_YEAR
        moved = math.sqrt(variance) * shock
        jumped = chosen.jump_size * jump if arrival < chosen.jumps_per_day / 24 else 0.0
        log_price += drift + moved + jumped
        memory = chosen.persistence - chosen.shock
        variance = (1 - chosen.persistence) * level + chosen.shock * moved * moved + memory * variance
        prices.append(_rounded(math.exp(log_price)))
    times = range(start_seconds, start_seconds + (hours + 1) * HOUR_SECONDS, HOUR_SECONDS)
    return PricePath(tuple(times), tuple(prices))

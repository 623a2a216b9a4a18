"""The other liquidity providers: a seeded spread of ranges over the pool's ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keeper.errors import ConfigError

MAX_TICK = 887272
_LOG_TICK = math.log(1.0001)


@dataclass(frozen=True, slots=True)
class ProvidedRange:
    """One range of the crowd's liquidity, in ticks and the pool's unit of liquidity."""

    lower_tick: int
    upper_tick: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """How much the others provide and how they spread it.

    ``value`` is what all ranges together are worth at the start, in the pool's raw token1 units. A ``wide_share`` of it
    lies in one range of ± ``wide_log`` (in log price); the rest in ``lumps`` of log-normal width (median
    ``lump_log`` either side) around normally scattered centres (standard deviation ``scatter_log``).
    """

    value: float
    wide_share: float = 0.35
    wide_log: float = 1.8
    lumps: int = 40
    lump_log: float = 0.10
    scatter_log: float = 0.18


def provide(seed: int, sqrt_price: float, tick_spacing: int, settings: ProviderSettings) -> tuple[ProvidedRange, ...]:
    """The crowd's ranges around ``sqrt_price`` (√ of raw token1 per token0).

    Raises:
        ConfigError: the value is too small to make a single unit of liquidity.
    """
    random = np.random.default_rng([seed, 0x117])
    wide = _range(sqrt_price, 0.0, settings.wide_log, settings.value * settings.wide_share, tick_spacing)
    centres = random.standard_normal(settings.lumps) * settings.scatter_log
    widths = settings.lump_log * np.exp(0.6 * random.standard_normal(settings.lumps))
    shares = random.random(settings.lumps) + 0.25
    values = shares / shares.sum() * settings.value * (1 - settings.wide_share)
    lumps = (
        _range(sqrt_price, centre, width, value, tick_spacing)
        for centre, width, value in zip(centres.tolist(), widths.tolist(), values.tolist(), strict=True)
    )
    ranges = tuple(item for item in (wide, *lumps) if item.liquidity > 0)
    if not ranges:
        raise ConfigError(f"other providers' value of {settings.value} raw units is too small for any liquidity")
    return ranges


def _range(sqrt_price: float, centre_log: float, half_log: float, value: float, spacing: int) -> ProvidedRange:
    middle = 2 * math.log(sqrt_price) + centre_log
    limit = MAX_TICK // spacing * spacing
    lower = max(-limit, math.floor((middle - half_log) / _LOG_TICK / spacing) * spacing)
    upper = min(limit, math.ceil((middle + half_log) / _LOG_TICK / spacing) * spacing)
    worth = _value_of_one(sqrt_price, math.exp(lower * _LOG_TICK / 2), math.exp(upper * _LOG_TICK / 2))
    return ProvidedRange(lower, upper, int(float(f"{value / worth:.8g}")))


def _value_of_one(sqrt_price: float, sqrt_lower: float, sqrt_upper: float) -> float:
    """Worth in raw token1 of one unit of liquidity (Uniswap v3 whitepaper, 6.29 and 6.30)."""
    inside = min(max(sqrt_price, sqrt_lower), sqrt_upper)
    amount0, amount1 = 1 / inside - 1 / sqrt_upper, inside - sqrt_lower
    return amount0 * sqrt_price**2 + amount1


def liquidity_at(ranges: tuple[ProvidedRange, ...], tick: int) -> int:
    """The crowd's active liquidity at a tick."""
    return sum(item.liquidity for item in ranges if item.lower_tick <= tick < item.upper_tick)

"""The Bollinger band of the last hours: their mean price, so many standard deviations either way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Ladder
from keeper.model.observation import Observation
from keeper.policy.ladder import LadderSettings, ladder_around
from keeper.policy.scene import NoRange, Scene

HOUR_SECONDS = 3_600
# A mean of fewer of the hours than this part is a mean of something else.
LEAST_HOURS_KNOWN = 0.8
# A band that reaches to a price of nothing ends at this part of the price.
LEAST_PRICE = 1e-6


class Settings(LadderSettings):
    """``range: {kind: bollinger}``: mean ± ``deviations`` population standard deviations of hourly prices.

    The band need not be centred on the price. Where the price is closer than ``min_room_pct`` to an end of it, or
    beyond, the band is shifted until it holds the price with that much room.
    """

    kind: Literal["bollinger"] = "bollinger"
    window_hours: int = Field(default=20, ge=5, le=24 * 30)
    deviations: float = Field(default=2.0, gt=0, le=20)
    min_room_pct: float = Field(default=0.5, gt=0, le=100)


@dataclass(frozen=True, slots=True)
class Bollinger:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        settings = self.settings
        prices = hourly_prices(scene.observation, settings.window_hours)
        needed = math.ceil(LEAST_HOURS_KNOWN * settings.window_hours)
        if len(prices) < needed:
            figures = (Figure("hours", len(prices)), Figure("needed_hours", needed))
            return NoRange("the price of too few of the last hours is known for a Bollinger band", figures)
        mean = math.fsum(prices) / len(prices)
        deviation = math.sqrt(math.fsum((price - mean) ** 2 for price in prices) / len(prices))
        low, high = mean - settings.deviations * deviation, mean + settings.deviations * deviation
        below, above = -math.log(max(low, LEAST_PRICE)), math.log(high)
        room = math.log1p(settings.min_room_pct / 100)
        shift = shift_into(below, above, room)
        return ladder_around(
            scene.observation,
            "bollinger",
            below_log=max(below + shift, room),
            above_log=max(above - shift, room),
            settings=settings,
            reason=f"{settings.deviations:g} deviations around the mean of {settings.window_hours} hours"
            + (", shifted to hold the price" if shift else ""),
            figures=(
                Figure("hours", len(prices)),
                Figure("mean_over_price", mean),
                Figure("deviation_over_price", deviation),
                Figure("shift_log", shift),
            ),
        )


def hourly_prices(observation: Observation, window_hours: int) -> list[float]:
    """The last price known in each of the hours before the block, newest first, over the price at the block."""
    now, root = observation.block.timestamp, observation.pool.sqrt_price_x96
    found: dict[int, float] = {}
    for sample in reversed(observation.history.samples):
        hour = (now - sample.timestamp) // HOUR_SECONDS
        if 0 <= hour < window_hours and sample.sqrt_price_x96 > 0:
            ratio = sample.sqrt_price_x96 / root
            found.setdefault(hour, ratio**-2 if observation.quote_is_token0 else ratio**2)
    return [found[hour] for hour in sorted(found)]


def shift_into(below_log: float, above_log: float, room_log: float) -> float:
    """How far down (positive) or up the distance must go so that the price has room on both sides; 0 where it has.

    Where the band is narrower than twice the room, it is widened around the price instead.
    """
    if below_log + above_log <= 2 * room_log:
        return (above_log - below_log) / 2
    return max(room_log - below_log, 0.0) - max(room_log - above_log, 0.0)


def build(settings: Settings) -> Bollinger:
    return Bollinger(settings)

"""Several ranges around the price, one within the other: how wide each, and how much of the capital in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from keeper.model.decision import Figure, Ladder
from keeper.policy.ladder import MOST_RANGES, PPM, RangeSettings, merged, shares_ppm, ticks_around
from keeper.policy.scene import NoRange, Scene
from keeper.policy.settings import Section

DAYS_PER_YEAR = 365
# No pool has prices beyond e^89 of each other; the usable ticks end the band before that.
WIDEST_LOG = 200.0


class Band(Section):
    """One band: its width in the rule's unit, and its share; shares count against each other."""

    width: float = Field(gt=0, le=10_000)
    share_pct: float = Field(gt=0, le=100)


class Settings(RangeSettings):
    """``range: {kind: bands}``. Widths are per side, in ``unit``: ``pct`` is ln(1 + width/100), ``sigma`` is
    width·σ·√horizon.

    Either ``bands`` names each, which must sum to 100 %, or they are made: ``count`` of them from ``first_width`` on,
    each ``step`` times as wide as the one before (``geometric``) or wider by ``step`` times the first (``linear``),
    with ``share_ratio`` times its share. ``trigger_band`` counts from the narrowest: beyond its edges all are placed
    anew.
    """

    kind: Literal["bands"] = "bands"
    unit: Literal["pct", "sigma"] = "pct"
    horizon_days: float = Field(default=3.0, gt=0, le=365)
    bands: tuple[Band, ...] = Field(default=(), max_length=MOST_RANGES)
    count: int = Field(default=3, ge=1, le=MOST_RANGES)
    first_width: float = Field(default=5.0, gt=0, le=10_000)
    progression: Literal["geometric", "linear"] = "geometric"
    step: float = Field(default=2.0, gt=0, le=10)
    share_ratio: float = Field(default=1.0, gt=0, le=10)
    trigger_band: int = Field(default=1, ge=1, le=MOST_RANGES)

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        total = sum(band.share_pct for band in self.bands)
        if self.bands and not math.isclose(total, 100.0, abs_tol=1e-6):
            raise ValueError(f"the shares of the bands sum to {total:g} %, they must sum to 100")
        if self.progression == "geometric" and self.step <= 1 and not self.bands:
            raise ValueError(f"step {self.step:g} makes no band wider than the one before: give more than 1")
        if self.trigger_band > (number := len(self.bands) or self.count):
            raise ValueError(f"trigger_band {self.trigger_band} is beyond the {number} bands there are")
        return self

    @property
    def widths_and_shares(self) -> list[tuple[float, float]]:
        """Width in the unit and weight of each band, the narrowest first."""
        if self.bands:
            return sorted((band.width, band.share_pct) for band in self.bands)
        return [
            (
                self.first_width * (self.step**n if self.progression == "geometric" else 1 + self.step * n),
                self.share_ratio**n,
            )
            for n in range(self.count)
        ]


@dataclass(frozen=True, slots=True)
class Bands:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        settings = self.settings
        unit_log = scene.carry.sigma_annual * math.sqrt(settings.horizon_days / DAYS_PER_YEAR)
        chosen = settings.widths_and_shares
        in_pct = settings.unit == "pct"
        widths = [min(math.log1p(w / 100) if in_pct else w * unit_log, WIDEST_LOG) for w, _ in chosen]
        ends = [ticks_around(scene.observation, width, width) for width in widths]
        ranges = merged(zip(ends, shares_ppm([share for _, share in chosen]), strict=True))
        figures = [Figure(f"band_{n}_width_log", width) for n, width in enumerate(widths, 1)]
        figures += [Figure(f"band_{n}_share_pct", each.share_ppm * 100 / PPM) for n, each in enumerate(ranges, 1)]
        named = ", ".join(f"{math.expm1(min(width, 9.0)):.2%}" for width in widths)
        return Ladder(
            "bands",
            ranges,
            *ends[settings.trigger_band - 1],
            f"{len(ranges)} bands of {named} either side",
            tuple(figures),
        )


def build(settings: Settings) -> Bands:
    return Bands(settings)

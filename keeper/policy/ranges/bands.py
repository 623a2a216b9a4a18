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
    """One band: its width per side, in per cent of the price or in standard deviations, and its share of capital."""

    width_pct: float | None = Field(default=None, gt=0, le=10_000)
    width_sigmas: float | None = Field(default=None, gt=0, le=100)
    share_pct: float = Field(gt=0, le=100)

    @model_validator(mode="after")
    def _has_one_width(self) -> Band:
        if (self.width_pct is None) == (self.width_sigmas is None):
            raise ValueError("a band has either width_pct or width_sigmas")
        return self

    def width_log(self, unit_log: float) -> float:
        """The log distance of its ends, for a standard deviation of ``unit_log``."""
        if self.width_pct is not None:
            return math.log1p(self.width_pct / 100)
        return (self.width_sigmas or 0.0) * unit_log


class Settings(RangeSettings):
    """``range: {kind: bands}``. A width per side of ``…_pct`` is ln(1 + pct/100), of ``…_sigmas`` so many σ·√horizon.

    Either ``bands`` names each, whose shares must sum to 100 %, or they are made: ``count`` of them from the first
    width on (``first_width_sigmas`` stands in for ``first_width_pct``), each ``step`` times as wide as the one before
    (``geometric``) or wider by ``step`` times the first (``linear``), with ``share_ratio`` times its share.
    ``trigger_band`` counts from the narrowest: beyond its edges all are placed anew.
    """

    kind: Literal["bands"] = "bands"
    horizon_days: float = Field(default=3.0, gt=0, le=365)
    bands: tuple[Band, ...] = Field(default=(), max_length=MOST_RANGES)
    count: int = Field(default=3, ge=1, le=MOST_RANGES)
    first_width_pct: float = Field(default=5.0, gt=0, le=10_000)
    first_width_sigmas: float | None = Field(default=None, gt=0, le=100)
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

    def widths_and_shares(self, unit_log: float) -> list[tuple[float, float]]:
        """Log distance of the ends and weight of each band, the narrowest first."""
        if self.bands:
            return sorted((band.width_log(unit_log), band.share_pct) for band in self.bands)
        found = []
        for n in range(self.count):
            factor = self.step**n if self.progression == "geometric" else 1 + self.step * n
            pct, sigmas = self.first_width_pct * factor, self.first_width_sigmas
            width = math.log1p(pct / 100) if sigmas is None else sigmas * factor * unit_log
            found.append((width, self.share_ratio**n))
        return found


@dataclass(frozen=True, slots=True)
class Bands:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        settings = self.settings
        unit_log = scene.carry.sigma_annual * math.sqrt(settings.horizon_days / DAYS_PER_YEAR)
        chosen = settings.widths_and_shares(unit_log)
        widths = [min(width, WIDEST_LOG) for width, _ in chosen]
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

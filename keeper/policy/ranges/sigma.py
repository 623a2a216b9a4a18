"""A number of forecast standard deviations over a horizon, on either side of the price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from keeper.model.decision import Figure, Ladder
from keeper.policy.ladder import LadderSettings, ladder_around
from keeper.policy.scene import NoRange, Scene

DAYS_PER_YEAR = 365


class Settings(LadderSettings):
    """``range: {kind: sigma}``: half-width = k·σ·√horizon, between the bounds (per side, ln(1 + pct/100))."""

    kind: Literal["sigma"] = "sigma"
    k: float = Field(default=2.0, gt=0, le=20)
    horizon_days: float = Field(default=3.0, gt=0, le=365)
    min_width_pct: float = Field(default=3.0, gt=0, le=1_000)
    max_width_pct: float = Field(default=80.0, gt=0, le=10_000)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Settings:
        if self.min_width_pct > self.max_width_pct:
            raise ValueError(f"min_width_pct {self.min_width_pct:g} is above max_width_pct {self.max_width_pct:g}")
        return self


@dataclass(frozen=True, slots=True)
class Sigma:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        settings = self.settings
        wanted = settings.k * scene.carry.sigma_annual * math.sqrt(settings.horizon_days / DAYS_PER_YEAR)
        floor, ceiling = math.log1p(settings.min_width_pct / 100), math.log1p(settings.max_width_pct / 100)
        half_width = min(max(wanted, floor), ceiling)
        bound = "" if half_width == wanted else (" (your floor)" if half_width == floor else " (your ceiling)")
        return ladder_around(
            scene.observation,
            "sigma",
            below_log=half_width,
            above_log=half_width,
            settings=settings,
            reason=f"{settings.k:g} sigma over {settings.horizon_days:g} days is {math.expm1(half_width):.2%}{bound}",
            figures=(Figure("half_width_log", half_width), Figure("wanted_half_width_log", wanted)),
        )


def build(settings: Settings) -> Sigma:
    return Sigma(settings)

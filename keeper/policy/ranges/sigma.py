"""A number of forecast standard deviations over a horizon, on either side of the price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Ladder
from keeper.policy.ladder import LadderSettings, WidthSettings, ladder_around, within_widths
from keeper.policy.scene import NoRange, Scene

DAYS_PER_YEAR = 365


class Settings(WidthSettings, LadderSettings):
    """``range: {kind: sigma}``: a side's width = k·σ·√horizon, between the bounds.

    ``k_below`` and ``k_above`` stand in for ``k`` on their side of the price.
    """

    kind: Literal["sigma"] = "sigma"
    k: float = Field(default=2.0, gt=0, le=20)
    k_below: float | None = Field(default=None, gt=0, le=20)
    k_above: float | None = Field(default=None, gt=0, le=20)
    horizon_days: float = Field(default=3.0, gt=0, le=365)


@dataclass(frozen=True, slots=True)
class Sigma:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        settings = self.settings
        unit = scene.carry.sigma_annual * math.sqrt(settings.horizon_days / DAYS_PER_YEAR)
        multiples = settings.k_below or settings.k, settings.k_above or settings.k
        below, above = (within_widths(k * unit, settings) for k in multiples)
        days = f"over {settings.horizon_days:g} days"
        if multiples[0] == multiples[1]:
            reason = f"{multiples[0]:g} sigma {days} is {math.expm1(below[0]):.2%}{below[1]}"
        else:
            reason = (
                f"{multiples[0]:g} sigma below and {multiples[1]:g} above {days} are {-math.expm1(-below[0]):.2%}"
                f"{below[1]} and {math.expm1(above[0]):.2%}{above[1]}"
            )
        return ladder_around(
            scene.observation,
            "sigma",
            below_log=below[0],
            above_log=above[0],
            settings=settings,
            reason=reason,
            figures=(
                Figure("below_log", below[0]),
                Figure("above_log", above[0]),
                Figure("wanted_below_log", multiples[0] * unit),
                Figure("wanted_above_log", multiples[1] * unit),
            ),
        )


def build(settings: Settings) -> Sigma:
    return Sigma(settings)

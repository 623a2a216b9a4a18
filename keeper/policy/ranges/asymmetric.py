"""The Dynamic Asymmetric System: width from the forecast, more of it on the side that the market is taken to go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Ladder
from keeper.policy.ladder import LadderSettings, WidthSettings, ladder_around, within_widths
from keeper.policy.scene import NoRange, Scene

DAYS_PER_YEAR = 365
LEANS = {"positive": "bull", "neutral": "neutral", "negative": "bear"}


class Settings(WidthSettings, LadderSettings):
    """``range: {kind: asymmetric}``: total width = 2·c·σ·√horizon in logarithms of the price.

    ``min_width_pct`` and ``max_width_pct`` bound half of the total, which is a side's width when neutral. Bull: the
    part ``skew_pct`` of it lies above the price; bear: below. ``mode: auto`` takes the stance of the operator's view,
    or of a regime that may act.
    """

    kind: Literal["asymmetric"] = "asymmetric"
    c: float = Field(default=1.5, gt=0, le=20)
    horizon_days: float = Field(default=7.0, gt=0, le=365)
    skew_pct: float = Field(default=70.0, ge=50, le=95)
    mode: Literal["auto", "bull", "neutral", "bear"] = "auto"


@dataclass(frozen=True, slots=True)
class Asymmetric:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        settings = self.settings
        is_auto = settings.mode == "auto"
        lean = LEANS[scene.stance.label] if is_auto else settings.mode
        wanted = settings.c * scene.carry.sigma_annual * math.sqrt(settings.horizon_days / DAYS_PER_YEAR)
        half, bound = within_widths(wanted, settings)
        above_pct = {"bull": settings.skew_pct, "neutral": 50.0, "bear": 100 - settings.skew_pct}[lean]
        source = scene.stance.source if is_auto else "setting"
        return ladder_around(
            scene.observation,
            "asymmetric",
            below_log=2 * half * (100 - above_pct) / 100,
            above_log=2 * half * above_pct / 100,
            settings=settings,
            reason=f"{lean} by {source}: a width of {math.expm1(2 * half):.2%}{bound}, {above_pct:g} % of it above",
            figures=(
                Figure("lean", lean),
                Figure("lean_source", source),
                Figure("total_width_log", 2 * half),
                Figure("wanted_total_width_log", 2 * wanted),
                Figure("above_pct_of_width", above_pct),
            ),
            # A regime that has turned asks for its own range; a view that is edited waits for the triggers.
            replaces_before_timestamp=scene.regime.since_timestamp if is_auto and source == "regime" else None,
        )


def build(settings: Settings) -> Asymmetric:
    return Asymmetric(settings)

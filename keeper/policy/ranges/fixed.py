"""A fixed percentage below and above the price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Ladder
from keeper.policy.ladder import LadderSettings, ladder_around
from keeper.policy.scene import NoRange, Scene


class Settings(LadderSettings):
    """``range: {kind: fixed}``. Percentages of the price of the base token in the quote token."""

    kind: Literal["fixed"] = "fixed"
    lower_pct: float = Field(default=10.0, gt=0, lt=100)
    upper_pct: float = Field(default=10.0, gt=0, le=10_000)


@dataclass(frozen=True, slots=True)
class Fixed:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        settings = self.settings
        return ladder_around(
            scene.observation,
            "fixed",
            below_log=-math.log1p(-settings.lower_pct / 100),
            above_log=math.log1p(settings.upper_pct / 100),
            settings=settings,
            reason=f"{settings.lower_pct:g} % below and {settings.upper_pct:g} % above the price",
            figures=(Figure("lower_pct", settings.lower_pct), Figure("upper_pct", settings.upper_pct)),
        )


def build(settings: Settings) -> Fixed:
    return Fixed(settings)

"""Every price there is, as a v2 pool: it never moves again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keeper.model.decision import Ladder, TargetRange
from keeper.model.ticks import max_usable_tick, min_usable_tick
from keeper.policy.ladder import PPM, RangeSettings
from keeper.policy.scene import NoRange, Scene


class Settings(RangeSettings):
    """``range: {kind: full}``."""

    kind: Literal["full"] = "full"


@dataclass(frozen=True, slots=True)
class Full:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        spacing = scene.observation.pool.tick_spacing
        ends = min_usable_tick(spacing), max_usable_tick(spacing)
        return Ladder("full", (TargetRange(*ends, PPM),), *ends, "the whole range of prices")


def build(settings: Settings) -> Full:
    return Full(settings)

"""A fixed number of ticks on either side, centred anew when the price is out of range (the τ-reset strategy)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from keeper.model.decision import Figure, Ladder
from keeper.policy.ladder import LOG_TICK, LadderSettings, ladder_around
from keeper.policy.scene import NoRange, Scene


class Settings(LadderSettings):
    """``range: {kind: tau_reset}``: ±``tau_ticks`` around the price, one tick being 0.01 % of it."""

    kind: Literal["tau_reset"] = "tau_reset"
    tau_ticks: int = Field(default=600, ge=1, le=200_000)


@dataclass(frozen=True, slots=True)
class TauReset:
    settings: Settings

    def choose(self, scene: Scene) -> Ladder | NoRange:
        ticks = self.settings.tau_ticks
        return ladder_around(
            scene.observation,
            "tau_reset",
            below_log=ticks * LOG_TICK,
            above_log=ticks * LOG_TICK,
            settings=self.settings,
            reason=f"{ticks} ticks on either side",
            figures=(Figure("tau_ticks", ticks),),
        )


def build(settings: Settings) -> TauReset:
    return TauReset(settings)

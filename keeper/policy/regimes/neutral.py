"""No opinion: the market is always neutral. The yardstick that every other detector is judged against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keeper.model.decision import Forecast, Regime
from keeper.model.memory import RegimeMemory
from keeper.model.observation import History
from keeper.policy.settings import Section
from keeper.policy.signals.hysteresis import no_opinion


class Settings(Section):
    """``regime: {kind: neutral}``."""

    kind: Literal["neutral"] = "neutral"
    act: bool = False


@dataclass(frozen=True, slots=True)
class Neutral:
    def detect(self, history: History, forecast: Forecast, memory: RegimeMemory | None, now_timestamp: int) -> Regime:
        return no_opinion("neutral", "no detector is set", memory, now_timestamp)


def build(settings: Settings) -> Neutral:
    return Neutral()

"""A strategy ready to think: its settings and the three plug-ins that give it character."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from keeper.model.decision import Forecast, Ladder, Regime
from keeper.model.memory import RegimeMemory
from keeper.model.observation import History, ImpliedQuote
from keeper.policy.scene import NoRange, Scene
from keeper.policy.settings import StrategySettings


class Forecaster(Protocol):
    """Annualised volatility at the time scale of the range, or the reason why there is none.

    A forecast is a function of its arguments alone; what is dear to fit may be kept by their content.
    """

    def forecast(self, history: History, implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast: ...


class Detector(Protocol):
    """The market's state: positive, negative or neutral trend."""

    def detect(
        self, history: History, forecast: Forecast, memory: RegimeMemory | None, now_timestamp: int
    ) -> Regime: ...


class RangeRule(Protocol):
    """Where liquidity should be, or why nowhere."""

    def choose(self, scene: Scene) -> Ladder | NoRange: ...


@dataclass(frozen=True, slots=True)
class Strategy:
    """What ``decide`` needs beside the observation. ``settings_digest`` names the settings in the journal."""

    name: str
    settings: StrategySettings
    settings_digest: str
    forecaster: Forecaster
    detector: Detector
    range_rule: RangeRule

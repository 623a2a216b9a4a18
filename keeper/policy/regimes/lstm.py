"""A learned classifier: positive, negative or neutral, from the weights that `keeper train` wrote. Needs no PyTorch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from keeper.model.decision import Figure, Forecast, Regime
from keeper.model.memory import RegimeMemory
from keeper.model.observation import History
from keeper.policy.signals.candles import candles
from keeper.policy.signals.hysteresis import HysteresisSettings, answer, no_opinion, probabilities

if TYPE_CHECKING:
    from keeper.policy.learning.lstm import Model

# The base token up or down depends on which token is the quote: assembly passes `quote_is_token0` to `build`,
# and the bytes of the file that `weights` names.
ORIENTED = True
ARTIFACTS = ("weights",)


class Settings(HysteresisSettings):
    """``regime: {kind: lstm, weights: eth-lstm.safetensors}``. ``weights_sha256`` is completed on loading."""

    kind: Literal["lstm"] = "lstm"
    weights: str = Field(
        min_length=1, max_length=500, description="a file of `keeper train`, beside the strategy unless absolute"
    )
    weights_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class Lstm:
    settings: Settings
    quote_is_token0: bool
    model: Model

    def detect(self, history: History, forecast: Forecast, memory: RegimeMemory | None, now_timestamp: int) -> Regime:
        from keeper.policy.learning.lstm import CLASSES

        bars = self.settings.confirm_bars
        needed = self.model.hours_needed + bars - 1
        seen = candles(history, now_timestamp, quote_is_token0=self.quote_is_token0, most=needed)
        if isinstance(seen, str):
            return no_opinion("lstm", seen, memory, now_timestamp)
        if len(seen) < needed:
            reason = f"{len(seen)} hours of prices without a hole, {needed} needed by the model"
            return no_opinion("lstm", reason, memory, now_timestamp)
        closes = seen.close
        if len(set(closes)) == 1:
            return no_opinion("lstm", f"the price has not moved in {needed} hours", memory, now_timestamp)
        up, down = CLASSES.index("positive"), CLASSES.index("negative")
        recent = [probabilities(row[up], row[down]) for row in _classified(self.model, closes, bars)]
        return answer("lstm", recent, memory, now_timestamp, self.settings, self._words(), self._figures())

    def _words(self) -> str:
        about = self.model.trained_on
        return f"a model trained on {about.get('data', 'unknown data')} up to {about.get('until', 'an unknown date')}"

    def _figures(self) -> tuple[Figure, ...]:
        """The scores that the model brought along from data it had not been trained on."""
        scores = self.model.trained_on.get("out_of_sample")
        if not isinstance(scores, dict):
            return ()
        return tuple(
            Figure(f"trained_{name}", float(value))
            for name, value in sorted(scores.items())
            if isinstance(value, int | float) and not isinstance(value, bool)
        )


@lru_cache(maxsize=64)
def _classified(model: Model, closes: tuple[float, ...], bars: int) -> tuple[tuple[float, ...], ...]:
    """Kept by content: decisions within an hour share one run."""
    from keeper.policy.learning.lstm import classify

    return tuple(tuple(float(value) for value in row) for row in classify(model, closes, bars))


def build(settings: Settings, *, quote_is_token0: bool, weights: bytes | None = None) -> Lstm:
    """ValueError where there are no weights, they are not the ones that were meant, or cannot be used."""
    from keeper.policy.learning.lstm import load

    if weights is None:
        raise ValueError(f"the file {settings.weights} was not read; load the strategy from its file")
    digest = hashlib.sha256(weights).hexdigest()
    if settings.weights_sha256 not in (None, digest):
        raise ValueError(f"the weights' SHA-256 is {digest}, not {settings.weights_sha256}")
    return Lstm(settings, quote_is_token0, load(weights))

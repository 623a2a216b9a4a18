"""From probabilities, hour by hour, to a label that does not flutter. Shared by every detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import Field, model_validator

from keeper.model.decision import Figure, Regime
from keeper.model.memory import RegimeLabel, RegimeMemory
from keeper.policy.settings import Section

# Rounded so that the last bit of another machine's arithmetic does not become another decision on replay.
DIGITS = 9
MOST_CONFIRM_BARS = 48


class HysteresisSettings(Section):
    """What every detector that can have an opinion is asked: when a label is entered, kept and left."""

    act: bool = False
    enter_probability: float = Field(default=0.6, gt=0.5, le=1)
    leave_probability: float = Field(default=0.4, ge=0, le=1)
    confirm_bars: int = Field(default=3, ge=1, le=MOST_CONFIRM_BARS)
    min_hours: float = Field(default=24.0, ge=0, le=24 * 30)

    @model_validator(mode="after")
    def _leaves_below_entering(self) -> Self:
        if self.leave_probability > self.enter_probability:
            raise ValueError("leave_probability must not be above enter_probability: a label would be left at once")
        return self


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Of a positive, a negative and no trend; they sum to one."""

    positive: float
    negative: float
    neutral: float

    def of(self, label: RegimeLabel) -> float:
        return {"positive": self.positive, "negative": self.negative, "neutral": self.neutral}[label]


def probabilities(positive: float, negative: float) -> Probabilities:
    """The three from two of them; ValueError unless both lie in [0, 1] and leave room for the third."""
    if not (0 <= positive <= 1 and 0 <= negative <= 1 and positive + negative <= 1 + 1e-9):
        raise ValueError(f"{positive} and {negative} are not probabilities of two exclusive states")
    up, down = round(positive, DIGITS), round(negative, DIGITS)
    return Probabilities(up, down, round(max(0.0, 1.0 - up - down), DIGITS))


def answer(
    kind: str,
    recent: Sequence[Probabilities],
    memory: RegimeMemory | None,
    now_timestamp: int,
    settings: HysteresisSettings,
    reason: str,
    figures: tuple[Figure, ...] = (),
) -> Regime:
    """The regime, from the probabilities at the newest bars (oldest first, at least ``confirm_bars`` of them)."""
    label, note = _label(recent[-settings.confirm_bars :], memory, now_timestamp, settings)
    newest = recent[-1]
    return Regime(
        kind=kind,
        label=label,
        probability_positive=newest.positive,
        probability_negative=newest.negative,
        probability_neutral=newest.neutral,
        since_timestamp=since(label, memory, now_timestamp),
        reason=f"{reason}; {note}",
        figures=figures,
    )


def no_opinion(
    kind: str, reason: str, memory: RegimeMemory | None, now_timestamp: int, figures: tuple[Figure, ...] = ()
) -> Regime:
    """Neutral, and why: the data do not allow more. Takes effect at once, whatever was said before."""
    return Regime(kind, "neutral", 0.0, 0.0, 1.0, since("neutral", memory, now_timestamp), reason, figures)


def since(label: RegimeLabel, memory: RegimeMemory | None, now_timestamp: int) -> int:
    """Since when the label holds: it changes only with the label."""
    return memory.since_timestamp if memory is not None and memory.label == label else now_timestamp


def _label(
    recent: Sequence[Probabilities], memory: RegimeMemory | None, now_timestamp: int, settings: HysteresisSettings
) -> tuple[RegimeLabel, str]:
    held: RegimeLabel = "neutral" if memory is None else memory.label
    wanted, note = _wanted(held, recent, settings)
    if memory is None or wanted == held:
        return wanted, note
    hours = (now_timestamp - memory.since_timestamp) / 3_600
    if hours < settings.min_hours:
        return held, f"{held} for {hours:.1f} h, and no change before {settings.min_hours:g} h ({note})"
    return wanted, note


def _wanted(
    held: RegimeLabel, recent: Sequence[Probabilities], settings: HysteresisSettings
) -> tuple[RegimeLabel, str]:
    """What the probabilities alone would make of the label held, and in words why."""
    bars = f"{len(recent)} bars" if len(recent) > 1 else "the last bar"
    trends: tuple[RegimeLabel, RegimeLabel] = ("positive", "negative")
    for label in trends:
        if all(each.of(label) >= settings.enter_probability for each in recent):
            return label, f"{label} at {settings.enter_probability:g} or more over {bars}"
    if held == "neutral":
        return held, f"no trend at {settings.enter_probability:g} or more over {bars}"
    if all(each.of(held) < settings.leave_probability for each in recent):
        return "neutral", f"{held} below {settings.leave_probability:g} over {bars}"
    return held, f"{held} not below {settings.leave_probability:g} over {bars}"

"""A decision and every part of it: what was seen, forecast, chosen, and why yes or no."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.memory import Memory, RegimeLabel
from keeper.model.observation import Observation
from keeper.model.plan import Action, Hedge, Plan


@dataclass(frozen=True, slots=True)
class Figure:
    """A named number that explains a decision. The name carries its unit."""

    name: str
    value: int | float | str


@dataclass(frozen=True, slots=True)
class Forecast:
    """Annualised volatility at the time scale of the range, with its standard error; or why there is none."""

    kind: str
    sigma_annual: float | None
    standard_error: float | None
    horizon_seconds: int
    samples: int
    refusal: str | None
    figures: tuple[Figure, ...] = ()
    members: tuple[Forecast, ...] = ()


@dataclass(frozen=True, slots=True)
class Regime:
    """The market's state as a detector sees it. Probabilities sum to one. ``reason`` says what it rests on, or why
    there is no opinion (then it is neutral)."""

    kind: str
    label: RegimeLabel
    probability_positive: float
    probability_negative: float
    probability_neutral: float
    since_timestamp: int
    reason: str = ""
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetRange:
    """A range wanted, and its share of the capital (parts per million)."""

    lower_tick: int
    upper_tick: int
    share_ppm: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """One or several ranges with shares that sum to 1,000,000, and the ticks beyond which to act again.

    Ranges opened before ``replaces_before_timestamp`` are to be replaced wherever the price stands (a regime that has
    turned since); None: the triggers alone decide.
    """

    kind: str
    ranges: tuple[TargetRange, ...]
    trigger_lower_tick: int
    trigger_upper_tick: int
    reason: str
    figures: tuple[Figure, ...] = ()
    replaces_before_timestamp: int | None = None
    hedge: Hedge | None = None


@dataclass(frozen=True, slots=True)
class Objection:
    """Why nothing is done. ``code`` is stable for machines, ``message`` is for people."""

    code: str
    message: str
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on a plan. It is carried out only when there is no objection."""

    action: Action
    reason: str
    objections: tuple[Objection, ...]
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything needed to explain a decision, and to make it again from its inputs alone."""

    strategy: str
    settings_digest: str
    observation: Observation
    memory: Memory
    forecast: Forecast
    regime: Regime
    target: Ladder | None
    plan: Plan
    verdict: Verdict

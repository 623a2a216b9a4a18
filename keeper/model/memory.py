"""What the journal remembers for a strategy between two cycles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keeper.model.plan import Action, StepKind

StrategyState = Literal["running", "paused", "exiting", "exited", "halted"]
RegimeLabel = Literal["positive", "negative", "neutral"]


@dataclass(frozen=True, slots=True)
class HeldRange:
    """A position that the keeper opened (or adopted), with the trigger that was decided when it was opened."""

    token_id: int
    lower_tick: int
    upper_tick: int
    trigger_lower_tick: int
    trigger_upper_tick: int
    share_ppm: int
    opened_timestamp: int


@dataclass(frozen=True, slots=True)
class RegimeMemory:
    """The regime last decided on, and since when: what hysteresis needs."""

    label: RegimeLabel
    since_timestamp: int


@dataclass(frozen=True, slots=True)
class PastAct:
    """A finished act and what it really cost (gas, swap fee and impact), raw units of the quote token.

    ``action`` is what its plan was for, ``act`` the step that was mined: a rebalance begins with its exit.
    """

    action: Action
    act: StepKind
    timestamp: int
    cost_quote: int


@dataclass(frozen=True, slots=True)
class FailingAct:
    """An act that has failed ``times`` times since it was last done (reverted, refused by simulation, expired)."""

    act: StepKind
    times: int
    last_timestamp: int


@dataclass(frozen=True, slots=True)
class OpenSubmission:
    """A plan that is being carried out: its rows in the journal are the truth about how far it came."""

    plan_id: int
    decision_id: int
    strategy: str
    deadline_timestamp: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything about its own past that a decision may know.

    ``recent`` holds the finished acts of the last days, oldest first. ``in_transition`` is true between the exit
    of a rebalance and the mint that completes it. ``open`` is None whenever a decision is made. ``failing`` names
    each act at most once, in alphabetical order.
    """

    strategy: str
    state: StrategyState
    state_reason: str
    held: tuple[HeldRange, ...]
    in_transition: bool
    recent: tuple[PastAct, ...]
    regime: RegimeMemory | None
    open: OpenSubmission | None
    failing: tuple[FailingAct, ...] = ()

"""How a cycle ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keeper.model.decision import Objection
from keeper.model.ledger import Effects
from keeper.model.memory import OpenSubmission


@dataclass(frozen=True, slots=True)
class Held:
    """Nothing was done, and why."""

    objections: tuple[Objection, ...]
    kind: Literal["held"] = "held"


@dataclass(frozen=True, slots=True)
class Pending:
    """Something is in flight and its end is not known yet. ``waits_for``: who is to move next; people take their time,
    so that nobody needs to look again at once."""

    submission: OpenSubmission
    note: str
    kind: Literal["pending"] = "pending"
    waits_for: Literal["chain", "people"] = "chain"


@dataclass(frozen=True, slots=True)
class Done:
    """The act was mined; its effects are in the ledger."""

    submission: OpenSubmission
    effects: Effects
    kind: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Failed:
    """The act reverted, expired or was refused by simulation. Nothing but gas was spent."""

    submission: OpenSubmission
    reason: str
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Simulated:
    """A dry run: the act was prepared and simulated, never signed."""

    submission: OpenSubmission
    report: str
    kind: Literal["simulated"] = "simulated"


Outcome = Held | Pending | Done | Failed | Simulated

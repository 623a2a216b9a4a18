"""Prepares and simulates, never signs."""

from __future__ import annotations

from typing import Protocol

from keeper.errors import RehearsalFailedError
from keeper.model.memory import OpenSubmission
from keeper.model.outcome import Failed, Outcome, Simulated
from keeper.model.plan import Plan, Step
from keeper.world.chain.rehearsal import Rehearsed
from keeper.world.protocols import Call, Venue


class TellingRehearsal(Protocol):
    """A rehearsal that also says what it saw; both kinds of ``rehearsal.py`` do."""

    def rehearse(self, step: Step | None, call: Call) -> Rehearsed:
        """Errors as ``Rehearsal.gas_units``."""
        ...


class DryExecutor:
    """Implements ``Executor`` without a key: the first step is rehearsed on the state of now.

    Later steps build on the first one's effects, so they are named and not simulated.
    """

    def __init__(self, rehearsal: TellingRehearsal, venue: Venue, owner: str) -> None:
        self._rehearsal, self._venue, self._owner = rehearsal, venue, owner

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome:
        """What the first step would do. TransientError if the node does not answer."""
        first, *others = plan.next_steps
        call = self._venue.call(first, self._owner, plan.deadline_timestamp)
        try:
            rehearsed = self._rehearsal.rehearse(first, call)
        except RehearsalFailedError as error:
            return Failed(submission, f"{first.kind}: {error}")
        then = f"; then {', '.join(step.kind for step in others)}" if others else ""
        report = f"{first.kind} would succeed with {rehearsed.gas_units} gas ({rehearsed.seen}){then}"
        return Simulated(submission, report)

    def settle(self, submission: OpenSubmission) -> Outcome:
        """Nothing is ever in flight: an open plan is one that was interrupted."""
        return Failed(submission, "interrupted before it was simulated")

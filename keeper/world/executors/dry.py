"""Prepares and simulates, never signs."""

from __future__ import annotations

from keeper.errors import RehearsalFailedError
from keeper.model.memory import OpenSubmission
from keeper.model.outcome import Failed, Outcome, Simulated
from keeper.model.plan import Plan
from keeper.world.chain.rehearsal import ForesightedRehearsal
from keeper.world.protocols import Venue


class DryExecutor:
    """Implements ``Executor`` without a key: what would be done now is rehearsed, step upon step.

    Where the node cannot simulate it is the first step alone, since the others build on what it does.
    """

    def __init__(self, rehearsal: ForesightedRehearsal, venue: Venue, owner: str) -> None:
        self._rehearsal, self._venue, self._owner = rehearsal, venue, owner

    def recover(self, strategy: str) -> Outcome | None:  # noqa: ARG002
        """Nothing was ever sent."""
        return None

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome:
        """What the next steps would do. TransientError if the node does not answer."""
        first, *others = plan.next_steps
        acts = [(step, self._venue.call(step, self._owner, plan.deadline_timestamp)) for step in plan.next_steps]
        try:
            rehearsed = self._rehearsal.rehearse_in_order(acts)
        except RehearsalFailedError as error:
            return Failed(submission, f"{first.kind}: {error}")
        then = f"; then {', '.join(step.kind for step in others)}" if others else ""
        report = f"{first.kind} would succeed with {rehearsed.gas_units} gas ({rehearsed.seen}){then}"
        return Simulated(submission, report)

    def settle(self, submission: OpenSubmission) -> Outcome:
        """Nothing is ever in flight: an open plan is one that was interrupted."""
        return Failed(submission, "interrupted before it was simulated")

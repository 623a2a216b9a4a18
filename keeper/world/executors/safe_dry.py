"""What a Safe's owners would be asked for, rehearsed with their consent taken for given; nothing is signed or shown."""

from __future__ import annotations

from keeper.errors import RehearsalFailedError
from keeper.model.memory import OpenSubmission
from keeper.model.outcome import Failed, Outcome, Simulated
from keeper.model.plan import Plan
from keeper.world.safe.proposing import Proposer
from keeper.world.safe.watching import SafeWatch


class SafeDryExecutor:
    """Implements ``Executor`` without a key."""

    def __init__(self, proposer: Proposer, watch: SafeWatch) -> None:
        self._proposer, self._watch = proposer, watch

    def recover(self, strategy: str) -> Outcome | None:  # noqa: ARG002
        """Nothing was ever proposed."""
        return None

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome:
        """What the first step would do. TransientError if the node does not answer."""
        first, *others = plan.next_steps
        sight = self._watch.look()
        tx = self._proposer.drafted(first, plan.deadline_timestamp, sight.state.nonce)
        try:
            seen = self._proposer.rehearse(first, plan.deadline_timestamp, tx, sight)
        except RehearsalFailedError as error:
            return Failed(submission, f"{first.kind}: {error}")
        then = f"; then {', '.join(step.kind for step in others)}" if others else ""
        report = f"{first.kind} would succeed as nonce {tx.nonce} of the Safe ({seen}){then}"
        return Simulated(submission, report)

    def settle(self, submission: OpenSubmission) -> Outcome:
        """Nothing is ever in flight: an open plan is one that was interrupted."""
        return Failed(submission, "interrupted before it was simulated")

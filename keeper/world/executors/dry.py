"""Prepares and simulates, never signs."""

from __future__ import annotations

from keeper.errors import RpcError
from keeper.model.memory import OpenSubmission
from keeper.model.outcome import Failed, Outcome, Simulated
from keeper.model.plan import Plan
from keeper.world.chain import reverts
from keeper.world.protocols import Node, Venue


class DryExecutor:
    """Implements ``Executor`` without a key: the first step is simulated on the state of now.

    Later steps build on the first one's effects, so they are named and not simulated.
    """

    def __init__(self, node: Node, venue: Venue, owner: str) -> None:
        self._node, self._venue, self._owner = node, venue, owner

    def recover(self, strategy: str) -> Outcome | None:  # noqa: ARG002
        """Nothing was ever sent."""
        return None

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome:
        """What the first step would do. TransientError if the node does not answer."""
        first, *others = plan.next_steps
        call = self._venue.call(first, self._owner, plan.deadline_timestamp)
        request = {"from": self._owner, "to": call.to, "data": "0x" + call.data.hex(), "value": hex(call.value_wei)}
        try:
            gas = int(self._node.request("eth_estimateGas", [request, "latest"]), 16)
        except RpcError as error:
            if not reverts.is_refusal(error):
                raise
            return Failed(submission, f"{first.kind}: simulation failed: {reverts.reason(error)}")
        then = f"; then {', '.join(step.kind for step in others)}" if others else ""
        return Simulated(submission, f"{first.kind} would succeed with {gas} gas{then}")

    def settle(self, submission: OpenSubmission) -> Outcome:
        """Nothing is ever in flight: an open plan is one that was interrupted."""
        return Failed(submission, "interrupted before it was simulated")

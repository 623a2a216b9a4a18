"""Trying a transaction on the newest state before it is signed: a revert costs nothing here."""

from __future__ import annotations

from keeper.errors import RehearsalFailedError, RpcError
from keeper.model.plan import Step
from keeper.world.chain import reverts
from keeper.world.protocols import Call, Node


class PlainRehearsal:
    """Implements ``Rehearsal`` with what every node has: ``eth_call`` and ``eth_estimateGas``."""

    def __init__(self, node: Node, owner: str) -> None:
        self._node, self._owner = node, owner

    def gas_units(self, step: Step | None, call: Call) -> int:  # noqa: ARG002  # balances are not looked at here
        """The gas of a call that succeeds on the state of now."""
        request = {"from": self._owner, "to": call.to, "data": "0x" + call.data.hex(), "value": hex(call.value_wei)}
        try:
            self._node.request("eth_call", [request, "latest"])
            return int(self._node.request("eth_estimateGas", [request, "latest"]), 16)
        except RpcError as error:
            if not reverts.is_refusal(error):
                raise
            raise RehearsalFailedError(f"simulation failed: {reverts.reason(error)}") from error

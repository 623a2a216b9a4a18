"""A node seen so that what a Safe would do can be tried: by whom it is sent, and with whose consent.

A rehearsal looks at the Safe's balances, and the call in between is sent by somebody else: an owner, for whom one
signature is enough, or whoever really pays. Only questions are changed; nothing is ever sent through here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from keeper.model.plan import Step
from keeper.world.protocols import Call, Node, Rehearsal
from keeper.world.safe.calldata import selector

THRESHOLD_SLOT: Final = "0x" + f"{4:064x}"
"""Where ``OwnerManager`` of Safe 1.3.0 and 1.4.1 keeps the threshold: after singleton, modules, owners, their count."""

_ONE: Final = "0x" + f"{1:064x}"
_APPROVE: Final = selector("approveHash(bytes32)")
Overrides = dict[str, dict[str, Any]]


class ActingNode:
    """Implements ``Node`` for rehearsals: calls to the Safe, or to the sender itself, come from ``sender``.

    ``with_consent``: the Safe is seen with a threshold of one, so that an owner's own sending is all the consent that
    it asks for.
    """

    def __init__(self, node: Node, safe: str, sender: str, *, with_consent: bool = False) -> None:
        self._node, self._safe, self._sender = node, safe.lower(), sender
        self._overrides: Overrides = {self._safe: {"stateDiff": {THRESHOLD_SLOT: _ONE}}} if with_consent else {}

    def request(self, method: str, params: Sequence[Any]) -> Any:
        return self._node.request(method, self._changed(method, params))

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return self._node.batch([(method, self._changed(method, params)) for method, params in requests])

    def send_raw_transaction(self, raw: bytes) -> NoReturn:  # noqa: ARG002
        raise AssertionError("a rehearsal sends nothing")

    def _changed(self, method: str, params: Sequence[Any]) -> Sequence[Any]:
        if method == "eth_simulateV1":
            return [self._simulation(params[0]), *params[1:]]
        if method in ("eth_call", "eth_estimateGas") and "to" in params[0]:
            call, at = self._sent(params[0]), params[1] if len(params) > 1 else "latest"
            given = params[2] if len(params) > 2 else {}
            overrides = _merged(given, self._overrides)
            return [call, at, overrides] if overrides else [call, at]
        return params

    def _simulation(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        first, *others = ({**each, "calls": [self._sent(call) for call in each["calls"]]}
                          for each in payload["blockStateCalls"])  # fmt: skip
        overrides = _merged(first.get("stateOverrides", {}), self._overrides)
        first = {**first, "stateOverrides": overrides} if overrides else first
        return {**payload, "blockStateCalls": [first, *others]}

    def _sent(self, call: Mapping[str, Any]) -> dict[str, Any]:
        acts = str(call.get("to", "")).lower() in (self._safe, self._sender.lower())
        return {**call, "from": self._sender} if acts else dict(call)


def _merged(one: Mapping[str, Any], other: Overrides) -> Overrides:
    return {address: {**one.get(address, {}), **other.get(address, {})} for address in {*one, *other}}


class SendingRehearsal:
    """Implements ``Rehearsal`` for what a key sends to a Safe: an execution does what its step says, an approval of a
    hash moves nothing."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal

    def gas_units(self, step: Step | None, call: Call) -> int:
        approves = call.data.startswith(_APPROVE)
        return self._rehearsal.gas_units(None if approves else step, call)

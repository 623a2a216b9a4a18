"""One transaction for a whole plan, from a key whose account runs a batch contract (EIP-7702).

How it is sent, settled and recovered is the wallet executor's: only what a batch's call is differs. A batch goes to the
owner itself, one inner call for each step, so that everything happens or nothing; a single step stays a plain call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keeper.model.ledger import Effects
from keeper.model.plan import Batch, Step
from keeper.world.chain.delegation import execute_batch
from keeper.world.protocols import Call, Venue


class AtomicVenue:
    """Implements ``Venue`` around another one. ``delegate`` is the batch contract whose code the owner's account is to
    run: each batch's call says so, and the sender sets it where it is not yet."""

    def __init__(self, venue: Venue, delegate: str) -> None:
        self._venue, self._delegate = venue, delegate

    def call(self, step: Step, owner: str, deadline_timestamp: int) -> Call:
        """The transaction that does the step. ValueError: it does nothing."""
        if not isinstance(step, Batch):
            return self._venue.call(step, owner, deadline_timestamp)
        calls = [self._venue.call(each, owner, deadline_timestamp) for each in step.steps]
        return Call(owner, execute_batch(calls), delegate=self._delegate)

    def effects(self, receipt: Mapping[str, Any], owner: str, timestamp: int) -> Effects:
        """What the receipt did to the owner's balances."""
        return self._venue.effects(receipt, owner, timestamp)

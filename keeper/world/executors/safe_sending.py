"""What the keeper's own key sends for a Safe: the execution of what is signed, or an owner's approval on chain.

A step has one transaction of the key at most. Its receipt says what became of the transaction; what became of the
proposal is for the Safe's own events to say, so nothing but the end of the nonce is booked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keeper.model.ledger import Effects
from keeper.model.outcome import Outcome, Pending
from keeper.world.chain import recovery
from keeper.world.chain.sender import Sender
from keeper.world.chain.sent import Mined, Sent, Unknown
from keeper.world.journal.attempts import StoredStep
from keeper.world.journal.proposal_rows import StoredProposal
from keeper.world.journal.transactions import TransactionLog
from keeper.world.protocols import Call, Node
from keeper.world.safe.calldata import approve_hash_calldata, execute_calldata, packed_signatures
from keeper.world.safe.proposing import SafeTerms
from keeper.world.safe.watching import Sight
from keeper.world.signers.decoding import decode_signed

_NOTHING = Effects((), (), ())


class SafeSending:
    """Sends from one key, which pays for the gas."""

    def __init__(self, sender: Sender, log: TransactionLog, node: Node, terms: SafeTerms) -> None:
        self._sender, self._log, self._node, self._terms = sender, log, node, terms

    def revive_undone(self, strategy: str) -> None:
        """Make live again what a reorganisation undid of the key's transactions. TransientError if the node lags."""
        recovery.revive_undone(self._node, self._log, strategy, self._terms.chain_id)

    def finish_undone(self, strategy: str) -> Outcome | None:
        """Bring such a transaction to its end again; None when there is nothing left of that kind."""
        while undone := self._log.undone(strategy):
            submission, step = undone[0]
            unfinished = self.finish(step, submission.deadline_timestamp)
            if unfinished is not None:
                return Pending(submission, unfinished.note)
        return None

    def finish(
        self, step: StoredStep, deadline_timestamp: int, is_over: Callable[[], bool] = lambda: False
    ) -> Unknown | None:
        """Find the end of what was sent for the step; None when it is in the books, or nothing was sent. Where it can
        only revert any more (``is_over``: the Safe's nonce is used), its own nonce is taken back."""
        transaction = step.transaction
        if transaction is None or transaction.ending is not None:
            return None
        first = decode_signed(next(each.raw for each in transaction.attempts if not each.cancels)).unsigned
        call = Call(first.to, first.data, first.value_wei)
        until = 0 if is_over() else deadline_timestamp
        return self._booked(self._sender.settle(transaction, step.step, call, until))

    def help_along(
        self,
        step: StoredStep,
        proposal: StoredProposal,
        deadline_timestamp: int,
        consents: Mapping[str, bytes | None],
        sight: Sight,
    ) -> Sent | None:
        """Send what the terms want from the key now; what was mined is in the books. None: nothing is to be sent."""
        call = self._call(proposal, consents, sight)
        if call is None or step.transaction is not None:
            return None
        sent = self._sender.send(step.id, step.step, call, deadline_timestamp)
        self._booked(sent)
        return sent

    def _call(self, proposal: StoredProposal, consents: Mapping[str, bytes | None], sight: Sight) -> Call | None:
        key, state = self._sender.address.lower(), sight.state
        if self._terms.sends(key, state):
            if len(consents) < state.threshold or proposal.nonce != state.nonce:
                return None
            return Call(self._terms.safe, execute_calldata(proposal.transaction, packed_signatures(consents)))
        if self._terms.approves_on_chain and key in state.owners and key not in consents:
            return Call(self._terms.safe, approve_hash_calldata(bytes.fromhex(proposal.hash[2:])))
        return None

    def _booked(self, sent: Sent) -> Unknown | None:
        if isinstance(sent, Mined):
            self._log.record_ending(sent.transaction_id, sent.ending, _NOTHING)
            return None
        return sent if isinstance(sent, Unknown) else Unknown(sent.reason)

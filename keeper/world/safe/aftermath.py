"""What happens to proposals after their end: ends that the chain takes back, late executions, rejections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from keeper import __version__
from keeper.errors import ServiceRefusedError, TransientError
from keeper.model.ledger import Effects
from keeper.world.journal.proposal_rows import ProposalState, StoredProposal
from keeper.world.journal.proposals import ProposalLog
from keeper.world.safe.board import Board, Notice
from keeper.world.safe.boards import origin
from keeper.world.safe.watching import SafeWatch, Sight, Use

_WATCHED_BLOCKS: Final = 128


class Aftermath:
    """Looks after one strategy's ended proposals of one Safe."""

    def __init__(self, log: ProposalLog, watch: SafeWatch, board: Board, chain_id: int) -> None:
        self._log, self._watch, self._board, self._chain_id = log, watch, board, chain_id

    def review(self, strategy: str, sight: Sight) -> None:
        """What ended otherwise than the chain now shows is open again; what expired, and whose nonce others then used,
        is closed. TransientError where the node lags behind."""
        watched = self._of_this(self._log.watched(strategy, self._chain_id, _WATCHED_BLOCKS))
        for proposal in self._watch.moved(watched, sight.number):
            self._log.record_undone(proposal.id)
        for proposal in watched:
            if proposal.state != "EXPIRED" or self._is_forgotten(proposal, sight):
                continue
            use = self._watch.use_of(proposal, sight)
            if use.by == "ours" and use.execution is not None:  # taken back, or not bound to the deadline: it counts
                self._log.record_undone(proposal.id)
                sentence = (
                    f"proposal {proposal.hash}, which had ended ({proposal.note}), was executed all the same in "
                    f"transaction {use.execution.transaction_hash}; it is booked as the strategy's own"
                )
                self._log.record_event_once(strategy, "executed_late", sentence, sight.timestamp)
            elif use.execution is not None and self._is_final(use, sight):
                state: ProposalState = "REJECTED" if use.by == "rejection" else "REPLACED"
                self._log.record_ended(proposal.id, state, proposal.note, use.execution)

    def tend_rejections(self, strategy: str, sight: Sight) -> None:
        """Those that the board did not take are posted; those whose nonce is gone are closed. Never in the way."""
        for proposal in self._of_this(self._log.open_rejections(strategy)):
            use = self._watch.use_of(proposal, sight)
            if not use.is_used and proposal.state == "HASHED":
                self.post_rejection(proposal)
            elif use.execution is not None and self._is_final(use, sight):
                if use.by in ("ours", "rejection"):
                    self._log.record_final(proposal.id, use.execution, Effects((), (), ()))
                else:
                    self._log.record_ended(proposal.id, "REPLACED", "the nonce went to something else", use.execution)

    def post_rejection(self, proposal: StoredProposal) -> None:
        """Hand a rejection to the board. Where that does not work the next cycle tries again: what has expired reverts
        whether or not it is rejected."""
        title = f"Reject what was proposed on nonce {proposal.nonce}"
        made = origin(__version__, "rejection", proposal.step_id)
        notice = Notice(
            proposal.transaction, proposal.hash, proposal.proposer, proposal.signature, (), made, title, title
        )
        try:
            self._board.post(notice)
        except (TransientError, ServiceRefusedError):
            return
        self._log.record_posted(proposal.id, self._board.place)

    def _of_this(self, proposals: Iterable[StoredProposal]) -> list[StoredProposal]:
        """Without those of a Safe that the strategy had before: this one's nonces say nothing of them."""
        this = self._chain_id, self._watch.safe
        return [each for each in proposals if (each.transaction.chain_id, each.transaction.safe) == this]

    def _is_forgotten(self, proposal: StoredProposal, sight: Sight) -> bool:
        """A nonce that is used closes a proposal; what is known by its calls alone has none, and is let go in time:
        never before its own deadline, for one that was taken back can be executed until then."""
        if not self._watch.by_payload or sight.final_timestamp <= proposal.deadline_timestamp:
            return False
        return (proposal.block_number or 0) + _WATCHED_BLOCKS < sight.number

    def _is_final(self, use: Use, sight: Sight) -> bool:
        number = use.seen(sight).used_in
        return number is not None and sight.number - number + 1 >= self._watch.confirmations

"""Carries out a plan through the owners of a Safe: proposes each step as one transaction, and waits for chain evidence.

``submit`` and ``settle`` are one and the same: rows of the journal and the chain say how far it has come, and the rest
follows (``proposal_state.next_move``). What a board says of an execution is never believed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from keeper import __version__
from keeper.errors import ServiceRefusedError, TransientError
from keeper.model.ledger import Effects, together
from keeper.model.memory import OpenSubmission
from keeper.model.outcome import Done, Failed, Outcome, Pending
from keeper.model.plan import Plan, is_way_out, singles
from keeper.world.chain.sent import Mined, Refused, Unknown
from keeper.world.executors.safe_sending import SafeSending
from keeper.world.journal.attempts import StoredStep
from keeper.world.journal.proposal_rows import Execution, ProposalState, StoredProposal
from keeper.world.journal.proposals import ProposalLog
from keeper.world.journal.transactions import TransactionLog
from keeper.world.protocols import Venue
from keeper.world.safe import proposal_state
from keeper.world.safe.aftermath import Aftermath
from keeper.world.safe.board import Board, Notice
from keeper.world.safe.boards import Queue, origin
from keeper.world.safe.checks import SafeChecks
from keeper.world.safe.proposal_state import Count, Expire, Finish, GiveUp, Include, Known, Post, Terms, Wait
from keeper.world.safe.proposing import Proposer
from keeper.world.safe.signatures import Confirmation, count
from keeper.world.safe.watching import SafeWatch, Sight, Use

Describe = Callable[[int, str], tuple[str, str]]
"""(decision, what the simulation showed) -> title and text for people."""

_MOST_MOVES: Final = 4
_STALE_SECONDS: Final = 900


@dataclass(frozen=True, slots=True)
class Executed:
    """Final on the chain, and in the books."""

    execution: Execution
    effects: Effects


@dataclass(frozen=True, slots=True)
class Asked:
    """It is with the owners, or with those who bring it to them."""

    note: str


Ended = Executed | Refused | Unknown | Asked


class SafeExecutor:
    """Implements ``Executor``. The Safe owns the positions; ``sending`` None: the key sends nothing by itself.

    ``settings_digest`` names the settings in force: nothing is proposed for a plan that was made by others.
    """

    def __init__(
        self,
        proposer: Proposer,
        watch: SafeWatch,
        checks: SafeChecks,
        board: Board,
        venue: Venue,
        transactions: TransactionLog,
        proposals: ProposalLog,
        describe: Describe,
        *,
        queue: Queue | None = None,
        sending: SafeSending | None = None,
        settings_digest: str | None = None,
    ) -> None:
        self._proposer, self._watch, self._checks, self._board = proposer, watch, checks, board
        self._venue, self._transactions, self._log, self._describe = venue, transactions, proposals, describe
        self._queue, self._sending, self._settings_digest = queue, sending, settings_digest
        self._aftermath = Aftermath(proposals, watch, board, proposer.terms.chain_id)

    def recover(self, strategy: str) -> Outcome | None:
        """Hold the Safe against its pin, and what has ended against the chain; finish what that opens again."""
        sight = self._look()
        if self._sending is not None:
            self._sending.revive_undone(strategy)
        self._aftermath.review(strategy, sight)
        self._aftermath.tend_rejections(strategy, sight)
        while undone := self._log.undone(strategy):  # read anew each time: an end may bring others down
            submission, proposal = undone[0]
            step = next(each for each in self._transactions.steps(submission.plan_id) if each.id == proposal.step_id)
            ended = self._settle(step, proposal, submission)
            if isinstance(ended, Unknown | Asked):
                return _pending(submission, ended)
        return None if self._sending is None else self._sending.finish_undone(strategy)

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome:  # noqa: ARG002  # its rows are the truth
        """Propose the steps that ``open_plan`` wrote down."""
        return self.settle(submission)

    def settle(self, submission: OpenSubmission) -> Outcome:
        """Finish what is unfinished of the plan: nothing is proposed twice, nothing new after the deadline.

        Raises:
            TransientError: the node, or a board that says what waits there, does not answer.
            FatalError: the Safe is not what it was, a board shows another transaction, or the policy refuses.
        """
        effects: list[Effects] = []
        for step in self._transactions.steps(submission.plan_id):
            proposal = self._log.of_step(step.id)
            ended = self._begin(step, submission) if proposal is None else self._settle(step, proposal, submission)
            if isinstance(ended, Unknown | Asked):
                return _pending(submission, ended)
            if isinstance(ended, Refused):
                return Failed(submission, f"{step.step.kind}: {ended.reason}")
            if not ended.execution.succeeded:
                where = f"transaction {ended.execution.transaction_hash}"
                return Failed(submission, f"{step.step.kind}: {where} was executed, and failed inside the Safe")
            effects.append(ended.effects)
        return Done(submission, together(effects))

    def _look(self) -> Sight:
        sight = self._watch.look()
        self._checks.check(sight.state)
        return sight

    def _begin(self, step: StoredStep, submission: OpenSubmission) -> Ended:
        state = self._transactions.strategy_state(submission.strategy)
        if state in ("paused", "halted") or (state in ("exiting", "exited") and _puts_in(step)):
            return Refused(f"the strategy is {state}: nothing new is begun")
        if self._settings_digest not in (None, self._transactions.settings_digest(submission.plan_id)):
            return Refused("its settings were edited after the plan was made: it is made anew")
        sight = self._look()
        if sight.timestamp > submission.deadline_timestamp:
            return Refused("the plan's deadline has passed")
        if sight.timestamp - self._log.decided_timestamp(submission.decision_id) > _STALE_SECONDS:
            return Refused("nothing was proposed in the quarter of an hour after it was decided: it is made anew")
        try:
            if self._proposer.key:
                delegates = None if self._proposer.terms.approves_on_chain else self._delegates(sight)
                self._checks.require_proposer(self._proposer.key, sight.state, delegates)
            made = self._proposer.propose(step.id, step.step, submission.deadline_timestamp, sight)
        except ServiceRefusedError as error:
            return self._told(submission, error, sight)
        return made if isinstance(made, Refused) else self._settle(step, made, submission)

    def _delegates(self, sight: Sight) -> Callable[[], Collection[str]]:
        queue = self._queue
        if queue is None:  # whoever is at hand takes it from anybody
            return lambda: (self._proposer.key,)
        return lambda: queue.proposers(sight.state.owners)

    def _settle(self, step: StoredStep, proposal: StoredProposal, submission: OpenSubmission) -> Ended:
        if proposal.execution is not None:
            return Executed(proposal.execution, self._effects(proposal.execution))
        if not proposal.is_open:
            return Refused(proposal.note)
        self._proposer.require_own(proposal)
        if self._sending is not None:
            sent = self._sending.finish(step, submission.deadline_timestamp, lambda: self._is_over(proposal))
            if isinstance(sent, Unknown):
                return sent
        note = ""
        for _ in range(_MOST_MOVES):
            sight = self._look()
            use = self._watch.use_of(proposal, sight)
            known = Known(proposal.state != "HASHED", submission.deadline_timestamp)
            move = proposal_state.next_move(known, use.seen(sight), self._terms(step, submission))
            if proposal.state == "EXECUTED" and not isinstance(move, (Finish, Include)):
                self._log.record_progress(proposal.id, "PROPOSED", proposal.confirmations, proposal.threshold)
            match move:
                case Post():
                    try:
                        self._board.post(self._notice(step, proposal, submission))
                    except (TransientError, ServiceRefusedError) as error:
                        return self._told(submission, error, sight)
                    self._log.record_posted(proposal.id, self._board.place)
                case Count():
                    counted = self._count(step, proposal, submission, sight)
                    if counted is not None:
                        return counted
                case Wait(note=note):
                    return Unknown(note)
                case _:
                    return self._end(proposal, move, use, sight)
            step, proposal = self._read_again(step, submission)
        return Unknown(note or "it is being executed")

    def _is_over(self, proposal: StoredProposal) -> bool:
        return self._watch.use_of(proposal, self._look()).is_used

    def _read_again(self, step: StoredStep, submission: OpenSubmission) -> tuple[StoredStep, StoredProposal]:
        """The rows as they are after a move: a step that has its transaction never gets another."""
        steps = self._transactions.steps(submission.plan_id)
        proposal = self._log.of_step(step.id)
        assert proposal is not None
        return next(each for each in steps if each.id == step.id), proposal

    def _terms(self, step: StoredStep, submission: OpenSubmission) -> Terms:
        leaving = self._transactions.strategy_state(submission.strategy) in ("exiting", "exited")
        return Terms(self._watch.confirmations, is_withdrawn=leaving and not is_way_out(step.step) and _puts_in(step))

    def _end(
        self, proposal: StoredProposal, move: Finish | Include | GiveUp | Expire, use: Use, sight: Sight
    ) -> Executed | Refused | Unknown:
        execution = use.execution
        match move:
            case Expire(is_withdrawn=is_withdrawn):
                why = "taken back, for the strategy is to leave" if is_withdrawn else "not executed before its deadline"
                rejecting = None if use.is_used else self._proposer.reject(proposal, sight)
                self._log.record_ended(proposal.id, "EXPIRED", why, block_number=sight.number)
                if rejecting is not None:
                    self._aftermath.post_rejection(rejecting)
                return Refused(f"proposal {proposal.hash} was {why}")
            case GiveUp(state=state):
                assert execution is not None
                what = "the rejection of it" if state == "REJECTED" else "another transaction"
                note = f"nonce {proposal.nonce} of the Safe went to {what} ({execution.transaction_hash})"
                self._log.record_ended(proposal.id, state, note, execution)
                again = "" if state == "REJECTED" else "; what is still wanted is proposed on the next nonce"
                return Refused(note + again)
            case Include():
                assert execution is not None
                if proposal.block_hash != execution.receipt["blockHash"] or proposal.state != "EXECUTED":
                    self._log.record_executed(proposal.id, execution)
                number = int(execution.receipt["blockNumber"], 16)
                return Unknown(f"executed in block {number}, not {self._watch.confirmations} blocks deep yet")
            case Finish():
                assert execution is not None
                caused = self._effects(execution)
                self._log.record_final(proposal.id, execution, caused)
                return Executed(execution, caused)

    def _count(
        self, step: StoredStep, proposal: StoredProposal, submission: OpenSubmission, sight: Sight
    ) -> Unknown | Asked | None:
        """Who has consented; and where that is enough and ours to do, the execution. None: look again."""
        owners, threshold = sight.state.owners, sight.state.threshold
        given, note = self._given(step, proposal, submission, sight)
        digest = bytes.fromhex(proposal.hash[2:])
        if proposal.signature is not None:
            given.append(Confirmation(proposal.proposer, proposal.signature))
        approved = self._watch.approvals(digest, sight)
        signatures = count(digest, given, owners, approved).signatures
        state: ProposalState = "READY" if len(signatures) >= threshold else "PROPOSED"
        if (proposal.state, proposal.confirmations, proposal.threshold) != (state, len(signatures), threshold):
            self._log.record_progress(proposal.id, state, len(signatures), threshold)
        have = f"{len(signatures)} of {threshold} owners have signed (nonce {proposal.nonce}, {self._board.place})"
        if self._sending is not None and self._transactions.strategy_state(submission.strategy) != "paused":
            sent = self._sending.help_along(step, proposal, submission.deadline_timestamp, signatures, sight)
            if isinstance(sent, Mined):
                return None
            if isinstance(sent, Unknown):
                return sent
            note = note if sent is None else f"not executed: {sent.reason}"
        if proposal.nonce > sight.state.nonce:
            have += f"; nonces {sight.state.nonce} to {proposal.nonce - 1} come before it"
        return Asked("; ".join(each for each in (have, note) if each))

    def _given(
        self, step: StoredStep, proposal: StoredProposal, submission: OpenSubmission, sight: Sight
    ) -> tuple[list[Confirmation], str]:
        """What the board has collected; a board that does not answer is said, and does not stand in the way."""
        try:
            found = self._board.confirmations(self._notice(step, proposal, submission))
        except (TransientError, ServiceRefusedError) as error:
            return [], self._told(submission, error, sight).note
        return [Confirmation(owner, signature) for owner, signature in found.items()], ""

    def _told(self, submission: OpenSubmission, error: TransientError | ServiceRefusedError, sight: Sight) -> Asked:
        if isinstance(error, ServiceRefusedError):
            self._log.record_event_once(submission.strategy, "board_refused", str(error), sight.timestamp)
        return Asked(str(error))

    def _notice(self, step: StoredStep, proposal: StoredProposal, submission: OpenSubmission) -> Notice:
        title, text = self._describe(submission.decision_id, proposal.report)
        calls = self._proposer.calls(step.step, proposal.deadline_timestamp)
        made = origin(__version__, submission.strategy, submission.decision_id, title)
        return Notice(
            proposal.transaction, proposal.hash, proposal.proposer, proposal.signature, calls, made, title, text
        )

    def _effects(self, execution: Execution) -> Effects:
        return self._venue.effects(execution.receipt, self._proposer.terms.safe, execution.block_timestamp)


def _pending(submission: OpenSubmission, waiting: Unknown | Asked) -> Pending:
    return Pending(submission, waiting.note, waits_for="people" if isinstance(waiting, Asked) else "chain")


def _puts_in(step: StoredStep) -> bool:
    return any(each.kind in ("mint", "increase") for each in singles((step.step,)))

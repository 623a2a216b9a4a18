"""Carries out a plan's next steps, one plain transaction each, from the owner's own key.

``submit`` and ``settle`` are one and the same: the journal's rows say how far the plan has come, and the rest follows.
"""

from __future__ import annotations

from dataclasses import replace

from keeper.errors import RehearsalFailedError
from keeper.model.ledger import Effects, together
from keeper.model.memory import OpenSubmission
from keeper.model.outcome import Done, Failed, Outcome, Pending
from keeper.model.plan import Batch, Plan, Step, singles
from keeper.world.chain import recovery, undelegating
from keeper.world.chain.rehearsal import ForesightedRehearsal
from keeper.world.chain.sender import Sender
from keeper.world.chain.sent import Mined, Refused, Unknown
from keeper.world.journal.attempts import Ending, StoredStep
from keeper.world.journal.transactions import TransactionLog
from keeper.world.protocols import Node, Venue

# A call of an account without code succeeds and does nothing, and foreign code may take any call: no step that is worth
# doing leaves no log of another contract's.
RAN_NOTHING = "did nothing: the account ran no code when it was mined, or another contract's"


class WalletExecutor:
    """Implements ``Executor``. The sender's address is the owner of the positions.

    ``ahead`` tries all steps of a plan, one upon the other, before the first of them is signed. ``settings_digest``
    names the settings in force: no step is begun of a plan that was made by others (None: not looked at).
    """

    def __init__(
        self,
        sender: Sender,
        venue: Venue,
        log: TransactionLog,
        node: Node,
        ahead: ForesightedRehearsal | None = None,
        *,
        settings_digest: str | None = None,
    ) -> None:
        self._sender, self._venue, self._log, self._node, self._ahead = sender, venue, log, node, ahead
        self._settings_digest = settings_digest

    def recover(self, strategy: str) -> Outcome | None:
        """Bring what a reorganisation undid to its end again, in the order of nonces. None when there is nothing.

        TransientError while the account's delegation is being taken back.
        """
        chain_id, address = self._sender.chain_id, self._sender.address
        undelegating.revive(self._node, self._log.undelegations, chain_id, address)
        recovery.revive_undone(self._node, self._log, strategy, chain_id)
        while undone := self._log.undone(strategy):  # read anew each time: an end may bring others down
            submission, step = undone[0]
            assert step.transaction is not None
            undelegating.require_none_out(self._log, chain_id, address, before=step.transaction.nonce)
            sent = self._carry_out(step, submission, step.step)
            if not isinstance(sent, Mined):
                return Pending(submission, sent.note if isinstance(sent, Unknown) else sent.reason)
            self._book(step.step, sent)  # and with it ends what was decided upon another end of it
        undelegating.require_none_out(self._log, chain_id, address)
        return None

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome:  # noqa: ARG002  # its rows are the truth
        """Carry out the steps that ``open_plan`` wrote down. Errors as ``Sender.send``."""
        return self.settle(submission)

    def settle(self, submission: OpenSubmission) -> Outcome:
        """Finish what is unfinished of the plan: nothing is done twice, nothing new after the deadline."""
        effects: list[Effects] = []
        steps = self._log.steps(submission.plan_id)
        hopeless = self._look_ahead(steps, submission.deadline_timestamp)
        if hopeless is not None:
            return Failed(submission, f"{steps[0].step.kind}: {hopeless}")
        for step in steps:
            sent = self._carry_out(step, submission, steps[-1].step)
            if isinstance(sent, Unknown):
                return Pending(submission, sent.note)
            if isinstance(sent, Refused):
                return Failed(submission, f"{step.step.kind}: {sent.reason}")
            ending = self._judged(step.step, sent.ending)
            caused = self._book(step.step, sent) if step.state == "READY" else self._effects(ending)
            if ending.state != "FINAL_OK":
                name = ending.receipt["transactionHash"]
                return Failed(submission, f"{step.step.kind}: transaction {name} {_why(ending)}")
            effects.append(caused)
        return Done(submission, together(effects))

    def _look_ahead(self, steps: tuple[StoredStep, ...], deadline_timestamp: int) -> str | None:
        """Why a later step would fail although nothing is signed yet; a single step the sender rehearses by itself."""
        if self._ahead is None or len(steps) < 2 or any(step.transaction is not None for step in steps):
            return None
        owner = self._sender.address
        acts = [(each.step, self._venue.call(each.step, owner, deadline_timestamp)) for each in steps]
        try:
            self._ahead.rehearse_in_order(acts)
        except RehearsalFailedError as error:
            return str(error)
        return None

    def _book(self, step: Step, mined: Mined) -> Effects:
        ending = self._judged(step, mined.ending)
        caused = self._effects(ending)
        self._log.record_ending(mined.transaction_id, ending, caused)
        return caused

    def _judged(self, step: Step, ending: Ending) -> Ending:
        """A batch that did nothing has failed, whatever its receipt says, and stays failed whenever it is looked at."""
        if ending.state != "FINAL_OK" or not isinstance(step, Batch):
            return ending
        own = self._sender.address.lower()
        did = any(str(log["address"]).lower() != own for log in ending.receipt["logs"])
        return ending if did else replace(ending, state="FINAL_REVERTED")

    def _effects(self, ending: Ending) -> Effects:
        return self._venue.effects(ending.receipt, self._sender.address, ending.block_timestamp)

    def _carry_out(self, stored: StoredStep, submission: OpenSubmission, act: Step) -> Mined | Refused | Unknown:
        transaction, deadline = stored.transaction, submission.deadline_timestamp
        if transaction is not None and transaction.ending is not None:
            return Mined(transaction.id, transaction.ending)
        call = self._venue.call(stored.step, self._sender.address, deadline)
        if transaction is not None:
            return self._sender.settle(transaction, stored.step, call, deadline)
        state = self._log.strategy_state(submission.strategy)
        if state in ("paused", "halted") or (state in ("exiting", "exited") and _invests(act)):
            return Refused(f"the strategy is {state}: nothing new is begun")
        if self._settings_digest not in (None, self._log.settings_digest(submission.plan_id)):
            # The signing policy goes by the settings of now and would take the difference for a fault.
            return Refused("its settings were edited after the plan was made: it is made anew")
        return self._sender.send(stored.id, stored.step, call, deadline)


def _why(ending: Ending) -> str:
    if ending.state == "CANCELLED":
        return "took back its nonce: the plan had expired"
    return RAN_NOTHING if int(ending.receipt["status"], 16) else "reverted"


def _invests(act: Step) -> bool:
    return any(each.kind in ("mint", "increase") for each in singles((act,)))

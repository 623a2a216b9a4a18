"""Making a proposal: nonce, hash, rehearsal and signature, written down before anybody is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from keeper.errors import ConfigError, HaltedError, RehearsalFailedError, SigningLimitError
from keeper.model.plan import Step, singles
from keeper.model.safe import SafeState, SafeTx, rejection
from keeper.world.chain.rehearsal import ForesightedRehearsal
from keeper.world.chain.sent import Refused
from keeper.world.journal.proposal_rows import StoredProposal
from keeper.world.journal.proposals import Draft, ProposalLog
from keeper.world.protocols import Call, Purpose, SafeLook, Venue
from keeper.world.safe.boards import Queue
from keeper.world.safe.calldata import execute_calldata, packed_signatures
from keeper.world.safe.contract import SafeReader
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.multisend import batch_of
from keeper.world.safe.watching import Sight

Executes = Literal["auto", "never", "always"]


@dataclass(frozen=True, slots=True)
class SafeTerms:
    """How proposals of one Safe are made. ``executes``: whether the key pays for the execution of what is signed; auto:
    where its own signature is enough. ``approves_on_chain``: the key, an owner's, consents by ``approveHash``.
    Addresses are lower-case hex."""

    chain_id: int
    safe: str
    multisend: str
    executes: Executes = "auto"
    approves_on_chain: bool = False

    def sends(self, key: str, state: SafeState) -> bool:
        """Whether the key (lower case) is to execute what is signed."""
        is_enough = state.threshold == 1 and key in state.owners
        return self.executes == "always" or (self.executes == "auto" and is_enough)


class Examines(Protocol):
    """The signing policy for what people sign by themselves."""

    def examine(self, transaction: SafeTx, purpose: Purpose) -> int:
        """What it counts against the limits, raw quote units; SigningRefusedError or SigningLimitError."""
        ...


class Proposer:
    """Makes what the owners are asked for. ``signer`` None: nobody signs, people put it together by themselves;
    ``examiner`` is the policy for what is not signed here (None: nothing is shown to anybody).

    ``rehearsal_as`` gives a rehearsal in which the owner that it is given consents for all of them.
    """

    def __init__(
        self,
        terms: SafeTerms,
        venue: Venue,
        log: ProposalLog,
        reader: SafeReader,
        rehearsal_as: Callable[[str], ForesightedRehearsal],
        *,
        signer: SafeLook | None,
        examiner: Examines | None = None,
        queue: Queue | None = None,
    ) -> None:
        self.terms, self._venue, self._log, self._reader = terms, venue, log, reader
        self._rehearsal_as, self._signer, self._queue = rehearsal_as, signer, queue
        self._examiner = examiner

    @property
    def key(self) -> str:
        """The key's address in lower case; empty where there is none."""
        return "" if self._signer is None else self._signer.address.lower()

    def calls(self, step: Step, deadline_timestamp: int) -> tuple[Call, ...]:
        """The single calls that the step consists of, in order."""
        return tuple(self._venue.call(each, self.terms.safe, deadline_timestamp) for each in singles((step,)))

    def drafted(self, step: Step, deadline_timestamp: int, nonce: int) -> SafeTx:
        """The transaction that carries out the step on a nonce."""
        to, value, data, operation = batch_of(self.calls(step, deadline_timestamp), self.terms.multisend)
        return SafeTx(self.terms.chain_id, self.terms.safe, to, value, data, operation, nonce)

    def require_own(self, proposal: StoredProposal) -> None:
        """ConfigError where it is another Safe's: what is seen of this one says nothing of it."""
        tx, terms = proposal.transaction, self.terms
        if (tx.chain_id, tx.safe) != (terms.chain_id, terms.safe):
            raise ConfigError(
                f"nonce {tx.nonce} of the Safe {tx.safe} on chain {tx.chain_id} is not settled, and the strategy now "
                f"has chain {terms.chain_id} and the Safe {terms.safe}: put them back until it is"
            )

    def propose(self, step_id: int, step: Step, deadline_timestamp: int, sight: Sight) -> StoredProposal | Refused:
        """Everything up to the journal; nobody has been told yet.

        Raises:
            HaltedError: the Safe itself hashes the transaction to something else.
            SigningRefusedError: the policy refuses it.
            TransientError: node or board do not answer.
        """
        tx = self.drafted(step, deadline_timestamp, self.free_nonce(sight))
        digest = self._agreed_hash(tx)
        try:
            report = self.rehearse(step, deadline_timestamp, tx, sight)
            signature, debit_quote = self._signature(tx, Purpose(step_id, sight.timestamp), sight)
        except (RehearsalFailedError, SigningLimitError) as error:
            return Refused(str(error))
        draft = Draft(
            tx, digest, "act", self.key, signature, sight.timestamp, deadline_timestamp, debit_quote, report=report
        )
        return self._log.record_hashed(step_id, draft)

    def reject(self, proposal: StoredProposal, sight: Sight) -> StoredProposal | None:
        """The rejection on the proposal's nonce, once; None where nothing waits in a queue, or it cannot be signed."""
        tx = rejection(self.terms.chain_id, self.terms.safe, proposal.nonce)
        digest = "0x" + safe_tx_hash(tx).hex()
        known = self._log.on_nonce(self.terms.chain_id, self.terms.safe, proposal.nonce)
        if self._queue is None or self._signer is None or proposal.state == "HASHED":
            return None
        if any(each.hash == digest for each in known):
            return None
        try:
            signature, _ = self._signature(tx, Purpose(proposal.step_id, sight.timestamp, cancels=True), sight)
        except SigningLimitError:
            return None
        deadline = proposal.deadline_timestamp
        draft = Draft(tx, self._agreed_hash(tx), "rejection", self.key, signature, sight.timestamp, deadline)
        return self._log.record_hashed(proposal.step_id, draft)

    def rehearse(self, step: Step, deadline_timestamp: int, tx: SafeTx, sight: Sight) -> str:
        """What the whole execution would do with the owners' consent taken for given, in words.

        Raises:
            RehearsalFailedError: it would revert, or do something else than the step says.
        """
        owner = sight.state.owners[0]
        call = Call(self.terms.safe, execute_calldata(tx, packed_signatures({owner: None})))
        try:
            return self._rehearsal_as(owner).rehearse_in_order([(step, call)]).seen
        except RehearsalFailedError:
            # The Safe says no more than that something in it failed: its calls one by one say what.
            acts = [(each, self._venue.call(each, self.terms.safe, deadline_timestamp)) for each in singles((step,))]
            self._rehearsal_as(self.terms.safe).rehearse_in_order(acts)
            raise

    def free_nonce(self, sight: Sight) -> int:
        """The lowest nonce from the chain's on at which nothing of others waits. Where only proposals of ours stand
        that came to nothing, the same nonce is used once more, so that at most one of them can ever be executed."""
        terms, nonce = self.terms, sight.state.nonce
        queued = {} if self._queue is None else self._queue.queued(nonce, self.key)
        live = {each.nonce for each in self._log.live(terms.chain_id, terms.safe)}
        while nonce in live or self._is_foreign(nonce, queued.get(nonce, frozenset())):
            nonce += 1
        return nonce

    def _is_foreign(self, nonce: int, hashes: frozenset[str]) -> bool:
        ours = (
            {each.hash for each in self._log.on_nonce(self.terms.chain_id, self.terms.safe, nonce)} if hashes else set()
        )
        return not hashes <= ours

    def _agreed_hash(self, tx: SafeTx) -> str:
        local, on_chain = safe_tx_hash(tx), self._reader.transaction_hash(tx)
        if local != on_chain:
            raise HaltedError(
                f"the Safe {tx.safe} hashes the transaction to 0x{on_chain.hex()}, the keeper to 0x{local.hex()}: the "
                "node lies, or the Safe is of another kind than it says. Nothing was signed"
            )
        return "0x" + local.hex()

    def _signature(self, tx: SafeTx, purpose: Purpose, sight: Sight) -> tuple[bytes | None, int]:
        """None where nobody signs: there is no key, or it is to consent on chain. The policy looks all the same."""
        if self._signer is None or (self.terms.approves_on_chain and not self.terms.sends(self.key, sight.state)):
            return None, 0 if self._examiner is None else self._examiner.examine(tx, purpose)
        signed = self._signer.sign_safe(tx, purpose)
        return signed.raw, signed.debit_quote

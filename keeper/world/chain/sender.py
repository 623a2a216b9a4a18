"""Sending: rehearse, price, sign, write down, and only then let the bytes leave; then wait for chain evidence.

There is one way through, for a first try, after a crash and after a reorganisation alike: what the journal holds and
what the chain shows decide what is done next (``send_state.next_move``), and this file does it. Nothing is ever signed
for a nonce but its first call, the same call with higher fees, and the self-send that takes the nonce back when the
plan has expired; each is in the journal before it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NoReturn

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.errors import HaltedError, RehearsalFailedError, RpcError, SigningLimitError, TransientError
from keeper.model.plan import Step, is_way_out
from keeper.world.chain import delegation, fees, send_state, sights, strangers
from keeper.world.chain.fees import Fees
from keeper.world.chain.nonces import NEVER, holds_up_others, next_nonce
from keeper.world.chain.send_state import (
    Cancel,
    Finish,
    Include,
    Lose,
    Patience,
    Replace,
    Resend,
    Seen,
    Wait,
)
from keeper.world.chain.sent import Mined, Refused, Sent, Unknown, Watch
from keeper.world.chain.sights import Look
from keeper.world.journal.attempts import Attempt, StoredTransaction
from keeper.world.journal.transactions import TransactionLog
from keeper.world.protocols import Call, LastLook, Node, Purpose, Rehearsal

SELF_SEND_GAS = 21_000
UNSURE_LOOKS = 40  # after which a used nonce is a stranger's even if no node says whose it is
RELAY_GONE = (
    "it was sent through a private relay, which is no longer configured: set `private_rpc` again, or wait until the "
    "plan expires and its nonce is taken back"
)
RESEND_SECONDS = 20.0  # a relay does not show what it holds, so bytes may go to it again that it has


class Sender:
    """Sends from one key on one chain.

    ``pause`` sleeps so many seconds between two looks; a local chain may mine in it instead. ``now`` is a monotonic
    clock, seconds: after ``receipt_timeout_seconds`` of it the end is left to the next cycle. ``exit_ceiling_wei`` is
    what a way out may offer per gas, in place of ``patience.ceiling_wei``. ``route`` is where ``node`` sends to.
    ``one_at_a_time``: nothing is begun while another transaction of the key is out (see ``nonces``).
    """

    def __init__(
        self,
        node: Node,
        signer: LastLook,
        log: TransactionLog,
        chain_id: int,
        *,
        rehearsal: Rehearsal,
        pause: Callable[[float], object],
        now: Callable[[], float],
        patience: Patience,
        exit_ceiling_wei: int | None = None,
        poll_seconds: float = 2.0,
        receipt_timeout_seconds: float = 120.0,
        route: Literal["public", "private"] = "public",
        one_at_a_time: bool = False,
    ) -> None:
        self._node, self._signer, self._log, self._chain_id = node, signer, log, chain_id
        self._rehearsal, self._pause, self._now = rehearsal, pause, now
        self._patience, self._exit_ceiling_wei, self._route = patience, exit_ceiling_wei, route
        self._poll_seconds, self._receipt_timeout_seconds = poll_seconds, receipt_timeout_seconds
        self._one_at_a_time = one_at_a_time

    @property
    def chain_id(self) -> int:
        """The chain it sends on."""
        return self._chain_id

    @property
    def address(self) -> str:
        """The address that signs and pays."""
        return self._signer.address

    def send(self, step_id: int, step: Step, call: Call, deadline_timestamp: int) -> Sent:
        """Carry out a step that has no transaction yet.

        Raises:
            TransientError: the node did not answer before anything was signed, or lags behind what it said before.
            FatalError: the node is on another chain, the signer is halted, or the policy refuses the transaction.
        """
        self._require_not_halted()
        head = sights.read_head(self._node, self.address, self._chain_id)
        if head.timestamp > deadline_timestamp:
            return Refused("the plan's deadline has passed")
        nonce = next_nonce(self._log, self._chain_id, self.address, head.nonce, one_at_a_time=self._one_at_a_time)
        call = delegation.unless_set(self._node, self.address, call)
        try:
            gas = fees.gas_limit(self._rehearsal.gas_units(step, call))
            ceiling_wei = self._patience_for(step, gas).ceiling_wei
            most_tip_wei, market = fees.with_room(self._patience.most_tip_wei), head.market
            tip_wei = market.priority_fee_wei if most_tip_wei is None else min(market.priority_fee_wei, most_tip_wei)
            caps = fees.offer(market.base_fee_wei, tip_wei, ceiling_wei)
            if caps is None:
                return Refused(f"gas is above the ceiling of {ceiling_wei} wei (base fee {market.base_fee_wei} wei)")
            attempt, debit_quote = self._sign(call, nonce, gas, caps, Purpose(step_id, head.timestamp))
        except (RehearsalFailedError, SigningLimitError) as error:
            return Refused(str(error))
        transaction = self._log.record_attempt(
            step_id, self._chain_id, self.address, nonce, attempt, debit_quote=debit_quote
        )
        watch = Watch(resend_from=self._now() + RESEND_SECONDS)
        if not self._broadcast(transaction, watch) and not watch.underpriced:
            return Unknown(watch.note)
        return self.settle(transaction, step, call, deadline_timestamp, watch)

    def settle(
        self,
        transaction: StoredTransaction,
        step: Step,
        call: Call,
        deadline_timestamp: int,
        watch: Watch | None = None,
    ) -> Sent:
        """Find out, and if need be bring about, the end of a transaction that was signed earlier. Errors as ``send``.

        Raises:
            HaltedError: its nonce went to a transaction that is not ours; strategy and signer are halted.
            ConfigError: it belongs to another chain or key than these, which cannot tell what became of it.
        """
        sights.require_own(transaction, self.address, self._chain_id)
        until = self._now() + self._receipt_timeout_seconds
        watch = watch or Watch(resend_from=self._now())
        while True:
            try:
                look = sights.look_at(self._node, self.address, transaction, self._patience.confirmations)
                transaction = self._make_move(transaction, step, call, deadline_timestamp, look, watch)
            except TransientError as error:
                watch.note = str(error)
            if transaction.ending is not None:
                return Mined(transaction.id, transaction.ending)
            if self._now() >= until:
                return Unknown(watch.note)
            self._pause(self._poll_seconds)

    def _make_move(
        self, transaction: StoredTransaction, step: Step, call: Call, deadline_timestamp: int, look: Look, watch: Watch
    ) -> StoredTransaction:
        """The one move that the rules name; what is to be said if it was the last for now goes into ``watch.note``."""
        last = transaction.attempts[-1]
        seen = watch.completed(look.seen)
        patience = self._patience_for(step, last.gas_limit)
        if holds_up_others(self._log, transaction):
            patience, deadline_timestamp = replace(patience, max_attempts=0), NEVER
        move = send_state.next_move(sights.tried(transaction), deadline_timestamp, seen, patience)
        if last.route == "private" and self._route == "public" and isinstance(move, (Resend, Replace)):
            move = Wait(RELAY_GONE)  # what was kept from the public pool stays kept from it
        if transaction.state == "INCLUDED" and not isinstance(move, (Finish, Include)):
            self._log.record_dropped(transaction.id, cancels=last.cancels)
            transaction = replace(transaction, state="BROADCAST", block_number=None, block_hash=None)
        match move:
            case Finish():
                return replace(transaction, ending=look.ending)
            case Include():
                return self._include(transaction, look, watch)
            case Lose():
                self._judge_lost(transaction, seen, watch)
            case Resend():
                self._resend(transaction, watch)
            case Replace(fees=caps):
                again = Call(self.address, b"") if last.cancels else delegation.as_signed(call, last.raw)
                purpose = Purpose(transaction.step_id, seen.head_timestamp, last.cancels)
                try:
                    transaction = self._sign_again(transaction, again, last.gas_limit, caps, purpose, watch)
                except SigningLimitError as error:  # what is signed already is all there is
                    self._resend(transaction, watch, str(error))
            case Cancel(fees=caps):
                gas = self._self_send_gas(back := Call(self.address, b""))
                purpose = Purpose(transaction.step_id, seen.head_timestamp, cancels=True)
                transaction = self._sign_again(transaction, back, gas, caps, purpose, watch)
            case Wait(note=note):
                watch.note = note
        return transaction

    def _resend(self, transaction: StoredTransaction, watch: Watch, note: str = "") -> None:
        if self._now() >= watch.resend_from:
            watch.resend_from = self._now() + RESEND_SECONDS
            self._broadcast(transaction, watch)
        watch.note = note or watch.note

    def _include(self, transaction: StoredTransaction, look: Look, watch: Watch) -> StoredTransaction:
        assert look.block is not None
        number, block_hash = look.block
        watch.note = f"in block {number}, not {self._patience.confirmations} blocks deep yet"
        if (transaction.block_number, transaction.block_hash) != look.block:
            self._log.record_included(transaction.id, number, block_hash)
        return replace(transaction, state="INCLUDED", block_number=number, block_hash=block_hash)

    def _sign_again(
        self, transaction: StoredTransaction, call: Call, gas: int, caps: Fees, purpose: Purpose, watch: Watch
    ) -> StoredTransaction:
        """Another attempt at the same nonce: in the journal first, then to the node."""
        self._require_not_halted()
        attempt, _ = self._sign(call, transaction.nonce, gas, caps, purpose)
        self._log.record_replacement(transaction.id, attempt)
        dearer = replace(transaction, state="SIGNED", attempts=(*transaction.attempts, attempt))
        self._broadcast(dearer, watch)
        return dearer

    def _self_send_gas(self, back: Call) -> int:
        """With the least gas no code can run, so a self-send that its own account refuses still takes the nonce."""
        try:
            return max(SELF_SEND_GAS, fees.gas_limit(self._rehearsal.gas_units(None, back)))
        except RehearsalFailedError:
            return SELF_SEND_GAS

    def _patience_for(self, step: Step, gas_units: int) -> Patience:
        return send_state.within_bounds(
            self._patience, self._exit_ceiling_wei, is_exit=is_way_out(step), gas_units=gas_units
        )

    def _sign(self, call: Call, nonce: int, gas: int, caps: Fees, purpose: Purpose) -> tuple[Attempt, int]:
        kind = {"type": 2} if call.delegate is None else {"type": 4, "delegate": to_checksum_address(call.delegate)}
        fields = {
            "chainId": self._chain_id,
            "nonce": nonce,
            "to": to_checksum_address(call.to),
            "data": call.data,
            "value": call.value_wei,
            "gas": gas,
            "maxFeePerGas": caps.max_fee_wei,
            "maxPriorityFeePerGas": caps.max_priority_fee_wei,
        }
        signed = self._signer.sign(kind | fields, purpose)
        attempt = Attempt(
            hash="0x" + keccak(signed.raw).hex(),
            raw=signed.raw,
            gas_limit=gas,
            max_fee_wei=caps.max_fee_wei,
            max_priority_fee_wei=caps.max_priority_fee_wei,
            signed_timestamp=purpose.head_timestamp,
            cancels=purpose.cancels,
            route=self._route,
        )
        return attempt, signed.debit_quote

    def _broadcast(self, transaction: StoredTransaction, watch: Watch) -> bool:
        """Hand over bytes that the journal holds. False if the node refused them; no answer is no refusal, for the
        bytes may have arrived."""
        watch.underpriced = False
        watch.note = f"transaction {transaction.attempts[-1].hash} is not mined yet"
        try:
            self._node.send_raw_transaction(transaction.attempts[-1].raw)
        except RpcError as error:
            watch.note, watch.underpriced = str(error), "underpriced" in str(error).lower()
            return False
        except TransientError as error:
            watch.note = str(error)
            return True
        self._log.record_broadcast(transaction.id)
        return True

    def _require_not_halted(self) -> None:
        reason = self._log.signer_halt(self._chain_id, self.address)
        if reason is not None:
            raise HaltedError(f"the signer {self.address} is halted: {reason}")

    def _judge_lost(self, transaction: StoredTransaction, seen: Seen, watch: Watch) -> None:
        """A node may index receipts late: whose transaction used the nonce stands in the block itself."""
        by = strangers.used_by(self._node, self.address, transaction.nonce, seen.head_number)
        if by in {attempt.hash for attempt in transaction.attempts}:
            watch.note = f"transaction {by} is mined, and the node does not show its receipt yet"
        elif by is None and seen.looks < UNSURE_LOOKS:
            watch.note = "its nonce is used, and the node does not show by which transaction"
        else:
            self._halt(transaction, by or "a transaction that the node does not show", seen.head_timestamp)

    def _halt(self, transaction: StoredTransaction, by: str, timestamp: int) -> NoReturn:
        reason = strangers.sentence(transaction.nonce, self.address, by)
        self._log.record_lost_nonce(transaction.id, reason, timestamp)
        raise HaltedError(reason)

"""Sending: simulate, price, sign, write down, and only then let the bytes leave; then wait for chain evidence.

There is one way through, for a first try and after a crash alike: what the journal holds decides what is done next.
Bytes are signed once per nonce. Sending them again is harmless; the only other thing ever signed for a nonce is the
self-send that takes it back when the plan has expired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.errors import FatalError, HaltedError, RehearsalFailedError, RpcError, TransientError
from keeper.model.plan import Step
from keeper.world.chain import fees
from keeper.world.chain.fees import Fees
from keeper.world.journal.transactions import Attempt, Ending, StoredTransaction, TransactionLog
from keeper.world.protocols import Call, LastLook, Node, Purpose, Rehearsal

_SELF_SEND_GAS = 21_000
# Behind one URL there may be many nodes, of which some lag: a used nonce without its receipt must be seen so often,
# with a pause between, before it counts as a stranger's.
_LOOKS_BEFORE_HALT = 5


@dataclass(frozen=True, slots=True)
class Mined:
    """Final on the chain."""

    transaction_id: int
    ending: Ending


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was signed, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Signed, and its end not known yet."""

    note: str


Sent = Mined | Refused | Unknown


@dataclass(frozen=True, slots=True)
class _Head:
    """What the chain says right before a signature."""

    timestamp: int
    base_fee_wei: int
    priority_fee_wei: int
    nonce: int


class Sender:
    """Sends from one key on one chain.

    ``pause`` sleeps so many seconds between two looks for a receipt; a local chain may mine in it instead. ``now`` is
    a monotonic clock, seconds. ``max_fee_wei`` is the ceiling of the fee per gas. A receipt counts once it is
    ``confirmations`` blocks deep, its own included.
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
        poll_seconds: float = 2.0,
        receipt_timeout_seconds: float = 120.0,
        confirmations: int = 1,
        max_fee_wei: int | None = None,
    ) -> None:
        self._node, self._signer, self._log, self._chain_id = node, signer, log, chain_id
        self._rehearsal, self._pause, self._now = rehearsal, pause, now
        self._poll_seconds, self._receipt_timeout_seconds = poll_seconds, receipt_timeout_seconds
        self._confirmations, self._max_fee_wei = confirmations, max_fee_wei

    @property
    def address(self) -> str:
        """The address that signs and pays."""
        return self._signer.address

    def send(self, step_id: int, step: Step, call: Call, deadline_timestamp: int, *, at_any_fee: bool = False) -> Sent:
        """Carry out a step that has no transaction yet. ``at_any_fee`` lifts the ceiling of the fee per gas.

        Raises:
            TransientError: the node did not answer before anything was signed, or lags behind what it said before.
            FatalError: the node is on another chain.
        """
        head = self._look()
        if head.timestamp > deadline_timestamp:
            return Refused("the plan's deadline has passed")
        ceiling_wei = None if at_any_fee else self._max_fee_wei
        caps = fees.offer(head.base_fee_wei, head.priority_fee_wei, ceiling_wei)
        if caps is None:
            return Refused(f"gas is above the ceiling of {self._max_fee_wei} wei (base fee {head.base_fee_wei} wei)")
        settled = self._log.highest_settled_nonce(self._chain_id, self.address)
        if settled is not None and head.nonce <= settled:
            raise TransientError(
                f"the node counts {head.nonce} transactions of {self.address}, but nonce {settled} is mined: it lags "
                "behind; nothing was signed"
            )
        try:
            gas = fees.gas_limit(self._rehearsal.gas_units(step, call))
        except RehearsalFailedError as error:
            return Refused(str(error))
        live = self._log.highest_live_nonce(self._chain_id, self.address)
        nonce = head.nonce if live is None else max(head.nonce, live + 1)
        attempt = self._sign(call, nonce, gas, caps, Purpose(step_id, head.timestamp))
        transaction_id = self._log.record_attempt(step_id, self._chain_id, self.address, nonce, attempt)
        refusal = self._broadcast(transaction_id, attempt)
        return self._wait(StoredTransaction(transaction_id, step_id, nonce, "SIGNED", (attempt,), None), refusal)

    def settle(self, transaction: StoredTransaction, deadline_timestamp: int) -> Sent:
        """Find out, and if need be bring about, the end of a transaction that was signed earlier.

        Raises:
            HaltedError: its nonce went to a transaction that is not ours; the strategy is halted.
        """
        seen = self._evidence(transaction)
        if isinstance(seen, Mined):
            return seen
        head = self._look()
        if head.nonce > transaction.nonce:
            return self._wait(transaction, None)
        if head.timestamp <= deadline_timestamp or transaction.state == "CANCELLING":
            refusal = self._broadcast(transaction.id, transaction.attempts[-1])
            return self._wait(transaction, refusal)
        return self._cancel(transaction, head)

    def _look(self) -> _Head:
        block, priority_fee, nonce, chain_id = self._node.batch(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_maxPriorityFeePerGas", []),
                ("eth_getTransactionCount", [self.address, "latest"]),
                ("eth_chainId", []),
            ]
        )
        if int(chain_id, 16) != self._chain_id:
            raise FatalError(
                f"the node is on chain {int(chain_id, 16)}, the strategy on {self._chain_id}: nothing was signed; "
                "correct the rpc URL"
            )
        base_fee_wei = fees.next_base_fee(
            int(block["baseFeePerGas"], 16), int(block["gasUsed"], 16), int(block["gasLimit"], 16)
        )
        return _Head(int(block["timestamp"], 16), base_fee_wei, int(priority_fee, 16), int(nonce, 16))

    def _sign(self, call: Call, nonce: int, gas: int, caps: Fees, purpose: Purpose) -> Attempt:
        raw = self._signer.sign(
            {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": to_checksum_address(call.to),  # the library refuses any other spelling
                "data": call.data,
                "value": call.value_wei,
                "gas": gas,
                "maxFeePerGas": caps.max_fee_wei,
                "maxPriorityFeePerGas": caps.max_priority_fee_wei,
            },
            purpose,
        ).raw
        return Attempt("0x" + keccak(raw).hex(), raw, gas, caps.max_fee_wei, caps.max_priority_fee_wei, purpose.cancels)

    def _broadcast(self, transaction_id: int, attempt: Attempt) -> str | None:
        """Hand over bytes that the journal holds. Returns the node's words if it refused them; no answer is no
        refusal, for the bytes may have arrived."""
        try:
            self._node.send_raw_transaction(attempt.raw)
        except RpcError as error:
            return str(error)
        except TransientError:
            return None
        self._log.record_broadcast(transaction_id)
        return None

    def _wait(self, transaction: StoredTransaction, refusal: str | None) -> Sent:
        """Look for the end until it is there or the time is up; after a refusal there is a single look."""
        until = self._now() + self._receipt_timeout_seconds
        note = refusal or f"transaction {transaction.attempts[-1].hash} is not final yet"
        unexplained_looks = 0
        while True:
            try:
                seen = self._evidence(transaction)
            except TransientError as error:
                seen, note = None, str(error)
            if isinstance(seen, Mined):
                return seen
            unexplained_looks = unexplained_looks + 1 if seen == "unexplained" else 0
            if unexplained_looks == _LOOKS_BEFORE_HALT:
                self._halt(transaction)
            if refusal is not None or self._now() >= until:
                return Unknown(note)
            self._pause(self._poll_seconds)

    def _evidence(self, transaction: StoredTransaction) -> Mined | Literal["unexplained"] | None:
        """Its end if that is final; "unexplained" if its nonce is used and none of its attempts was mined."""
        hashes = [("eth_getTransactionReceipt", [attempt.hash]) for attempt in transaction.attempts]
        # The nonce comes first: a transaction mined between the two answers then shows its receipt.
        count, head, *receipts = self._node.batch(
            [("eth_getTransactionCount", [self.address, "latest"]), ("eth_blockNumber", []), *hashes]
        )
        for attempt, receipt in zip(transaction.attempts, receipts, strict=True):
            if receipt is None or receipt["transactionHash"].lower() != attempt.hash:
                continue
            if int(head, 16) - int(receipt["blockNumber"], 16) + 1 < self._confirmations:
                return None
            block = self._node.request("eth_getBlockByHash", [receipt["blockHash"], False])
            return None if block is None else _mined(transaction, attempt, receipt, int(block["timestamp"], 16))
        return "unexplained" if int(count, 16) > transaction.nonce else None

    def _cancel(self, transaction: StoredTransaction, head: _Head) -> Sent:
        """Take the nonce of an expired transaction back by sending nothing to ourselves at a higher price."""
        last = transaction.attempts[-1]
        offered = fees.offer(head.base_fee_wei, head.priority_fee_wei, None)
        assert offered is not None
        caps = fees.replacement(Fees(last.max_fee_wei, last.max_priority_fee_wei), offered)
        if self._max_fee_wei is not None and caps.max_fee_wei > self._max_fee_wei:
            return Unknown("the plan has expired; taking its nonce back costs more than the gas ceiling allows")
        attempt = self._sign(
            Call(self.address, b""),
            transaction.nonce,
            _SELF_SEND_GAS,
            caps,
            Purpose(transaction.step_id, head.timestamp, cancels=True),
        )
        self._log.record_cancellation(transaction.id, attempt)
        refusal = self._broadcast(transaction.id, attempt)
        return self._wait(replace(transaction, attempts=(*transaction.attempts, attempt)), refusal)

    def _halt(self, transaction: StoredTransaction) -> NoReturn:
        reason = (
            f"nonce {transaction.nonce} of {self.address} was used by a transaction that is not in the journal: "
            "something else signs with this key. Find out what, then `keeper resume`"
        )
        self._log.record_lost_nonce(transaction.id, reason)
        raise HaltedError(reason)


def _mined(transaction: StoredTransaction, attempt: Attempt, receipt: Mapping[str, Any], timestamp: int) -> Mined:
    succeeded = int(receipt["status"], 16) == 1
    state: Literal["FINAL_OK", "FINAL_REVERTED", "CANCELLED"] = "FINAL_OK" if succeeded else "FINAL_REVERTED"
    return Mined(transaction.id, Ending("CANCELLED" if attempt.cancels else state, receipt, timestamp))

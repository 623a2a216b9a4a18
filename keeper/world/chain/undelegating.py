"""Taking back what a key's account delegates to (EIP-7702): a self-send that authorizes the zero address.

It belongs to no plan. It is written down before it leaves and settled as every other transaction is: whoever calls this
again after a crash goes on from the journal and the chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

from eth_utils.crypto import keccak

from keeper.errors import HaltedError, RpcError, TransientError
from keeper.world.chain import fees, send_state, sights, strangers
from keeper.world.chain.delegation import AUTHORIZATION_GAS, delegation_of
from keeper.world.chain.fees import Fees
from keeper.world.chain.nonces import NEVER, require_not_behind
from keeper.world.chain.send_state import Finish, Include, Lose, Patience, Replace, Resend, Wait
from keeper.world.chain.sent import Watch
from keeper.world.journal.attempts import Attempt, Ending, StoredTransaction
from keeper.world.journal.transactions import TransactionLog
from keeper.world.journal.undelegations import UndelegationLog
from keeper.world.protocols import Node

SignUndelegation = Callable[[int, Fees, int], bytes]
"""The signed transaction of a nonce, fee caps and a gas limit; ``signers.delegation.sign_undelegation`` makes it."""


@dataclass(frozen=True, slots=True)
class Undelegated:
    """``delegate``: what the account ran before; None where there was nothing to take back. ``transaction_hash``: what
    took it back, final."""

    delegate: str | None
    transaction_hash: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """``pause`` sleeps so many seconds between two looks; ``now`` is a monotonic clock, seconds."""

    pause: Callable[[float], object]
    now: Callable[[], float]
    poll_seconds: float = 2.0
    timeout_seconds: float = 120.0


def undelegate(
    node: Node,
    log: TransactionLog,
    sign: SignUndelegation,
    address: str,
    chain_id: int,
    patience: Patience,
    waiting: Waiting,
) -> Undelegated:
    """Take the account's delegation back, or finish what was begun of that; returns when it is final.

    Raises:
        TransientError: the node does not answer, another transaction of the key is out, gas is above the ceiling, or
            it is not mined yet: what is out is gone on with when this is called again.
        HaltedError: the key is halted, or its nonce went to a transaction that is not in the journal.
        FatalError: the node is on another chain.
    """
    return _Undelegation(node, log, sign, address, chain_id, patience, waiting).run()


def require_none_out(log: TransactionLog, chain_id: int, address: str, *, before: int = NEVER) -> None:
    """TransientError while one is out at a nonce below ``before``: what comes after it waits, and until it is settled
    nobody can tell which nonce is next."""
    out = log.undelegations.live(chain_id, address)
    if out is not None and out[0] < before:
        raise TransientError(
            f"the delegation of {address} is being taken back at nonce {out[0]}, which is not settled: "
            "`keeper wallet undelegate` settles it"
        )


class _Undelegation:
    def __init__(
        self,
        node: Node,
        log: TransactionLog,
        sign: SignUndelegation,
        address: str,
        chain_id: int,
        patience: Patience,
        waiting: Waiting,
    ) -> None:
        self._node, self._log, self._sign, self._waiting = node, log, sign, waiting
        self._address, self._chain_id, self._patience = address, chain_id, patience

    def run(self) -> Undelegated:
        log, here = self._log.undelegations, (self._chain_id, self._address)
        head = sights.read_head(self._node, self._address, self._chain_id)
        revive(self._node, log, *here)
        delegate = delegation_of(self._node, self._address)
        out = log.live(*here)
        watch = Watch(resend_from=self._waiting.now())
        if out is None:
            if delegate is None:
                return Undelegated(None, None)
            self._require_nothing_else_out(head)
            out = head.nonce, (self._begin(head, watch),)
        elif head.nonce < out[0]:
            raise TransientError(
                f"a reorganisation of the chain took back transactions of {self._address} from before nonce {out[0]}, "
                "at which its delegation is taken back: let the keeper settle those first (`keeper once`)"
            )
        ending = self._settle(_as_transaction(self._chain_id, self._address, *out), watch)
        return Undelegated(delegate, str(ending.receipt["transactionHash"]))

    def _require_nothing_else_out(self, head: sights.Head) -> None:
        require_not_behind(self._log, self._chain_id, self._address, head.nonce)
        for nonce, _, strategy in self._log.out(self._chain_id, self._address):
            raise TransientError(
                f"nonce {nonce} of {self._address} is out for strategy {strategy} and not settled: let the keeper "
                "settle it first (`keeper once`), then take the delegation back"
            )

    def _begin(self, head: sights.Head, watch: Watch) -> Attempt:
        gas = fees.gas_limit(self._gas_units())
        ceiling_wei, most_tip_wei = self._patience_for(gas).ceiling_wei, fees.with_room(self._patience.most_tip_wei)
        market = head.market
        tip_wei = market.priority_fee_wei if most_tip_wei is None else min(market.priority_fee_wei, most_tip_wei)
        caps = fees.offer(market.base_fee_wei, tip_wei, ceiling_wei)
        if caps is None:
            raise TransientError(f"gas is above the ceiling of {ceiling_wei} wei (base fee {market.base_fee_wei} wei)")
        self._require_gas_money(gas * caps.max_fee_wei)
        attempt = self._signed(head.nonce, caps, gas, head.timestamp)
        self._broadcast(attempt, watch)
        return attempt

    def _require_gas_money(self, most_wei: int) -> None:
        """Else it would be signed, refused by every node, and waited for."""
        with sights.plain_answers():
            held_wei = int(self._node.request("eth_getBalance", [self._address, "latest"]), 16)
        if held_wei < most_wei:
            raise TransientError(
                f"{self._address} holds {held_wei} wei, and taking its delegation back may cost {most_wei}: nothing "
                "was signed; send it native coin first"
            )

    def _patience_for(self, gas_units: int) -> Patience:
        return send_state.within_bounds(self._patience, None, is_exit=False, gas_units=gas_units)

    def _gas_units(self) -> int:
        """Upon an account without code, as it is once the authorization has been taken in."""
        request = {"from": self._address, "to": self._address, "data": "0x", "value": "0x0"}
        bare = {self._address: {"code": "0x"}}
        return int(self._node.request("eth_estimateGas", [request, "latest", bare]), 16) + AUTHORIZATION_GAS

    def _signed(self, nonce: int, caps: Fees, gas: int, timestamp: int) -> Attempt:
        """Durable before it is returned. HaltedError where the key may sign nothing."""
        reason = self._log.signer_halt(self._chain_id, self._address)
        if reason is not None:
            raise HaltedError(f"the signer {self._address} is halted: {reason}")
        raw = self._sign(nonce, caps, gas)
        attempt = Attempt(
            hash="0x" + keccak(raw).hex(),
            raw=raw,
            gas_limit=gas,
            max_fee_wei=caps.max_fee_wei,
            max_priority_fee_wei=caps.max_priority_fee_wei,
            signed_timestamp=timestamp,
        )
        self._log.undelegations.record_signed(self._chain_id, self._address, nonce, attempt)
        return attempt

    def _settle(self, transaction: StoredTransaction, watch: Watch) -> Ending:
        until = self._waiting.now() + self._waiting.timeout_seconds
        while True:
            try:
                transaction, ending = self._make_move(transaction, watch)
                if ending is not None:
                    return ending
            except TransientError as error:
                watch.note = str(error)
            if self._waiting.now() >= until:
                raise TransientError(f"{watch.note}: it is out, and `keeper wallet undelegate` goes on with it")
            self._waiting.pause(self._waiting.poll_seconds)

    def _make_move(self, transaction: StoredTransaction, watch: Watch) -> tuple[StoredTransaction, Ending | None]:
        look = sights.look_at(self._node, self._address, transaction, self._patience.confirmations)
        seen, last = watch.completed(look.seen), transaction.attempts[-1]
        match send_state.next_move(sights.tried(transaction), NEVER, seen, self._patience_for(last.gas_limit)):
            case Finish():
                assert look.ending is not None
                here = self._chain_id, self._address, transaction.nonce
                self._log.undelegations.record_final(*here, look.ending.receipt, look.ending.block_timestamp)
                return transaction, look.ending
            case Include():
                watch.note = f"transaction {last.hash} is in a block, which is not final yet"
            case Lose():
                self._lose(transaction, seen.head_number)
            case Resend():
                self._broadcast(last, watch)
            case Replace(fees=caps):
                dearer = self._signed(transaction.nonce, caps, last.gas_limit, seen.head_timestamp)
                self._broadcast(dearer, watch)
                return replace(transaction, attempts=(*transaction.attempts, dearer)), None
            case Wait(note=note):
                watch.note = note
        return transaction, None

    def _broadcast(self, attempt: Attempt, watch: Watch) -> None:
        """No answer is no refusal, for the bytes may have arrived."""
        watch.underpriced, watch.note = False, f"transaction {attempt.hash} is not mined yet"
        try:
            self._node.send_raw_transaction(attempt.raw)
        except RpcError as error:
            watch.note, watch.underpriced = str(error), "underpriced" in str(error).lower()
        except TransientError as error:
            watch.note = str(error)

    def _lose(self, transaction: StoredTransaction, head_number: int) -> NoReturn:
        by = strangers.used_by(self._node, self._address, transaction.nonce, head_number)
        if by in {each.hash for each in transaction.attempts}:
            raise TransientError(f"transaction {by} is mined, and the node does not show its receipt yet")
        self._log.undelegations.record_lost(self._chain_id, self._address, transaction.nonce)
        raise HaltedError(strangers.sentence(transaction.nonce, self._address, by or "another transaction"))


def revive(node: Node, log: UndelegationLog, chain_id: int, address: str) -> None:
    """Make the last one live again where a reorganisation took it out of the chain: the count then shows it."""
    last = log.last_final(chain_id, address)
    if last is None or log.live(chain_id, address) is not None:
        return
    nonce, mined = last
    with sights.plain_answers():
        count, receipt = node.batch(
            [("eth_getTransactionCount", [address, "latest"]), ("eth_getTransactionReceipt", [mined])]
        )
        if receipt is None and int(count, 16) <= nonce:
            log.record_undone(chain_id, address, nonce)


def _as_transaction(chain_id: int, address: str, nonce: int, attempts: tuple[Attempt, ...]) -> StoredTransaction:
    return StoredTransaction(0, 0, chain_id, address.lower(), nonce, "BROADCAST", attempts, None)

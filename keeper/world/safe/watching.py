"""What the chain says of a Safe and of what was proposed to its owners: the only word on how a proposal ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keeper.errors import RpcError
from keeper.model.safe import SafeExecution, SafeState, SafeTx, rejection
from keeper.world.chain import sights
from keeper.world.journal.proposal_rows import Execution, StoredProposal
from keeper.world.protocols import Node
from keeper.world.safe.carried import carries
from keeper.world.safe.contract import SafeReader
from keeper.world.safe.executions import FAILURE_TOPIC, SUCCESS_TOPIC
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.proposal_state import Seen, User

_LAG_BLOCKS: Final = 128


@dataclass(frozen=True, slots=True)
class Sight:
    """A Safe at the newest block, and the time of the newest block that counts as final (UNIX seconds)."""

    number: int
    hash: str
    timestamp: int
    final_timestamp: int
    state: SafeState


@dataclass(frozen=True, slots=True)
class Use:
    """What became of a proposal's nonce: by whom it was used, and the evidence; both None where nothing shows yet."""

    is_used: bool
    by: User | None = None
    execution: Execution | None = None

    def seen(self, sight: Sight) -> Seen:
        """The same for the rules."""
        number = None if self.execution is None else int(self.execution.receipt["blockNumber"], 16)
        return Seen(sight.number, sight.timestamp, sight.final_timestamp, self.is_used, self.by, number)


class SafeWatch:
    """Looks at one Safe. ``confirmations``: how deep a block must lie, itself included, to be final. ``by_payload``:
    nonce and hash are chosen by people, so that a proposal is known by the calls that were made alone.

    Raises (from every look):
        TransientError: the node does not answer, or not what it was asked.
    """

    def __init__(self, node: Node, reader: SafeReader, *, confirmations: int, by_payload: bool = False) -> None:
        self._node, self._reader, self.by_payload = node, reader, by_payload
        self.confirmations = max(1, confirmations)
        self._foreign: set[tuple[int, str, str]] = set()

    @property
    def safe(self) -> str:
        """The Safe's address, in lower case."""
        return self._reader.safe

    def look(self) -> Sight:
        """The Safe at the newest block. Errors as ``SafeReader`` too."""
        with sights.plain_answers():
            head = self._node.request("eth_getBlockByNumber", ["latest", False])
            number, timestamp = int(head["number"], 16), int(head["timestamp"], 16)
            final_timestamp = timestamp
            if self.confirmations > 1:
                deep = hex(max(0, number - self.confirmations + 1))
                final_timestamp = int(self._node.request("eth_getBlockByNumber", [deep, False])["timestamp"], 16)
        return Sight(number, str(head["hash"]), timestamp, final_timestamp, self._reader.state(str(head["hash"])))

    def use_of(self, proposal: StoredProposal, sight: Sight) -> Use:
        """By what the proposal's nonce was used, if it was."""
        if sight.state.nonce <= proposal.nonce:
            return Use(is_used=False)
        if self.by_payload:
            found = self._reader.executions(proposal.since_block, sight.number)
            return self._use_by_payload(proposal, found, sight.state.nonce)
        # A node that lagged may have shown a nonce as free that was used a little before the decision.
        found = self._reader.executions(max(0, proposal.since_block - _LAG_BLOCKS), sight.number)
        ours = next((each for each in found if each.safe_tx_hash == proposal.hash), None)
        if ours is not None:
            return Use(True, "ours", self._evidence(ours))
        # Every execution uses one nonce, in order, whether it succeeds or fails inside.
        since = sight.state.nonce - proposal.nonce
        if since > len(found):
            return Use(is_used=True)
        user, tx = found[-since], proposal.transaction
        if not self._used_in(proposal.nonce, user.block_number):
            return Use(is_used=True)
        if user.safe_tx_hash == "0x" + safe_tx_hash(rejection(tx.chain_id, tx.safe, tx.nonce)).hex():
            return Use(True, "rejection", self._evidence(user))
        by: User = "ours" if self._carries(user, tx, (tx.nonce,)) else "other"
        return Use(True, by, self._evidence(user))

    def _used_in(self, nonce: int, block_number: int) -> bool:
        """Whether the nonce was used in that block: logs may come later than the state that they explain, and the last
        one shown is then not the last. A block whose state is gone proves nothing."""
        try:
            before, after = (self._reader.nonce_at(number) for number in (block_number - 1, block_number))
        except RpcError:
            return False
        return before <= nonce < after

    def approvals(self, digest: bytes, sight: Sight) -> frozenset[str]:
        """Owners who approved the hash on chain."""
        return self._reader.approvals(digest, sight.state.owners, sight.hash)

    def moved(self, proposals: Iterable[StoredProposal], head_number: int) -> tuple[StoredProposal, ...]:
        """Those whose end is no longer in the block that it was in.

        Raises:
            TransientError: the node lags behind what it showed before.
        """
        ended = [each for each in proposals if each.transaction_hash is not None and each.state != "EXPIRED"]
        if not ended:
            return ()
        asked = [("eth_getTransactionReceipt", [each.transaction_hash]) for each in ended]
        with sights.plain_answers():
            receipts = self._node.batch(asked)
            found = zip(ended, receipts, strict=True)
            gone = [each for each, receipt in found if receipt is None or receipt["blockHash"] != each.block_hash]
            for each in gone:
                self._require_other_chain(each, head_number)
        return tuple(gone)

    def _require_other_chain(self, proposal: StoredProposal, head_number: int) -> None:
        number = proposal.block_number or 0
        block = self._node.request("eth_getBlockByNumber", [hex(number), False]) if head_number >= number else None
        if block is None or block["hash"] == proposal.block_hash:
            raise RpcError(
                f"the node does not show transaction {proposal.transaction_hash} of block {number}, which it showed "
                "before: it lags behind, or the chain is being reorganised"
            )

    def _use_by_payload(self, proposal: StoredProposal, found: Sequence[SafeExecution], next_nonce: int) -> Use:
        # Every execution uses one nonce, so these have used the last ones before the next.
        nonces = range(max(0, next_nonce - len(found)), next_nonce)
        for each in found:
            key = (proposal.id, each.transaction_hash, each.safe_tx_hash)
            if key in self._foreign:
                continue
            if self._carries(each, proposal.transaction, nonces):
                return Use(True, "ours", self._evidence(each))
            self._foreign.add(key)
        return Use(is_used=False)

    def _carries(self, execution: SafeExecution, tx: SafeTx, nonces: Iterable[int]) -> bool:
        """Whether it made exactly the calls of ours: they hold the deadline, so no other proposal has them."""
        with sights.plain_answers():
            sent = self._node.request("eth_getTransactionByHash", [execution.transaction_hash])
            return carries(execution, bytes.fromhex(sent["input"][2:]), tx, nonces)

    def _evidence(self, execution: SafeExecution) -> Execution:
        """The receipt, where its block is the canonical one at its height. RpcError where it is not."""
        with sights.plain_answers():
            receipt, block = self._node.batch(
                [
                    ("eth_getTransactionReceipt", [execution.transaction_hash]),
                    ("eth_getBlockByNumber", [hex(execution.block_number), False]),
                ]
            )
            _require_same(receipt, block, execution, self._reader.safe)
            evidence = Execution(receipt, int(block["timestamp"], 16), execution.succeeded)
            if evidence.gas_wei < 0 or int(receipt["status"], 16) != 1:
                raise ValueError("a receipt")
            return evidence


def _event(log: Mapping[str, Any]) -> tuple[str, str, int]:
    return log["address"].lower(), log["topics"][0].lower() if log["topics"] else "", int(log["logIndex"], 16)


def _require_same(receipt: Mapping[str, Any], block: Mapping[str, Any], execution: SafeExecution, safe: str) -> None:
    shown = [_event(log) for log in receipt["logs"]]
    topic = SUCCESS_TOPIC if execution.succeeded else FAILURE_TOPIC
    # A node may make up a log; it is a receipt's own, or none.
    if (safe.lower(), topic, execution.log_index) not in shown:
        raise RpcError(f"the receipt of transaction {execution.transaction_hash} does not hold what its logs told of")
    told = (receipt["transactionHash"].lower(), receipt["blockHash"].lower(), block["hash"].lower())
    if told != (execution.transaction_hash, execution.block_hash, execution.block_hash):
        raise RpcError(f"the node contradicts itself about transaction {execution.transaction_hash}")

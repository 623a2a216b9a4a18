"""A board on the wall of the owners' office: they find a proposal there, sign it and send somebody to execute it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from keeper.chainlab.calls import read
from keeper.chainlab.deploy_safe import execute_data, transaction_hash
from keeper.chainlab.jsonrpc import Rpc
from keeper.chainlab.market import GWEI_WEI, Market
from keeper.chainlab.owners import OwnersAtHand
from keeper.errors import HaltedError, RpcError, TransientError
from keeper.world.safe.board import Notice

_TIP_WEI = GWEI_WEI // 10
_GAS_LIMIT = 8_000_000


@dataclass
class Posted:
    """A notice on the board, since when (chain time), and by whom it has been signed."""

    notice: Notice
    since: int
    signatures: dict[str, bytes]


class OwnersBoard:
    """Implements ``Board`` and ``Queue``. Nothing stays up that the Safe itself hashes to something else.

    ``delay_seconds`` is how long the owners leave a proposal lying before they look at it. Of three owners two sign, in
    turn; ``executor``, an account that the node signs for, pays for the execution. ``proposer``, no owner, puts
    things up. ``executions`` are the executor's transactions; ``refused`` counts how often one would have failed.
    """

    place = "the board of the owners at hand"

    def __init__(
        self,
        rpc: Rpc,
        market: Market,
        safe: str,
        owners: OwnersAtHand,
        *,
        proposer: str,
        executor: str,
        delay_seconds: int = 0,
    ) -> None:
        self._rpc, self._market, self._safe, self._owners = rpc, market, safe, owners
        self._proposer, self._executor, self._delay_seconds = proposer, executor, delay_seconds
        self._posted: dict[str, Posted] = {}
        self.executions: list[str] = []
        self.refused = 0

    def post(self, notice: Notice) -> None:
        """HaltedError where the Safe hashes the transaction to something else, or it was posted as another before."""
        before = self._posted.get(notice.hash)
        if before is not None and before.notice.transaction != notice.transaction:
            raise HaltedError(f"{self.place} shows another transaction under {notice.hash}")
        found = "0x" + transaction_hash(self._rpc, self._safe, notice.transaction).hex()
        if found != notice.hash:
            raise HaltedError(f"the Safe hashes what was proposed as {notice.hash} to {found}: nobody signs it")
        if before is None:
            self._posted[notice.hash] = Posted(notice, self._market.now_seconds, {})

    def confirmations(self, notice: Notice) -> Mapping[str, bytes]:
        posted = self._posted.get(notice.hash)
        if posted is None:
            raise TransientError(f"{self.place} does not know {notice.hash}")
        return {owner.lower(): signature for owner, signature in posted.signatures.items()}

    def queued(self, nonce_from: int, own: str = "") -> Mapping[int, frozenset[str]]:  # noqa: ARG002
        found: dict[int, set[str]] = {}
        for digest, each in self._posted.items():
            if _nonce(each) >= nonce_from:
                found.setdefault(_nonce(each), set()).add(digest)
        return {nonce: frozenset(hashes) for nonce, hashes in found.items()}

    def proposers(self, owners: Collection[str]) -> Collection[str]:
        """The first of the owners has named it, and it counts as long as he is one."""
        return {self._proposer.lower()} if self._owners.addresses[0].lower() in owners else set()

    def work(self) -> bool:
        """The owners' next move: to sign what has lain there long enough, or to have executed what is signed. False
        where there is nothing for them to do."""
        (nonce,) = read(self._rpc, self._safe, "nonce()", ("uint256",))
        self._posted = {digest: each for digest, each in self._posted.items() if _nonce(each) >= nonce}
        waiting = [each for each in self._posted.values() if _nonce(each) == nonce and self._is_due(each)]
        if not waiting:
            return False
        chosen = waiting[-1]  # of several on one nonce, what the keeper asked for last
        if chosen.signatures:
            return self._execute(chosen)
        first = len(self.executions)
        signers = [self._owners.addresses[(first + at) % len(self._owners.keys)] for at in range(2)]
        chosen.signatures = self._owners.confirmations(bytes.fromhex(chosen.notice.hash[2:]), *signers)
        return True

    def _is_due(self, posted: Posted) -> bool:
        return self._market.now_seconds - posted.since >= self._delay_seconds

    def _execute(self, posted: Posted) -> bool:
        data = execute_data(posted.notice.transaction, posted.signatures)
        call = {"from": self._executor, "to": self._safe, "data": data}
        try:
            self._rpc("eth_call", call, "latest")
        except RpcError:  # expired, or the price has gone: whoever executes looks first, and pays for nothing
            self.refused += 1
            return False
        fees = {"maxFeePerGas": hex(1_000 * GWEI_WEI), "maxPriorityFeePerGas": hex(_TIP_WEI), "gas": hex(_GAS_LIMIT)}
        digest = self._rpc("eth_sendTransaction", call | fees)
        self._market.mine_pending()
        self.executions.append(digest)
        return True


def _nonce(posted: Posted) -> int:
    return posted.notice.transaction.nonce

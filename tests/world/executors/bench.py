"""What the executor tests work with: a chain, a venue of the plainest calls, and a node that fails on command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import event

from keeper.chainlab.anvil import Anvil
from keeper.known_safe import BATCH_ACCOUNT
from keeper.model.ledger import NATIVE, Effects, LedgerEntry
from keeper.model.memory import OpenSubmission
from keeper.model.outcome import Outcome
from keeper.model.plan import Approve, Collect, Plan, Step
from keeper.world.chain.node import HttpNode
from keeper.world.chain.rehearsal import PlainRehearsal
from keeper.world.chain.send_state import Patience
from keeper.world.chain.sender import Sender
from keeper.world.executors.atomic import AtomicVenue
from keeper.world.executors.wallet import WalletExecutor
from keeper.world.journal import queries
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.protocols import Call, Node
from keeper.world.signers import keystore
from keeper.world.signers.keystore import KeystoreSigner
from tests.world import words
from tests.world.unpoliced import Unpoliced

CHAIN_ID = 31337
ROOM_BLOCKS = 8
STRATEGY = "eth-usdc"
LOUD = "0x" + "c2" * 20  # a counter that tells it in a log
LOUD_CODE = "0x60005460010160005560006000a000"
COUNTER = "0x" + "c0" * 20  # adds one to its slot 0 at every call
COUNTER_CODE = "0x600054600101600055" + "00"
CLAIM = "0x" + "c1" * 20  # the first call succeeds, every later one reverts
CLAIM_CODE = "0x600054600c57600160005500" + "5b60006000fd"
SINK = "0x" + "0d" * 20
STEPS: tuple[Step, ...] = (Approve(words.USDC.address, "positions", 1), Collect((7,)))


class Killed(BaseException):
    """The process ends here."""


@dataclass
class FailingNode:
    """A node in front of which every exchange passes ``before`` and ``after``, which may raise."""

    inner: Node
    before: Callable[[str], None] = lambda _name: None
    after: Callable[[str], None] = lambda _name: None
    sent: list[bytes] = field(default_factory=list)

    def request(self, method: str, params: Sequence[Any]) -> Any:
        return self._through(method, lambda: self.inner.request(method, params))

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        result: list[Any] = self._through(requests[0][0], lambda: self.inner.batch(requests))
        return result

    def send_raw_transaction(self, raw: bytes) -> str:
        self.sent.append(raw)
        return str(self._through("send", lambda: self.inner.send_raw_transaction(raw)))

    def _through(self, name: str, act: Callable[[], Any]) -> Any:
        self.before(name)
        result = act()
        self.after(name)
        return result


@dataclass
class PlainVenue:
    """An approval pays one wei to nobody; every other act calls ``target``."""

    target: str = COUNTER

    def call(self, step: Step, owner: str, deadline_timestamp: int) -> Call:  # noqa: ARG002
        return Call(SINK, b"", 1) if step.kind == "approve" else Call(self.target, b"")

    def effects(self, receipt: Mapping[str, Any], owner: str, timestamp: int) -> Effects:  # noqa: ARG002
        number, name = int(receipt["blockNumber"], 16), receipt["transactionHash"]
        paid = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        lines = [LedgerEntry("gas", NATIVE, -paid, None, name, -1, number, timestamp)]
        if receipt["to"].lower() == SINK and int(receipt["status"], 16):
            lines.append(LedgerEntry("withdrawal", NATIVE, -1, None, name, -1, number, timestamp))
        return Effects(tuple(lines), (), ())


@dataclass
class Bench:
    """A keeper's hands on a chain of their own, which can be dropped and taken up again."""

    anvil: Anvil
    url: str
    signer: KeystoreSigner
    journal: SqlJournal
    node: FailingNode
    venue: PlainVenue
    clock: float = 0.0
    mine: bool = True
    max_fee_wei: int | None = None
    max_exit_fee_wei: int | None = None
    bump_after_seconds: int = 36
    confirmations: int = 1
    route: Literal["public", "private"] = "public"
    delegate: str | None = None  # the batch contract that the account is to run

    def pause(self, seconds: float) -> None:
        self.clock += seconds
        if self.mine:
            self.anvil.mine()

    def executor(self, chain_id: int = CHAIN_ID) -> WalletExecutor:
        log = self.journal.transactions
        sender = Sender(self.node, Unpoliced(self.signer), log, chain_id,
                        rehearsal=PlainRehearsal(self.node, self.signer.address),
                        pause=self.pause, now=lambda: self.clock,
                        poll_seconds=1.0, receipt_timeout_seconds=10.0,
                        patience=Patience(self.confirmations, self.bump_after_seconds, self.max_fee_wei),
                        exit_ceiling_wei=self.max_exit_fee_wei, route=self.route,
                        one_at_a_time=self.delegate is not None)  # fmt: skip
        acts = self.venue if self.delegate is None else AtomicVenue(self.venue, self.delegate)
        return WalletExecutor(sender, acts, log, self.node)

    def open(self, steps: tuple[Step, ...] = STEPS, *, number: int = 1, lifetime_seconds: int = 600,
             strategy: str = STRATEGY) -> tuple[OpenSubmission, Plan]:  # fmt: skip
        """A decision and its open plan, whose deadline is so long after the chain's head."""
        made = words.decision(number, action="compound", steps=steps, strategy=strategy)
        seen = replace(made.observation, wallet=replace(made.observation.wallet, owner=self.signer.address))
        plan = replace(made.plan, deadline_timestamp=self.time() + lifetime_seconds)
        made = replace(made, observation=seen, plan=plan)
        return self.journal.open_plan(self.journal.record_decision(made), plan), plan

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome:
        return self.journal.close_plan(submission, self.executor().submit(submission, plan))

    def settle(self, strategy: str = STRATEGY) -> Outcome:
        """What the next cycle does with what is open."""
        submission = self.journal.memory(strategy).open
        assert submission is not None
        return self.journal.close_plan(submission, self.executor().settle(submission))

    def restart(self) -> None:
        """Nothing survives but the journal's file and the chain."""
        self.journal.close()
        self.journal = open_journal(self.url, "wallet")
        self.node = FailingNode(self.node.inner)

    def time(self) -> int:
        return int(self.anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def count(self) -> int:
        """How often the act has happened."""
        return int(self.anvil.rpc("eth_getStorageAt", self.venue.target, "0x0", "latest"), 16)

    def nonce(self) -> int:
        return int(self.anvil.rpc("eth_getTransactionCount", self.signer.address, "latest"), 16)

    def ledger_difference_wei(self) -> int:
        """The native balance by the ledger, less that on the chain."""
        with self.journal.reading() as query:
            held = queries.ledger_balance(query, CHAIN_ID, self.signer.address)[NATIVE]
        return held - int(self.anvil.rpc("eth_getBalance", self.signer.address, "latest"), 16)


def make(anvil: Anvil, folder: Path) -> Bench:
    """A bench with a new key that owns ten coins."""
    key = folder / "key.json"
    address = keystore.create(key, "x", scrypt_work=2)
    anvil.set_balance(address, 10**19)
    anvil.rpc("anvil_setCode", COUNTER, COUNTER_CODE)
    anvil.rpc("anvil_setCode", CLAIM, CLAIM_CODE)
    anvil.rpc("anvil_setCode", LOUD, LOUD_CODE)
    anvil.mine()
    url = f"sqlite:///{folder}/keeper.db"
    node = FailingNode(HttpNode([anvil.url], retries=0))
    return Bench(anvil, url, keystore.load(key, "x"), open_journal(url, "wallet"), node, PlainVenue())


def made(anvil: Anvil, folder: Path) -> Bench:
    """A bench whose acts are batches: its account is not delegated yet."""
    bench = make(anvil, folder)
    bench.venue.target, bench.delegate = LOUD, BATCH_ACCOUNT.address
    anvil.rpc("anvil_mine", hex(ROOM_BLOCKS))  # what anvil was told to set is undone with the block it was set in
    return bench


def run_and_kill_at(bench: Bench, boundary: int, act: Callable[[], object]) -> bool:
    """Whether ``act`` ended before that many boundaries were passed."""
    passed = 0

    def hook(_name: str) -> None:
        nonlocal passed
        passed += 1
        if passed > boundary:
            raise Killed

    bench.node.before = bench.node.after = hook
    event.listen(bench.journal._engine, "commit", lambda _connection: hook("commit"))
    try:
        act()
    except Killed:
        return False
    return True

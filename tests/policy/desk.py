"""A keeper with all its real parts on a local chain, and a whale beside it."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from keeper.assembly import build_strategy
from keeper.assembly_signing import signing_rules
from keeper.assembly_trust import wallet_reconciler
from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.calls import transact
from keeper.chainlab.deploy import Deployment, PoolSpec, deploy, slot0
from keeper.chainlab.market import Market, MarketSettings
from keeper.chainlab.paths import generate
from keeper.cycle import run_cycle
from keeper.model.decision import Decision
from keeper.model.ledger import NATIVE
from keeper.model.observation import Observation, Sample
from keeper.model.outcome import Done, Outcome
from keeper.model.plan import Swap
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.settings import StrategySettings
from keeper.policy.strategy import Strategy
from keeper.policy.valuation import positions_value, value_in_quote
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.node import HttpNode
from keeper.world.chain.rehearsal import PlainRehearsal
from keeper.world.chain.send_state import Patience
from keeper.world.chain.sender import Sender
from keeper.world.executors.wallet import WalletExecutor
from keeper.world.journal import decisions, queries
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.observer import ChainObserver
from keeper.world.reconcile import WalletReconciler
from keeper.world.signers import keystore
from keeper.world.signers.policed import PolicedSigner
from keeper.world.venues.uniswap_v3 import UniswapV3, build
from tests.conftest import GENESIS_SECONDS, PATH_START_SECONDS, START_PRICE
from tests.world.conftest import FAR_DEADLINE, MemorySamples, contracts_of
from tests.world.executors.bench import FailingNode

CHAIN_ID = 31337
WARM_HOURS = 26
NAME = "test"
ORDERS = pytest.mark.parametrize("warm", [True, False], indirect=True, ids=["base0", "base1"])
WHALE_MONEY = 10**30


@dataclass(frozen=True, slots=True)
class Warm:
    """A pool which has traded for a day, and what was seen of it. ``snapshot`` is renewed by whoever reverts to it."""

    anvil: Anvil
    deployment: Deployment
    contracts: Contracts
    samples: tuple[Sample, ...]
    whale: str


@contextmanager
def warmed(base_is_token0: bool) -> Iterator[Warm]:
    with Anvil(AnvilOptions(genesis_seconds=GENESIS_SECONDS)) as anvil:
        spec = PoolSpec(Fraction(2000), base_is_token0=base_is_token0, observation_slots=300)
        deployment = deploy(anvil.rpc, spec)
        path = generate(7, 4, start_price=START_PRICE, start_seconds=PATH_START_SECONDS)
        market = Market(anvil, deployment, path, MarketSettings(noise_intensity=1.0, base_fee_gwei=0.1))
        contracts, node = contracts_of(deployment), HttpNode([anvil.url], chain_id=CHAIN_ID)
        whale = to_checksum_address(anvil.rpc("eth_accounts")[5])
        market.fund(whale, WHALE_MONEY, WHALE_MONEY, 0)
        for token in (deployment.token0, deployment.token1):
            transact(anvil.rpc, whale, token, "approve(address,uint256)", deployment.swap_router, 2**256 - 1)
        samples = MemorySamples()
        venue = build(node, contracts, deployment.pool)
        observer = ChainObserver(node, venue, whale, samples, chain_id=CHAIN_ID, quote_is_token0=False)
        for hour in range(WARM_HOURS + 1):
            market.advance_to(PATH_START_SECONDS + hour * 3_600)
            observer.observe()
        yield Warm(anvil, deployment, contracts, tuple(samples.rows.values()), whale)


class Worlds:
    """The two token orders, each made when it is first asked for. All tests of a process share them."""

    def __init__(self, until_the_end: ExitStack) -> None:
        self._until_the_end, self._made = until_the_end, dict[bool, Warm]()

    def __getitem__(self, base_is_token0: bool) -> Warm:
        if base_is_token0 not in self._made:
            self._made[base_is_token0] = self._until_the_end.enter_context(warmed(base_is_token0))
        return self._made[base_is_token0]


@contextmanager
def put_back(warm: Warm) -> Iterator[Warm]:
    """Whatever is done to the chain is undone: its blocks, what waits to be mined, what the next block costs,
    and that blocks come only when asked for."""
    rpc, snapshot = warm.anvil.rpc, warm.anvil.snapshot()
    base_fee = rpc("eth_getBlockByNumber", "pending", False)["baseFeePerGas"]
    yield warm
    rpc("anvil_dropAllTransactions")
    warm.anvil.revert(snapshot)
    # A snapshot holds neither of the two.
    rpc("anvil_setNextBlockBaseFeePerGas", base_fee)
    rpc("evm_setAutomine", False)


def journal_that_knows(warm: Warm, file: Path, mode: str) -> SqlJournal:
    """A new journal in which the pool's last day stands."""
    file.touch(mode=0o600)
    file.write_bytes(_written_once(warm.deployment.pool, warm.samples, mode))
    return open_journal(f"sqlite:///{file}", mode)


@functools.lru_cache(maxsize=8)
def _written_once(pool: str, samples: tuple[Sample, ...], mode: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "keeper.db")
        journal = open_journal(f"sqlite:///{file}", mode)
        for sample in samples:
            journal.samples.add(pool, CHAIN_ID, sample)
        journal.close()
        assert [each.name for each in Path(folder).iterdir() if each.suffix.startswith(".db")] == [file.name]
        return file.read_bytes()


@dataclass(frozen=True, slots=True)
class Whale:
    """Somebody with more money than the pool, and time."""

    warm: Warm
    venue: UniswapV3

    @property
    def tick(self) -> int:
        return slot0(self.warm.anvil.rpc, self.warm.deployment.pool)[1]

    def wait(self, seconds: int) -> None:
        """Time passes with the price where it is."""
        now = int(self.warm.anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        self.warm.anvil.mine(now + seconds)

    def swap(self, tick: int, *, tip_wei: int = 10**9, mine: bool = True) -> str:
        """The whale trades until the price stands at ``tick``."""
        zero_for_one = tick < slot0(self.warm.anvil.rpc, self.warm.deployment.pool)[1]
        step = Swap(zero_for_one, WHALE_MONEY // 10**4, 0, 0, sqrt_price_at_tick(tick))
        call = self.venue.call(step, self.warm.whale, FAR_DEADLINE)
        sent = {"from": self.warm.whale, "to": call.to, "data": "0x" + call.data.hex(), "gas": hex(8_000_000),
                "maxPriorityFeePerGas": hex(tip_wei), "maxFeePerGas": hex(tip_wei + 10**12)}  # fmt: skip
        digest = str(self.warm.anvil.rpc("eth_sendTransaction", sent))
        if mine:
            self.warm.anvil.mine()
        return digest

    def moves(self, tick: int, blocks: int = 8) -> None:
        """In steps over many blocks, and the mean catches up."""
        start = self.tick
        for number in range(1, blocks + 1):
            self.swap(start + (tick - start) * number // blocks)
            self.wait(120)
        self.wait(1_900)


@dataclass
class Desk:
    """One strategy at work. Money is minted to ``owner``; nothing else of it is made up."""

    warm: Warm
    strategy: Strategy
    journal: SqlJournal
    venue: UniswapV3
    observer: ChainObserver
    reconciler: WalletReconciler
    executor: WalletExecutor
    node: FailingNode
    owner: str

    def cycle(self) -> Outcome:
        return run_cycle(self.observer, self.reconciler, self.executor, self.strategy, self.journal)

    def run(self, most: int = 10) -> list[str]:
        """Cycles until one does nothing; the acts that were done."""
        acts: list[str] = []
        for _ in range(most):
            outcome = self.cycle()
            if not isinstance(outcome, Done):
                return acts
            acts.append(self.last_decision().plan.next_steps[-1].kind)
        raise AssertionError(f"still busy after {acts}")

    def last_decision(self) -> Decision:
        with self.journal.reading() as query:
            last = queries.decision_list(query)[-1].id
            return decisions.decision(query, last)

    def codes(self) -> list[str]:
        return [objection.code for objection in self.last_decision().verdict.objections]

    @property
    def whale(self) -> Whale:
        return Whale(self.warm, self.venue)

    @property
    def tick(self) -> int:
        return self.whale.tick

    def wait(self, seconds: int) -> None:
        self.whale.wait(seconds)

    def whale_swap(self, tick: int, *, tip_wei: int = 10**9, mine: bool = True) -> str:
        return self.whale.swap(tick, tip_wei=tip_wei, mine=mine)

    def whale_moves(self, tick: int, blocks: int = 8) -> None:
        self.whale.moves(tick, blocks)

    def observe(self) -> Observation:
        return self.observer.observe()

    def idle_ppm(self) -> int:
        """Idle tokens as a part of everything, parts per million."""
        seen = self.observe()
        root, wallet = seen.pool.sqrt_price_x96, seen.wallet
        idle = value_in_quote(wallet.balance_0, wallet.balance_1, root, seen.quote_is_token0)
        return idle * 1_000_000 // (idle + positions_value(seen, seen.positions))

    def difference(self) -> dict[str, int]:
        """The ledger's sum less the chain's balance, for each token and the native coin."""
        with self.journal.reading() as query:
            booked = queries.ledger_balance(query, CHAIN_ID, self.owner)
        wallet, deployment = self.observe().wallet, self.warm.deployment
        held = {deployment.token0.lower(): wallet.balance_0, deployment.token1.lower(): wallet.balance_1}
        held[NATIVE] = wallet.native_wei
        return {token: booked.get(token, 0) - amount for token, amount in held.items()}

    def receipts(self) -> list[dict[str, Any]]:
        """Of everything the owner has sent, oldest first."""
        count = int(self.warm.anvil.rpc("eth_blockNumber"), 16)
        found = []
        for number in range(count + 1):
            block = self.warm.anvil.rpc("eth_getBlockByNumber", hex(number), True)
            for transaction in block["transactions"]:
                if transaction["from"].lower() == self.owner.lower():
                    found.append(self.warm.anvil.rpc("eth_getTransactionReceipt", transaction["hash"]))
        return found


def at_desk(warm: Warm, folder: Path, *, base_is_quote: bool = False, quote_value: int = 50_000,
            split: tuple[int, int] = (1, 1), **changes: Any) -> Desk:  # fmt: skip
    """A new key with tokens worth ``quote_value`` (whole units of the stable token), split base : stable."""
    anvil, deployment = warm.anvil, warm.deployment
    key = folder / "key.json"
    owner = keystore.create(key, "x", scrypt_work=2)
    base = quote_value * 10**18 // 2_000 * split[0] // sum(split)
    stable = quote_value * 10**6 * split[1] // sum(split)
    anvil.set_balance(owner, 10**19)
    for token, amount in ((deployment.base, base), (deployment.quote, stable)):
        if amount:
            transact(anvil.rpc, deployment.deployer, token, "mint(address,uint256)", owner, amount)
    quote_is_token0 = (deployment.quote == deployment.token0) != base_is_quote
    raw: dict[str, Any] = {
        "name": NAME,
        "chain": "local",
        "pool": deployment.pool,
        "quote": "token0" if quote_is_token0 else "token1",
        "capital": {"max_quote": "100000000"},
        "range": {"kind": "fixed", "lower_pct": 5, "upper_pct": 5},
        "profit": {"horizon_days": 365, "hurdle": 0, "haircut": 1, "min_fee_history_hours": 2, "max_g_per_year": 100},
        "limits": {"cooldown_minutes": 0},
    }
    raw |= changes
    journal = journal_that_knows(warm, folder / "keeper.db", "wallet")
    now = int(anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    anvil.mine(now + 1_900)  # the means of ten minutes and of half an hour are the price of now
    node = HttpNode([anvil.url], chain_id=CHAIN_ID)
    venue = build(node, warm.contracts, deployment.pool)
    strategy = build_strategy(StrategySettings.model_validate(raw))
    observer = ChainObserver(node, venue, owner, journal.samples, chain_id=CHAIN_ID, quote_is_token0=quote_is_token0,
                             twap_windows_seconds=strategy.settings.limits.twap_windows_seconds)  # fmt: skip
    failing = FailingNode(node)
    clock = iter(range(10**9))
    rules = signing_rules(CHAIN_ID, warm.contracts, strategy.settings, venue.pool, owner)
    look = PolicedSigner(keystore.load(key, "x"), rules, journal.signing)
    sender = Sender(failing, look, journal.transactions, CHAIN_ID,
                    rehearsal=PlainRehearsal(failing, owner),
                    pause=lambda _seconds: anvil.mine(), now=lambda: float(next(clock)),
                    patience=Patience())  # fmt: skip
    executor = WalletExecutor(sender, venue, journal.transactions, failing)
    reconciler = wallet_reconciler(CHAIN_ID, strategy.settings, journal, node, observer, venue, owner)
    return Desk(warm, strategy, journal, venue, observer, reconciler, executor, failing, owner)

"""A whole keeper on disk beside a real chain: key file, journal, settings. Processes come and go, this stays."""

from __future__ import annotations

import functools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from keeper.assembly import ChainAccess, StrategyRunner, build_strategy, open_hands, wallet_executor
from keeper.assembly_atomic import atomic_account, atomic_executor
from keeper.chainlab.calls import send, transact
from keeper.chainlab.deploy import slot0
from keeper.chainlab.deploy_account import place_batch_account
from keeper.chainlab.jsonrpc import Connection
from keeper.errors import TransientError
from keeper.model.outcome import Outcome
from keeper.model.plan import Swap
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.settings import StrategySettings
from keeper.policy.strategy import Strategy
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.node import HttpNode
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.protocols import Signer
from keeper.world.signers import keystore
from keeper.world.venues.uniswap_v3 import build as build_venue
from tests.faults.evidence import Evidence, Place, gather, reading
from tests.policy.desk import WHALE_MONEY, Warm, journal_that_knows
from tests.world.conftest import FAR_DEADLINE

NAME: Final = "site"
CHAIN_ID: Final = 31337
MODE: Final = "wallet"
PASSWORD: Final = "x"
MOST_CYCLES: Final = 16
_SETTINGS: Final[dict[str, Any]] = {
    "name": NAME,
    "chain": "local",
    "capital": {"max_quote": "100000000"},
    "range": {"kind": "fixed", "lower_pct": 5, "upper_pct": 5},
    "profit": {"horizon_days": 365, "hurdle": 0, "haircut": 1, "min_fee_history_hours": 2, "max_g_per_year": 100},
    "limits": {"cooldown_minutes": 0},
}


@dataclass(frozen=True, slots=True)
class Site:
    """Where a keeper lives. Plain data: it crosses into child processes as JSON."""

    folder: str
    url: str  # what the keeper is told the node is; a test may put a hostile one here
    anvil_url: str  # the chain itself
    owner: str
    pool: str
    deployer: str
    tokens: tuple[str, str]
    contracts: dict[str, Any]
    settings: dict[str, Any]
    first_block: int
    timeout_seconds: float = 10.0
    mode: str = MODE  # or atomic

    @property
    def journal_url(self) -> str:
        return f"sqlite:///{self.folder}/keeper.db"

    @property
    def access(self) -> ChainAccess:
        return ChainAccess(CHAIN_ID, (self.url,), Contracts(**self.contracts), confirmations=1)

    def rpc(self, method: str, *params: Any) -> Any:
        """Asks the chain itself, past anything hostile."""
        return _line(os.getpid(), int(self.anvil_url.rsplit(":", 1)[1])).call(method, params)

    def mine(self) -> None:
        self.rpc("evm_mine")

    def evidence(self) -> Evidence:
        """What journal and chain say now."""
        with reading(self.journal_file) as query:
            return gather(query, self.place)

    @property
    def journal_file(self) -> Path:
        return Path(self.folder) / "keeper.db"

    @property
    def place(self) -> Place:
        router, positions = self.contracts["router"], self.contracts["positions"]
        return Place(self.rpc, CHAIN_ID, self.owner, self.tokens, router, positions, self.first_block)

    def copied_to(self, folder: Path) -> Site:
        """The same keeper with a copy of its key and journal; no process may be at work on the original."""
        folder.mkdir(parents=True, exist_ok=True)
        for file in Path(self.folder).iterdir():
            shutil.copy2(file, folder / file.name)
        return replace(self, folder=str(folder))

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@functools.lru_cache(maxsize=4)
def _line(_process_id: int, port: int) -> Connection:
    """A kept-open connection, which no process shares with one that it forked."""
    return Connection("127.0.0.1", port)


@functools.cache
def _strategy(settings: str) -> Strategy:
    """Built once for a fork server and all its children: it is pure and frozen."""
    return build_strategy(StrategySettings.model_validate_json(settings))


def from_json(text: str) -> Site:
    raw = json.loads(text)
    return Site(**(raw | {"tokens": tuple(raw["tokens"])}))


def make_site(
    warm: Warm,
    folder: Path,
    *,
    split: tuple[int, int] = (1, 1),
    quote_value: int = 50_000,
    mode: str = MODE,
    **changes: Any,
) -> Site:
    """A new key with tokens worth ``quote_value`` (whole stable units, split base : stable), and an empty journal
    that knows the pool's last day. With ``mode`` atomic the chain gets the batch account."""
    anvil, deployment = warm.anvil, warm.deployment
    folder.mkdir(parents=True, exist_ok=True)
    owner = keystore.create(folder / "key.json", PASSWORD, scrypt_work=2)
    anvil.set_balance(owner, 10**19)
    if mode == "atomic":
        place_batch_account(anvil.rpc)
    base = quote_value * 10**18 // 2_000 * split[0] // sum(split)
    stable = quote_value * 10**6 * split[1] // sum(split)
    for token, amount in ((deployment.base, base), (deployment.quote, stable)):
        if amount:
            transact(anvil.rpc, deployment.deployer, token, "mint(address,uint256)", owner, amount)
    now = int(anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    anvil.mine(now + 1_900)  # the means of ten minutes and of half an hour are the price of now
    quote = "token0" if deployment.quote == deployment.token0 else "token1"
    given = warm.contracts
    site = Site(
        first_block=int(anvil.rpc("eth_blockNumber"), 16),
        folder=str(folder),
        url=anvil.url,
        anvil_url=anvil.url,
        owner=owner,
        pool=deployment.pool,
        deployer=deployment.deployer,
        tokens=(deployment.token0, deployment.token1),
        contracts={name: getattr(given, name) for name in type(given).__dataclass_fields__},
        settings=_SETTINGS | {"pool": deployment.pool, "quote": quote} | changes,
        mode=mode,
    )
    journal_that_knows(warm, site.journal_file, mode).close()
    return site


def whale_moves(warm: Warm, ticks: int, *, blocks: int = 8, settle_seconds: int = 1_900) -> None:
    """A whale moves the price by ``ticks`` in steps over many blocks, then time passes until the means catch up."""
    rpc, spec = warm.anvil.rpc, warm.deployment
    venue = build_venue(HttpNode((warm.anvil.url,), chain_id=CHAIN_ID), warm.contracts, spec.pool)
    start = slot0(rpc, spec.pool)[1]
    for number in range(1, blocks + 1):
        tick = start + ticks * number // blocks
        zero_for_one = tick < slot0(rpc, spec.pool)[1]
        step = Swap(zero_for_one, WHALE_MONEY // 10**4, 0, 0, sqrt_price_at_tick(tick))
        call = venue.call(step, warm.whale, FAR_DEADLINE)
        send(rpc, warm.whale, call.to, "0x" + call.data.hex())
        passes(warm, min(120, settle_seconds))
    passes(warm, settle_seconds)


def passes(warm: Warm, seconds: int) -> None:
    """Time passes with the price where it is; what is pending is mined."""
    now = int(warm.anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    warm.anvil.mine(now + seconds)


@dataclass(slots=True)
class Keeper:
    """The product's own parts at work on a site, as ``assembly`` joins them."""

    site: Site
    runner: StrategyRunner
    journal: SqlJournal
    outcomes: list[Outcome] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)

    def cycle(self) -> Outcome:
        outcome = self.runner.run_once()
        self.outcomes.append(outcome)
        return outcome

    def until_held(self, most: int = MOST_CYCLES) -> list[Outcome]:
        """Cycles until one holds. One that failed, is pending or found no node is mined past and followed by another.

        Raises:
            AssertionError: still busy after ``most``.
        """
        for _ in range(most):
            try:
                outcome = self.cycle()
            except TransientError as error:  # as the daemon does: the next turn tries again
                self.deferred.append(str(error))
                self.site.mine()
                continue
            if outcome.kind == "held":
                return self.outcomes
            if outcome.kind != "done":
                self.site.mine()
        raise AssertionError(f"still busy after {[each.kind for each in self.outcomes]}")


@dataclass(slots=True)
class Patience:
    """The clock that waiting for a receipt goes by: each wait takes its seconds at once, and mines a block, which is
    ``block_seconds`` later than the last and has the base fee ``base_fee_wei`` (None: as the chain would have it)."""

    site: Site
    mining: bool = True
    block_seconds: int = 1
    base_fee_wei: int | None = None
    seconds: float = 0.0

    def pause(self, seconds: float) -> None:
        self.seconds += seconds
        if self.mining:
            self.mine()

    def mine(self) -> None:
        if self.base_fee_wei is not None:
            self.site.rpc("anvil_setNextBlockBaseFeePerGas", hex(self.base_fee_wei))
        now = int(self.site.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        self.site.rpc("evm_mine", hex(now + self.block_seconds))

    def now(self) -> float:
        return self.seconds


def quick(url: str) -> HttpNode:
    """A node that is given up on soon, for tests in which it does not answer."""
    return HttpNode((url,), chain_id=CHAIN_ID, timeout_seconds=0.4, backoff_seconds=0.002, max_backoff_seconds=0.02,
                    breaker_seconds=0.05)  # fmt: skip


@contextmanager
def at_work(
    site: Site,
    *,
    node: HttpNode | None = None,
    patience: Patience | None = None,
    signer: Callable[[Signer], Signer] = lambda signer: signer,
) -> Iterator[Keeper]:
    """A keeper opened on the site, closed at the end. Waiting for a receipt mines a block and takes no time."""
    journal = open_journal(site.journal_url, site.mode)
    waiting = patience or Patience(site)
    try:
        yield open_keeper(site, journal, node=node, signer=signer, pause=waiting.pause, now=waiting.now)
    finally:
        journal.close()


def open_keeper(
    site: Site,
    journal: SqlJournal,
    *,
    node: HttpNode | None = None,
    signer: Callable[[Signer], Signer] = lambda signer: signer,
    pause: Callable[[float], object] | None = None,
    **clocks: Any,
) -> Keeper:
    """As ``at_work``, on a journal that is open already."""
    strategy = _strategy(json.dumps(site.settings))
    key = signer(keystore.load(Path(site.folder) / "key.json", PASSWORD))
    hand = node or HttpNode((site.url,), chain_id=CHAIN_ID, timeout_seconds=site.timeout_seconds)
    hand.check_chain(CHAIN_ID)
    wait = pause or (lambda _seconds: site.mine())
    is_atomic = site.mode == "atomic"
    account = atomic_account(hand, strategy.settings) if is_atomic else "key"
    made = atomic_executor if is_atomic else wallet_executor
    executor = made(site.access, strategy.settings, journal, key, pause=wait, **clocks)
    venue = build_venue(hand, site.access.contracts, site.pool)
    hands = open_hands(
        site.access, strategy.settings, journal, executor, owner=key.address, account=account, eyes=(hand, venue)
    )
    return Keeper(site, StrategyRunner(strategy, hands, journal), journal)

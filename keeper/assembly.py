"""Joining the wings: the only file that names concrete classes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from keeper import plugins
from keeper.config import Chain, GlobalLimits, LoadedConfig, journal_url
from keeper.config_reload import Reload
from keeper.config_strategies import (
    StrategyFile,
    plugin_settings,
    settings_body,
    settings_digest,
    settings_from_body,
)
from keeper.cycle import run_cycle
from keeper.errors import ConfigError
from keeper.model.memory import StrategyState
from keeper.model.outcome import Outcome
from keeper.policy.settings import PoolKey as PoolKeySettings
from keeper.policy.settings import Schedule, StrategySettings
from keeper.policy.strategy import Strategy
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.node import HttpNode
from keeper.world.chain.sender import Sender
from keeper.world.executors.dry import DryExecutor
from keeper.world.executors.wallet import WalletExecutor
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.lock import hold_lock
from keeper.world.journal.opening import open_journal
from keeper.world.observer import ChainObserver
from keeper.world.protocols import Executor, Signer
from keeper.world.signers import keystore
from keeper.world.v3.identity import PoolKey
from keeper.world.venues.uniswap_v3 import UniswapV3

__all__ = ["ChainAccess", "Hands", "StrategyRunner", "build_strategy", "open_fleet", "open_hands", "rebuild_strategy"]

GWEI = 10**9
BPS = 10_000


def build_strategy(settings: StrategySettings) -> Strategy:
    """The strategy of validated settings. KeyError for a plug-in that is not there."""
    plugged = ("forecaster", "regime", "range")
    complete = settings.model_copy(update={name: _complete(name, getattr(settings, name)) for name in plugged})

    def plugin(section: str) -> Any:
        values = getattr(complete, section)
        module = plugins.find(section, values["kind"])
        return module.build(module.Settings.model_validate(values))

    return Strategy(
        name=complete.name,
        settings=complete,
        settings_digest=settings_digest(complete),
        forecaster=plugin("forecaster"),
        detector=plugin("regime"),
        range_rule=plugin("range"),
    )


def rebuild_strategy(body: bytes | str) -> Strategy:
    """The strategy of settings as a journal keeps them."""
    return build_strategy(settings_from_body(body))


def _complete(section: str, values: dict[str, Any]) -> dict[str, Any]:
    """A plug-in's settings with its defaults, so that the digest covers all that a decision was made with."""
    return plugin_settings(section, values["kind"]).model_validate(values).model_dump(mode="json")


def within(settings: StrategySettings, limits: GlobalLimits) -> StrategySettings:
    """The strategy under the operator's limits for all: of two bounds the stricter one counts."""
    own = settings.limits
    stricter = {
        "max_gas_gwei": _least(own.max_gas_gwei, limits.max_gas_gwei),
        "max_cost_quote_per_day": _least(own.max_cost_quote_per_day, limits.max_cost_quote_per_day),
        "gas_reserve_native": max(own.gas_reserve_native, limits.gas_reserve_native or own.gas_reserve_native),
    }
    return settings.model_copy(update={"limits": own.model_copy(update=stricter)})


def _least(*bounds: Any) -> Any:
    return min((bound for bound in bounds if bound is not None), default=None)


@dataclass(frozen=True, slots=True)
class ChainAccess:
    """How a chain is reached, and where its contracts are. ``urls`` may hold keys: they are never shown."""

    chain_id: int
    urls: tuple[str, ...] = field(repr=False)
    contracts: Contracts
    confirmations: int


def access(chain: Chain) -> ChainAccess:
    """The access that a chain's configuration describes. ConfigError names the first contract that is missing."""
    given = chain.contracts
    router = given.router or given.router02
    for name, value in (("factory", given.factory), ("positions", given.positions), ("router", router)):
        if value is None:
            raise ConfigError(f"contracts.{name} of chain {chain.chain_id} is not known: set it in keeper.yaml")
    assert given.factory is not None and given.positions is not None and router is not None
    contracts = Contracts(
        given.factory,
        given.positions,
        router,
        wrapped_native=given.wrapped_native,
        router_kind="router" if given.router is not None else "router02",
        **({} if given.multicall3 is None else {"multicall": given.multicall3}),
    )
    urls = tuple(url.get_secret_value() for url in chain.rpc)
    return ChainAccess(chain.chain_id, urls, contracts, chain.confirmations)


@dataclass(frozen=True, slots=True)
class Hands:
    """Eyes and hands for one strategy."""

    venue: UniswapV3
    observer: ChainObserver
    executor: Executor
    owner: str


def open_hands(
    chain: ChainAccess,
    settings: StrategySettings,
    journal: SqlJournal,
    executor: Callable[[HttpNode, UniswapV3], Executor],
    *,
    owner: str,
    node: HttpNode | None = None,
) -> Hands:
    """Connect to the chain, find and check the pool. ``owner`` holds the positions.

    Raises:
        ConfigError: the chain, a contract or the pool is not what it should be.
        TransientError: the chain does not answer.
    """
    node = node or HttpNode(chain.urls, chain_id=chain.chain_id)
    node.check_chain(chain.chain_id)
    pool = settings.pool
    key = PoolKey(pool.token0, pool.token1, pool.fee) if isinstance(pool, PoolKeySettings) else pool
    venue: UniswapV3 = plugins.find("venue", settings.venue).build(node, chain.contracts, key)
    observer = ChainObserver(
        node,
        venue,
        owner,
        journal.samples,
        chain_id=chain.chain_id,
        quote_is_token0=settings.quote == "token0",
        twap_windows_seconds=(settings.limits.twap_seconds,),
        native_price_quote=settings.native_price_quote,
    )
    return Hands(venue, observer, executor(node, venue), owner)


def wallet_executor(
    chain: ChainAccess,
    settings: StrategySettings,
    journal: SqlJournal,
    signer: Signer,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> Callable[[HttpNode, UniswapV3], Executor]:
    """Plain transactions from the signer's own address. ``pause`` comes between two looks for a receipt."""
    ceiling = settings.limits.max_gas_gwei

    def make(node: HttpNode, venue: UniswapV3) -> Executor:
        sender = Sender(
            node,
            signer,
            journal.transactions,
            chain.chain_id,
            pause=pause,
            now=time.monotonic,
            confirmations=max(1, chain.confirmations),
            max_fee_wei=None if ceiling is None else int(ceiling * GWEI),
        )
        return WalletExecutor(sender, venue, journal.transactions)

    return make


def dry_executor(owner: str) -> Callable[[HttpNode, UniswapV3], Executor]:
    """Prepares and simulates, never signs."""
    return lambda node, venue: DryExecutor(node, venue, owner)


class StrategyRunner:
    """One strategy with its hands and its journal; the daemon's ``Runner``."""

    def __init__(self, strategy: Strategy, hands: Hands, journal: SqlJournal) -> None:
        self.strategy, self._hands, self._journal = strategy, hands, journal
        self._seen_sqrt_price_x96: int | None = None
        journal.record_settings(strategy.settings_digest, settings_body(strategy.settings))

    @property
    def schedule(self) -> Schedule:
        return self.strategy.settings.schedule

    def state(self) -> StrategyState:
        """The durable state, as the journal has it now."""
        return self._journal.memory(self.strategy.name).state

    def run_once(self) -> Outcome:
        """One cycle."""
        self._seen_sqrt_price_x96 = self._hands.venue.sqrt_price_x96()
        return run_cycle(self._hands.observer, self._hands.executor, self.strategy, self._journal)

    def price_moved(self) -> bool:
        """Whether the price is ``price_trigger_bps`` or more from where the last cycle saw it."""
        if self._seen_sqrt_price_x96 is None:
            return True
        before, now = self._seen_sqrt_price_x96**2, self._hands.venue.sqrt_price_x96() ** 2
        return abs(now - before) * BPS >= before * self.schedule.price_trigger_bps

    def halt(self, reason: str) -> None:
        """Durably: nothing more is done for this strategy until an operator resumes it."""
        self._journal.set_state(self.strategy.name, "halted", reason, int(time.time()))


class ConfiguredFleet:
    """Every strategy of a configuration, one node for each chain, one journal; the daemon's ``Fleet``."""

    def __init__(self, loaded: LoadedConfig, journal: SqlJournal, owner: str, signer: Signer | None) -> None:
        self._loaded, self._journal, self._owner, self._signer = loaded, journal, owner, signer
        self._nodes: dict[str, HttpNode] = {}
        self.runners: dict[str, StrategyRunner] = {}

    def add(self, file: StrategyFile) -> None:
        """Make the strategy's runner. Errors as ``open_hands``."""
        settings = within(file.settings, self._loaded.keeper.limits)
        chain = access(self._loaded.keeper.chains[settings.chain])
        mode = self._loaded.mode_of(settings.execution)
        if mode != self._loaded.mode:
            raise file_error(file, f"execution.mode {mode} differs from keeper.yaml's: one process has one mode")
        if self._signer is None:
            executor = dry_executor(self._owner)
        else:
            executor = wallet_executor(chain, settings, self._journal, self._signer)
        node = self._nodes.setdefault(settings.chain, HttpNode(chain.urls, chain_id=chain.chain_id))
        hands = open_hands(chain, settings, self._journal, executor, owner=self._owner, node=node)
        self.runners[settings.name] = StrategyRunner(build_strategy(settings), hands, self._journal)

    def rebuild(self, reload: Reload) -> Mapping[str, StrategyRunner]:
        """Runners for the strategies of ``reload``; those that did not change stay what they were."""
        for name in reload.removed:
            self.runners.pop(name, None)
        for file in reload.strategies:
            if file.settings.name in (*reload.added, *reload.changed):
                self.add(file)
        return self.runners

    def alert(self, kind: str, strategy: str | None, sentence: str) -> None:
        """Keep it in the journal, where ``keeper status`` finds it."""
        self._journal.record_event(strategy, kind, sentence, int(time.time()))


def file_error(file: StrategyFile, sentence: str) -> ConfigError:
    return ConfigError(sentence, path=str(file.file))


@contextmanager
def open_fleet(loaded: LoadedConfig, strategies: Sequence[StrategyFile]) -> Iterator[ConfiguredFleet]:
    """Lock, journal, key and a runner for every strategy; all of it released at the end.

    Raises:
        ConfigError: something in the configuration does not hold against the world.
        FatalError: another process works on the same journal.
        TransientError: a chain does not answer.
    """
    if loaded.mode not in ("dry", "wallet"):
        raise ConfigError(f"execution.mode {loaded.mode} is not available in this version; use dry or wallet")
    owner, signer = _owner_and_signer(loaded)
    with ExitStack() as stack:
        url = journal_url(loaded.keeper.journal.get_secret_value(), loaded.mode, loaded.folder)
        stack.enter_context(hold_lock(url, owner))
        journal = open_journal(url, loaded.mode)
        stack.callback(journal.close)
        fleet = ConfiguredFleet(loaded, journal, owner, signer)
        for file in strategies:
            fleet.add(file)
        yield fleet


def _owner_and_signer(loaded: LoadedConfig) -> tuple[str, Signer | None]:
    """A dry run needs the key's address only, and no password."""
    section = loaded.keeper.signer
    if loaded.mode == "dry":
        return keystore.stored_address(loaded.signer_path), None
    module = plugins.find("signer", section.kind)
    values = {"kind": section.kind, "path": str(loaded.signer_path), "password_env": section.password_env}
    signer: Signer = module.build(module.Settings.model_validate(values))
    return signer.address, signer

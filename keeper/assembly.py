"""Joining the wings: the only file that names concrete classes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keeper import plugins, telemetry
from keeper.assembly_chain import ChainAccess, access
from keeper.assembly_feeds import implied_feed, open_tape, oracle_feed
from keeper.assembly_rehearsal import rehearsal
from keeper.assembly_settings import completed
from keeper.assembly_trust import second_opinion, wallet_reconciler
from keeper.assembly_wallet import wallet_executor
from keeper.config_strategies import (
    PLUGIN_SECTIONS,
    settings_body,
    settings_digest,
    settings_from_body,
)
from keeper.cycle import run_cycle
from keeper.errors import ConfigError
from keeper.model.memory import StrategyState
from keeper.model.observation import Account
from keeper.model.outcome import Outcome
from keeper.policy.settings import PoolKey as PoolKeySettings
from keeper.policy.settings import Schedule, StrategySettings
from keeper.policy.strategy import Strategy
from keeper.world.chain.genesis import check_genesis
from keeper.world.chain.node import HttpNode
from keeper.world.executors.atomic import AtomicVenue
from keeper.world.executors.dry import DryExecutor
from keeper.world.gas_watch import GasWatch
from keeper.world.journal.journal import SqlJournal
from keeper.world.observer import ChainObserver
from keeper.world.protocols import Executor, Reconciler
from keeper.world.v3.identity import PoolKey
from keeper.world.venues.uniswap_v3 import UniswapV3

__all__ = [
    "ChainAccess",
    "Hands",
    "StrategyRunner",
    "access",
    "build_strategy",
    "open_hands",
    "rebuild_strategy",
    "wallet_executor",
]

WEI = 10**18
BPS = 10_000


def build_strategy(settings: StrategySettings, artifacts: Mapping[str, bytes] | None = None) -> Strategy:
    """The strategy of validated settings; ``artifacts`` are the files that its plug-ins are built from, by SHA-256.

    Raises:
        KeyError: a plug-in that is not there.
        ConfigError: a file that a plug-in is built from is not among the artifacts, or is not what it can use.
    """
    complete = completed(settings)
    held = {} if artifacts is None else artifacts

    def artifact(digest: str) -> bytes:
        body = held.get(digest)
        if body is None or hashlib.sha256(body).hexdigest() != digest:
            raise ConfigError(f"strategy {settings.name!r} is built from a file that is not at hand (SHA-256 {digest})")
        return body

    def plugin(section: str) -> Any:
        values = getattr(complete, section)
        oriented = settings.quote == "token0"
        try:
            module = plugins.find(section, values["kind"])
            return plugins.build(module, values, quote_is_token0=oriented, artifact=artifact)
        except ValueError as error:
            raise ConfigError(f"strategy {settings.name!r}, {section}: {error}") from error

    return Strategy(
        name=complete.name,
        settings=complete,
        settings_digest=settings_digest(complete),
        forecaster=plugin("forecaster"),
        detector=plugin("regime"),
        range_rule=plugin("range"),
    )


def artifact_digests(settings: StrategySettings) -> tuple[str, ...]:
    """SHA-256 (hex) of every file that the strategy's plug-ins are built from."""
    sections = {name: getattr(settings, name) for name in PLUGIN_SECTIONS}
    return tuple(
        digest
        for section, values in sections.items()
        for digest in plugins.artifact_digests(plugins.find(section, values["kind"]), values).values()
    )


def rebuild_strategy(body: bytes | str, stored: Callable[[str], bytes | None] = lambda _digest: None) -> Strategy:
    """The strategy of settings as a journal keeps them; ``stored`` gives what the journal keeps under a digest."""
    settings = settings_from_body(body)
    found = {digest: stored(digest) for digest in artifact_digests(settings)}
    return build_strategy(settings, {digest: each for digest, each in found.items() if each is not None})


@dataclass(frozen=True, slots=True)
class Hands:
    """Eyes and hands for one strategy."""

    venue: UniswapV3
    observer: ChainObserver
    reconciler: Reconciler
    executor: Executor
    owner: str


def connect(chain: ChainAccess) -> HttpNode:
    """The chain's node. ConfigError if it serves another chain, TransientError if it does not answer."""
    node = HttpNode(chain.urls, chain_id=chain.chain_id)
    node.check_chain(chain.chain_id)
    return node


def open_eyes(chain: ChainAccess, settings: StrategySettings, node: HttpNode) -> tuple[HttpNode, UniswapV3]:
    """Find and check the strategy's pool. Errors as ``open_hands``."""
    pool = settings.pool
    key = PoolKey(pool.token0, pool.token1, pool.fee) if isinstance(pool, PoolKeySettings) else pool
    return node, plugins.find("venue", settings.venue).build(node, chain.contracts, key)


def open_hands(
    chain: ChainAccess,
    settings: StrategySettings,
    journal: SqlJournal,
    executor: Callable[[HttpNode, UniswapV3], Executor],
    *,
    owner: str,
    account: Account = "key",
    eyes: tuple[HttpNode, UniswapV3] | None = None,
) -> Hands:
    """Eyes and hands for a strategy; ``owner`` holds the positions, and ``account`` is what it can do in one
    transaction. ``eyes``: what ``open_eyes`` gave.

    Raises:
        ConfigError: the chain, a contract or the pool is not what it should be.
        FatalError: it is not the chain that the journal was begun on.
        TransientError: the chain does not answer.
    """
    node, venue = eyes or open_eyes(chain, settings, connect(chain))
    check_genesis(node, chain.chain_id, journal.reconciliations.first_genesis)
    pool = venue.pool
    base, quote = (pool.token1, pool.token0) if settings.quote == "token0" else (pool.token0, pool.token1)
    observer = ChainObserver(
        node,
        venue,
        owner,
        journal.samples,
        chain_id=chain.chain_id,
        quote_is_token0=settings.quote == "token0",
        twap_windows_seconds=settings.limits.twap_windows_seconds,
        native_price_quote=settings.native_price_quote,
        history_hours=settings.history.days * 24,
        tape=open_tape(chain.urls, chain.chain_id, journal, pool.address, settings.history),
        oracle=None if settings.oracle is None else oracle_feed(settings.oracle, venue.multicall, base, quote),
        implied=None if settings.implied is None else implied_feed(settings.implied),
        head_rules=chain.head_rules,
        second=second_opinion(chain.second_url, chain.chain_id, settings, journal, venue, owner, account),
        account=account,
    )
    reconciler = wallet_reconciler(chain.chain_id, settings, journal, node, observer, venue, owner, account)
    return Hands(venue, observer, reconciler, executor(node, venue), owner)


def dry_executor(owner: str, *, delegate: str | None = None) -> Callable[[HttpNode, UniswapV3], Executor]:
    """Prepares and simulates, never signs. ``delegate``: the batch contract that the owner's account would run."""

    def make(node: HttpNode, venue: UniswapV3) -> Executor:
        acts = venue if delegate is None else AtomicVenue(venue, delegate)
        return DryExecutor(rehearsal(node, venue, owner), acts, owner)

    return make


class StrategyRunner:
    """One strategy with its hands and its journal; the daemon's ``Runner``.

    ``artifacts`` are the files that its plug-ins were built from: the journal keeps them beside the settings.
    """

    def __init__(
        self, strategy: Strategy, hands: Hands, journal: SqlJournal, artifacts: Mapping[str, bytes] | None = None
    ) -> None:
        self.strategy, self._hands, self._journal = strategy, hands, journal
        self._seen_sqrt_price_x96: int | None = None
        reserve_wei = int(strategy.settings.limits.gas_reserve_native * WEI)
        self._observer = GasWatch(hands.observer, reserve_wei, self._tell_of_gas)
        journal.record_settings(strategy.settings_digest, settings_body(strategy.settings), artifacts or {})

    @property
    def schedule(self) -> Schedule:
        return self.strategy.settings.schedule

    def state(self) -> StrategyState:
        """The durable state, as the journal has it now."""
        return self._journal.memory(self.strategy.name).state

    def run_once(self) -> Outcome:
        """One cycle."""
        self._seen_sqrt_price_x96 = self._hands.venue.sqrt_price_x96()
        hands = self._hands
        return run_cycle(self._observer, hands.reconciler, hands.executor, self.strategy, self._journal)

    def price_moved(self) -> bool:
        """Whether the price is ``price_trigger_bps`` or more from where the last cycle saw it."""
        if self._seen_sqrt_price_x96 is None:
            return True
        before, now = self._seen_sqrt_price_x96**2, self._hands.venue.sqrt_price_x96() ** 2
        return abs(now - before) * BPS >= before * self.schedule.price_trigger_bps

    def _tell_of_gas(self, sentence: str) -> None:
        telemetry.gas_low(self.strategy.name, sentence)
        self._journal.record_event(self.strategy.name, "gas_low", sentence, int(time.time()))

    def halt(self, reason: str) -> None:
        """Durably: nothing more is done for this strategy until an operator resumes it."""
        self._journal.set_state(self.strategy.name, "halted", reason, int(time.time()))

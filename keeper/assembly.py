"""Joining the wings: the only file that names concrete classes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keeper import plugins
from keeper.config import Chain
from keeper.config_strategies import plugin_settings, settings_body, settings_digest, settings_from_body
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
from keeper.world.observer import ChainObserver
from keeper.world.protocols import Executor, Signer
from keeper.world.v3.identity import PoolKey
from keeper.world.venues.uniswap_v3 import UniswapV3

__all__ = ["Hands", "StrategyRunner", "build_strategy", "open_hands", "rebuild_strategy", "settings_body"]

GWEI = 10**9
BPS = 10_000


def build_strategy(settings: StrategySettings) -> Strategy:
    """The strategy of validated settings. KeyError for a plug-in that is not there."""
    complete = settings.model_copy(
        update={section: _complete(section, getattr(settings, section)) for section in ("forecaster", "regime", "range")}
    )

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
    """The plug-in's settings with its defaults filled in, so that the digest names all that a decision was made with."""
    return plugin_settings(section, values["kind"]).model_validate(values).model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class Hands:
    """Eyes and hands for one strategy."""

    node: HttpNode
    venue: UniswapV3
    observer: ChainObserver
    executor: Executor
    owner: str


def open_hands(
    chain: Chain,
    settings: StrategySettings,
    journal: SqlJournal,
    mode: str,
    *,
    owner: str,
    signer: Signer | None = None,
    node: HttpNode | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Hands:
    """Connect to the chain, find and check the pool, and make the executor of the mode ("dry" or "wallet").

    ``owner`` holds the positions; a wallet's signer is its own owner. ``pause`` is what the sender does between two
    looks for a receipt.

    Raises:
        ConfigError: the chain, a contract, the pool or the mode is not what it should be.
        TransientError: the chain does not answer.
    """
    node = node or HttpNode([url.get_secret_value() for url in chain.rpc], chain_id=chain.chain_id)
    node.check_chain(chain.chain_id)
    venue = plugins.find("venue", settings.venue).build(node, contracts_of(chain), _pool(settings))
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
    return Hands(node, venue, observer, _executor(chain, settings, journal, mode, venue, node, owner, signer, pause), owner)


def _executor(
    chain: Chain,
    settings: StrategySettings,
    journal: SqlJournal,
    mode: str,
    venue: UniswapV3,
    node: HttpNode,
    owner: str,
    signer: Signer | None,
    pause: Callable[[float], None],
) -> Executor:
    if mode == "dry":
        return DryExecutor(node, venue, owner)
    if mode != "wallet":
        raise ConfigError(f"execution.mode {mode} is not available in this version; use dry or wallet")
    if signer is None:
        raise ConfigError("execution.mode wallet needs a signer")
    ceiling = settings.limits.max_gas_gwei
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


def contracts_of(chain: Chain) -> Contracts:
    """The chain's contracts. ConfigError names the first that is missing."""
    given = chain.contracts
    router = given.router or given.router02
    for name, value in (("factory", given.factory), ("positions", given.positions), ("router", router)):
        if value is None:
            raise ConfigError(f"contracts.{name} of the chain is not known: set it in keeper.yaml")
    assert given.factory is not None and given.positions is not None and router is not None
    kind = "router" if given.router is not None else "router02"
    multicall = {} if given.multicall3 is None else {"multicall": given.multicall3}
    return Contracts(
        given.factory,
        given.positions,
        router,
        wrapped_native=given.wrapped_native,
        router_kind="router" if kind == "router" else "router02",
        **multicall,
    )


def _pool(settings: StrategySettings) -> str | PoolKey:
    pool = settings.pool
    return PoolKey(pool.token0, pool.token1, pool.fee) if isinstance(pool, PoolKeySettings) else pool


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

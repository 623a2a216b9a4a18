"""All strategies of a configuration, made ready to run: lock, journal, key, nodes, runners."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from keeper import telemetry
from keeper.assembly import (
    ChainAccess,
    StrategyRunner,
    access,
    build_strategy,
    connect,
    open_eyes,
    open_hands,
)
from keeper.assembly_owners import Holder, Owners
from keeper.assembly_safe import Describe, plain_words, within_safe
from keeper.assembly_tokens import require_plain_tokens
from keeper.config import GlobalLimits, LoadedConfig, journal_url
from keeper.config_execution import SAFE_MODES
from keeper.config_reload import Reload
from keeper.config_strategies import StrategyFile
from keeper.errors import ConfigError, KeeperError, TransientError
from keeper.policy.settings import StrategySettings
from keeper.redaction import printable
from keeper.world.chain.node import HttpNode
from keeper.world.chain.simulation import Simulator
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.lock import hold_lock, hold_safe
from keeper.world.journal.opening import open_journal
from keeper.world.v3.identity import WrongContractsError
from keeper.world.venues.uniswap_v3 import UniswapV3


@dataclass(frozen=True, slots=True)
class Sight:
    """A strategy whose pool has been found on its chain, and who holds its positions."""

    file: StrategyFile
    chain: ChainAccess
    node: HttpNode
    venue: UniswapV3
    holder: Holder


class Scout:
    """Looks at chains, pools and tokens before anything is made or signed, with one node for each chain."""

    def __init__(self, loaded: LoadedConfig, owners: Owners) -> None:
        self._loaded, self._owners = loaded, owners
        self._nodes: dict[str, HttpNode] = {}

    def look(self, file: StrategyFile) -> Sight:
        """The strategy's chain and pool, its tokens plain or allowed.

        ConfigError and TransientError name the file and line to look at.
        """
        name = file.settings.chain
        with _placed(file.file, file.lines.get("safe")):
            holder = self._owners.holder(file)
        chain = self._loaded.keeper.chains[name]
        line = self._loaded.chain_lines.get(name)
        with _placed(self._loaded.file, line), self._reached(name):
            reach = access(chain)
            if name not in self._nodes:
                self._nodes[name] = connect(reach)
        with _placed(file.file, file.lines.get("pool")), self._reached(name):
            try:
                node, venue = open_eyes(reach, file.settings, self._nodes[name])
            except WrongContractsError as error:
                raise ConfigError(str(error), path=str(self._loaded.file), line=line) from error
            require_plain_tokens(Simulator(node), venue.pool, holder.owner, file.settings.allow_tokens)
        return Sight(file, reach, node, venue, holder)

    @contextmanager
    def _reached(self, name: str) -> Iterator[None]:
        try:
            yield
        except TransientError as error:
            remedy = f"start the node, or correct chains.{name}.rpc in {self._loaded.file}"
            raise TransientError(f"{error}; {remedy}") from None


@contextmanager
def _placed(file: Path, line: int | None) -> Iterator[None]:
    """Errors of configuration that only the world could show get the place in the files that they come from."""
    try:
        yield
    except ConfigError as error:
        if error.path is not None:
            raise
        raise ConfigError(str(error), path=str(file), line=line) from error


def require_no_shared_tokens(sights: Iterable[Sight]) -> None:
    """ConfigError when two strategies would use the same token of one wallet: pools given by address show their tokens
    only here."""
    for first, second in combinations(sights, 2):
        if (first.chain.chain_id, first.holder.owner) != (second.chain.chain_id, second.holder.owner):
            continue
        pools = first.venue.pool, second.venue.pool
        tokens = [{pool.token0.sort_key: pool.token0, pool.token1.sort_key: pool.token1} for pool in pools]
        shared = sorted(tokens[0].keys() & tokens[1].keys())
        if shared:
            token = tokens[0][shared[0]]
            names = f"strategies {first.file.settings.name!r} and {second.file.settings.name!r}"
            raise ConfigError(
                f"{names} would both use {printable(token.symbol)} ({token.address}) of one wallet, where idle tokens "
                "cannot be told apart; give one of them a keeper.yaml with a wallet (or a Safe) of its own",
                path=str(second.file.file),
                line=second.file.lines.get("pool"),
            )


class ConfiguredFleet:
    """Every strategy of a configuration, one node for each chain, one journal; the daemon's ``Fleet``."""

    def __init__(
        self,
        loaded: LoadedConfig,
        scout: Scout,
        journal: SqlJournal,
        owners: Owners,
        stop: threading.Event,
        locks: SafeLocks,
    ) -> None:
        self._stop, self._locks = stop, locks
        self._loaded, self._scout, self._journal, self._owners = loaded, scout, journal, owners
        self._sights: dict[str, Sight] = {}
        self.runners: dict[str, StrategyRunner] = {}

    def add(self, sights: Iterable[Sight], removed: Iterable[str] = ()) -> None:
        """Make runners for the strategies, in place of those ``removed`` and of the same name: all of them or none.

        Errors as ``open_hands``, and ConfigError when two strategies would share a token.
        """
        fresh = {sight.file.settings.name: sight for sight in sights}
        kept = {name: sight for name, sight in self._sights.items() if name not in {*removed}}
        require_no_shared_tokens((kept | fresh).values())
        self._locks.hold(fresh.values())
        runners = {name: self._runner(sight) for name, sight in fresh.items()}
        self._sights = kept | fresh
        self.runners = {name: runner for name, runner in self.runners.items() if name in kept} | runners

    def _runner(self, sight: Sight) -> StrategyRunner:
        settings, holder = within(sight.file.settings, self._loaded.keeper.limits), sight.holder
        if holder.safe is not None:
            settings = within_safe(settings)
        with _placed(sight.file.file, sight.file.lines.get("execution" if holder.safe is None else "safe")):
            account = self._owners.account(holder, settings, sight.node)
            executor = self._owners.hands(
                holder, account, sight.chain, settings, self._journal, self._stop, self._patience
            )
        with _placed(sight.file.file, sight.file.lines.get("pool")):
            hands = open_hands(
                sight.chain, settings, self._journal, executor, owner=holder.owner, account=account,
                eyes=(sight.node, sight.venue),
            )  # fmt: skip
        artifacts = sight.file.artifacts
        return StrategyRunner(build_strategy(settings, artifacts), hands, self._journal, artifacts)

    def _patience(self) -> float:
        """The clock that waiting for a receipt goes by: once asked to stop, time is up."""
        return math.inf if self._stop.is_set() else time.monotonic()

    def rebuild(self, reload: Reload) -> Mapping[str, StrategyRunner]:
        """Runners for the strategies of ``reload``; those that did not change stay what they were."""
        touched = {*reload.added, *reload.changed}
        sights = [self._scout.look(file) for file in reload.strategies if file.settings.name in touched]
        self.add(sights, reload.removed)
        unused = [str(warning) for sight in sights for warning in sight.file.warnings]
        if unused:
            telemetry.config_unused(unused)
        return self.runners

    def alert(self, kind: str, strategy: str | None, sentence: str) -> None:
        """Keep it in the journal, where ``keeper status`` finds it; on a full disk it stands in the log alone."""
        try:
            self._journal.record_event(strategy, kind, sentence, int(time.time()))
        except KeeperError as error:
            telemetry.cycle_deferred(strategy or "every strategy", f"an alert ({kind}) was not recorded: {error}")


@contextmanager
def open_fleet(
    loaded: LoadedConfig,
    strategies: Sequence[StrategyFile],
    stop: threading.Event | None = None,
    *,
    describe: Describe = plain_words,
) -> Iterator[ConfiguredFleet]:
    """Key, chains, lock, journal and a runner for every strategy; all of it released at the end.

    The journal comes after everything that can be wrong: a start that fails makes no files. ``stop`` ends the wait
    for a receipt; the transaction stays pending and is settled at the next turn, whichever process takes it.
    ``describe`` puts a proposal into words for the owners of a Safe.

    Raises:
        ConfigError: something in the configuration does not hold against the world.
        FatalError: another process works on the same journal, or signs with the same key.
        TransientError: a chain does not answer.
    """
    owners = Owners(loaded, describe)
    signer = owners.signer
    scout = Scout(loaded, owners)
    with ExitStack() as stack:
        url = journal_url(loaded.keeper.journal.get_secret_value(), loaded.mode, loaded.folder)
        sights = [scout.look(file) for file in strategies]
        require_no_shared_tokens(sights)
        name = owners.lock_name([sight.holder for sight in sights])
        stack.enter_context(hold_lock(url, name, signs=signer is not None))
        locks = SafeLocks(stack, url, proposes=loaded.mode in SAFE_MODES)
        journal = open_journal(url, loaded.mode)
        stack.callback(journal.close)
        fleet = ConfiguredFleet(loaded, scout, journal, owners, stop or threading.Event(), locks)
        fleet.add(sights)
        yield fleet


class SafeLocks:
    """Safes that this process proposes to: each is held once, and until the end."""

    def __init__(self, stack: ExitStack, url: str, *, proposes: bool) -> None:
        self._stack, self._url, self._proposes = stack, url, proposes
        self._held: set[tuple[int, str]] = set()

    def hold(self, sights: Iterable[Sight]) -> None:
        """FatalError where another process proposes to one of them."""
        for sight in sights:
            key = (sight.chain.chain_id, sight.holder.owner)
            if self._proposes and sight.holder.safe is not None and key not in self._held:
                self._stack.enter_context(hold_safe(self._url, *key))
                self._held.add(key)


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

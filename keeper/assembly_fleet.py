"""All strategies of a configuration, made ready to run: lock, journal, key, nodes, runners."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from keeper import plugins
from keeper.assembly import StrategyRunner, access, build_strategy, dry_executor, open_hands, wallet_executor
from keeper.config import GlobalLimits, LoadedConfig, journal_url
from keeper.config_reload import Reload
from keeper.config_strategies import StrategyFile
from keeper.errors import ConfigError
from keeper.policy.settings import StrategySettings
from keeper.world.chain.node import HttpNode
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.lock import hold_lock
from keeper.world.journal.opening import open_journal
from keeper.world.protocols import Signer
from keeper.world.signers import keystore


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

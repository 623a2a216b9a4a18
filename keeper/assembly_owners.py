"""Whose positions a strategy's are, with which key, and the hands that fit."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from keeper import plugins
from keeper.assembly import ChainAccess, dry_executor
from keeper.assembly_atomic import atomic_account, atomic_executor, batch_contract
from keeper.assembly_safe import Describe, SafeAccess, file_executor, safe_access, safe_dry_executor, safe_executor
from keeper.assembly_wallet import wallet_executor
from keeper.config import LoadedConfig
from keeper.config_strategies import StrategyFile
from keeper.model.observation import Account
from keeper.policy.settings import StrategySettings
from keeper.world.chain import codec
from keeper.world.chain.node import HttpNode
from keeper.world.journal.journal import SqlJournal
from keeper.world.protocols import Executor, Signer
from keeper.world.signers import keystore
from keeper.world.venues.uniswap_v3 import UniswapV3

Make = Callable[[HttpNode, UniswapV3], Executor]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a strategy's positions: the ``safe``, or, where that is None, the key itself."""

    owner: str
    safe: SafeAccess | None = None


class Owners:
    """Holders and keys of a configuration. The key is opened at the first question that needs it.

    ``describe`` puts a proposal into words for owners of a Safe.
    """

    def __init__(self, loaded: LoadedConfig, describe: Describe) -> None:
        self._loaded, self._describe = loaded, describe
        self._key: tuple[str, Signer | None] | None = None

    @property
    def signer(self) -> Signer | None:
        """None where nothing is signed. ConfigError where the key cannot be used."""
        return None if self._loaded.mode in ("dry", "proposal_file") else self._opened()[1]

    def holder(self, file: StrategyFile) -> Holder:
        """Who holds the positions of a strategy.

        Raises:
            ConfigError: there is no usable key, or the Safe's API key is missing.
        """
        section = self._loaded.safe_of(file.settings.execution, file.settings.safe)
        if section is None:
            return Holder(self._opened()[0])
        environment = {} if self._loaded.mode == "dry" else os.environ
        named = section.model_copy(update={"api_key_env": None}) if self._loaded.mode != "safe" else section
        access = safe_access(named, self._loaded.folder, environment)
        return Holder(codec.checksum(access.address), access)

    def lock_name(self, holders: list[Holder]) -> str:
        """The address that a journal is held for: the key's, or without one that of the first holder."""
        return self._opened()[0] if self._key is not None or self.signer is not None else holders[0].owner

    def account(self, holder: Holder, settings: StrategySettings, node: HttpNode) -> Account:
        """What the holder can do in one transaction. Errors as ``atomic_account``."""
        if holder.safe is not None:
            return "safe"
        return atomic_account(node, settings, self._delegate(settings)) if self._is_atomic(settings) else "key"

    def hands(
        self,
        holder: Holder,
        account: Account,
        chain: ChainAccess,
        settings: StrategySettings,
        journal: SqlJournal,
        stop: threading.Event,
        now: Callable[[], float] = time.monotonic,
    ) -> Make:
        """What carries out the strategy's plans in the mode in force; ``stop`` ends its waiting."""
        signer, delegate = self.signer, self._delegate(settings)
        if holder.safe is not None:
            return self._safe_hands(holder.safe, chain, settings, journal, signer, stop, now)
        if signer is None:
            contract = batch_contract(delegate) if account == "delegated" else None
            return dry_executor(holder.owner, delegate=contract)
        if self._is_atomic(settings):
            return atomic_executor(chain, settings, journal, signer, delegate=delegate, pause=stop.wait, now=now)
        return wallet_executor(chain, settings, journal, signer, pause=stop.wait, now=now)

    def _safe_hands(
        self,
        safe: SafeAccess,
        chain: ChainAccess,
        settings: StrategySettings,
        journal: SqlJournal,
        signer: Signer | None,
        stop: threading.Event,
        now: Callable[[], float],
    ) -> Make:
        if self._loaded.mode == "proposal_file":
            return file_executor(chain, settings, journal, safe, describe=self._describe)
        if signer is None:
            return safe_dry_executor(chain, settings, journal, safe)
        return safe_executor(chain, settings, journal, signer, safe, describe=self._describe, pause=stop.wait, now=now)

    def _is_atomic(self, settings: StrategySettings) -> bool:
        """By what is written down: a dry run is that of the mode which it stands in for."""
        own = (settings.execution or {}).get("mode")
        return (own or self._loaded.keeper.execution.mode) == "atomic"

    def _delegate(self, settings: StrategySettings) -> str | None:
        own: str | None = (settings.execution or {}).get("delegate")
        return own or self._loaded.keeper.execution.delegate

    def _opened(self) -> tuple[str, Signer | None]:
        if self._key is None:
            self._key = _address_and_signer(self._loaded)
        return self._key


def configured_signer(loaded: LoadedConfig) -> Signer:
    """The signer of keeper.yaml, with its key opened.

    Raises:
        ConfigError: there is no such signer, or its key cannot be used.
    """
    section = loaded.keeper.signer
    module = plugins.find("signer", section.kind)
    written = section.model_dump() | {"path": str(loaded.signer_path)}
    values = {name: value for name, value in written.items() if name in module.Settings.model_fields}
    signer: Signer = module.build(module.Settings.model_validate(values))
    return signer


def _address_and_signer(loaded: LoadedConfig) -> tuple[str, Signer | None]:
    """A dry run needs the key's address only: no password, and no remote signer that answers."""
    section = loaded.keeper.signer
    if loaded.mode == "dry":
        known = None if section.address is None else codec.checksum(section.address)
        return known if section.kind == "remote" and known else keystore.stored_address(loaded.signer_path), None
    signer = configured_signer(loaded)
    return signer.address, signer

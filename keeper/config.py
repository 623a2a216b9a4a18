"""``keeper.yaml``: every key, its unit, default and bounds, and how it is loaded.

Secrets (URLs that may hold a key, the journal's password) are ``SecretStr``: they never appear in ``repr`` or messages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from pydantic import Field, SecretStr, field_validator

from keeper import plugins
from keeper.config_execution import SAFE_MODES, Execution, Mode, Safe
from keeper.config_mistakes import ConfigErrors, Mistake, suggestion
from keeper.config_unused import mode_refusal, warn_of_unused_by_mode, warn_of_unused_in_keeper
from keeper.config_validation import names_a_server, validate
from keeper.config_yaml import Document, apply_overrides, read_document
from keeper.errors import ConfigError
from keeper.known_chains import CHAIN_IDS, CONTRACTS
from keeper.policy.settings import Address, Section
from keeper.redaction import never_show, redact

_KEY_IN_URL = re.compile(r"(?<=[/=:@?&])[A-Za-z0-9_-]{16,}(?=[/=:@?&]|$)")
_REMEDY = "copy keeper.example.yaml of the repository to it, or name another with -c"


class Contracts(Section):
    """Where a chain's contracts live. What is left out is filled in for well-known chains.

    Some chains have only SwapRouter02, others only SwapRouter: at least one of the two is needed.
    """

    factory: Address | None = None
    positions: Address | None = Field(default=None, description="the NonfungiblePositionManager")
    router: Address | None = Field(default=None, description="SwapRouter, whose structs carry a deadline")
    router02: Address | None = Field(default=None, description="SwapRouter02")
    quoter: Address | None = Field(default=None, description="QuoterV2")
    multicall3: Address | None = None
    wrapped_native: Address | None = Field(default=None, description="WETH or the like")


class Chain(Section):
    """A chain, the nodes it is read through, and how deep a block must lie to be final."""

    chain_id: int = Field(ge=1)
    contracts: Contracts = Contracts()
    rpc: tuple[SecretStr, ...] = Field(min_length=1, description="node URLs, the first that answers is used")
    private_rpc: SecretStr | None = Field(default=None, description="where transactions are sent, if not to rpc")
    second_rpc: SecretStr | None = Field(
        default=None, description="a node of somebody else: nothing is done where the two disagree"
    )
    max_head_age_seconds: int | None = Field(
        default=120, ge=15, le=86_400, description="nothing is decided on an older block; null: no clock is looked at"
    )
    sequencer_grace_seconds: int | None = Field(
        default=None, ge=0, le=86_400, description="after a standstill; left out: 300 on known rollups, else 0"
    )
    confirmations: int = Field(default=10, ge=0, le=10_000, description="blocks on top before a receipt is final")
    bump_after_seconds: int = Field(default=36, ge=2, le=3_600, description="when to offer more for gas")

    @field_validator("rpc", "private_rpc", "second_rpc")
    @classmethod
    def _is_http(cls, value: tuple[SecretStr, ...] | SecretStr | None) -> tuple[SecretStr, ...] | SecretStr | None:
        urls = value if isinstance(value, tuple) else () if value is None else (value,)
        for url in urls:
            if not url.get_secret_value().startswith(("http://", "https://")):
                raise ValueError("expected URLs that start with http:// or https://")
            if not names_a_server(url.get_secret_value()):
                raise ValueError("expected URLs of the form https://host[:port]/path")
        return value


class SignerSection(Section):
    """Where the key is: in an encrypted file (``keystore``), whose password comes from the environment, never from a
    file; or in another process (``remote``: Web3Signer in its eth1 mode)."""

    kind: str = "keystore"
    path: Path = Field(default=Path("key.json"), description="the encrypted key file, mode 0600")
    password_env: str = Field(default="KEEPER_PASSWORD", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    url: SecretStr | None = Field(default=None, description="where a remote signer listens")
    address: Address | None = Field(default=None, description="the address that a remote signer signs for")
    timeout_seconds: float = Field(default=10.0, ge=1, le=120, description="how long a remote signer may take")


class Dashboard(Section):
    """The operator's page."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    token_env: str | None = None


class Metrics(Section):
    """Where Prometheus finds the figures."""

    port: int = Field(default=9464, ge=0, le=65_535)


class GlobalLimits(Section):
    """Hard bounds over all strategies; a strategy may only be stricter."""

    max_gas_gwei: Decimal | None = Field(default=None, gt=0)
    max_cost_quote_per_day: Decimal | None = Field(default=None, ge=0)
    gas_reserve_native: Decimal | None = Field(default=None, ge=0)


class KeeperConfig(Section):
    """The whole of ``keeper.yaml``."""

    journal: SecretStr = SecretStr("sqlite:///keeper.db")
    strategies: Path = Path("strategies")
    chains: dict[str, Chain] = Field(min_length=1)
    signer: SignerSection = SignerSection()
    execution: Execution = Execution()
    safe: Safe | None = None
    alerts: tuple[SecretStr, ...] = ()
    dashboard: Dashboard = Dashboard()
    metrics: Metrics | None = None
    limits: GlobalLimits = GlobalLimits()


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A valid ``keeper.yaml`` and the folder that its relative paths start from. ``dry_run`` overrules every mode.

    ``warnings`` name what is written there and not used; ``chain_lines`` are where the chains stand.
    """

    file: Path
    keeper: KeeperConfig
    dry_run: bool = False
    warnings: tuple[Mistake, ...] = ()
    chain_lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def mode(self) -> Mode:
        """How plans are carried out unless a strategy says otherwise."""
        return "dry" if self.dry_run else self.keeper.execution.mode

    def mode_of(self, execution: Mapping[str, Any] | None) -> Mode:
        """The mode of a strategy with this ``execution`` section of its own."""
        own: Mode | None = (execution or {}).get("mode")
        return self.mode if own is None or self.dry_run else own

    def safe_of(self, execution: Mapping[str, Any] | None, safe: Mapping[str, Any] | None) -> Safe | None:
        """The Safe that holds the positions of a strategy with these sections of its own; None: the key's address.

        A dry run is that of the mode which is written down; where that is dry itself, a Safe that is named counts.
        """
        own: Mode | None = (execution or {}).get("mode")
        if (own or self.keeper.execution.mode) not in (*SAFE_MODES, "dry"):
            return None
        return self.keeper.safe if safe is None else Safe.model_validate(safe)

    @property
    def folder(self) -> Path:
        return self.file.parent

    @property
    def strategies_folder(self) -> Path:
        return self.folder / self.keeper.strategies.expanduser()

    @property
    def signer_path(self) -> Path:
        return self.folder / self.keeper.signer.path.expanduser()

    @property
    def journal_url(self) -> str:
        """The journal of the mode, ready to be opened."""
        return journal_url(self.keeper.journal.get_secret_value(), self.mode, self.folder)


def load_keeper(file: Path, environment: Mapping[str, str] | None = None) -> LoadedConfig:
    """Load and validate ``keeper.yaml``. ConfigErrors lists every mistake."""
    loaded, document = examine_keeper(file, os.environ if environment is None else environment)
    if loaded is None:
        raise ConfigErrors(document.mistakes)
    return loaded


def examine_keeper(file: Path, environment: Mapping[str, str]) -> tuple[LoadedConfig | None, Document]:
    """The configuration, or None with the mistakes in the document. ConfigError when the file cannot be read."""
    if not file.exists():
        raise ConfigError(f"there is no such file; {_REMEDY}", path=str(file))
    document = read_document(file, environment)
    apply_overrides(document, environment)
    _hide_keys_of_urls(document.values)  # before anything of the file is quoted, for it may be wrong
    never_show(environment.get(SignerSection().password_env, ""))
    config = validate(KeeperConfig, document, document.values)
    if config is not None:
        chains = {name: _completed(document, name, chain) for name, chain in config.chains.items()}
        config = config.model_copy(update={"chains": chains})
        _check_sections(document, config)
        _hide_secrets(config, environment)
    if config is None or document.mistakes:
        return None, document
    warn_of_unused_in_keeper(document)
    warn_of_unused_by_mode(document, config.execution.mode)
    chain_lines = {
        str(place[1]): line for place, line in document.lines.items() if place[:1] == ("chains",) and len(place) == 2
    }
    return LoadedConfig(file, config, warnings=tuple(document.warnings), chain_lines=chain_lines), document


def journal_place(file: Path, environment: Mapping[str, str]) -> str:
    """The journal's URL for commands that only read it: other mistakes in the file do not stand in their way."""
    document = read_document(file, environment) if file.exists() else Document(str(file))
    apply_overrides(document, environment)
    if document.is_unreadable(("journal",)):
        raise ConfigErrors([m for m in document.mistakes if m == document.mistake(("journal",), m.sentence)])
    url = document.values.get("journal", "sqlite:///keeper.db")
    execution = document.values.get("execution")
    mode = execution.get("mode", "dry") if isinstance(execution, dict) else "dry"
    if not isinstance(url, str) or mode not in get_args(Mode):
        raise ConfigError(f"journal or execution.mode is wrong; run `keeper check -c {file}`", path=str(file))
    return journal_url(url, mode, file.parent)


def journal_url(url: str, mode: str, folder: Path) -> str:
    """A journal of its own for each kind of record: a dry run can never touch a live one.

    ``sqlite:///keeper.db`` lies in the folder of ``keeper.yaml``; a dry run writes ``keeper.dry.db`` beside it, and on
    PostgreSQL the database whose name ends in ``_dry``.
    """
    if url.startswith("sqlite:///"):
        path = folder / Path(url.removeprefix("sqlite:///")).expanduser()
        if mode == "dry":
            path = path.with_name(f"{path.stem}.dry{path.suffix}")
        return f"sqlite:///{path}"
    if mode != "dry":
        return url
    location, mark, options = url.partition("?")
    return f"{location}_dry{mark}{options}"


def _completed(document: Document, name: str, chain: Chain) -> Chain:
    """The chain with the shipped addresses filled in; what stays unknown and is needed is a mistake."""
    place = ("chains", name)
    promised = CHAIN_IDS.get(name)
    if promised is not None and promised != chain.chain_id:
        document.report((*place, "chain_id"), f"chain {name} has chain_id {promised}, found {chain.chain_id}")
    given: dict[str, Any] = {k: v for k, v in chain.contracts.model_dump().items() if v is not None}
    contracts = Contracts(**{**CONTRACTS.get(chain.chain_id, {}), **given})
    needed = [key for key in ("factory", "positions", "multicall3", "wrapped_native") if not getattr(contracts, key)]
    if contracts.router is None and contracts.router02 is None:
        needed.append("router (or router02)")
    if needed:
        document.report(
            (*place, "contracts"),
            f"no addresses are shipped for chain_id {chain.chain_id}; give contracts: {', '.join(needed)}",
        )
    return chain.model_copy(update={"contracts": contracts})


def _hide_keys_of_urls(value: Any) -> None:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _hide_keys_of_urls(each)
    elif isinstance(value, str) and "://" in value:
        never_show(*_KEY_IN_URL.findall(value))


def _hide_secrets(config: KeeperConfig, environment: Mapping[str, str]) -> None:
    """No log or message may show them from here on, whoever quotes them."""
    urls = [config.journal, *config.alerts, *([config.signer.url] if config.signer.url else [])]
    for chain in config.chains.values():
        urls += [*chain.rpc, *(url for url in (chain.private_rpc, chain.second_rpc) if url)]
    for url in urls:
        # A key is a long part of a URL; hosts hold dots, and words are short.
        never_show(*_KEY_IN_URL.findall(url.get_secret_value()))
    never_show(environment.get(config.signer.password_env, ""))
    if config.safe is not None and config.safe.api_key_env is not None:
        never_show(environment.get(config.safe.api_key_env, ""))


def _check_sections(document: Document, config: KeeperConfig) -> None:
    refusal = mode_refusal(config.execution.mode)
    if refusal is not None:
        document.report(("execution", "mode"), refusal)
    kinds = plugins.available("signer")
    if config.signer.kind not in kinds:
        document.report(
            ("signer", "kind"),
            f"there is no signer {redact(config.signer.kind)!r}{suggestion(config.signer.kind, kinds, 'kinds')}",
        )
    if config.signer.kind == "remote":
        for key in ("url", "address"):
            if getattr(config.signer, key) is None:
                document.report(("signer", "kind"), f"kind remote needs signer.{key}")

"""``strategies/*.yaml``: loading one file, and what must hold between several."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from keeper import plugins
from keeper.config import LoadedConfig
from keeper.config_artifacts import read_artifacts
from keeper.config_execution import SAFE_MODES, Execution, Safe
from keeper.config_feeds import check_feeds
from keeper.config_mistakes import ConfigErrors, Mistake, suggestion
from keeper.config_unused import mode_refusal, warn_of_unused_by_mode
from keeper.config_validation import FEE_SENTENCE, validate
from keeper.config_yaml import Document, read_document
from keeper.errors import ConfigError
from keeper.model import canonical
from keeper.policy.settings import PoolKey, StrategySettings
from keeper.redaction import redact

PLUGIN_SECTIONS = ("forecaster", "regime", "range")
# The smallest fee ever enabled on Uniswap v3 is 100; below this, per cent or basis points were meant.
_SMALLEST_LIKELY_FEE = 50
_HASTY_SECONDS = 3_600
NO_STRATEGY = "no strategy in this folder; `keeper new-strategy NAME` writes one"


@dataclass(frozen=True, slots=True)
class StrategyFile:
    """A valid strategy, where it was read, and its canonical form: the bytes the journal keeps and their digest.

    ``lines`` are the lines of the keys at the top of the file; ``warnings`` name what is written and not used;
    ``artifacts`` are the files that its plug-ins are built from, by their SHA-256 (hex).
    """

    file: Path
    settings: StrategySettings
    body: bytes
    digest: str
    lines: Mapping[str, int]
    warnings: tuple[Mistake, ...] = ()
    artifacts: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def mistake(self, key: str, sentence: str) -> Mistake:
        """A mistake at one of the keys at the top of the file."""
        return Mistake(str(self.file), self.lines.get(key), sentence)


def settings_body(settings: StrategySettings) -> bytes:
    """Canonical JSON of the validated settings; decimals as text. ``settings_from_body`` reads it back."""
    return canonical.encode(settings.model_dump(mode="json"))


def settings_from_body(body: bytes | str) -> StrategySettings:
    """The settings that ``settings_body`` wrote down."""
    return StrategySettings.model_validate_json(body)


def settings_digest(settings: StrategySettings) -> str:
    """SHA-256 (hex) of the canonical body."""
    return hashlib.sha256(settings_body(settings)).hexdigest()


def strategy_paths(folder: Path) -> list[Path]:
    """The strategy files of a folder, by name. ConfigError when there is no such folder."""
    if not folder.is_dir():
        raise ConfigError("there is no such folder; `strategies:` in keeper.yaml names it", path=str(folder))
    return sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml") and path.name[0] != ".")


def load_strategies(loaded: LoadedConfig, environment: Mapping[str, str] | None = None) -> tuple[StrategyFile, ...]:
    """Every strategy of the configured folder. ConfigErrors lists the mistakes of all files at once."""
    variables = os.environ if environment is None else environment
    strategies, mistakes = examine_strategies(strategy_paths(loaded.strategies_folder), loaded, variables)
    if mistakes:
        raise ConfigErrors(mistakes)
    return strategies


def require_strategies(strategies: Sequence[StrategyFile], loaded: LoadedConfig) -> None:
    """ConfigError when there is none."""
    if not strategies:
        raise ConfigError(NO_STRATEGY, path=str(loaded.strategies_folder))


def load_strategy(file: Path, environment: Mapping[str, str] | None = None) -> StrategyFile:
    """One strategy by itself, as a backtest needs it: without ``keeper.yaml``. ConfigErrors lists its mistakes."""
    strategy, document = examine_strategy(file, None, os.environ if environment is None else environment)
    if strategy is None:
        raise ConfigErrors(document.mistakes)
    return strategy


def examine_strategies(
    files: Iterable[Path], loaded: LoadedConfig | None, environment: Mapping[str, str]
) -> tuple[tuple[StrategyFile, ...], tuple[Mistake, ...]]:
    """The good strategies among the files, and every mistake, within a file and between files."""
    strategies, mistakes = examine_each(files, loaded, environment)
    return strategies, (*mistakes, *conflicts(strategies, loaded))


def examine_each(
    files: Iterable[Path], loaded: LoadedConfig | None, environment: Mapping[str, str]
) -> tuple[tuple[StrategyFile, ...], tuple[Mistake, ...]]:
    """As ``examine_strategies``, each file by itself."""
    strategies: list[StrategyFile] = []
    mistakes: list[Mistake] = []
    for file in files:
        try:
            strategy, document = examine_strategy(file, loaded, environment)
        except ConfigErrors as errors:
            mistakes += errors.mistakes
        except ConfigError as error:
            mistakes.append(Mistake(str(file), None, str(error).removeprefix(f"{file}: ")))
        else:
            mistakes += document.mistakes
            strategies += [] if strategy is None else [strategy]
    return tuple(strategies), tuple(mistakes)


def examine_strategy(
    file: Path, loaded: LoadedConfig | None, environment: Mapping[str, str]
) -> tuple[StrategyFile | None, Document]:
    """The strategy, or None with its mistakes in the document."""
    document = read_document(file, environment)
    values = document.values
    plugged = {name: _plugged(document, name, values[name]) for name in PLUGIN_SECTIONS if name in values}
    for name, model in (("execution", Execution), ("safe", Safe)):
        if isinstance(values.get(name), dict):
            validate(model, document, values[name], (name,))
    settings = validate(StrategySettings, document, values)
    if settings is not None:
        _check_pool(document, settings)
        _check_names(document, settings, loaded)
        check_feeds(document, settings)
    if settings is None or document.mistakes:
        return None, document
    defaults = {name: _plugged(document, name, getattr(settings, name)) for name in PLUGIN_SECTIONS}
    sections = {name: values for name, values in {**defaults, **plugged}.items() if values is not None}
    artifacts: dict[str, bytes] = {}
    for name, values in sections.items():
        oriented = settings.quote == "token0"
        sections[name], found = read_artifacts(document, name, values, quote_is_token0=oriented)
        artifacts |= found
    if document.mistakes:
        return None, document
    settings = settings.model_copy(update=sections)
    body = settings_body(settings)
    lines = {str(place[0]): line for place, line in document.lines.items() if len(place) == 1}
    warn_of_unused_by_mode(document, loaded.mode_of(settings.execution) if loaded else "dry")
    digest, warnings = hashlib.sha256(body).hexdigest(), tuple(document.warnings)
    return StrategyFile(file, settings, body, digest, lines, warnings, artifacts), document


def plugin_settings(section: str, kind: str) -> type[BaseModel]:
    """The ``Settings`` of a plug-in. KeyError when there is none of that kind."""
    model: type[BaseModel] = plugins.find(section, kind).Settings
    return model


def _plugged(document: Document, section: str, values: Any) -> dict[str, Any] | None:
    """A plug-in's section, validated and completed by the plug-in itself; None when it has mistakes."""
    if not isinstance(values, dict) or document.is_unreadable((section,)):
        return None  # its shape is reported with the rest of the file
    kinds = plugins.available(section)
    kind = values.get("kind")
    if not isinstance(kind, str):
        document.report((section, "kind"), f"{section}: key 'kind' is missing; the kinds are {', '.join(kinds)}")
        return None
    if kind not in kinds:
        document.report((section, "kind"), f"there is no {section} {redact(kind)!r}{suggestion(kind, kinds, 'kinds')}")
        return None
    completed = validate(plugin_settings(section, kind), document, values, (section,))
    return None if completed is None else {"kind": kind, **completed.model_dump(mode="json")}


def _check_pool(document: Document, settings: StrategySettings) -> None:
    pool = settings.pool
    if not isinstance(pool, PoolKey):
        return
    if pool.fee < _SMALLEST_LIKELY_FEE:
        document.report(("pool", "fee"), f"fee {pool.fee} would be {pool.fee / 10_000:g} %; {FEE_SENTENCE}")
    token0, token1 = int(pool.token0, 16), int(pool.token1, 16)
    if token0 == token1:
        document.report(("pool", "token1"), "token0 and token1 are the same token")
    elif token0 > token1:
        document.report(
            ("pool", "token0"),
            "token0 must be the lower of the two addresses; exchange token0 and token1, and look at quote again",
        )


def _check_names(document: Document, settings: StrategySettings, loaded: LoadedConfig | None) -> None:
    venues = plugins.available("venue")
    if settings.venue not in venues:
        near = suggestion(settings.venue, venues, "venues")
        document.report(("venue",), f"there is no venue {redact(settings.venue)!r}{near}")
    if loaded is None:
        return
    if settings.chain not in loaded.keeper.chains:
        chains = list(loaded.keeper.chains)
        sentence = (
            f"chain {redact(settings.chain)!r} is not in {loaded.file}{suggestion(settings.chain, chains, 'chains')}"
        )
        document.report(("chain",), sentence)
    mode = loaded.mode_of(settings.execution)
    refusal = mode_refusal(mode)
    if refusal is not None:
        document.report(("execution", "mode"), refusal)
    elif mode != loaded.mode:
        document.report(
            ("execution", "mode"),
            f"mode {mode} differs from that of {loaded.file} ({loaded.mode}), and one process has one mode and one "
            "journal: leave it out, or run this strategy from a keeper.yaml of its own",
        )
    # Also for a dry run: it is that of the mode which is written down.
    written = (settings.execution or {}).get("mode") or loaded.keeper.execution.mode
    if written in SAFE_MODES and loaded.safe_of(settings.execution, settings.safe) is None:
        document.report(("safe",), f"mode {written} needs a Safe: write safe: {{address: …}} here or in {loaded.file}")
    _warn_of_haste(document, settings, written)


def _warn_of_haste(document: Document, settings: StrategySettings, mode: str) -> None:
    """A limit that was written with a key in mind leaves a Safe's owners no time to sign."""
    seconds = settings.limits.plan_lifetime_seconds
    if mode in SAFE_MODES and "plan_lifetime_seconds" in settings.limits.model_fields_set and seconds < _HASTY_SECONDS:
        document.warn(
            ("limits", "plan_lifetime_seconds"),
            f"a proposal is void after {seconds} s, which is little for owners to sign and execute it: leave the key "
            "out for a day",
        )


def conflicts(strategies: Sequence[StrategyFile], loaded: LoadedConfig | None) -> list[Mistake]:
    """What is wrong between strategies that are each good by themselves."""
    return list(_conflicts(strategies, loaded))


def _conflicts(strategies: Sequence[StrategyFile], loaded: LoadedConfig | None) -> Iterator[Mistake]:
    for first, second in combinations(strategies, 2):
        if first.settings.name == second.settings.name:
            yield second.mistake("name", f"name {second.settings.name!r} is already used by {first.file}")
        elif _wallet(first.settings, loaded) == _wallet(second.settings, loaded) and _shared(first, second):
            names = f"strategies {first.settings.name!r} and {second.settings.name!r}"
            yield second.mistake(
                "pool",
                f"{names} would use {_shared(first, second)} of one wallet; give each a wallet (or Safe) of its own, "
                "since idle tokens cannot be told apart",
            )


def _wallet(settings: StrategySettings, loaded: LoadedConfig | None) -> tuple[str, str]:
    """(chain, whose tokens): strategies on one chain share the signer's wallet unless a Safe owns them."""
    safe = loaded.safe_of(settings.execution, settings.safe) if loaded else None
    return settings.chain, "signer" if safe is None else safe.address.lower()


def _shared(first: StrategyFile, second: StrategyFile) -> str:
    """What two strategies have in common as far as the files tell: a token, or the pool itself. Empty for nothing."""
    pools = first.settings.pool, second.settings.pool
    if isinstance(pools[0], PoolKey) and isinstance(pools[1], PoolKey):
        tokens = [{pool.token0.lower(), pool.token1.lower()} for pool in pools if isinstance(pool, PoolKey)]
        common = sorted(tokens[0] & tokens[1])
        return f"token {common[0]}" if common else ""
    return f"pool {pools[1]}" if str(pools[0]).lower() == str(pools[1]).lower() else ""

"""A strategy for a study of the past: a file, or one of the configuration by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keeper.config_strategies import StrategyFile

_SUFFIXES = (".yaml", ".yml")


def strategy_file(wanted: str, config: Path) -> tuple[StrategyFile, int | None]:
    """The strategy and the id of its chain (None: a chain that only a node could tell of).

    Raises:
        ConfigError: there is none; names the nearest. Or its mistakes.
    """
    from keeper.assembly_paper import chain_id_of
    from keeper.config import load_keeper
    from keeper.config_strategies import load_strategy

    path = Path(wanted)
    if path.suffix.lower() not in _SUFFIXES and not path.is_file():
        path = _of_configuration(wanted, config)
    found = load_strategy(path)
    name = found.settings.chain
    known = chain_id_of(name)
    if known is None and config.is_file():
        chain = load_keeper(config).keeper.chains.get(name)
        known = None if chain is None else chain.chain_id
    return found, known


def _of_configuration(name: str, config: Path) -> Path:
    from keeper.config import load_keeper
    from keeper.config_mistakes import suggestion
    from keeper.config_strategies import strategy_paths
    from keeper.errors import ConfigError

    if not config.is_file():
        raise ConfigError(
            f"there is no strategy file {name!r}, and no {config} whose strategies folder could hold a strategy of "
            "that name; give the path of a strategy's YAML"
        )
    paths = {path.stem: path for path in strategy_paths(load_keeper(config).strategies_folder)}
    if name not in paths:
        raise ConfigError(f"there is no strategy {name!r}{suggestion(name, list(paths), 'strategies')}")
    return paths[name]

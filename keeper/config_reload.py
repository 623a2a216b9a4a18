"""Strategy files edited while the daemon runs: read again, validated, and the last good one kept when one is bad."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keeper.config import LoadedConfig
from keeper.config_mistakes import Mistake
from keeper.config_strategies import StrategyFile, conflicts, examine_each, load_strategies, strategy_paths
from keeper.errors import ConfigError

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reload:
    """What a look at the folder found. ``strategies`` is the whole set now in force."""

    strategies: tuple[StrategyFile, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    mistakes: tuple[Mistake, ...]


class StrategyFiles:
    """The strategies in force, and a cheap look whether their files have changed."""

    def __init__(self, loaded: LoadedConfig, environment: Mapping[str, str] | None = None) -> None:
        self._loaded = loaded
        self._environment = os.environ if environment is None else environment
        self._stamps = self._look()
        self._missing_once: set[Path] = set()
        self._good = {strategy.file: strategy for strategy in load_strategies(loaded, self._environment)}

    @property
    def strategies(self) -> tuple[StrategyFile, ...]:
        """The strategies in force."""
        return tuple(self._good.values())

    def changed(self) -> Reload | None:
        """None when no file was touched since the last call; costs one ``stat`` per file then.

        A file that is bad keeps its last good form and its mistakes are reported once per edit. A file that is gone
        counts as removed only when it is still gone at the next look, since editors replace files by renaming.
        """
        stamps = self._look()
        if stamps == self._stamps and not self._missing_once:
            return None
        gone = {file for file in self._good if file not in stamps}
        removed = gone & self._missing_once
        self._missing_once = gone - removed
        touched = [file for file, stamp in stamps.items() if self._stamps.get(file) != stamp]
        self._stamps = stamps
        return self._take(touched, removed) if touched or removed else None

    def _take(self, touched: list[Path], removed: set[Path]) -> Reload | None:
        fresh, mistakes = examine_each(touched, self._loaded, self._environment)
        candidate = {file: strategy for file, strategy in self._good.items() if file not in removed}
        candidate.update({strategy.file: strategy for strategy in fresh})
        # Each may be good by itself and still not go with the others: then none of the edits is taken.
        before = self._by_name()
        clashes = conflicts(list(candidate.values()), self._loaded)
        if clashes:
            mistakes = (*mistakes, *clashes)
        else:
            self._good = candidate
        after = self._by_name()
        reload = Reload(
            strategies=self.strategies,
            added=tuple(sorted(after.keys() - before.keys())),
            changed=tuple(sorted(n for n in after.keys() & before.keys() if after[n].digest != before[n].digest)),
            removed=tuple(sorted(before.keys() - after.keys())),
            mistakes=mistakes,
        )
        return reload if reload.added or reload.changed or reload.removed or reload.mistakes else None

    def _by_name(self) -> dict[str, StrategyFile]:
        return {strategy.settings.name: strategy for strategy in self._good.values()}

    def _look(self) -> dict[Path, Stamp]:
        stamps: dict[Path, Stamp] = {}
        try:
            files = strategy_paths(self._loaded.strategies_folder)
        except ConfigError:
            return stamps
        for file in files:
            try:
                status = file.stat()
            except OSError:
                continue  # gone between the listing and the look
            stamps[file] = (status.st_mtime_ns, status.st_size)
        return stamps

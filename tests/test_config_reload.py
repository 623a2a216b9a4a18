"""Strategy files that are edited, come and go: a bad edit leaves the last good one in force."""

from __future__ import annotations

import os
from pathlib import Path

from keeper.config import load_keeper
from keeper.config_reload import StrategyFiles
from tests.configured import STRATEGY, folder

__all__ = ["folder"]


def touch(path: Path, text: str) -> None:
    """Write, with a time stamp that no file system rounds to the one before."""
    later = path.stat().st_mtime_ns + 5_000_000 if path.exists() else None
    path.write_text(text)
    if later is not None:
        os.utime(path, ns=(later, later))


def test_an_edit_is_taken_and_a_bad_one_keeps_the_last_good(folder: Path) -> None:
    file = folder / "strategies/a.yaml"
    files = StrategyFiles(load_keeper(folder / "keeper.yaml", {}), {})
    assert files.changed() is None
    touch(file, STRATEGY.replace("k: 2", "k: 3"))
    reload = files.changed()
    assert reload is not None and reload.changed == ("eth-usdc",) and files.strategies[0].settings.range["k"] == 3
    touch(file, STRATEGY.replace("k: 2", "k: three"))
    reload = files.changed()
    assert reload is not None and str(reload.mistakes[0]).endswith('a.yaml:8: k: expected a number, found "three"')
    assert files.strategies[0].settings.range["k"] == 3
    assert files.changed() is None, "a mistake is reported once"
    touch(file, "\xff: [")
    assert files.changed() is not None
    assert files.strategies[0].settings.range["k"] == 3


def test_files_come_and_go(folder: Path) -> None:
    file = folder / "strategies/a.yaml"
    files = StrategyFiles(load_keeper(folder / "keeper.yaml", {}), {})
    second = folder / "strategies/b.yaml"
    second.write_text(STRATEGY)
    reload = files.changed()
    assert reload is not None and "already used" in str(reload.mistakes[0]) and len(files.strategies) == 1
    touch(second, STRATEGY.replace("eth-usdc", "two").replace("chain: base", "chain: base\nexecution: {mode: dry}"))
    assert (reload := files.changed()) is not None and "of one wallet" in str(reload.mistakes[0])
    second.unlink()
    file.unlink()
    assert files.changed() is None, "an editor may be replacing it"
    assert (reload := files.changed()) is not None and reload.removed == ("eth-usdc",)
    assert not files.strategies

"""Options that several commands share, and what they mean."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from keeper.world.journal.query import Query

Function = TypeVar("Function", bound=Callable[..., Any])
Item = TypeVar("Item")


def config_option(function: Function) -> Function:
    """``-c keeper.yaml``."""
    return click.option(
        "-c", "--config", type=click.Path(path_type=Path), default=Path("keeper.yaml"), show_default=True,
        help="The configuration file.",
    )(function)  # fmt: skip


def journal_option(function: Function) -> Function:
    """``--journal PATH_OR_URL`` beside ``-c``."""
    return click.option("--journal", metavar="PATH_OR_URL", help="Another journal than the configured one.")(function)


def json_option(function: Function) -> Function:
    """``--json``: stdout holds nothing else."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON only.")(function)


def journal_at(journal: str | None, config: Path) -> str:
    """The URL of the journal to read: the one given (a path or a URL), or that of the configuration."""
    if journal is None:
        from keeper.config import journal_place

        return journal_place(config, os.environ)
    return journal if "://" in journal else f"sqlite:///{Path(journal).absolute()}"


def require_known(strategy: str | None, query: Query) -> None:
    """ConfigError when a strategy is named that the journal does not know; names the nearest that it does."""
    from keeper.config_mistakes import suggestion
    from keeper.errors import ConfigError
    from keeper.world.journal import queries

    known = [status.name for status in queries.statuses(query)]
    if strategy is not None and strategy not in known:
        near = suggestion(strategy, known, "strategies") if known else "; it is in there from its first turn on"
        raise ConfigError(f"the journal knows no strategy {strategy!r}{near}")


def print_json(value: Any) -> None:
    """One JSON document on stdout. Integers of any size stay integers."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def require_room(file: Path) -> None:
    """ConfigError when a file cannot be written there: found before the minutes of work that it is to hold."""
    import tempfile

    from keeper.errors import ConfigError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=file.parent):
            reason = "it is a folder" if file.is_dir() else ""
    except OSError as error:
        reason = error.strerror or "no such folder"
    if reason:
        raise ConfigError(f"cannot be written ({reason}); choose another place", path=str(file))


def with_progress(items: Iterable[Item], *, length: int, label: str) -> Iterator[Item]:
    """The items, with a progress bar on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    with click.progressbar(items, length=length, label=label, file=sys.stderr) as bar:
        yield from bar

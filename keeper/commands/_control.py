"""Pause, resume and exit: written into the journal, where the daemon reads it before its next turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keeper.commands._options import journal_at, print_json, require_known
from keeper.model.memory import StrategyState

if TYPE_CHECKING:
    from keeper.world.journal.journal import SqlJournal


def set_state(
    strategy: str, state: StrategyState, reason: str, done: str, *, config: Path, journal: str | None, as_json: bool
) -> None:
    """Write the state durably.

    Raises:
        ConfigError: the journal does not know the strategy; the nearest is named.
        HaltedError: it is halted: only a resume, after a look at the reason, lifts that.
    """
    from keeper.errors import HaltedError

    url, mode, before = known_state(strategy, config=config, journal=journal)
    if before == "halted":
        raise HaltedError(
            f"{strategy} is halted and stays so: `keeper status` says why. `keeper resume {strategy}` lifts it, and "
            f"`keeper resume {strategy} --exit` withdraws everything"
        )
    with written(url, mode) as opened:
        opened.set_state(strategy, state, reason, int(time.time()))
    if as_json:
        print_json({"strategy": strategy, "before": before, "state": state})
    else:
        click.echo(f"{strategy}: was {before}, {done}")


def known_state(strategy: str, *, config: Path, journal: str | None) -> tuple[str, str, str]:
    """The journal's URL, its mode, and the strategy's state in it. ConfigError when it does not know the strategy."""
    from keeper.world.journal import queries
    from keeper.world.journal.reading import read_journal

    url = journal_at(journal, config)
    with read_journal(url) as query:
        require_known(strategy, query)
        states = {status.name: status.state for status in queries.statuses(query)}
        return url, queries.mode(query), states[strategy]


@contextmanager
def written(url: str, mode: str) -> Iterator[SqlJournal]:
    """The journal, open for writing; closed at the end."""
    from keeper.world.journal.opening import open_journal

    opened = open_journal(url, mode)
    try:
        yield opened
    finally:
        opened.close()

"""Pause, resume and exit: written into the journal, where the daemon reads it before its next turn."""

from __future__ import annotations

import time
from pathlib import Path

import click

from keeper.commands._options import journal_at, print_json
from keeper.config_mistakes import suggestion
from keeper.errors import ConfigError
from keeper.model.memory import StrategyState


def set_state(
    strategy: str, state: StrategyState, reason: str, done: str, *, config: Path, journal: str | None, as_json: bool
) -> None:
    """Write the state durably. ConfigError when the journal does not know the strategy, naming the nearest."""
    from keeper.world.journal import queries
    from keeper.world.journal.opening import open_journal
    from keeper.world.journal.reading import read_journal

    url = journal_at(journal, config)
    with read_journal(url) as query:
        mode = queries.mode(query)
        before = {status.name: status for status in queries.statuses(query)}
    if strategy not in before:
        raise ConfigError(
            f"the journal knows no strategy {strategy!r}{suggestion(strategy, list(before), 'strategies')}"
        )
    opened = open_journal(url, mode)
    try:
        opened.set_state(strategy, state, reason, int(time.time()))
    finally:
        opened.close()
    if as_json:
        print_json({"strategy": strategy, "before": before[strategy].state, "state": state})
    else:
        click.echo(f"{strategy}: was {before[strategy].state}, {done}")

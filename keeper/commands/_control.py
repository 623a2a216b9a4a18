"""Pause, resume and exit: written into the journal, where the daemon reads it before its next turn."""

from __future__ import annotations

import time
from pathlib import Path

import click

from keeper.commands._options import journal_at, print_json, require_known
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
        require_known(strategy, query)
        mode = queries.mode(query)
        before = {status.name: status for status in queries.statuses(query)}
    opened = open_journal(url, mode)
    try:
        opened.set_state(strategy, state, reason, int(time.time()))
        accepted = opened.pins.accept(strategy) if state == "running" else ()
    finally:
        opened.close()
    if as_json:
        taken = {pin.address: pin.code_hash for pin in accepted}
        print_json({"strategy": strategy, "before": before[strategy].state, "state": state, "accepted_code": taken})
    else:
        click.echo(f"{strategy}: was {before[strategy].state}, {done}")
        for pin in accepted:
            click.echo(f"accepted the code that is now at {pin.address} (hash {pin.code_hash})")

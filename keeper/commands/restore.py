"""Put a backup of the journal where there is none; never over anything."""

from __future__ import annotations

import time
from pathlib import Path

import click

from keeper.commands._options import config_option, journal_at, journal_option, json_option, print_json


@click.command(epilog="Example:  keeper restore keeper-backup.db")
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@journal_option
@json_option
def command(file: Path, config: Path, journal: str | None, as_json: bool) -> None:
    """Put a backup of the journal where there is none; never over anything.

    The place is the configured journal, or that of --journal: a file that does not exist, or an empty PostgreSQL
    database. A backup of an older version is brought to the newest form on the way.
    """
    from keeper.report import when
    from keeper.world.journal.restore import restore

    done = restore(file, journal_at(journal, config), int(time.time()))
    if as_json:
        print_json(
            {
                "journal": done.place,
                "mode": done.mode,
                "rows": done.rows,
                "last_decision_timestamp": done.last_timestamp,
            }
        )
        return
    last = "without a decision" if done.last_timestamp is None else f"last decision {when(done.last_timestamp)}"
    click.echo(f"{done.place}: {done.rows} rows restored, mode {done.mode}, {last}")
    click.echo(
        "What happened since is not in it. At the next start the keeper compares it with the chain, and holds where "
        "the two do not fit: read `keeper status` then."
    )

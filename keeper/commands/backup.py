"""Copy the journal into one file, checked, also while the daemon runs; never over a file."""

from __future__ import annotations

from pathlib import Path

import click

from keeper.commands._options import config_option, journal_at, journal_option, json_option, print_json


@click.command(epilog="Example:  keeper backup keeper-backup.db")
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@journal_option
@json_option
def command(file: Path, config: Path, journal: str | None, as_json: bool) -> None:
    """Copy the journal into one file, checked, also while the daemon runs; never over a file.

    FILE becomes an SQLite journal of one moment, readable by you alone, also when the journal is in PostgreSQL. The
    commands that read a journal read it with --journal FILE; `keeper restore` puts it back.
    """
    from keeper.world.journal.backup import back_up

    made = back_up(journal_at(journal, config), file)
    if as_json:
        print_json(
            {
                "file": str(made.path),
                "schema": int(made.schema),
                "mode": made.mode,
                "rows": made.rows,
                "size_bytes": made.size_bytes,
            }
        )
    else:
        click.echo(f"{made.path}: {made.rows} rows, {made.size_bytes / 1e6:.1f} MB, mode {made.mode}; checked")

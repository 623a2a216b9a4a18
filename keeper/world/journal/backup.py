"""A whole copy of a journal in one file, made while the daemon works, from SQLite or PostgreSQL alike."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from keeper.errors import ConfigError, TransientError
from keeper.world.journal import tape_tables
from keeper.world.journal.copying import copy_file, copy_rows, make_private, publish
from keeper.world.journal.engines import engine_at, sqlite_engine
from keeper.world.journal.integrity import check_file
from keeper.world.journal.invariants import check_contents
from keeper.world.journal.location import PostgresDatabase, SqliteFile, locate
from keeper.world.journal.reading import read_journal


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was made and checked. ``rows`` of all tables together."""

    path: Path
    schema: str
    mode: str
    rows: int
    size_bytes: int


def back_up(url: str, file: Path) -> Backup:
    """Copy one moment of the journal at ``url`` into the new SQLite file ``file`` (mode 0600), checked and on the disk.

    Raises:
        ConfigError: there is no journal, the file exists already, or its folder cannot be written.
        TransientError: no room, or the database does not answer.
        FatalError: the journal is damaged.
    """
    location = locate(url)
    if os.path.lexists(file):
        raise ConfigError(f"{file} exists already and is left as it is; give the backup a name of its own")
    with read_journal(url) as query:  # a journal, of this version's schema
        ((mode,),) = query("SELECT value FROM meta WHERE key = 'mode'")
        ((schema,),) = query("SELECT value FROM meta WHERE key = 'schema'")
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        rows = copy_file(location.path, draft) if isinstance(location, SqliteFile) else _copy_postgres(location, draft)
        check_file(draft)
        size_bytes = draft.stat().st_size
        publish(draft, file)
    except FileExistsError as error:
        raise ConfigError(f"{file} exists already and is left as it is; give the backup a name of its own") from error
    except OSError as error:
        raise _cannot_be_written(file, error) from error
    finally:
        draft.unlink(missing_ok=True)
    return Backup(file, str(schema), str(mode), sum(rows.values()), size_bytes)


def _copy_postgres(location: PostgresDatabase, draft: Path) -> dict[str, int]:
    """All tables as they stood in one moment."""
    make_private(draft)
    engine = engine_at(location)
    copy = sqlite_engine(draft, single_file=True)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as source:
            check_contents(source, location)
            with copy.begin() as target:
                tape_tables.metadata.create_all(target)
                return copy_rows(source, target)
    finally:
        engine.dispose()
        copy.dispose()


def _cannot_be_written(file: Path, error: OSError) -> ConfigError | TransientError:
    if error.errno in (28, 122):  # ENOSPC, EDQUOT
        return TransientError(f"no space is left for {file}; free space on its disk and try again")
    return ConfigError(f"{file} cannot be written ({error.strerror}); choose another place")

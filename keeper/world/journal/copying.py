"""Copies of a journal: a whole file page by page, or every row of one database into another."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.sql.sqltypes import Integer

from keeper.errors import TransientError
from keeper.world.journal import tape_tables
from keeper.world.journal.database_errors import damaged, database_error
from keeper.world.journal.location import SqliteFile

_ROWS_AT_ONCE: Final = 1_000


def copy_file(source: Path, target: Path) -> dict[str, int]:
    """Copy one moment of an SQLite journal, which may be in use, into the new file ``target`` (mode 0600, on the disk).

    Returns the rows of each table. Nothing is left behind when it fails: TransientError when there is no room,
    FatalError when either is damaged.
    """
    make_private(target)
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as origin:
            origin.isolation_level = None
            origin.execute("BEGIN")
            before = count_rows(origin)  # opens the view that the copy is made from
            with closing(sqlite3.connect(target)) as copy:
                origin.backup(copy)
                # A file by itself: no log beside it that could be forgotten.
                copy.execute("PRAGMA journal_mode=DELETE")
        with closing(sqlite3.connect(target)) as copy:
            if count_rows(copy) != before:
                raise damaged(source, "its copy has other rows")
        _to_disk(target, os.O_RDWR)
    except sqlite3.DatabaseError as error:
        target.unlink()
        place = source if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) else target
        raise database_error(SqliteFile(place), error) or damaged(source, str(error)) from error
    except BaseException:
        target.unlink()
        raise
    return before


def make_private(path: Path) -> None:
    """A new, empty file that its owner alone may read. TransientError when there is no room, else the OSError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        if error.errno in (28, 122):  # ENOSPC, EDQUOT
            raise TransientError(f"no space is left for {path}; free space on its disk and try again") from error
        raise


def publish(draft: Path, path: Path) -> None:
    """Give a finished file its name, durably. FileExistsError if the name is taken: then the draft is removed."""
    _to_disk(draft, os.O_RDWR)
    try:
        os.link(draft, path)
    except FileExistsError:
        draft.unlink()
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            draft.unlink()
            raise FileExistsError(path) from None
        draft.rename(path)
    else:
        draft.unlink()
    _to_disk(path.parent, os.O_RDONLY | os.O_DIRECTORY)


def _to_disk(place: Path, flags: int) -> None:
    descriptor = os.open(place, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def count_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """The number of rows of every table in an SQLite file."""
    names = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if not name.startswith("sqlite_")
    ]
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


def copy_rows(source: Connection, target: Connection) -> dict[str, int]:
    """Every row of a journal into the empty tables of another, in the order that keys need. Returns their numbers."""
    copied = {}
    for table in tape_tables.metadata.sorted_tables:
        wanted = select(table).order_by(*table.primary_key.columns)  # a decision follows its keyframe
        copied[table.name] = 0
        rows = source.execution_options(yield_per=_ROWS_AT_ONCE).execute(wanted)
        for part in rows.partitions():
            target.execute(insert(table), [dict(row._mapping) for row in part])
            copied[table.name] += len(part)
        if target.dialect.name == "postgresql":
            _set_sequence(target, table.name)
    return copied


def _set_sequence(connection: Connection, name: str) -> None:
    """The next number that the database gives follows the highest there is."""
    table = tape_tables.metadata.tables[name]
    key = table.autoincrement_column
    if key is None or not isinstance(key.type, Integer):
        return
    highest = connection.execute(select(func.max(key))).scalar()
    if highest is not None:
        sequence = text("SELECT setval(pg_get_serial_sequence(:name, :key), :highest)")
        connection.execute(sequence, {"name": name, "key": key.name, "highest": highest})

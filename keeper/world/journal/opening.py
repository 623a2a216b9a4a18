"""Opening a journal for writing: made with mode 0600, checked for damage, brought to the newest form, refused if it
belongs to another mode."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.exc import DatabaseError

from keeper.errors import ConfigError
from keeper.world.journal import tables, tape_tables
from keeper.world.journal.copying import make_private, publish
from keeper.world.journal.database_errors import damaged
from keeper.world.journal.engines import engine_at, sqlite_engine
from keeper.world.journal.integrity import OTHER_PLACE, check_file
from keeper.world.journal.invariants import check_contents
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.location import Location, SqliteFile, locate
from keeper.world.journal.schema import SCHEMA_VERSION, is_upgradable, require_schema


def open_journal(url: str, mode: str, *, durable: bool = True) -> SqlJournal:
    """The journal at ``url``, made if there is none. A journal keeps to the one ``mode`` that it was made for.

    An older form is brought to the newest, so hold the journal's lock. Not ``durable``: faster, and lost if it is cut
    short; for a record that can be made again.

    Raises:
        ConfigError: not a usable URL, place or journal, or a journal of another mode.
        FatalError: the journal is damaged.
        TransientError: the database does not answer, or there is no room.
    """
    location = locate(url)
    if isinstance(location, SqliteFile):
        if not os.path.lexists(location.path):
            _make_file(location.path, mode)
        check_file(location.path)
    engine = engine_at(location, durable=durable)
    try:
        _prepare(engine, location, mode)
    except (DatabaseError, UnicodeDecodeError) as error:  # what fails for no other reason fails for its tables
        engine.dispose()
        raise damaged(location, str(error.orig if isinstance(error, DatabaseError) else error)) from error
    except BaseException:
        engine.dispose()
        raise
    return SqlJournal(engine, location, mode)


def _make_file(path: Path, mode: str) -> None:
    """A new journal gets its name when it is whole: an empty file is then always damage, never a start cut short."""
    draft = path.with_name(f"{path.name}.new")
    try:
        for leftover in ("", "-wal", "-shm"):
            draft.with_name(draft.name + leftover).unlink(missing_ok=True)
        make_private(draft)
    except OSError as error:
        raise ConfigError(f"the journal {path} cannot be made ({error.strerror}); {OTHER_PLACE}") from error
    engine = sqlite_engine(draft)
    try:
        with engine.begin() as connection:
            fill(connection, mode)
    finally:
        engine.dispose()
    with suppress(FileExistsError):  # another process was faster
        publish(draft, path)


def fill(connection: Connection, mode: str) -> None:
    """The tables of the newest form in an empty database."""
    tape_tables.metadata.create_all(connection)
    rows = [{"key": "schema", "value": str(SCHEMA_VERSION)}, {"key": "mode", "value": mode}]
    connection.execute(insert(tables.meta), rows)


def _prepare(engine: Engine, location: Location, mode: str) -> None:
    meta = tables.meta
    with engine.begin() as connection:
        existing = inspect(connection).get_table_names()
        if not existing:
            fill(connection, mode)
            return
        if not {"meta", "decisions"} <= set(existing):
            raise ConfigError(f"{location} is a database of something else; give the journal one of its own")
        found = {row.key: row.value for row in connection.execute(select(meta.c.key, meta.c.value))}
    schema = found.get("schema")
    if not is_upgradable(schema):
        require_schema(location, schema)
    if found.get("mode") != mode:
        raise ConfigError(
            f"the journal {location} belongs to mode {found.get('mode')!r}, not {mode!r}; "
            "each mode needs a journal of its own"
        )
    if schema is not None and is_upgradable(schema):
        from keeper.world.journal.upgrade import upgrade

        upgrade(engine, location, schema)
    with engine.begin() as connection:
        check_contents(connection, location)

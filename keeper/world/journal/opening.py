"""Opening a journal for writing: created with mode 0600, checked for damage, refused if it belongs to another mode."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, insert, inspect, select
from sqlalchemy.exc import DatabaseError, OperationalError

from keeper.errors import ConfigError, FatalError
from keeper.world.journal import tables
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.location import Location, PostgresDatabase, SqliteFile, locate, unreachable
from keeper.world.journal.schema import SCHEMA_VERSION, require_schema

_BUSY_SECONDS: Final = 10
_SQLITE_MAGIC: Final = b"SQLite format 3\x00"


def open_journal(url: str, mode: str) -> SqlJournal:
    """The journal at ``url``, made if there is none. A journal keeps to the one ``mode`` that it was made for.

    Raises:
        ConfigError: not a usable URL, place or journal, or a journal of another mode.
        FatalError: the file is damaged.
        TransientError: the database does not answer.
    """
    location = locate(url)
    engine = _sqlite(location) if isinstance(location, SqliteFile) else _postgres(location)
    try:
        _prepare(engine, location, mode)
    except OperationalError as error:
        engine.dispose()
        if isinstance(location, PostgresDatabase):
            raise unreachable(location, error.orig if isinstance(error.orig, Exception) else error) from error
        raise ConfigError(f"the journal {location} cannot be opened: {_words(error)}") from error
    except BaseException:
        engine.dispose()
        raise
    return SqlJournal(engine, location, mode)


def _sqlite(location: SqliteFile) -> Engine:
    _claim_file(location.path)
    engine = create_engine(f"sqlite:///{location.path}", connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN would come late and be deferred; ours takes the write lock at once.
        connection.isolation_level = None
        connection.execute("PRAGMA page_size=8192")  # decisions of 1 to 5 kB fill it better than 4 kB pages
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _claim_file(path: Path) -> None:
    """Create the file readable by its owner alone, or see that what is there is a whole SQLite file."""
    remedy = "choose another place with `journal:` in keeper.yaml"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(f"the journal {path} cannot be made ({error.strerror}); {remedy}") from error
    try:
        with path.open("r+b") as file:
            head = file.read(len(_SQLITE_MAGIC))
    except OSError as error:
        raise ConfigError(f"the journal {path} cannot be written ({error.strerror}); {remedy}") from error
    if head and head != _SQLITE_MAGIC:
        raise ConfigError(f"{path} is not a journal (not an SQLite file); {remedy}")
    if head:
        _check_whole(path)


def _check_whole(path: Path) -> None:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS)
    try:
        ((verdict,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        verdict = str(error)
        if "locked" in verdict:
            raise ConfigError(f"the journal {path} is held by another program ({verdict}); stop it first") from error
    finally:
        connection.close()
    if verdict != "ok":
        words = " ".join(verdict.replace("*** in database main ***", "").split())
        raise FatalError(f"the journal {path} is damaged ({words}): move it away and restore a backup")


def _postgres(location: PostgresDatabase) -> Engine:
    try:
        import psycopg  # noqa: F401  # an optional extra, asked for here so that its absence has words
    except ImportError as error:
        raise ConfigError("a PostgreSQL journal needs the driver: pip install 'psycopg[binary]'") from error
    try:
        return create_engine("postgresql+psycopg://" + location.url.removeprefix("postgresql://"), pool_pre_ping=True)
    except (ValueError, DatabaseError) as error:
        raise ConfigError(f"the journal URL {location} cannot be read: {error}") from error


def _prepare(engine: Engine, location: Location, mode: str) -> None:
    meta = tables.meta
    wanted = {"schema": str(SCHEMA_VERSION), "mode": mode}
    with engine.begin() as connection:
        existing = inspect(connection).get_table_names()
        if not existing:
            tables.metadata.create_all(connection)
            connection.execute(insert(meta), [{"key": key, "value": value} for key, value in wanted.items()])
            return
        if not {"meta", "decisions"} <= set(existing):
            raise ConfigError(f"{location} is a database of something else; give the journal one of its own")
        found = {row.key: row.value for row in connection.execute(select(meta.c.key, meta.c.value))}
    require_schema(location, found.get("schema"))
    if found.get("mode") != mode:
        raise ConfigError(
            f"the journal {location} belongs to mode {found.get('mode')!r}, not {mode!r}; "
            "each mode needs a journal of its own"
        )
    with engine.begin() as connection:
        tables.artifacts.create(connection, checkfirst=True)  # came later than the schema, and takes nothing from it


def _words(error: OperationalError) -> str:
    return str(error.orig).strip().splitlines()[0] if error.orig is not None else "no answer"

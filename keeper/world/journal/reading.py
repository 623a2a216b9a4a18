"""Reading a journal without writing to it, and without SQLAlchemy: its import alone would outlast ``keeper status``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from keeper.errors import ConfigError, FatalError
from keeper.world.journal.database_errors import database_error
from keeper.world.journal.location import PostgresDatabase, SqliteFile, locate, unreachable
from keeper.world.journal.query import Query, Row, psycopg_style
from keeper.world.journal.schema import require_schema


@contextmanager
def read_journal(url: str) -> Iterator[Query]:
    """One consistent, read-only view of the journal, for the questions of ``queries`` and ``decisions``.

    ConfigError if there is no journal there, TransientError if the database does not answer.
    """
    location = locate(url)
    with _sqlite(location) if isinstance(location, SqliteFile) else _postgres(location) as query:
        yield query


@contextmanager
def _sqlite(location: SqliteFile) -> Iterator[Query]:
    path = location.path
    if not path.is_file():
        raise ConfigError(f"there is no journal at {path}; `keeper run` or `keeper demo` makes one")
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:

        def query(sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
            try:
                return connection.execute(sql, tuple(parameters)).fetchall()
            except sqlite3.DatabaseError as error:
                raise _if_damaged(location, error) from error

        try:
            connection.execute("BEGIN")
            schema = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall()
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"the journal {path} cannot be read ({error}); is it a journal?") from error
        require_schema(location, str(schema[0][0]) if schema else None)
        yield query


def _if_damaged(location: SqliteFile, error: sqlite3.DatabaseError) -> Exception:
    found = database_error(location, error)
    return found if isinstance(found, FatalError) else error


@contextmanager
def _postgres(location: PostgresDatabase) -> Iterator[Query]:
    try:
        import psycopg  # an optional extra
    except ImportError as error:
        raise ConfigError("a PostgreSQL journal needs the driver: pip install 'psycopg[binary]'") from error
    try:
        connection = psycopg.connect(location.url)
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    except psycopg.Error as error:
        raise unreachable(location, error) from error
    with connection:

        def query(sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
            return connection.execute(psycopg_style(sql).encode(), tuple(parameters)).fetchall()

        try:
            schema = query("SELECT value FROM meta WHERE key = 'schema'")
        except psycopg.Error as error:
            raise ConfigError(f"the journal {location} cannot be read ({error}); is it a journal?") from error
        require_schema(location, str(schema[0][0]) if schema else None)
        yield query

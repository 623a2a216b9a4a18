"""Connections to a journal for writing: durable at every commit, and failing in the keeper's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from keeper.errors import ConfigError
from keeper.world.journal.database_errors import database_error
from keeper.world.journal.location import Location, PostgresDatabase, SqliteFile

BUSY_SECONDS: Final = 10


def engine_at(location: Location, *, durable: bool = True) -> Engine:
    """An engine for the journal at a location that exists. ConfigError when its driver or URL is wrong."""
    if isinstance(location, SqliteFile):
        return sqlite_engine(location.path, durable=durable)
    return _postgres_engine(location)


def sqlite_engine(path: Path, *, foreign_keys: bool = True, single_file: bool = False, durable: bool = True) -> Engine:
    """An engine for one file. Without ``foreign_keys`` tables can be rebuilt: check the keys before the commit. A
    ``single_file`` has no log beside it: for copies that nobody reads meanwhile. Not ``durable``: nothing waits for
    the disk, and a file cut short is lost; for what can be made again."""
    # What is not durable has one user: taking a connection from a pool and giving it back costs more than a statement.
    pool: dict[str, Any] = {} if durable else {"poolclass": StaticPool, "pool_reset_on_return": None}
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS}, **pool)

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN would come late and be deferred; ours takes the write lock at once.
        connection.isolation_level = None
        connection.execute("PRAGMA page_size=8192")  # decisions of 1 to 5 kB fill it better than 4 kB pages
        mode = "DELETE" if single_file else "WAL"
        connection.execute(f"PRAGMA journal_mode={mode if durable else 'MEMORY'}")
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
        connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    _translate(engine, SqliteFile(path))
    return engine


def _postgres_engine(location: PostgresDatabase) -> Engine:
    try:
        import psycopg  # noqa: F401  # an optional extra, asked for here so that its absence has words
    except ImportError as error:
        raise ConfigError("a PostgreSQL journal needs the driver: pip install 'psycopg[binary]'") from error
    try:
        engine = create_engine("postgresql+psycopg://" + location.url.removeprefix("postgresql://"), pool_pre_ping=True)
    except (ValueError, DatabaseError) as error:
        raise ConfigError(f"the journal URL {location} cannot be read: {error}") from error

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # A server may be set to answer before it has written; replicas that confirm too are left as they are.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()

    _translate(engine, location)
    return engine


def _translate(engine: Engine, location: Location) -> None:
    """Let every error of this engine that is not a defect of ours be one of ``keeper.errors``."""

    @event.listens_for(engine, "handle_error")
    def on_error(context: ExceptionContext) -> None:
        if context.is_pre_ping or not isinstance(context.original_exception, Exception):
            return  # a ping that fails makes a new connection
        error = database_error(location, context.original_exception)
        if error is not None:
            raise error from context.original_exception

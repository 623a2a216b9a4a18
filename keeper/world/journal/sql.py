"""The little that differs between SQLite and PostgreSQL once SQLAlchemy is connected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from keeper.world.journal.query import Query, Row, psycopg_style


def insert_missing(connection: Connection, table: Table) -> Any:
    """An INSERT that leaves a row alone which is there already."""
    return _insert_missing(connection.dialect.name == "postgresql", table)


@lru_cache
def _insert_missing(is_postgres: bool, table: Table) -> Any:
    return (postgresql if is_postgres else sqlite).insert(table).on_conflict_do_nothing()


def insert_row(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Insert one row and return its number."""
    return int(connection.execute(_insert_returning(table), row).scalar_one())


@lru_cache
def _insert_returning(table: Table) -> Any:
    return insert(table).returning(table.c.id)


@lru_cache
def update_named(table: Table, columns: tuple[str, ...]) -> Any:
    """An UPDATE of the columns in the row whose ``name`` is the parameter ``name_of_row``; made once."""
    values: dict[str, Any] = {each: bindparam(each) for each in columns}
    return update(table).where(table.c.name == bindparam("name_of_row")).values(values)


def query_on(connection: Connection) -> Query:
    """Portable SELECTs on an SQLAlchemy connection."""
    postgres = connection.dialect.name == "postgresql"

    def query(sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        result = connection.exec_driver_sql(psycopg_style(sql) if postgres else sql, tuple(parameters))
        return [tuple(row) for row in result]

    return query

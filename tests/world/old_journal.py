"""Journals of older schemas, by the frozen SQL of their own versions, with rows that ran through the keeper."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect, select

from keeper.model.ledger import NATIVE, Effects, LedgerEntry, OpenedPosition
from keeper.model.outcome import Done
from keeper.model.plan import Mint, MintRange
from keeper.world.journal import tables
from keeper.world.journal.attempts import Attempt
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from tests.world.words import OWNER, START, USDC, decision

MINT = Mint((MintRange(199_500, 200_100, 1, 1, 0, 0, 1_000_000),), 199_600, 200_900)


def fill(journal: SqlJournal) -> None:
    """Decisions, a plan that was carried out with its position and ledger, and one in flight."""
    journal.record_settings("5" * 64, b'{"name":"eth-usdc"}', {"a" * 64: b"weights"})
    for number in range(3):
        journal.record_decision(decision(number))
    made = decision(3, action="enter", steps=(MINT,))
    submission = journal.open_plan(journal.record_decision(made), made.plan)
    lines = (
        LedgerEntry("mint", USDC.address, -40, 7, "0xa1", 3, 3, START + 900),
        LedgerEntry("gas", NATIVE, -(10**15), None, "0xa1", -1, 3, START + 900),
    )
    opened = (OpenedPosition(7, 199_500, 200_100, 10**30, 10, 20),)
    journal.close_plan(submission, Done(submission, Effects(lines, opened, ())))
    made = decision(4, action="rebalance", steps=(MINT,))
    (step,) = journal.transactions.steps(journal.open_plan(journal.record_decision(made), made.plan).plan_id)
    journal.transactions.record_attempt(step.id, 31337, OWNER, 0, Attempt("0x01", b"raw", 21_000, 1 << 70, 1))
    journal.record_event(None, "alert", "the node lags", START)


def make(url: str, folder: Path, *, artifacts: bool = True, schema: int = 2) -> dict[str, list[tuple[Any, ...]]]:
    """A journal of that schema at ``url``, mode "wallet"; returns its rows by table, as :func:`rows_at` does."""
    newest = folder / "newest.db"
    newest.unlink(missing_ok=True)
    journal = open_journal(f"sqlite:///{newest}", "wallet")
    fill(journal)
    journal.close()
    postgres = url.startswith("postgresql")
    frozen = Path(__file__).parent / f"journal_schema_{schema}"
    script = (frozen / ("postgresql.sql" if postgres else "sqlite.sql")).read_text()
    statements = [each for each in script.split(";\n") if each.strip() and (artifacts or "artifacts" not in each)]
    source, target = create_engine(f"sqlite:///{newest}"), _plain_engine(url)
    with source.connect() as origin, target.begin() as old:
        for statement in statements:
            old.exec_driver_sql(statement)
        names = {table: {each["name"] for each in inspect(old).get_columns(table)} for table in _old_tables(old)}
        for table in tables.metadata.sorted_tables:
            if table.name not in names:
                continue
            columns = [column for column in table.columns if column.name in names[table.name]]
            rows = [dict(row._mapping) for row in origin.execute(select(*columns).order_by(*table.primary_key.columns))]
            if rows:
                old.execute(table.insert().inline(), rows)
            if postgres and "id" in names[table.name]:
                sequence = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"
                old.exec_driver_sql(sequence)
        old.exec_driver_sql(f"UPDATE meta SET value = '{schema}' WHERE key = 'schema'")
    source.dispose()
    target.dispose()
    if not postgres:
        with closing(sqlite3.connect(_path(url))) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        _path(url).chmod(0o600)
    return rows_at(url)


def rows_at(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, columns in the order of their names."""
    engine = _plain_engine(url)
    found = {}
    with engine.connect() as connection:
        for name in _old_tables(connection):
            columns = ", ".join(sorted(f'"{each["name"]}"' for each in inspect(connection).get_columns(name)))
            rows = connection.exec_driver_sql(f'SELECT {columns} FROM "{name}"')
            found[name] = sorted((tuple(_plain(value) for value in row) for row in rows), key=repr)
    engine.dispose()
    return found


def shape_at(url: str) -> dict[str, Any]:
    """Tables, columns, keys and indexes as the database tells them, without the order of columns."""
    engine = _plain_engine(url)
    with engine.connect() as connection:
        look = inspect(connection)
        shape = {
            name: {
                "columns": {
                    each["name"]: (str(each["type"]), each["nullable"], each["default"])
                    for each in look.get_columns(name)
                },
                "key": look.get_pk_constraint(name)["constrained_columns"],
                "foreign": sorted(
                    (each["constrained_columns"], each["referred_table"], each["referred_columns"])
                    for each in look.get_foreign_keys(name)
                ),
                "indexes": sorted(
                    (each["name"], each["column_names"], bool(each["unique"]), str(sorted(_where(each))))
                    for each in look.get_indexes(name)
                ),
                "unique": sorted(each["column_names"] for each in look.get_unique_constraints(name)),
            }
            for name in look.get_table_names()
        }
    engine.dispose()
    return shape


def _where(index: Any) -> list[str]:
    return [f"{key}={value}" for key, value in index.get("dialect_options", {}).items() if key.endswith("where")]


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else int(value) if isinstance(value, bool) else value


def _old_tables(connection: Any) -> list[str]:
    return sorted(inspect(connection).get_table_names())


def _plain_engine(url: str) -> Any:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def execute(url: str, sql: str) -> None:
    """As a stranger would, with no look at what it does."""
    engine = _plain_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(sql)
    engine.dispose()

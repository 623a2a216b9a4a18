"""What a Safe was when the keeper first relied on it, and changes that wait for an operator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, insert, select

from keeper.model import canonical
from keeper.world.journal import tables
from keeper.world.journal.sql import insert_missing

Facts = Mapping[str, Any]
"""Names and JSON values, as the reader of the Safe makes them; compared as they are."""

_WAITING: Final = "safe_seen/"


class SafePinLog:
    """Every method is one committed transaction of the journal."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, chain_id: int, safe: str) -> Facts | None:
        """The Safe as it was first seen, or last accepted; None where it never was."""
        table = tables.safe_pins
        mine = (table.c.chain_id == chain_id, table.c.safe == safe.lower())
        with self._engine.begin() as connection:
            body = connection.execute(select(table.c.body).where(*mine)).scalar()
        return None if body is None else dict(json.loads(body))

    def add(self, chain_id: int, safe: str, facts: Facts) -> None:
        """Pin what is seen for the first time; what is pinned already stays."""
        row = {"chain_id": chain_id, "safe": safe.lower(), "body": canonical.encode(dict(facts)).decode()}
        with self._engine.begin() as connection:
            connection.execute(insert_missing(connection, tables.safe_pins), row)

    def note_change(self, chain_id: int, safe: str, strategy: str, seen: Facts) -> None:
        """Keep what the Safe is now, for :func:`accept`; the pin stays as it is."""
        value = canonical.encode([chain_id, safe.lower(), dict(seen)]).decode()
        with self._engine.begin() as connection:
            _forget_waiting(connection, strategy)
            connection.execute(insert(tables.meta).values(key=_WAITING + strategy, value=value))


def accept(connection: Connection, strategy: str) -> str | None:
    """Pin the change that halted a strategy, exactly as it was seen then; the Safe's address, or None for nothing."""
    meta, table = tables.meta, tables.safe_pins
    value = connection.execute(select(meta.c.value).where(meta.c.key == _WAITING + strategy)).scalar()
    if value is None:
        return None
    chain_id, safe, facts = json.loads(value)
    connection.execute(delete(table).where(table.c.chain_id == chain_id, table.c.safe == safe))
    row = {"chain_id": chain_id, "safe": safe, "body": canonical.encode(facts).decode()}
    connection.execute(insert(table).values(row))
    _forget_waiting(connection, strategy)
    return str(safe)


def _forget_waiting(connection: Connection, strategy: str) -> None:
    connection.execute(delete(tables.meta).where(tables.meta.c.key == _WAITING + strategy))

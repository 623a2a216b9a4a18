"""The code that contracts had when the keeper first relied on them, and changes that wait for an operator."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Engine, delete, insert, select

from keeper.world.journal import tables
from keeper.world.journal.sql import insert_missing

_WAITING = "code_seen/"


@dataclass(frozen=True, slots=True)
class Pin:
    """What stood at an address (lower case): the code's hash, and for a proxy what it led to, as written by the
    reader; empty for none."""

    address: str
    code_hash: str
    implementation: str = ""


class PinLog:
    """Every method is one committed transaction of the journal."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_chain(self, chain_id: int, addresses: Iterable[str]) -> dict[str, Pin]:
        """The pins of those addresses that have one."""
        table = tables.code_pins
        wanted = select(table).where(table.c.chain_id == chain_id, table.c.address.in_(list(addresses)))
        with self._engine.begin() as connection:
            rows = connection.execute(wanted).all()
        return {row.address: Pin(row.address, row.code_hash, row.implementation) for row in rows}

    def add(self, chain_id: int, pins: Sequence[Pin]) -> None:
        """Pin what is seen for the first time; what is pinned already stays."""
        with self._engine.begin() as connection:
            rows = [{"chain_id": chain_id, **asdict(pin)} for pin in pins]
            connection.execute(insert_missing(connection, tables.code_pins), rows)

    def note_change(self, chain_id: int, strategy: str, seen: Sequence[Pin]) -> None:
        """Keep what stands there now, for :meth:`accept`; the pins stay as they are."""
        value = json.dumps([chain_id, [asdict(pin) for pin in seen]])
        with self._engine.begin() as connection:
            _forget_waiting(connection, strategy)
            connection.execute(insert(tables.meta).values(key=_WAITING + strategy, value=value))

    def accept(self, strategy: str) -> tuple[Pin, ...]:
        """Pin the changes that halted a strategy, exactly as they were seen then; returns them, or nothing."""
        meta, table = tables.meta, tables.code_pins
        with self._engine.begin() as connection:
            value = connection.execute(select(meta.c.value).where(meta.c.key == _WAITING + strategy)).scalar()
            if value is None:
                return ()
            chain_id, rows = json.loads(value)
            pins = tuple(Pin(**row) for row in rows)
            for pin in pins:
                connection.execute(delete(table).where(table.c.chain_id == chain_id, table.c.address == pin.address))
                connection.execute(insert(table).values(chain_id=chain_id, **asdict(pin)))
            _forget_waiting(connection, strategy)
        return pins

    def forget(self, chain_id: int) -> None:
        """Forget every pin of a chain: the next look pins what it sees."""
        table = tables.code_pins
        with self._engine.begin() as connection:
            connection.execute(delete(table).where(table.c.chain_id == chain_id))


def _forget_waiting(connection: Connection, strategy: str) -> None:
    connection.execute(delete(tables.meta).where(tables.meta.c.key == _WAITING + strategy))

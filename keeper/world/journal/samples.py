"""The store of price samples, from which the observer builds its histories."""

from __future__ import annotations

from sqlalchemy import Engine, select

from keeper.model.observation import Sample
from keeper.world.journal import tables
from keeper.world.journal.histories import SAMPLE_COLUMNS, sample_columns, sample_of
from keeper.world.journal.sql import insert_missing


class StoredSamples:
    """Samples of pools in the journal. The first sample kept for a moment stays."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, pool_address: str, chain_id: int, sample: Sample) -> None:
        """Keep a sample; one of the same pool and timestamp is left as it is."""
        row = {"chain_id": chain_id, "pool": pool_address.lower(), **sample_columns(sample)}
        with self._engine.begin() as connection:
            connection.execute(insert_missing(connection, tables.samples), row)

    def between(self, pool_address: str, chain_id: int, from_timestamp: int, to_timestamp: int) -> list[Sample]:
        """The samples of both ends and all between, oldest first; UNIX seconds."""
        table = tables.samples
        columns = [table.c[name] for name in ("timestamp", *SAMPLE_COLUMNS.split(", "))]
        wanted = (
            select(*columns)
            .where(table.c.chain_id == chain_id, table.c.pool == pool_address.lower())
            .where(table.c.timestamp.between(from_timestamp, to_timestamp))
            .order_by(table.c.timestamp)
        )
        with self._engine.begin() as connection:
            return [sample_of(list(row)) for row in connection.execute(wanted)]

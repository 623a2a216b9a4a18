"""The store of price samples, from which the observer builds its histories."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, delete, insert, select

from keeper.model.observation import Sample
from keeper.world.journal import history_tables
from keeper.world.journal.histories import SAMPLE_COLUMNS, sample_columns, sample_of
from keeper.world.journal.sql import insert_missing

_MOST_PARAMETERS = 500  # of one statement


class StoredSamples:
    """Samples of pools in the journal. The first sample kept for a moment stays, unless the tape has a better one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, pool_address: str, chain_id: int, sample: Sample) -> None:
        """Keep a sample; one of the same pool and timestamp is left as it is."""
        row = {"chain_id": chain_id, "pool": pool_address.lower(), **sample_columns(sample)}
        with self._engine.begin() as connection:
            connection.execute(insert_missing(connection, history_tables.samples), row)

    def replace(self, pool_address: str, chain_id: int, samples: Sequence[Sample]) -> None:
        """Keep the samples in place of those of the same pool and moments."""
        table, pool = history_tables.samples, pool_address.lower()
        rows = [{"chain_id": chain_id, "pool": pool, **sample_columns(sample)} for sample in samples]
        if not rows:
            return
        mine = (table.c.chain_id == chain_id, table.c.pool == pool)
        with self._engine.begin() as connection:
            for start in range(0, len(rows), _MOST_PARAMETERS):
                moments = [sample.timestamp for sample in samples[start : start + _MOST_PARAMETERS]]
                connection.execute(delete(table).where(*mine, table.c.timestamp.in_(moments)))
            connection.execute(insert(table), rows)

    def forget_after(self, pool_address: str, chain_id: int, timestamp: int) -> None:
        """Drop the pool's samples after a moment: the chain no longer has the blocks that they were read at."""
        table = history_tables.samples
        mine = (table.c.chain_id == chain_id, table.c.pool == pool_address.lower())
        with self._engine.begin() as connection:
            connection.execute(delete(table).where(*mine, table.c.timestamp > timestamp))

    def between(self, pool_address: str, chain_id: int, from_timestamp: int, to_timestamp: int) -> list[Sample]:
        """The samples of both ends and all between, oldest first; UNIX seconds."""
        table = history_tables.samples
        columns = [table.c[name] for name in ("timestamp", *SAMPLE_COLUMNS.split(", "))]
        wanted = (
            select(*columns)
            .where(table.c.chain_id == chain_id, table.c.pool == pool_address.lower())
            .where(table.c.timestamp.between(from_timestamp, to_timestamp))
            .order_by(table.c.timestamp)
        )
        with self._engine.begin() as connection:
            return [sample_of(list(row)) for row in connection.execute(wanted)]

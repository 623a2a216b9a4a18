"""The tables of price histories: samples as nodes told them, and what decisions were told, each sample once.

Integers that may pass 64 bits are decimal TEXT, as in ``tables``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from keeper.world.journal.tables import Id, metadata

# ``metadata`` from here has the tables of ``tables`` and these.
__all__ = ["histories", "metadata", "samples", "series", "series_samples"]


def _sample_columns() -> list[Column[Any]]:
    """A sample but for its moment. The columns of its bar are empty where the tape does not cover the hour."""
    return [
        Column("sqrt_price_x96", Text, nullable=False),
        Column("fee_growth_global_0_x128", Text),
        Column("fee_growth_global_1_x128", Text),
        Column("bar_low_tick", Integer),
        Column("bar_high_tick", Integer),
        Column("bar_volume_0", Text),
        Column("bar_volume_1", Text),
        Column("bar_swaps", BigInteger),
    ]


# What a node told about a pool's past, as it was sampled.
samples = Table(
    "samples",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("pool", Text, primary_key=True),
    Column("timestamp", BigInteger, primary_key=True, autoincrement=False),
    *_sample_columns(),
)

# What decisions were told about it, each distinct sample once; a history is runs of ``seq`` in its series.
series = Table(
    "series",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("pool", Text, nullable=False),
    Column("sample_seconds", BigInteger, nullable=False),
    Index("one_series", "chain_id", "pool", "sample_seconds", unique=True),
)

series_samples = Table(
    "series_samples",
    metadata,
    Column("series_id", Id, ForeignKey("series.id"), primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("timestamp", BigInteger, nullable=False),
    *_sample_columns(),
)

histories = Table(
    "histories",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("series_id", Id, ForeignKey("series.id"), nullable=False),
    Column("runs", Text, nullable=False),
)

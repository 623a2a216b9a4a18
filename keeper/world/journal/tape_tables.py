"""The tables of the tape: a pool's past event by event, the same on SQLite and PostgreSQL.

Integers that may pass 64 bits are decimal TEXT, as in ``tables``.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from keeper.world.journal.history_tables import metadata

# ``metadata`` from here has every table of a journal, those of ``tables``, of ``history_tables`` and these.
__all__ = ["metadata", "swaps", "tape_blocks", "tape_marks", "tape_segments"]

# Every swap of the blocks that ``tape_segments`` lists.
swaps = Table(
    "swaps",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("pool", Text, primary_key=True),
    Column("block_number", BigInteger, primary_key=True, autoincrement=False),
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("block_hash", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("amount_0", Text, nullable=False),  # signed: positive was paid in
    Column("amount_1", Text, nullable=False),
    Column("sqrt_price_x96", Text, nullable=False),
    Column("liquidity", Text, nullable=False),
    Column("tick", Integer, nullable=False),
    Index("swaps_by_time", "chain_id", "pool", "timestamp"),
)

# The rarer events that prices and fees depend on: initialize, fee_protocol, flash.
tape_marks = Table(
    "tape_marks",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("pool", Text, primary_key=True),
    Column("block_number", BigInteger, primary_key=True, autoincrement=False),
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value_0", Text, nullable=False),
    Column("value_1", Text, nullable=False),
)

# What the tape covers, both ends included, and the hashes that the next piece on either side must fit.
tape_segments = Table(
    "tape_segments",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("pool", Text, primary_key=True),
    Column("from_block", BigInteger, primary_key=True, autoincrement=False),
    Column("from_timestamp", BigInteger, nullable=False),
    Column("from_parent_hash", Text, nullable=False),
    Column("to_block", BigInteger, nullable=False),
    Column("to_timestamp", BigInteger, nullable=False),
    Column("to_hash", Text, nullable=False),
    Column("is_whole", Boolean, nullable=False),
)

# Blocks that were read up to: where a reorganisation is measured against.
tape_blocks = Table(
    "tape_blocks",
    metadata,
    Column("chain_id", BigInteger, primary_key=True, autoincrement=False),
    Column("pool", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
)

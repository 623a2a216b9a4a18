"""The store of a pool's tape: every swap of the blocks that were read, and which blocks those are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, insert, select

from keeper.world.feeds.swaps import PoolMark, PoolSwap, Segment, TapeBlock, TapePiece
from keeper.world.journal import history_tables
from keeper.world.journal import tape_tables as tables
from keeper.world.journal.sql import insert_missing

# No chain reorganises deeper; what was read up to before that need not be remembered.
_DEEPEST_BLOCKS: Final = 100_000
_MOST_CHECKPOINTS: Final = 512
_BLOCK_ENDS: Final = 64  # the newest blocks with events are remembered one by one
_WIDE: Final = frozenset({"amount_0", "amount_1", "sqrt_price_x96", "liquidity", "value_0", "value_1"})
_PLACED: Final = ((tables.swaps, "block_number"), (tables.tape_marks, "block_number"), (tables.tape_blocks, "number"))


class StoredTape:
    """Implements ``TapeStore`` for one pool of the journal."""

    def __init__(self, engine: Engine, chain_id: int, pool_address: str) -> None:
        self._engine = engine
        self._key: dict[str, Any] = {"chain_id": chain_id, "pool": pool_address.lower()}

    def segments(self) -> list[Segment]:
        """What is covered, lowest first."""
        table = tables.tape_segments
        wanted = select(*_own(table)).where(*self._mine(table)).order_by(table.c.from_block)
        with self._engine.begin() as connection:
            return [Segment(**row._mapping) for row in connection.execute(wanted)]

    def checkpoints(self, up_to_block: int) -> list[TapeBlock]:
        """Blocks that were read up to, at or below the given one, newest first."""
        table = tables.tape_blocks
        wanted = select(*_own(table)).where(*self._mine(table), table.c.number <= up_to_block)
        with self._engine.begin() as connection:
            rows = connection.execute(wanted.order_by(table.c.number.desc()).limit(_MOST_CHECKPOINTS))
            return [TapeBlock(**row._mapping) for row in rows]

    def write(self, piece: TapePiece, segments: Sequence[Segment]) -> None:
        """Add a piece; ``segments`` is then all that is covered."""
        ends = {
            swap.block_number: TapeBlock(swap.block_number, swap.block_hash, swap.timestamp) for swap in piece.swaps
        }
        newest = [ends[number] for number in sorted(ends)[-_BLOCK_ENDS:]]
        with self._engine.begin() as connection:
            self._insert(connection, tables.swaps, piece.swaps)
            self._insert(connection, tables.tape_marks, piece.marks)
            self._insert(connection, tables.tape_blocks, (*newest, piece.last))
            self._set_segments(connection, segments)
            table = tables.tape_blocks
            horizon = piece.last.number - _DEEPEST_BLOCKS
            connection.execute(delete(table).where(*self._mine(table), table.c.number < horizon))

    def cut(self, above_block: int, after_timestamp: int, segments: Sequence[Segment]) -> None:
        """Forget everything above a block; ``segments`` is what stays covered.

        Samples after its moment go in the same transaction: after a crash nothing would tell that they are of blocks
        which are gone.
        """
        samples = history_tables.samples
        with self._engine.begin() as connection:
            connection.execute(delete(samples).where(*self._mine(samples), samples.c.timestamp > after_timestamp))
            for table, column in _PLACED:
                connection.execute(delete(table).where(*self._mine(table), table.c[column] > above_block))
            self._set_segments(connection, segments)

    def forget_below(self, block: int, segments: Sequence[Segment]) -> None:
        """Forget everything below a block; ``segments`` is what stays covered."""
        with self._engine.begin() as connection:
            for table, column in _PLACED:
                connection.execute(delete(table).where(*self._mine(table), table.c[column] < block))
            self._set_segments(connection, segments)

    def swaps(self, after_timestamp: int, until_timestamp: int) -> list[PoolSwap]:
        """The swaps after one moment and up to another, in order; UNIX seconds."""
        return [PoolSwap(**row) for row in self._between(tables.swaps, after_timestamp, until_timestamp)]

    def marks(self, after_timestamp: int, until_timestamp: int) -> list[PoolMark]:
        """The rarer events after one moment and up to another, in order; UNIX seconds."""
        return [PoolMark(**row) for row in self._between(tables.tape_marks, after_timestamp, until_timestamp)]

    def last_swap(self, until_timestamp: int, from_block: int) -> PoolSwap | None:
        """The last swap at or before a moment, in no block below ``from_block``."""
        table = tables.swaps
        wanted = (
            select(*_own(table))
            .where(*self._mine(table), table.c.timestamp <= until_timestamp, table.c.block_number >= from_block)
            .order_by(table.c.timestamp.desc(), table.c.block_number.desc(), table.c.log_index.desc())
            .limit(1)
        )
        with self._engine.begin() as connection:
            rows = [_numbers(row._mapping) for row in connection.execute(wanted)]
        return PoolSwap(**rows[0]) if rows else None

    def _between(self, table: Table, after_timestamp: int, until_timestamp: int) -> list[dict[str, Any]]:
        wanted = (
            select(*_own(table))
            .where(*self._mine(table), table.c.timestamp > after_timestamp, table.c.timestamp <= until_timestamp)
            .order_by(table.c.block_number, table.c.log_index)
        )
        with self._engine.begin() as connection:
            return [_numbers(row._mapping) for row in connection.execute(wanted)]

    def _insert(self, connection: Connection, table: Table, items: Iterable[PoolSwap | PoolMark | TapeBlock]) -> None:
        rows = [self._key | {name: _text(name, value) for name, value in _values(item)} for item in items]
        if rows:
            connection.execute(insert_missing(connection, table), rows)

    def _set_segments(self, connection: Connection, segments: Sequence[Segment]) -> None:
        table = tables.tape_segments
        connection.execute(delete(table).where(*self._mine(table)))
        if segments:
            connection.execute(insert(table), [self._key | asdict(segment) for segment in segments])

    def _mine(self, table: Table) -> list[ColumnElement[bool]]:
        return [table.c.chain_id == self._key["chain_id"], table.c.pool == self._key["pool"]]


def _own(table: Table) -> list[Any]:
    """The columns besides the key of chain and pool."""
    return [column for column in table.c if column.name not in ("chain_id", "pool")]


def _values(item: PoolSwap | PoolMark | TapeBlock) -> Iterator[tuple[str, Any]]:
    """As ``asdict`` without its deep copies, which would take longer than the insert."""
    return ((field.name, getattr(item, field.name)) for field in fields(item))


def _text(name: str, value: Any) -> Any:
    return str(value) if name in _WIDE else value


def _numbers(row: Any) -> dict[str, Any]:
    return {name: int(value) if name in _WIDE else value for name, value in row.items()}

"""Columns in memory as tables of our own column names."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from keeper.world.tape.bars import BarColumns
from keeper.world.tape.events import EventBatch, EventKind

_RANGED: Final = (EventKind.MINT, EventKind.BURN, EventKind.COLLECT)


def event_table(batch: EventBatch) -> Any:
    """The events as an arrow table of our own columns (docs/data.md): nothing stands where a kind has no such field."""
    import pyarrow as pa

    from keeper.world.tape.limb_text import text_of

    kind = batch.kind
    swap, priced = kind == EventKind.SWAP, (kind == EventKind.SWAP) | (kind == EventKind.INITIALIZE)
    ranged, liquid = np.isin(kind, _RANGED), swap | (kind == EventKind.MINT) | (kind == EventKind.BURN)
    paid = kind != EventKind.INITIALIZE
    names = pa.array([each.name for each in EventKind], pa.string())
    owners = pa.array([*batch.owners, None], pa.string())
    places = np.where(batch.owner < 0, len(batch.owners), batch.owner)
    return pa.table(
        {
            "event": names.take(pa.array(kind.astype(np.int32))),
            "block_number": pa.array(batch.block_number),
            "timestamp": pa.array(batch.timestamp),
            "log_index": pa.array(batch.log_index),
            "amount0": text_of(batch.amount_0, paid, signed=True),
            "amount1": text_of(batch.amount_1, paid, signed=True),
            "sqrt_price_x96": text_of(batch.sqrt_price_x96, priced, signed=False),
            "liquidity": text_of(batch.liquidity, liquid, signed=False),
            "tick": _numbers(batch.tick, priced),
            "tick_lower": _numbers(batch.lower_tick, ranged),
            "tick_upper": _numbers(batch.upper_tick, ranged),
            "owner": owners.take(pa.array(places.astype(np.int32))),
        }
    )


def bar_table(columns: BarColumns) -> Any:
    """The bars as an arrow table of our own columns."""
    import pyarrow as pa

    from keeper.world.tape.limb_text import text_of

    every = np.ones(len(columns), dtype=np.bool_)
    return pa.table(
        {
            "timestamp": pa.array(columns.timestamp),
            "open_tick": _numbers(columns.open_tick, every),
            "close_tick": _numbers(columns.close_tick, every),
            "low_tick": _numbers(columns.low_tick, every),
            "high_tick": _numbers(columns.high_tick, every),
            "in0": text_of(columns.in_0, every, signed=True),
            "in1": text_of(columns.in_1, every, signed=True),
            "net0": text_of(columns.net_0, every, signed=True),
            "net1": text_of(columns.net_1, every, signed=True),
            "liquidity": text_of(columns.liquidity, every, signed=False),
        }
    )


def _numbers(values: NDArray[np.int32], valid: NDArray[np.bool_]) -> Any:
    """64 bits wide, as every tool expects its integers."""
    import pyarrow as pa

    return pa.array(values.astype(np.int64), mask=~valid)

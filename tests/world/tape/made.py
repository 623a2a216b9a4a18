"""Tapes made by the contract's own arithmetic, and files of them in every format."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from keeper.model.swap_step import compute_swap_step
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_at_tick, tick_at_sqrt_price
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent
from keeper.world.tape.writing_tables import event_table

OWNER = "0x" + "ab" * 20
START = 1_700_000_000


def honest_events(count: int = 60, *, seed: int = 1, fee_pips: int = 500) -> list[TapeEvent]:
    """Swaps within one wide range, mints and burns of it between: as a pool would have told them."""
    dice = random.Random(seed)
    price, liquidity = sqrt_price_at_tick(200_311) + 12_345, 10**19
    events = [TapeEvent(EventKind.INITIALIZE, 100, START, 0, sqrt_price_x96=price, tick=tick_at_sqrt_price(price)),
              _ranged(EventKind.MINT, 100, 1, liquidity)]  # fmt: skip
    for number in range(count):
        block, log = 101 + number // 2, number % 2 * 5 + 3
        place = {"block_number": block, "timestamp": START + 12 * (block - 100), "log_index": log}
        if number % 11 == 10:
            kind = EventKind.BURN if number % 2 else EventKind.MINT
            change = dice.randrange(10**15, 10**17)
            liquidity += change if kind == EventKind.MINT else -change
            events.append(replace(_ranged(kind, 0, 0, change), **place))
            continue
        zero_for_one = dice.random() < 0.5
        paid = dice.randrange(10**9, 10**10) if zero_for_one else dice.randrange(10**17, 10**18)
        limit = MIN_SQRT_PRICE_X96 + 1 if zero_for_one else MAX_SQRT_PRICE_X96 - 1
        step = compute_swap_step(price, limit, liquidity, paid, fee_pips)
        price = step.sqrt_next_x96
        amounts = (paid, -step.amount_out) if zero_for_one else (-step.amount_out, paid)
        events.append(
            TapeEvent(EventKind.SWAP, **place, amount_0=amounts[0], amount_1=amounts[1], sqrt_price_x96=price,
                      liquidity=liquidity, tick=tick_at_sqrt_price(price))
        )  # fmt: skip
    return events


def _ranged(kind: EventKind, block: int, log: int, liquidity: int) -> TapeEvent:
    return TapeEvent(
        kind, block, START, log, amount_0=5, amount_1=7, liquidity=liquidity, lower_tick=102_000, upper_tick=300_000,
        owner=OWNER,
    )  # fmt: skip


def own_file(events: Sequence[TapeEvent], path: Path) -> Path:
    """In our own columns."""
    parquet.write_table(event_table(EventBatch.of(events)), path)
    return path


def columns(events: Sequence[TapeEvent]) -> dict[str, list[Any]]:
    """The columns of our own format as lists, to be damaged."""
    return dict(event_table(EventBatch.of(events)).to_pydict())


def file_of(table: dict[str, list[Any]], path: Path) -> Path:
    """A parquet or CSV file of the lists."""
    if path.suffix == ".csv":
        names = list(table)
        rows = zip(*table.values(), strict=True)
        lines = [",".join("" if each is None else str(each) for each in row) for row in rows]
        path.write_text("\n".join([",".join(names), *lines]) + "\n")
    else:
        parquet.write_table(pa.table(table), path)
    return path


def as_event_log(events: Sequence[TapeEvent]) -> dict[str, list[Any]]:
    """The columns of the format "event log"."""
    own = columns(events)
    burn = [each == "BURN" for each in own["event"]]
    change = [None if event.kind not in (EventKind.MINT, EventKind.BURN) else str(-event.liquidity if sold else
              event.liquidity) for event, sold in zip(events, burn, strict=True)]  # fmt: skip
    own["liquidity"] = [str(event.liquidity) if event.kind == EventKind.SWAP else None for event in events]
    own["liquidity_delta"] = change
    stamps = own.pop("timestamp")
    own["block_timestamp"] = [datetime.fromtimestamp(stamp, UTC) for stamp in stamps]
    return own


def as_tick_file(events: Sequence[TapeEvent]) -> dict[str, list[Any]]:
    """The columns of the format "tick file", with its ticks as "7.0"."""
    own = columns(events)
    stamps = [datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%d %H:%M:%S") for stamp in own["timestamp"]]
    return {
        "block_number": own["block_number"], "block_timestamp": stamps, "tx_type": own["event"],
        "pool_log_index": own["log_index"], "sender": own["owner"], "amount0": own["amount0"],
        "amount1": own["amount1"],
        "total_liquidity": [str(e.liquidity) if e.kind == EventKind.SWAP else "17" for e in events],
        "sqrtPriceX96": own["sqrt_price_x96"], "current_tick": _pointed(own["tick"]),
        "tick_lower": _pointed(own["tick_lower"]), "tick_upper": _pointed(own["tick_upper"]),
        "liquidity": [str(e.liquidity) if e.kind in (EventKind.MINT, EventKind.BURN) else None for e in events],
    }  # fmt: skip


def _pointed(values: list[Any]) -> list[Any]:
    return [None if value is None else f"{value}.0" for value in values]


def events_in(tape: Any) -> list[TapeEvent]:
    """Every event of a tape."""
    return [batch.event(at) for batch in tape.batches() for at in range(len(batch))]

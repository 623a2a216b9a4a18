"""Tapes made in memory, and bars made of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from keeper.model.observation import PoolState
from keeper.model.price import Token
from keeper.world.tape.bars import BarColumns
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent, limbs
from keeper.world.tape.opening import open_tape
from keeper.world.tape.tape import BarTape, Defect, EventTape, Opening, Span, TapePool
from keeper.world.v3.identity import PoolIdentity
from tests.shared_data import shared_file

POOL = PoolIdentity("0x" + "11" * 20, Token("0x" + "22" * 20, "USDC", 6), Token("0x" + "33" * 20, "WETH", 18), 500, 10)
START = 1_700_000_000 // 3_600 * 3_600

Bar = tuple[int, int, int, int, int, int, int, int, int, int]
"""timestamp, open, close, low, high tick, in_0, in_1, net_0, net_1, liquidity."""


@dataclass(frozen=True, slots=True)
class MadeBars:
    columns: BarColumns
    span: Span
    digest: str = "ab" * 32
    step_seconds: int = 60
    path: Path = Path("made")
    pool: TapePool = field(default_factory=TapePool)
    defects: tuple[Defect, ...] = ()
    kind: Literal["bars"] = "bars"


@dataclass(frozen=True, slots=True)
class MadeEvents:
    events: tuple[TapeEvent, ...]
    span: Span
    opening: Opening | None = None
    digest: str = "cd" * 32
    path: Path = Path("made")
    pool: TapePool = field(default_factory=TapePool)
    defects: tuple[Defect, ...] = ()
    kind: Literal["events"] = "events"

    def batches(
        self, *, from_timestamp: int | None = None, to_timestamp: int | None = None, size: int = 65_536
    ) -> Iterator[EventBatch]:
        assert from_timestamp is None and to_timestamp is None
        for start in range(0, len(self.events), size):
            yield EventBatch.of(self.events[start : start + size])


def bar_tape(bars: Sequence[Bar]) -> BarTape:
    columns = list(zip(*bars, strict=True))
    opened, closed, low, high = (np.array(column, dtype=np.int32) for column in columns[1:5])
    in_0, in_1, net_0, net_1 = (limbs(column, 4) for column in columns[5:9])
    timestamps = np.array(columns[0], dtype=np.int64)
    span = Span(0, 0, bars[0][0], bars[-1][0] + 60)
    liquidity = limbs(columns[9], 2)
    return MadeBars(BarColumns(timestamps, opened, closed, low, high, in_0, in_1, net_0, net_1, liquidity), span)


def event_tape(events: Sequence[TapeEvent]) -> EventTape:
    first, last = events[0], events[-1]
    span = Span(first.block_number, last.block_number, first.timestamp, last.timestamp)
    return MadeEvents(tuple(events), span)


def minute_bars(events: Sequence[TapeEvent]) -> list[Bar]:
    """What a maker of minute bars would have made of the swaps."""
    swaps = [event for event in events if event.kind is EventKind.SWAP]
    tick, liquidity, bars, at = swaps[0].tick, swaps[0].liquidity, list[Bar](), 0
    for minute in range(swaps[0].timestamp // 60 * 60, swaps[-1].timestamp + 1, 60):
        stop = at
        while stop < len(swaps) and swaps[stop].timestamp < minute + 60:
            stop += 1
        within = swaps[at:stop]
        ticks = [each.tick for each in within] or [tick]
        tick, liquidity = ticks[-1], within[-1].liquidity if within else liquidity
        paid = [sum(max(amount, 0) for amount in side) for side in _sides(within)]
        net = [sum(side) for side in _sides(within)]
        bars.append((minute, ticks[0], tick, min(ticks), max(ticks), paid[0], paid[1], net[0], net[1], liquidity))
        at = stop
    return bars


def _sides(swaps: Sequence[TapeEvent]) -> tuple[list[int], list[int]]:
    return [each.amount_0 for each in swaps], [each.amount_1 for each in swaps]


def real_events(name: str) -> list[TapeEvent]:
    tape = open_tape(shared_file(f"events/{name}.parquet"))
    assert tape.kind == "events"
    return [batch.event(index) for batch in tape.batches() for index in range(len(batch))]


def growth(state: PoolState) -> tuple[int, int]:
    return state.fee_growth_global_0_x128, state.fee_growth_global_1_x128

"""A tape: the recorded past of one pool, opened from files and checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from keeper.model.observation import TickState
from keeper.model.price import Token
from keeper.world.tape.bars import BarColumns
from keeper.world.tape.events import EventBatch


@dataclass(frozen=True, slots=True)
class TapePool:
    """What is known of the pool that a tape is of; None: the files do not say. Addresses are checksummed."""

    chain_id: int | None = None
    address: str | None = None
    token0: Token | None = None
    token1: Token | None = None
    fee_pips: int | None = None
    tick_spacing: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The blocks and moments (UNIX seconds) that a tape covers, both ends included. Bars have no blocks: zeros."""

    from_block: int
    to_block: int
    from_timestamp: int
    to_timestamp: int


@dataclass(frozen=True, slots=True)
class Defect:
    """Something that a reader of figures made from the tape must know: a hole in it, say. ``rows`` counts from 1."""

    code: str
    sentence: str
    rows: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """The whole pool at the end of the block before the tape's first one, units as in ``PoolState``; ``ticks`` are all
    that are initialized, ascending. A pool that had no price yet has ``sqrt_price_x96`` 0 and nothing in it."""

    block_number: int
    timestamp: int
    sqrt_price_x96: int
    tick: int
    liquidity: int
    fee_growth_global_0_x128: int
    fee_growth_global_1_x128: int
    fee_protocol: int
    ticks: tuple[TickState, ...]


class EventTape(Protocol):
    """Single events. ``digest``: SHA-256 (hex) of what was recorded, the same whatever files it lies in. ``opening``:
    None where nobody read the pool's state before the first event."""

    @property
    def kind(self) -> Literal["events"]: ...

    @property
    def path(self) -> Path: ...

    @property
    def pool(self) -> TapePool: ...

    @property
    def span(self) -> Span: ...

    @property
    def defects(self) -> tuple[Defect, ...]: ...

    @property
    def digest(self) -> str: ...

    @property
    def opening(self) -> Opening | None: ...

    def batches(
        self, *, from_timestamp: int | None = None, to_timestamp: int | None = None, size: int = 65_536
    ) -> Iterator[EventBatch]:
        """The events in order, at most ``size`` at a time: never the whole tape in memory. Both ends included."""
        ...


class BarTape(Protocol):
    """Bars of ``step_seconds``. ``defects`` names steps that are missing."""

    @property
    def kind(self) -> Literal["bars"]: ...

    @property
    def path(self) -> Path: ...

    @property
    def pool(self) -> TapePool: ...

    @property
    def span(self) -> Span: ...

    @property
    def defects(self) -> tuple[Defect, ...]: ...

    @property
    def digest(self) -> str: ...

    @property
    def step_seconds(self) -> int: ...

    @property
    def columns(self) -> BarColumns: ...


Tape = EventTape | BarTape

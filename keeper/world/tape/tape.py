"""A tape: the recorded past of one pool, opened from files and checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

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


class EventTape(Protocol):
    """Single events. ``digest``: SHA-256 (hex) of what was recorded, the same whatever files it lies in."""

    kind: Literal["events"]
    path: Path
    pool: TapePool
    span: Span
    defects: tuple[Defect, ...]
    digest: str

    def batches(
        self, *, from_timestamp: int | None = None, to_timestamp: int | None = None, size: int = 65_536
    ) -> Iterator[EventBatch]:
        """The events in order, at most ``size`` at a time: never the whole tape in memory. Both ends included."""
        ...


class BarTape(Protocol):
    """Bars of ``step_seconds``. ``defects`` names steps that are missing."""

    kind: Literal["bars"]
    path: Path
    pool: TapePool
    span: Span
    defects: tuple[Defect, ...]
    digest: str
    step_seconds: int
    columns: BarColumns


Tape = EventTape | BarTape

"""A tape as it was known at an earlier moment: what came later is not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from keeper.errors import ConfigError
from keeper.world.tape.bars import BarColumns
from keeper.world.tape.events import EventBatch
from keeper.world.tape.tape import Defect, EventTape, Opening, Span, Tape, TapePool


@dataclass(frozen=True, slots=True)
class CutEvents:
    """Implements ``EventTape``. It bears the digest of the whole, of which it is a part.

    ``whole`` is for what stood on the chain before the tape began, the opening tick book, which swaps tell of later.
    """

    whole: EventTape
    until_timestamp: int
    path: Path
    pool: TapePool
    span: Span
    defects: tuple[Defect, ...]
    digest: str
    kind: Literal["events"] = "events"

    @property
    def opening(self) -> Opening | None:
        """The pool before the tape began."""
        return self.whole.opening

    def batches(
        self, *, from_timestamp: int | None = None, to_timestamp: int | None = None, size: int = 65_536
    ) -> Iterator[EventBatch]:
        end = self.until_timestamp if to_timestamp is None else min(to_timestamp, self.until_timestamp)
        return self.whole.batches(from_timestamp=from_timestamp, to_timestamp=end, size=size)


@dataclass(frozen=True, slots=True)
class CutBars:
    """Implements ``BarTape``, likewise."""

    path: Path
    pool: TapePool
    span: Span
    defects: tuple[Defect, ...]
    digest: str
    step_seconds: int
    columns: BarColumns
    kind: Literal["bars"] = "bars"


def cut_after(tape: Tape, until_timestamp: int) -> Tape:
    """The tape up to the moment (UNIX seconds), which is included; a bar is there when it is over by then.

    Raises:
        ConfigError: nothing is left of it.
    """
    if until_timestamp < tape.span.from_timestamp:
        raise ConfigError("the tape begins after the moment that it is to be cut at", path=str(tape.path))
    if tape.kind == "events":
        last_block, last_timestamp = 0, until_timestamp
        for batch in tape.batches(to_timestamp=until_timestamp):
            last_block, last_timestamp = int(batch.block_number[-1]), int(batch.timestamp[-1])
        # It ends with its last block: which blocks came between that and the moment, only the rest could tell.
        span = replace(tape.span, to_block=last_block, to_timestamp=last_timestamp)
        return CutEvents(tape, until_timestamp, tape.path, tape.pool, span, tape.defects, tape.digest)
    count = int(np.searchsorted(tape.columns.timestamp + tape.step_seconds, until_timestamp, side="right"))
    if not count:
        raise ConfigError("no bar is over by the moment that it is to be cut at", path=str(tape.path))
    columns = BarColumns(*(getattr(tape.columns, name)[:count].copy() for name in BarColumns.__dataclass_fields__))
    span = replace(tape.span, to_timestamp=until_timestamp)
    return CutBars(tape.path, tape.pool, span, tape.defects, tape.digest, tape.step_seconds, columns)

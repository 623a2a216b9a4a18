"""A pool's tape, kept in step with the chain: forward to every observed block, backward as far as history is wanted.

Each piece that is read must fit the hashes of what is there: its last block is the one expected, its first block's
parent the highest covered. Where they do not fit, the chain was reorganised: the tape goes back to the newest block
that the chain still has, and reads on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from keeper import telemetry
from keeper.errors import TransientError
from keeper.model.observation import Block
from keeper.world.feeds.swap_logs import OldLogsRefusedError, SwapLogs
from keeper.world.feeds.swaps import Segment, TapeBlock, TapePiece, TapeStore

BUDGET_SECONDS: Final = 4.0
REFUSED_SECONDS: Final = 3_600.0
_DAY_SECONDS: Final = 86_400
_LAG_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of the tape at an observation.

    ``segment`` ends at the observed block; None where the tape could not be brought up to it. ``has_more_past``:
    something was added below, or replaced. ``rewound_to`` is the time of the block that a reorganisation took the tape
    back to, UNIX seconds. ``fresh_from``: events from this moment on are new. ``missing`` says what of the wanted past
    cannot be had.
    """

    segment: Segment | None
    has_more_past: bool
    rewound_to: int | None = None
    fresh_from: int | None = None
    missing: str | None = None


class PoolTape:
    """Follows one pool. ``days`` of the past are wanted; without ``backfill`` only what happens from now on is read.

    One observation spends at most about ``budget_seconds`` on the past (one piece is always read) and goes on at the
    next; where the node refuses logs of long ago, it is asked again an hour later.
    """

    def __init__(
        self,
        store: TapeStore,
        logs: SwapLogs,
        *,
        days: int,
        backfill: bool = True,
        budget_seconds: float = BUDGET_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self._logs = logs
        self._days = days
        self._backfill = backfill
        self._budget_seconds = budget_seconds
        self._clock = clock
        self._segments: list[Segment] | None = None
        self._refusal: tuple[str, float] | None = None
        self._rewound_to: int | None = None
        self._fresh_from: int | None = None
        self._has_more_past = False

    def follow(self, block: Block) -> Followed:
        """Bring the tape up to the block and further into the past. Never raises for what a node does."""
        self._rewound_to = self._fresh_from = None
        self._has_more_past = False
        missing = None
        try:
            if self._segments is None:
                self._segments = self.store.segments()
            self._rewind_if_replaced(block)
            self._read(block, self._clock() + self._budget_seconds)
        except TransientError as error:
            missing = f"the pool's events could not be read: {error}"
        top = self._top()
        current = top is not None and (top.to_block, top.to_hash) == (block.number, block.hash.lower())
        if missing is None and self._refusal is not None:
            missing = f"the node gives no logs of longer ago: {self._refusal[0]}"
        return Followed(top if current else None, self._has_more_past, self._rewound_to, self._fresh_from, missing)

    def _top(self) -> Segment | None:
        return self._segments[-1] if self._segments else None

    def _read(self, block: Block, deadline: float) -> None:
        wanted_from = block.timestamp - (self._days * _DAY_SECONDS + 2 * 3_600)
        while True:
            top = self._top()
            if top is None or top.to_block < block.number:
                self._read_up_to(block, top, deadline)
            elif not self._wants_more(top, wanted_from) or not self._read_below(top, deadline):
                return
            if self._clock() >= deadline:
                return

    def _wants_more(self, top: Segment, wanted_from: int) -> bool:
        done = top.is_whole or top.from_block == 0 or top.from_timestamp <= wanted_from
        if done:
            self._refusal = None
        waits = self._refusal is not None and self._clock() < self._refusal[1]
        return self._backfill and not done and not waits

    def _read_up_to(self, block: Block, top: Segment | None, deadline: float) -> None:
        lowest = top.to_block + 1 if top is not None else 0 if self._backfill else block.number
        piece = self._logs.read_down_from(block.number, lowest, deadline)
        _require_hash(piece.last, block.hash.lower())
        segment = _segment_of(piece)
        segments = list(self._segments or ())
        if top is not None and piece.first.number == top.to_block + 1:
            if piece.first_parent_hash != top.to_hash:
                self._rewind(top.to_block)
                return
            segment = replace(
                segment, from_block=top.from_block, from_timestamp=top.from_timestamp,
                from_parent_hash=top.from_parent_hash, is_whole=top.is_whole or segment.is_whole,
            )  # fmt: skip
            segments.pop()
        self._fresh_from = piece.first.timestamp
        self._has_more_past |= piece.first.number != lowest or top is None  # a part of its own
        self._keep(piece, [*segments, segment])

    def _read_below(self, top: Segment, deadline: float) -> bool:
        """One piece further into the past; False where the node refuses."""
        segments = list(self._segments or ())
        below = segments[-2] if len(segments) > 1 else None
        lowest = below.to_block + 1 if below is not None else 0
        try:
            piece = self._logs.read_down_from(top.from_block - 1, lowest, deadline)
        except OldLogsRefusedError as error:
            self._refusal = str(error), self._clock() + REFUSED_SECONDS
            return False
        _require_hash(piece.last, top.from_parent_hash)
        segment = replace(
            top, from_block=piece.first.number, from_timestamp=piece.first.timestamp,
            from_parent_hash=piece.first_parent_hash, is_whole=piece.has_birth,
        )  # fmt: skip
        if below is not None and piece.first.number == below.to_block + 1:
            if piece.first_parent_hash != below.to_hash:
                self._rewind_below(below)
                return True
            segment = replace(
                segment, from_block=below.from_block, from_timestamp=below.from_timestamp,
                from_parent_hash=below.from_parent_hash, is_whole=below.is_whole or segment.is_whole,
            )  # fmt: skip
            segments.pop(-2)
        self._keep(piece, [*segments[:-1], segment])
        self._has_more_past = True
        telemetry.tape_extended(segment.from_block, segment.from_timestamp, len(piece.swaps))
        return True

    def _keep(self, piece: TapePiece, segments: list[Segment]) -> None:
        self.store.write(piece, segments)
        self._segments = segments

    def _rewind_if_replaced(self, block: Block) -> None:
        top = self._top()
        if top is None or top.to_block < block.number:
            return  # the next piece shows whether it still fits
        lowest = (self._segments or [top])[0]
        if block.number < lowest.from_block and lowest.from_timestamp - block.timestamp <= _LAG_SECONDS:
            # A node that lags is no reorganisation, and of one the tape could not tell so early.
            raise TransientError(f"the newest block went back to {block.number}, before the first on the tape")
        if (top.to_block, top.to_hash) != (block.number, block.hash.lower()):
            self._rewind(block.number)

    def _rewind(self, from_block: int) -> None:
        """Back to the newest block at or below ``from_block`` that tape and chain both have; all above is forgotten."""
        common, top = self._common_block(from_block), self._top()
        if common is not None and top is not None and common.number == top.to_block:
            raise TransientError(f"block {common.number} was replaced, and put back, while it was being read")
        kept: list[Segment] = []
        for segment in self._segments or ():
            if common is None or segment.from_block > common.number:
                continue
            if segment.to_block > common.number:
                ends = {"to_block": common.number, "to_timestamp": common.timestamp, "to_hash": common.hash}
                segment = replace(segment, **ends)  # type: ignore[arg-type]
            kept.append(segment)
        above = -1 if common is None else common.number
        moment = -1 if common is None else common.timestamp
        self.store.cut(above, moment, kept)
        self._segments = kept
        self._has_more_past = True
        self._rewound_to = moment if self._rewound_to is None else min(self._rewound_to, moment)
        telemetry.tape_rewound(above, from_block)

    def _rewind_below(self, below: Segment) -> None:
        """An older part turns out to belong to a chain that is gone: forget it whole, and read it again."""
        kept = [segment for segment in self._segments or () if segment.from_block > below.to_block]
        self.store.forget_below(kept[0].from_block if kept else below.to_block + 1, kept)
        self._segments = kept
        self._has_more_past = True

    def _common_block(self, from_block: int) -> TapeBlock | None:
        """By halves: below the newest common block every block is common."""
        while remembered := self.store.checkpoints(from_block):
            if self._is_there(remembered[-1]):
                newest, oldest = 0, len(remembered) - 1
                while newest < oldest:
                    middle = (newest + oldest) // 2
                    newest, oldest = (newest, middle) if self._is_there(remembered[middle]) else (middle + 1, oldest)
                return remembered[oldest]
            from_block = remembered[-1].number - 1
        return None

    def _is_there(self, block: TapeBlock) -> bool:
        (found,) = self._logs.headers([block.number])
        return found.hash == block.hash


def _segment_of(piece: TapePiece) -> Segment:
    first, last = piece.first, piece.last
    return Segment(
        first.number, first.timestamp, piece.first_parent_hash, last.number, last.timestamp, last.hash, piece.has_birth
    )


def _require_hash(block: TapeBlock, wanted_hash: str) -> None:
    if block.hash != wanted_hash:
        raise TransientError(f"block {block.number} was replaced while its events were being read")

"""Joining a pool's tape to its hourly grid: samples with bars and fee growth for every hour that the tape covers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from keeper.model.observation import Block, PoolState, Sample
from keeper.world.feeds.hours import Past, hourly_samples
from keeper.world.feeds.pool_events import Followed, PoolTape
from keeper.world.feeds.swaps import Segment
from keeper.world.history import HOUR_SECONDS, HourlyGrid

BUDGET_SECONDS = 2.0
_MOST_HOURS = 48  # at once: what a busy pool does in that time fits into memory many times over


class TapedHistory:
    """Completes the hours of a grid from the tape. Samples that are exact already keep their figures and get a bar.

    One observation spends at most about ``budget_seconds`` on it (a list is always made) and goes on at the next.
    """

    def __init__(
        self,
        tape: PoolTape,
        *,
        budget_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tape = tape
        self._budget_seconds = BUDGET_SECONDS if budget_seconds is None else budget_seconds
        self._clock = clock
        self._looked_at: int | None = None

    def follow(self, block: Block) -> Followed:
        """As ``PoolTape.follow``."""
        return self._tape.follow(block)

    def complete(self, grid: HourlyGrid, followed: Followed, block: Block, pool: PoolState) -> Iterator[list[Sample]]:
        """Samples of hours that can be completed now, newest first, a list at a time; the caller adds them to the grid
        before asking for the next."""
        last_hour = block.timestamp // HOUR_SECONDS * HOUR_SECONDS
        news = followed.has_more_past or last_hour != self._looked_at or followed.fresh_from == last_hour
        if followed.segment is None or not news:
            return
        self._looked_at = last_hour
        deadline = self._clock() + self._budget_seconds
        wanted = [
            hour
            for hour in reversed(grid.full_hours(block.timestamp))
            if followed.segment.covers(hour - HOUR_SECONDS, hour) and _is_wanted(grid.at(hour), hour, followed)
        ]
        head = Sample(
            block.timestamp, pool.sqrt_price_x96, pool.fee_growth_global_0_x128, pool.fee_growth_global_1_x128
        )
        while wanted:
            run = [wanted.pop(0)]
            while wanted and wanted[0] == run[-1] - HOUR_SECONDS and len(run) < _MOST_HOURS:
                run.append(wanted.pop(0))
            made = hourly_samples(self._past(grid, run, head, pool, followed.segment), run, pool)
            if not made:
                return  # no price is known so early, nor any earlier
            yield [_merged(sample, grid.at(sample.timestamp)) for sample in made]
            if wanted and self._clock() >= deadline:
                self._looked_at = None  # the rest is looked for again
                return

    def _past(self, grid: HourlyGrid, run: list[int], head: Sample, pool: PoolState, segment: Segment) -> Past:
        """What the tape knows of the hours of ``run`` (newest first) and of the time up to the nearest known sample."""
        store = self._tape.store
        above = grid.at(run[0] + HOUR_SECONDS)
        usable = above is not None and (above.fee_growth_global_0_x128 is not None or above.bar is not None)
        anchor = above if usable and above is not None else head
        start = run[-1] - HOUR_SECONDS
        changed = [mark for mark in store.marks(anchor.timestamp, head.timestamp) if mark.kind == "fee_protocol"]
        return Past(
            anchor,
            start,
            self._start(start, segment),
            store.swaps(start, anchor.timestamp),
            store.marks(start, anchor.timestamp),
            changed[0].value_0 if changed else pool.fee_protocol,
        )

    def _start(self, moment: int, segment: Segment) -> tuple[int, int, int | None] | None:
        """Sqrt price, tick and liquidity as the last swap before left them, or the pool's birth."""
        last = self._tape.store.last_swap(moment, segment.from_block)
        if last is not None:
            return last.sqrt_price_x96, last.tick, last.liquidity
        births = self._tape.store.marks(0, moment) if segment.is_whole else []
        return next(((mark.value_0, mark.value_1, 0) for mark in births if mark.kind == "initialize"), None)


def _is_wanted(sample: Sample | None, hour: int, followed: Followed) -> bool:
    """An hour without its bar, or one whose last moment has got more events since."""
    return sample is None or sample.bar is None or hour == followed.fresh_from


def _merged(sample: Sample, known: Sample | None) -> Sample:
    """What was read from the chain at that very moment counts more than what was worked out for it."""
    if known is None or known.fee_growth_global_0_x128 is None or known.bar is not None:
        return sample
    if known.timestamp == sample.timestamp or sample.fee_growth_global_0_x128 is None:
        return replace(known, bar=sample.bar)
    return sample

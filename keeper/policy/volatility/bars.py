"""From a pool's samples to bars of whole hours: closing returns, and highs and lows where the tape has them."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from keeper.model.observation import Sample
from keeper.policy.volatility.past import Past
from keeper.policy.volatility.range_based import Bars

_LOG_TICK = math.log(1.0001)
_LOG_Q96 = 96 * math.log(2)
_MOST_ROWS = 4_096

_Pair = tuple[Sample, Sample]


@dataclass(frozen=True, slots=True)
class BarReturns:
    """Log returns of whole bars, and the timestamp that each bar ends at. Over k bars (a hole) a return is r/√k."""

    ends: tuple[int, ...]
    returns: tuple[float, ...]

    def between(self, after: int, until: int) -> tuple[float, ...]:
        return self.returns[bisect_right(self.ends, after) : bisect_right(self.ends, until)]


@lru_cache(maxsize=8)
def bar_returns(past: Past, bar_seconds: int) -> BarReturns:
    """Returns from close to close; a bar that has not ended yet stays out."""
    # Each bar is summed for itself: a sum from the start of the history would differ in its last bits as that moves.
    step = past.sample_seconds
    moments = np.array((past.samples[0].timestamp, *past.ends), dtype=np.int64)
    numbers, places = np.unique(-(-(-(-moments // step) * step) // bar_seconds), return_inverse=True)
    changes = np.bincount(places, weights=(0.0, *past.returns))  # adds in the order of time
    last = past.grid(past.samples[-1].timestamp) // bar_seconds
    ended = int(np.searchsorted(numbers, last, side="right"))
    numbers, changes = numbers[:ended], changes[:ended]
    returns = changes[1:] / np.sqrt(np.diff(numbers))
    return BarReturns(tuple((numbers[1:] * bar_seconds).tolist()), tuple(returns.tolist()))


@lru_cache(maxsize=8)
def newest_bars(past: Past, bar_seconds: int, most: int) -> tuple[Bars, int] | None:
    """The newest whole bars without a hole, at most so many, and when the last of them ended; None without any.

    A bar is whole when every step of the grid in it tells of its swaps.
    """
    steps = bar_seconds // past.sample_seconds
    if steps == 1:
        return _newest_steps(past, most)
    groups: list[list[tuple[Sample, Sample]]] = []
    number: int | None = None
    for place in range(len(past.samples) - 1, 0, -1):
        before, sample = past.samples[place - 1], past.samples[place]
        follows = past.grid(sample.timestamp) - past.grid(before.timestamp) == past.sample_seconds
        if sample.bar is None or not follows:
            if groups:
                break
            continue
        at = -(-past.grid(sample.timestamp) // bar_seconds)
        if at != number:
            if number is not None and at != number - 1:
                break
            if len(groups) >= most + 2:
                break
            groups.append([])
            number = at
        groups[-1].append((before, sample))
    # The newest may not have ended, the oldest may not have been seen from its beginning; any other is whole.
    whole = [group[::-1] for group in groups if len(group) == steps][:most][::-1]
    if not whole:
        return None
    rows = np.array([_ROWS.of(group) for group in whole])
    bars = Bars(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3])
    return bars, past.grid(whole[-1][-1][1].timestamp)


def _newest_steps(past: Past, most: int) -> tuple[Bars, int] | None:
    """``newest_bars`` where each step of the grid is a bar."""
    samples, step, rows = past.samples, past.sample_seconds, list[tuple[float, float, float, float]]()
    end = 0
    for place in range(len(samples) - 1, 0, -1):
        before, sample = samples[place - 1], samples[place]
        here = -(-sample.timestamp // step)
        if sample.bar is None or here + (-before.timestamp // step) != 1:
            if rows:
                break
            continue
        end = end or here * step
        rows.append(_ROWS.of([(before, sample)]))
        if len(rows) == most:
            break
    if not rows:
        return None
    columns = np.array(rows[::-1])
    return Bars(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3]), end


def _row(group: list[tuple[Sample, Sample]]) -> tuple[float, float, float, float]:
    opened, closed = _log_price(group[0][0]), _log_price(group[-1][1])
    bars = [sample.bar for _, sample in group if sample.bar is not None]
    high_tick, low_tick = max(bar.high_tick for bar in bars), min(bar.low_tick for bar in bars)
    top, bottom = max(opened, closed), min(opened, closed)
    # A tick is a price rounded down, by half a tick on average. In the tick of the open or close these are what is
    # known: a pool that stands still within a tick has no range.
    high = top if high_tick <= math.floor(top / _LOG_TICK) else max(top, (high_tick + 0.5) * _LOG_TICK)
    low = bottom if low_tick >= math.floor(bottom / _LOG_TICK) else min(bottom, (low_tick + 0.5) * _LOG_TICK)
    return opened, high, low, closed


class _Rows:
    """Rows of bars that were worked out lately: an hour later all but one are the same."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, int], tuple[list[_Pair], tuple[float, float, float, float]]] = {}

    def of(self, group: list[_Pair]) -> tuple[float, float, float, float]:
        # The numbers of objects that are kept alive here stay theirs.
        key = id(group[0][0]), id(group[-1][1]), len(group)
        kept = self._kept.get(key)
        if kept is not None and all(map(_is_same, kept[0], group)):
            return kept[1]
        if len(self._kept) >= _MOST_ROWS:
            self._kept = {}
        row = _row(group)
        self._kept[key] = group, row
        return row


def _is_same(one: _Pair, other: _Pair) -> bool:
    return one[0] is other[0] and one[1] is other[1]


_ROWS = _Rows()


def _log_price(sample: Sample) -> float:
    return 2 * (math.log(sample.sqrt_price_x96) - _LOG_Q96)

"""What neighbouring samples say of each other, worked out once: histories an hour apart share all but one of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Generic, TypeVar

from keeper.model.observation import Sample

T = TypeVar("T")

MOST_KEPT = 8


class Neighbours(Generic[T]):
    """``of(before, after)`` for each pair of neighbours. The values for the last few histories are kept, and taken
    again for the samples that a new one has in common with them: what comes out is the same to the last bit."""

    __slots__ = ("_kept", "_of")

    def __init__(self, of: Callable[[Sample, Sample], T]) -> None:
        self._of = of
        self._kept: list[tuple[tuple[Sample, ...], tuple[T, ...]]] = []

    def values(self, samples: tuple[Sample, ...]) -> tuple[T, ...]:
        """One less than there are samples."""
        known: tuple[T, ...] = ()
        for kept in self._kept:
            start, count = shared(kept[0], samples)
            if count > 1:
                known = kept[1][start : start + count - 1]
                break
        of = self._of
        found = (*known, *[of(samples[at], samples[at + 1]) for at in range(len(known), len(samples) - 1)])
        self._kept = [(samples, found), *(each for each in self._kept if each[0] is not samples)][:MOST_KEPT]
        return found


def shared(kept: tuple[Sample, ...], samples: tuple[Sample, ...]) -> tuple[int, int]:
    """Where the first of the samples stands in ``kept``, and how many from there on are the same. Nothing for less than
    all that both could share."""
    if not samples or not kept:
        return 0, 0
    start = bisect_left(kept, samples[0].timestamp, key=_timestamp)
    length = min(len(kept) - start, len(samples))
    if length <= 1 or kept[start] is not samples[0]:
        return 0, 0
    # Of tuples that hold the same objects the comparison never looks into them.
    return (start, length) if kept[start : start + length] == samples[:length] else (0, 0)


def _timestamp(sample: Sample) -> int:
    return sample.timestamp

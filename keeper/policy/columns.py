"""``rolling`` for numbers: what neighbouring samples say of each other, as the rows of an array."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from keeper.model.observation import Sample
from keeper.policy.rolling import MOST_KEPT, shared

_NO_ROW: NDArray[np.float64] = np.empty((0, 3))


class Columns:
    """As ``Neighbours``, of three numbers each, as the rows of an array that nobody may change: timestamps and seconds
    are whole numbers that a float holds exactly."""

    __slots__ = ("_kept", "_of")

    def __init__(self, of: Callable[[Sample, Sample], tuple[float, float, float]]) -> None:
        self._of = of
        self._kept: list[tuple[tuple[Sample, ...], NDArray[np.float64]]] = []

    def rows(self, samples: tuple[Sample, ...]) -> NDArray[np.float64]:
        """One row less than there are samples."""
        known = _NO_ROW
        for kept in self._kept:
            start, count = shared(kept[0], samples)
            if count > 1:
                known = kept[1][start : start + count - 1]
                break
        new = [self._of(samples[at], samples[at + 1]) for at in range(len(known), len(samples) - 1)]
        found = np.concatenate((known, np.array(new))) if new else known
        found.flags.writeable = False
        self._kept = [(samples, found), *(each for each in self._kept if each[0] is not samples)][:MOST_KEPT]
        return found

"""Integers that have gone through floating point: a double keeps 53 binary digits, so the rest of them are zeros."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.errors import ConfigError
from keeper.world.tape.events import EventBatch, EventKind, unsigned

_DOUBLE_BITS: Final = 53
# Below, an honest integer may well end in so many zeros: people choose round amounts, and doubles on their web pages.
_LARGE_BITS: Final = 60
_RUN: Final = 8
_FEW: Final = 20


class FloatDamageCheck:
    """Fed with the events in order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._prices = self._short_prices = 0
        self._run, self._run_began = 0, 0
        self._paid_out = {"amount0": [0, 0], "amount1": [0, 0]}
        self._liquidities: dict[bytes, bool] = {}

    def add(self, batch: EventBatch, first_row: int) -> None:
        """ConfigError: a run of prices that have only the digits of a double."""
        swaps = np.flatnonzero(batch.kind == EventKind.SWAP)
        if not len(swaps):
            return
        prices = batch.sqrt_price_x96[swaps]
        large, short = _look(prices, prices)
        self._prices += int(large.sum())
        self._short_prices += int(short.sum())
        self._longest_run(first_row + swaps, short)
        for name, amounts in (("amount0", batch.amount_0[swaps]), ("amount1", batch.amount_1[swaps])):
            paid_out = amounts[(amounts[:, 3] >> np.uint64(63)) == 1]
            # The complement is one less than the amount: as long, though not with the same zeros at its end.
            large, short = _look(paid_out, ~paid_out)
            self._paid_out[name][0] += int(large.sum())
            self._paid_out[name][1] += int(short.sum())
        if len(self._liquidities) < _FEW:
            liquidity = batch.liquidity[swaps]
            large, short = _look(liquidity, liquidity)
            for row in np.flatnonzero(large)[:2_000]:
                self._liquidities[liquidity[row].tobytes()] = bool(short[row])

    def finish(self) -> None:
        """ConfigError: all that should have more digits than a double has none."""
        if self._short_prices == self._prices >= 3:
            raise self._damaged("sqrt_price_x96")
        for name, (large, short) in self._paid_out.items():
            if large == short >= _FEW:
                raise self._damaged(name)
        if len(self._liquidities) >= _FEW and all(self._liquidities.values()):
            raise self._damaged("liquidity")

    def _longest_run(self, rows: NDArray[np.intp], short: NDArray[np.bool_]) -> None:
        """Of short prices, one after the other: part of the file may be damaged and the rest whole."""
        for at in np.flatnonzero(short):
            follows = at > 0 and bool(short[at - 1]) if at else self._run > 0
            if not follows:
                self._run, self._run_began = 0, int(rows[at])
            self._run += 1
            if self._run >= _RUN:
                raise self._damaged("sqrt_price_x96", f"from row {self._run_began + 1} on, ")
        if len(short) and not short[-1]:
            self._run = 0

    def _damaged(self, name: str, where: str = "") -> ConfigError:
        return ConfigError(
            f"{where}{name} has gone through floating point: no value has more than {_DOUBLE_BITS} significant bits, "
            "the rest of the digits is lost; export the integers as text from the source",
            path=str(self._path),
        )


def _look(limbs: NDArray[np.uint64], magnitude: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether rows are large, and whether they are and a double could still hold them. ``limbs`` has the zeros at the
    end (which two's complement keeps), ``magnitude`` the length."""
    large = (magnitude[:, 1:] != 0).any(axis=1) | (magnitude[:, 0] >> np.uint64(_LARGE_BITS) != 0)
    short = np.zeros(len(limbs), dtype=bool)
    # Most rows end in less zeros than the shortest of large ones would have to.
    for row in np.flatnonzero(large & (limbs[:, 0] & np.uint64((1 << (_LARGE_BITS - _DOUBLE_BITS)) - 1) == 0)):
        value = unsigned(limbs[row])
        zeros = (value & -value).bit_length() - 1
        short[row] = unsigned(magnitude[row]).bit_length() - zeros <= _DOUBLE_BITS
    return large, short

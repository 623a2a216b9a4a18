"""Whether each swap begins where the one before ended: where it cannot, logs between the two are missing.

A swap's event does not say at which price it began. But as long as no tick was crossed, the amounts follow from the
two prices and the liquidity between them (whitepaper 6.13 to 6.16), and only mints and burns that stand on the tape
may have changed that liquidity. Where a tick could have been crossed nothing can be said here, except that a price
never rises when token0 was paid in, nor falls when token1 was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.errors import ConfigError
from keeper.world.tape.events import EventBatch, EventKind, unsigned
from keeper.world.tape.tape import Defect

_Q96: Final = 2.0**96
# Beyond the rounding of one step and its words of the tick bitmap; and of doubles, whose differences are exact here.
_UNITS: Final = 4.0
_RELATIVE: Final = 1e-11
_MOST_NAMED: Final = 10
_ENOUGH: Final = 10
_STATES: Final = (EventKind.SWAP, EventKind.INITIALIZE)


@dataclass(frozen=True, slots=True)
class _Place:
    row: int
    block: int


class FlowCheck:
    """Fed with the events in order. ``tick_spacing`` 1 where it is not known: then fewer pairs can be judged."""

    def __init__(self, path: Path, tick_spacing: int) -> None:
        self._path = path
        self._spacing = tick_spacing
        self._before: tuple[EventBatch, int] | None = None  # the last event with a price, as a batch of one; its row
        self._changes: list[tuple[int, int, int]] = []  # of mints and burns since then: lower, upper, liquidity
        self._gaps: list[tuple[_Place, _Place]] = []
        self._gap_count = self._judged = self._moved = self._turned = 0

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """First and last block of each hole, as far as they are named."""
        return tuple((before.block, after.block) for before, after in self._gaps)

    def add(self, batch: EventBatch, first_row: int) -> None:
        """The next events; their first row (from 0)."""
        states = np.flatnonzero(np.isin(batch.kind, _STATES))
        ranged = np.flatnonzero((batch.kind == EventKind.MINT) | (batch.kind == EventKind.BURN))
        waiting = self._changes
        changes = [(int(place), self._change(batch, int(place))) for place in ranged]
        if not len(states):
            waiting += [change for _, change in changes]
            return
        by_state: dict[int, list[tuple[int, int, int]]] = {0: waiting} if waiting else {}
        self._changes = []
        for place, change in changes:
            next_state = int(np.searchsorted(states, place))
            if next_state == len(states):
                self._changes.append(change)
            else:
                by_state.setdefault(next_state, []).append(change)
        self._judge(batch, states, first_row, by_state)
        last = int(states[-1])
        self._before = batch.part(last, last + 1), first_row + last

    def finish(self) -> tuple[Defect, ...]:
        """The holes that were found. ConfigError: nothing fits, so it is not a hole but the whole file."""
        if self._moved >= 5 and self._turned > 0.9 * self._moved:
            raise ConfigError(
                "amounts have the trader's signs: here they are the pool's, positive was paid in; turn them round",
                path=str(self._path),
            )
        if self._gap_count >= _ENOUGH and self._gap_count > 0.5 * (self._judged + self._turned):
            raise ConfigError(
                f"amounts, prices and liquidity of {self._gap_count} of {self._judged + self._turned} swaps do not "
                "belong together: a column is damaged or another pool's; fetch the file again",
                path=str(self._path),
            )
        named = [
            Defect(
                "gap",
                f"between row {before.row + 1} (block {before.block}) and row {after.row + 1} (block {after.block}) "
                "the pool changed without a log that says so: logs are missing there; fetch these blocks again",
                (before.row + 1, after.row + 1),
            )
            for before, after in self._gaps
        ]
        if self._gap_count > len(named):
            named.append(Defect("gap", f"{self._gap_count - len(named)} more places where logs are missing"))
        return tuple(named)

    def _judge(
        self, batch: EventBatch, states: NDArray[np.intp], first_row: int,
        by_state: dict[int, list[tuple[int, int, int]]],
    ) -> None:  # fmt: skip
        swap = batch.kind[states] == EventKind.SWAP
        price, liquidity = batch.sqrt_price_x96[states], batch.liquidity[states]
        tick, rows = batch.tick[states].astype(np.int64), first_row + states
        if self._before is None:
            before_price, before_liquidity, before_tick = price[:1], liquidity[:1], tick[:1]
            before_rows, known = rows[:1], False
        else:
            one, row = self._before
            before_price, before_liquidity = one.sqrt_price_x96, one.liquidity
            before_tick, before_rows, known = one.tick.astype(np.int64), np.array([row]), True
        before_price = np.concatenate((before_price, price[:-1]))
        before_liquidity = np.concatenate((before_liquidity, liquidity[:-1]))
        before_tick = np.concatenate((before_tick, tick[:-1]))
        judged = swap.copy()
        judged[0] &= known
        rises = _greater(price, before_price)
        moved = (price != before_price).any(axis=1)
        sign_0, sign_1 = _sign(batch.amount_0[states]), _sign(batch.amount_1[states])
        turned = judged & moved & np.where(rises, (sign_0 > 0) | (sign_1 < 0), (sign_0 < 0) | (sign_1 > 0))
        level = judged & ~turned & (before_tick // self._spacing == tick // self._spacing)
        start, broken = self._start(before_liquidity, before_tick, by_state)
        wrong = level & (broken | (start != liquidity).any(axis=1))
        sure = np.flatnonzero(level & ~wrong)
        wrong[sure] = _does_not_fit(
            before_price[sure], price[sure], rises[sure], liquidity[sure],
            batch.amount_0[states[sure]], batch.amount_1[states[sure]],
        )  # fmt: skip
        self._moved += int((judged & moved).sum())
        self._judged += int(level.sum())
        self._turned += int(turned.sum())
        before_rows = np.concatenate((before_rows, rows[:-1]))
        for at in np.flatnonzero(wrong | turned):
            self._note(batch, states, int(at), int(before_rows[at]), int(rows[at]))

    def _note(self, batch: EventBatch, states: NDArray[np.intp], at: int, row: int, next_row: int) -> None:
        self._gap_count += 1
        if len(self._gaps) < _MOST_NAMED:
            blocks = batch.block_number
            block = int(blocks[states[at - 1]]) if at else int(self._before[0].block_number[0]) if self._before else 0
            self._gaps.append((_Place(row, block), _Place(next_row, int(blocks[states[at]]))))

    def _start(
        self, liquidity: NDArray[np.uint64], tick: NDArray[np.int64], by_state: dict[int, list[tuple[int, int, int]]]
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """The liquidity that each swap began in, and where it came out below nothing."""
        start, broken = liquidity.copy(), np.zeros(len(liquidity), dtype=bool)
        for at, changes in by_state.items():
            value = unsigned(liquidity[at]) + sum(
                change for lower, upper, change in changes if lower <= tick[at] < upper
            )
            broken[at] = not 0 <= value < 1 << 128
            if not broken[at]:
                start[at] = (value & ((1 << 64) - 1), value >> 64)
        return start, broken

    def _change(self, batch: EventBatch, place: int) -> tuple[int, int, int]:
        liquidity = unsigned(batch.liquidity[place])
        sign = 1 if batch.kind[place] == EventKind.MINT else -1
        return int(batch.lower_tick[place]), int(batch.upper_tick[place]), sign * liquidity


def _does_not_fit(
    before: NDArray[np.uint64], after: NDArray[np.uint64], rises: NDArray[np.bool_], liquidity: NDArray[np.uint64],
    amount_0: NDArray[np.uint64], amount_1: NDArray[np.uint64],
) -> NDArray[np.bool_]:  # fmt: skip
    """Where what the pool paid out, or took in, is not what the move takes."""
    low, high = np.where(rises[:, None], before, after), np.where(rises[:, None], after, before)
    move = _float(_minus(high, low))
    depth, low_price, high_price = _float(liquidity), _float(low), _float(high)
    exact_0 = depth * (move / high_price) * (_Q96 / low_price)
    exact_1 = depth * (move / _Q96)
    grain_0, grain_1 = depth / low_price * (_Q96 / low_price), depth / _Q96
    given_0, given_1 = _magnitude(amount_0), _magnitude(amount_1)
    out, given_out = np.where(rises, exact_0, exact_1), np.where(rises, given_0, given_1)
    paid, given_in = np.where(rises, exact_1, exact_0), np.where(rises, given_1, given_0)
    slack_out = _UNITS + 2 * np.where(rises, grain_0, grain_1) + _RELATIVE * out
    slack_in = _UNITS + 2 * np.where(rises, grain_1, grain_0) + _RELATIVE * paid
    return np.asarray((np.abs(out - given_out) > slack_out) | (paid - given_in > slack_in))


def _minus(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.uint64]:
    out = np.empty_like(high)
    borrow = np.zeros(len(high), dtype=np.uint64)
    for place in range(high.shape[1]):
        first = high[:, place] - low[:, place]
        out[:, place] = first - borrow
        borrow = ((high[:, place] < low[:, place]) | (first < borrow)).astype(np.uint64)
    return out


def _greater(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.bool_]:
    result = np.zeros(len(left), dtype=bool)
    for place in range(left.shape[1]):
        same = left[:, place] == right[:, place]
        result = np.where(same, result, left[:, place] > right[:, place])
    return result


def _float(limbs: NDArray[np.uint64]) -> NDArray[np.float64]:
    out = np.zeros(len(limbs))
    for place in range(limbs.shape[1]):
        out += limbs[:, place].astype(np.float64) * 2.0 ** (64 * place)
    return out


def _magnitude(limbs: NDArray[np.uint64]) -> NDArray[np.float64]:
    negative = (limbs[:, 3] >> np.uint64(63)) == 1
    return _float(np.where(negative[:, None], _minus(np.zeros_like(limbs), limbs), limbs))


def _sign(limbs: NDArray[np.uint64]) -> NDArray[np.int8]:
    negative = (limbs[:, 3] >> np.uint64(63)) == 1
    return np.where(negative, -1, (limbs != 0).any(axis=1)).astype(np.int8)

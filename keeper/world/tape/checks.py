"""What must be true of a tape's events before anything is made of them, row by row; and the digest of what they say.

What no backtest could live with raises ConfigError with the row (from 1) and the remedy. What it can live with becomes
a :class:`Defect`, which every report made from the tape repeats.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.errors import ConfigError
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK, tick_at_sqrt_price
from keeper.world.tape.checks_flow import FlowCheck
from keeper.world.tape.checks_integers import FloatDamageCheck
from keeper.world.tape.events import EventBatch, EventKind, unsigned
from keeper.world.tape.reading import bad_row
from keeper.world.tape.tape import Defect, Span

_LN_TICK: Final = math.log(1.0001)
# Far above what two logarithms of doubles are wrong by, in ticks. What is nearer to a whole tick is reckoned exactly.
_NEAR: Final = 1e-6
_RANGED: Final = (EventKind.MINT, EventKind.BURN, EventKind.COLLECT)


@dataclass(frozen=True, slots=True)
class Examined:
    """What a tape turned out to be. ``gaps``: first and last block of the holes among its ``defects``."""

    rows: int
    span: Span
    defects: tuple[Defect, ...]
    digest: str
    gaps: tuple[tuple[int, int], ...]


def examine(batches: Iterable[EventBatch], path: Path, tick_spacing: int | None) -> Examined:
    """Look at every event once. ConfigError: something that no backtest can live with, or no events at all."""
    checks = EventChecks(path, tick_spacing)
    for batch in batches:
        checks.add(batch)
    return checks.finish()


class EventChecks:
    """Fed with the events in order; remembers what the next batch must follow."""

    def __init__(self, path: Path, tick_spacing: int | None) -> None:
        self._path = path
        self._spacing = tick_spacing
        self._rows = 0
        self._first: tuple[int, int] | None = None
        self._last = (-1, -1, 0)
        self._flow = FlowCheck(path, tick_spacing or 1)
        self._floats = FloatDamageCheck(path)
        self._digest = hashlib.sha256()

    def add(self, batch: EventBatch) -> None:
        """The next events. ConfigError names the row."""
        if not len(batch):
            return
        self._order(batch)
        self._amounts(batch)
        self._prices(batch)
        self._ticks(batch)
        self._floats.add(batch, self._rows)
        self._flow.add(batch, self._rows)
        self._digest.update(content(batch))
        if self._first is None:
            self._first = int(batch.block_number[0]), int(batch.timestamp[0])
        self._last = int(batch.block_number[-1]), int(batch.log_index[-1]), int(batch.timestamp[-1])
        self._rows += len(batch)

    def finish(self) -> Examined:
        """What was found. ConfigError: there were no events, or all of them together cannot be true."""
        if self._first is None:
            raise ConfigError("has no rows: fetch it again, or choose a time in which the pool traded",
                              path=str(self._path))  # fmt: skip
        self._floats.finish()
        defects = self._flow.finish()
        span = Span(self._first[0], self._last[0], self._first[1], self._last[2])
        return Examined(self._rows, span, defects, self._digest.hexdigest(), self._flow.gaps)

    def _order(self, batch: EventBatch) -> None:
        blocks = np.concatenate(([self._last[0]], batch.block_number))
        logs = np.concatenate(([self._last[1]], batch.log_index))
        times = np.concatenate(([self._last[2] if self._rows else batch.timestamp[0]], batch.timestamp))
        step, same = np.diff(blocks), np.diff(blocks) == 0
        logs_step, later = np.diff(logs), np.diff(times)
        self._refuse_first(
            ((batch.block_number < 0) | (batch.log_index < 0), "block_number or log_index is negative"),
            (batch.timestamp <= 0, "has no possible timestamp; fetch it again"),
            (same & (logs_step == 0),
             "is the same log as the row before (same block_number and log_index); drop one of them"),
            ((step < 0) | (same & (logs_step < 0)),
             "comes after a later log: rows are out of order or stand twice; sort them by block_number and log_index, "
             "and drop duplicates"),
            (same & (later != 0), "has another timestamp than the row before in the same block; fetch it again"),
            (later < 0, "has an earlier timestamp than the block before; fetch it again"),
        )  # fmt: skip

    def _amounts(self, batch: EventBatch) -> None:
        sign_0, sign_1 = signs(batch.amount_0), signs(batch.amount_1)
        swap = batch.kind == EventKind.SWAP
        self._refuse(
            swap & (sign_0 * sign_1 > 0),
            "amount0 and amount1 of a swap cannot have the same sign; amounts are the pool's, positive was paid in",
        )
        self._refuse(
            ~swap & ((sign_0 < 0) | (sign_1 < 0)), "amounts of anything but a swap have no sign; take the minus off"
        )
        self._refuse(
            (batch.kind == EventKind.MINT) & (batch.liquidity == 0).all(axis=1),
            "a MINT without liquidity cannot be; fetch the file again",
        )

    def _prices(self, batch: EventBatch) -> None:
        priced = np.flatnonzero((batch.kind == EventKind.SWAP) | (batch.kind == EventKind.INITIALIZE))
        price = floats(batch.sqrt_price_x96[priced])
        out = (price < MIN_SQRT_PRICE_X96 * (1 - 1e-12)) | (price > MAX_SQRT_PRICE_X96 * (1 + 1e-12))
        self._refuse_at(priced, out, "sqrt_price_x96 is outside of what a pool can have; fetch the file again")
        place = (np.log(np.maximum(price, 1.0)) - 96 * math.log(2)) * (2 / _LN_TICK)
        tick = batch.tick[priced]
        fits = tick == np.floor(place)
        for at in np.flatnonzero(np.abs(place - np.round(place)) < _NEAR):
            exact = tick_at_sqrt_price(unsigned(batch.sqrt_price_x96[priced[at]]))
            # A swap that ends exactly on a tick on its way down has crossed it.
            fits[at] = tick[at] in (exact, exact - 1)
        self._refuse_at(priced, ~fits, "tick does not fit sqrt_price_x96: one of them is damaged; fetch the file again")

    def _ticks(self, batch: EventBatch) -> None:
        ranged = np.flatnonzero(np.isin(batch.kind, _RANGED))
        lower, upper = batch.lower_tick[ranged], batch.upper_tick[ranged]
        self._refuse_at(
            ranged, (lower >= upper) | (lower < MIN_TICK) | (upper > MAX_TICK),
            "tick_lower and tick_upper are no range that a pool can have; fetch the file again",
        )  # fmt: skip
        if self._spacing is not None:
            self._refuse_at(
                ranged, (lower % self._spacing != 0) | (upper % self._spacing != 0),
                f"ticks are no multiples of the pool's spacing {self._spacing}: it is another pool's tape, or the fee "
                "that was given is wrong",
            )  # fmt: skip

    def _refuse(self, wrong: NDArray[np.bool_], sentence: str) -> None:
        if wrong.any():
            raise bad_row(self._path, self._rows + int(np.argmax(wrong)), sentence)

    def _refuse_first(self, *rules: tuple[NDArray[np.bool_], str]) -> None:
        """By the first row that breaks any of the rules: what comes after it may only follow from that."""
        broken = [(int(np.argmax(wrong)), sentence) for wrong, sentence in rules if wrong.any()]
        if broken:
            row, sentence = min(broken, key=lambda each: each[0])
            raise bad_row(self._path, self._rows + row, sentence)

    def _refuse_at(self, places: NDArray[np.intp], wrong: NDArray[np.bool_], sentence: str) -> None:
        if wrong.any():
            raise bad_row(self._path, self._rows + int(places[np.argmax(wrong)]), sentence)


def signs(limbs: NDArray[np.uint64]) -> NDArray[np.int8]:
    """-1, 0 or 1 of signed rows."""
    negative = (limbs[:, -1] >> np.uint64(63)).astype(np.int8)
    return np.where(negative == 1, np.int8(-1), (limbs != 0).any(axis=1).astype(np.int8))


def floats(limbs: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Unsigned rows as doubles, to about one part in 2**52."""
    out = np.zeros(len(limbs))
    for place in range(limbs.shape[1]):
        out += limbs[:, place].astype(np.float64) * 2.0 ** (64 * place)
    return out


def content(batch: EventBatch) -> bytes:
    """The events in their canonical form, the same however they are cut into batches: little-endian integers of fixed
    size, owners as their 20 bytes (zeros for none)."""
    names = [owner.removeprefix("0x").rjust(40, "0") for owner in batch.owners]
    owners = np.frombuffer(bytes.fromhex("".join([*names, 40 * "0"])), dtype=np.uint8).reshape(-1, 20)
    columns = [
        batch.kind.reshape(-1, 1),
        *(_octets(each.astype("<i8")) for each in (batch.block_number, batch.timestamp, batch.log_index)),
        *(_octets(each.astype("<u8")) for each in (batch.amount_0, batch.amount_1, batch.sqrt_price_x96)),
        _octets(batch.liquidity.astype("<u8")),
        *(_octets(each.astype("<i4")) for each in (batch.tick, batch.lower_tick, batch.upper_tick)),
        owners[batch.owner],
    ]
    return np.concatenate(columns, axis=1).tobytes()


def _octets(column: NDArray[np.generic]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(column).view(np.uint8).reshape(len(column), -1)

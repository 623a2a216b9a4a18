"""Bars of other tools and our own, read whole: checked, with the steps that are missing named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from keeper.errors import ConfigError
from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.world.tape.bars import BarColumns
from keeper.world.tape.checks import floats, signs
from keeper.world.tape.checks_pool import moment
from keeper.world.tape.importers import BarLayout
from keeper.world.tape.reading import BatchColumns, bad_row, record_batches
from keeper.world.tape.tape import Defect, Span

_LONGEST_STEP_SECONDS: Final = 86_400
_MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class BarsRead:
    """The bars of one file and what was found about them."""

    columns: BarColumns
    step_seconds: int
    span: Span
    defects: tuple[Defect, ...]
    digest: str


def read_bars(path: Path, layout: BarLayout) -> BarsRead:
    """Every bar of a file. ConfigError names the row of what cannot be true, and the remedy."""
    columns = _columns(path, layout)
    if not len(columns):
        raise ConfigError("has no rows: fetch it again", path=str(path))
    _possible(columns, path)
    step = _step(columns.timestamp, path)
    columns, outside = _with_ends_inside(columns)
    defects = (*_missing(columns.timestamp, step), *outside, *_without_liquidity(columns))
    span = Span(0, 0, int(columns.timestamp[0]), int(columns.timestamp[-1]) + step)
    return BarsRead(columns, step, span, defects, hashlib.sha256(bar_content(columns)).hexdigest())


def bar_content(columns: BarColumns) -> bytes:
    """The bars in their canonical form: column after column, little-endian integers of fixed size."""
    wide = {"timestamp": "<i8", "open_tick": "<i4", "close_tick": "<i4", "low_tick": "<i4", "high_tick": "<i4"}
    names = columns.__dataclass_fields__
    return b"".join(getattr(columns, name).astype(wide.get(name, "<u8")).tobytes() for name in names)


def _columns(path: Path, layout: BarLayout) -> BarColumns:
    parts: list[dict[str, NDArray[np.generic]]] = []
    row = 0
    for batch in record_batches(path, layout.columns):
        read = BatchColumns(batch, path, row)
        part: dict[str, NDArray[np.generic]] = {"timestamp": read.timestamps(layout.time)}
        for name in ("open_tick", "close_tick", "low_tick", "high_tick"):
            part[name] = read.small(getattr(layout, name), np.int32)
        for name in ("in_0", "in_1", "net_0", "net_1"):
            part[name] = read.limbs(getattr(layout, name), 4, signed=True)
        part["liquidity"] = read.limbs(layout.liquidity, 2, signed=False)
        parts.append(part)
        row += batch.num_rows
    if not parts:
        raise ConfigError("has no rows: fetch it again", path=str(path))
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return BarColumns(**joined)


def _possible(columns: BarColumns, path: Path) -> None:
    later = np.diff(columns.timestamp)
    low, high = columns.low_tick, columns.high_tick
    gained_0, gained_1 = signs(columns.net_0) > 0, signs(columns.net_1) > 0
    rules = (
        (np.concatenate(([False], later == 0)), "stands twice: another bar has the same timestamp; drop one"),
        (np.concatenate(([False], later < 0)), "is out of order; sort the file by timestamp"),
        (columns.timestamp <= 0, "has no possible timestamp; mend or drop the row"),
        (low > high, "has its lowest tick above its highest; mend or drop the row"),
        ((low < MIN_TICK) | (high > MAX_TICK), "has ticks that no pool can have; mend or drop the row"),
        ((signs(columns.in_0) < 0) | (signs(columns.in_1) < 0),
         "has a negative input amount, which is what was paid in; take the minus off"),
        (gained_0 & (floats(columns.net_0) > floats(columns.in_0) * (1 + 1e-9)),
         "gained more of token0 than was paid in: net and input columns are mixed up"),
        (gained_1 & (floats(columns.net_1) > floats(columns.in_1) * (1 + 1e-9)),
         "gained more of token1 than was paid in: net and input columns are mixed up"),
    )  # fmt: skip
    for wrong, sentence in rules:
        if wrong.any():
            raise bad_row(path, int(np.argmax(wrong)), sentence)


def _step(times: NDArray[np.int64], path: Path) -> int:
    if len(times) < 2:
        raise ConfigError("one bar is no series; fetch more", path=str(path))
    later = np.diff(times)
    values, counts = np.unique(later, return_counts=True)
    step = int(values[np.argmax(counts)])
    if step > _LONGEST_STEP_SECONDS:
        raise ConfigError(f"has bars of {step} s; a bar is a day at most", path=str(path))
    uneven = later % step != 0
    if uneven.any():
        at = int(np.argmax(uneven)) + 1
        raise bad_row(path, at, f"comes {int(later[at - 1])} s after the bar before, where bars have {step} s; mend it")
    return step


def _missing(times: NDArray[np.int64], step: int) -> list[Defect]:
    holes = np.flatnonzero(np.diff(times) != step)
    found = []
    for at in holes[:_MOST_NAMED]:
        begin, end = int(times[at]) + step, int(times[at + 1])
        count = (end - begin) // step
        what = f"the bar of {moment(begin)} is" if count == 1 else f"{count} bars from {moment(begin)} on are"
        found.append(Defect("missing_bars", f"{what} missing", (int(at) + 1, int(at) + 2)))
    if len(holes) > _MOST_NAMED:
        rest = int(sum((times[at + 1] - times[at]) // step - 1 for at in holes[_MOST_NAMED:]))
        found.append(Defect("missing_bars", f"{rest} more bars are missing in {len(holes) - _MOST_NAMED} places"))
    return found


def _with_ends_inside(columns: BarColumns) -> tuple[BarColumns, list[Defect]]:
    """Lowest and highest tick widened to hold the first and the last one: in files of some makers they do not."""
    ends = np.stack((columns.open_tick, columns.close_tick))
    low, high = np.minimum(columns.low_tick, ends.min(axis=0)), np.maximum(columns.high_tick, ends.max(axis=0))
    wrong = np.flatnonzero((low != columns.low_tick) | (high != columns.high_tick))
    if not len(wrong):
        return columns, []
    first, last = int(wrong[0]) + 1, int(wrong[-1]) + 1
    sentence = (
        f"{len(wrong)} bars open or close outside of their lowest and highest tick (the first is row {first}): these "
        "were widened to hold them"
    )
    return replace(columns, low_tick=low, high_tick=high), [Defect("close_outside", sentence, (first, last))]


def _without_liquidity(columns: BarColumns) -> list[Defect]:
    empty = np.flatnonzero((columns.liquidity == 0).all(axis=1))
    if not len(empty):
        return []
    first, last = int(empty[0]) + 1, int(empty[-1]) + 1
    sentence = f"{len(empty)} bars have no active liquidity (the first is row {first}): nothing can be earned in them"
    return [Defect("no_liquidity", sentence, (first, last))]

"""The front door: a tape from whatever it lies in. Every file is looked through before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from keeper.errors import ConfigError
from keeper.world.tape import manifest as manifests
from keeper.world.tape.bars import BarColumns
from keeper.world.tape.checks import examine
from keeper.world.tape.checks_fee import infer_fee_pips
from keeper.world.tape.checks_pool import joined, no_events, require_decimals, require_span, with_fee
from keeper.world.tape.events import EventBatch, EventKind, unsigned
from keeper.world.tape.importers import OWN_BARS, OWN_EVENTS, EventLayout, layout_of
from keeper.world.tape.importers_bars import read_bars
from keeper.world.tape.reading import MOST_ROWS_AT_ONCE, columns_of, event_batches, unreadable
from keeper.world.tape.tape import BarTape, Defect, EventTape, Opening, Span, TapePool

UNFINISHED: Final = "unfinished"
_EVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class EventFile:
    """A file with events in it; the moments (UNIX seconds) of its first and last one, where they are known."""

    path: Path
    layout: EventLayout = OWN_EVENTS
    from_timestamp: int = -_EVER
    to_timestamp: int = _EVER
    rows: int = 0


@dataclass(frozen=True, slots=True)
class FiledEvents:
    """Events in one or more files. Implements ``EventTape``. ``closing`` is the pool's own state after the last block,
    without its ticks, where a node gave it: whoever replays the tape must end there. ``gaps``: blocks around the holes
    that were seen on opening."""

    path: Path
    pool: TapePool
    span: Span
    defects: tuple[Defect, ...]
    digest: str
    opening: Opening | None
    closing: Opening | None
    files: tuple[EventFile, ...]
    gaps: tuple[tuple[int, int], ...] = ()
    kind: Literal["events"] = "events"

    def batches(
        self, *, from_timestamp: int | None = None, to_timestamp: int | None = None, size: int = MOST_ROWS_AT_ONCE
    ) -> Iterator[EventBatch]:
        """The events in order, at most ``size`` at a time, of the moments between (UNIX seconds, both included).

        Raises:
            ConfigError: there are none between, or a file can no longer be read.
        """
        require_span(self.span, self.path, from_timestamp, to_timestamp)
        begin = self.span.from_timestamp if from_timestamp is None else from_timestamp
        end = self.span.to_timestamp if to_timestamp is None else to_timestamp
        empty = True
        for batch in _all_batches(self.files, begin, end, size):
            empty = False
            yield batch
        if empty and (from_timestamp is not None or to_timestamp is not None):
            raise no_events(self.span, self.path, begin, end)


@dataclass(frozen=True, slots=True)
class FiledBars:
    """Bars out of one file. Implements ``BarTape``."""

    path: Path
    pool: TapePool
    span: Span
    defects: tuple[Defect, ...]
    digest: str
    step_seconds: int
    columns: BarColumns
    kind: Literal["bars"] = "bars"


def open_tape(path: Path, *, pool: TapePool | None = None) -> EventTape | BarTape:
    """A folder that ``keeper download`` or ``keeper import`` wrote, or one parquet or CSV file of a known format.

    ``pool`` says what a file of others does not say. The fee is inferred from the amounts where nobody gives it.

    Raises:
        ConfigError: the file, a row of it or what is said about the pool cannot be used; names it and the remedy.
    """
    if path.is_dir():
        return _open_folder(path, pool)
    layout = layout_of(columns_of(path), path)
    if isinstance(layout, EventLayout):
        return examined((EventFile(path, layout),), path, joined(pool, TapePool(), path))
    known = joined(pool, TapePool(), path)
    bars = read_bars(path, layout)
    _require_bar_decimals(known, bars.columns, path)
    return FiledBars(path, known, bars.span, bars.defects, bars.digest, bars.step_seconds, bars.columns)


def examined(
    files: tuple[EventFile, ...],
    path: Path,
    pool: TapePool,
    *,
    span: Span | None = None,
    opening: Opening | None = None,
    closing: Opening | None = None,
    more_defects: tuple[Defect, ...] = (),
) -> FiledEvents:
    """The events of the files, every one of them looked at. ConfigError as :func:`open_tape`.

    ``span`` is what the files are known to cover; without it, from the first event to the last.
    """
    first = next(_all_batches(files, -_EVER, _EVER, MOST_ROWS_AT_ONCE), None)
    if first is not None:
        pool = with_fee(pool, infer_fee_pips(first), path)
        swaps = np.flatnonzero(first.kind == EventKind.SWAP)
        if len(swaps):
            require_decimals(pool, unsigned(first.sqrt_price_x96[swaps[0]]), path)
    found = examine(_all_batches(files, -_EVER, _EVER, MOST_ROWS_AT_ONCE), path, pool.tick_spacing)
    defects = (*found.defects, *more_defects)
    return FiledEvents(path, pool, span or found.span, defects, found.digest, opening, closing, files, found.gaps)


def _all_batches(files: tuple[EventFile, ...], begin: int, end: int, size: int) -> Iterator[EventBatch]:
    row = 0
    for file in files:
        seen = 0
        if file.to_timestamp >= begin and file.from_timestamp <= end:
            for batch in event_batches(file.path, file.layout, size=size, first_row=row):
                seen += len(batch)
                if len(batch) and batch.timestamp[0] >= begin and batch.timestamp[-1] <= end:
                    yield batch
                    continue
                # Not yet checked, so perhaps not in order: look at each. Of checked ones these are a view.
                inside = np.flatnonzero((batch.timestamp >= begin) & (batch.timestamp <= end))
                if len(inside):
                    yield batch.part(int(inside[0]), int(inside[-1]) + 1)
        row += file.rows or seen


def _open_folder(folder: Path, given: TapePool | None) -> EventTape | BarTape:
    manifest = manifests.read_manifest(folder) if (folder / manifests.NAME).exists() else None
    if manifest is None or not manifest.complete:
        from keeper.world.tape.download_store import open_unfinished

        unfinished = open_unfinished(folder, given)
        if unfinished is not None:
            return unfinished
    if manifest is None:
        manifest = manifests.read_manifest(folder)
    pool = joined(given, manifest.pool, folder / manifests.NAME)
    if not manifest.parts:
        raise ConfigError("has no rows yet: run the command that writes it again", path=str(folder))
    for part in manifest.parts:
        _require_whole(folder, part, OWN_BARS.columns if manifest.kind == "bars" else OWN_EVENTS.columns)
    if manifest.kind == "bars":
        return _bar_folder(folder, manifest, pool)
    files = tuple(
        EventFile(folder / part.file, OWN_EVENTS, part.from_timestamp, part.to_timestamp, part.rows)
        for part in manifest.parts
    )
    if manifest.complete and manifest.span is not None:
        state = manifest.opening, manifest.closing
        return FiledEvents(folder, pool, manifest.span, manifest.defects, manifest.digest, *state, files)
    sentence = f"only the first {manifest.rows} events were written: run the command that writes it again"
    return examined(files, folder, pool, opening=manifest.opening, more_defects=(Defect(UNFINISHED, sentence),))


def _bar_folder(folder: Path, manifest: manifests.Manifest, pool: TapePool) -> FiledBars:
    (part,) = manifest.parts
    bars = read_bars(folder / part.file, OWN_BARS)
    _require_bar_decimals(pool, bars.columns, folder)
    # What was found when they were written is no longer to be seen: it was mended then.
    defects = tuple(dict.fromkeys((*manifest.defects, *bars.defects)))
    return FiledBars(folder, pool, bars.span, defects, bars.digest, bars.step_seconds, bars.columns)


def _require_whole(folder: Path, part: manifests.Part, columns: Sequence[str]) -> None:
    path = folder / part.file
    if not path.exists():
        raise ConfigError("is missing: fetch the tape again, into another folder", path=str(path))
    try:
        same = manifests.file_digest(path) == part.sha256
    except OSError as error:
        raise unreadable(path, error) from None
    if not same:
        raise ConfigError(
            f"is not what {manifests.NAME} says (SHA-256): it was cut short or changed; fetch the tape again, into "
            "another folder",
            path=str(path),
        )
    there = columns_of(path)
    missing = [name for name in columns if name not in there]
    if missing:
        raise ConfigError(f"has no column {missing[0]}: {manifests.NAME} says that it had; fetch the tape again",
                          path=str(path))  # fmt: skip


def _require_bar_decimals(pool: TapePool, columns: BarColumns, path: Path) -> None:
    from keeper.model.ticks import sqrt_price_at_tick

    require_decimals(pool, sqrt_price_at_tick(int(columns.close_tick[0])), path)

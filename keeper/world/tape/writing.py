"""Writing a tape: parts that are whole or not there, a manifest that only ever names whole parts.

Whatever stops the writing, what the manifest names can be read, and the same call goes on behind it. The bytes depend
on nothing but the events: not on how they came, nor on how often writing was stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from keeper.errors import ConfigError, TransientError
from keeper.world.tape import manifest as manifests
from keeper.world.tape.checks import content
from keeper.world.tape.events import EventBatch
from keeper.world.tape.importers import OWN_EVENTS
from keeper.world.tape.manifest import Manifest, Part
from keeper.world.tape.reading import event_batches
from keeper.world.tape.tape import Defect, Opening, Span, Tape, TapePool
from keeper.world.tape.writing_files import make_folder, write_durably
from keeper.world.tape.writing_tables import bar_table, event_table

ROWS_A_GROUP: Final = 65_536
GROUPS_A_PART: Final = 4

Progress = Callable[[int, int], None]
"""Told how many rows are written, and the time of the last one."""


class TapeWriter:
    """Writes one tape of events into a folder; goes on where an earlier writing of the same tape was stopped.

    ``rows`` are the events that the folder holds already: add those behind them. ``source_digest`` names the tape that
    is being written, so that no other is put behind its beginning.

    Raises:
        ConfigError: the folder holds another tape, or a whole one; no space is left on the disk.
    """

    def __init__(
        self,
        folder: Path,
        pool: TapePool,
        source_digest: str,
        *,
        opening: Opening | None = None,
        opening_missing: str | None = None,
        closing: Opening | None = None,
        rows_a_group: int = ROWS_A_GROUP,
        groups_a_part: int = GROUPS_A_PART,
    ) -> None:
        self._folder = folder
        self._rows_a_group, self._groups_a_part = rows_a_group, groups_a_part
        self._manifest = Manifest(
            "events", pool, source_digest, opening=opening, opening_missing=opening_missing, closing=closing
        )  # fmt: skip
        make_folder(folder)
        if (folder / manifests.NAME).exists():
            self._resume(manifests.read_manifest(folder))
        self._waiting: list[Any] = []
        self._waiting_rows = 0
        self._part: _OpenPart | None = None

    @property
    def rows(self) -> int:
        """How many events are on the disk for good."""
        return self._manifest.rows

    def add(self, batch: EventBatch) -> None:
        """The next events."""
        import pyarrow as pa

        self._waiting.append(event_table(batch))
        self._waiting_rows += len(batch)
        while self._waiting_rows >= self._rows_a_group:
            table = pa.concat_tables(self._waiting)
            self._group(table.slice(0, self._rows_a_group).combine_chunks())
            rest = table.slice(self._rows_a_group)
            self._waiting, self._waiting_rows = [rest], rest.num_rows

    def finish(self, span: Span, defects: tuple[Defect, ...], digest: str) -> Manifest:
        """The last part, and the word that all is there."""
        import pyarrow as pa

        if self._waiting_rows:
            self._group(pa.concat_tables(self._waiting).combine_chunks())
        self._close_part()
        self._waiting, self._waiting_rows = [], 0
        complete = replace(self._manifest, complete=True, span=span, defects=defects, digest=digest)
        write_durably(self._folder / manifests.NAME, manifests.to_json(complete))
        self._manifest = complete
        return complete

    def _resume(self, found: Manifest) -> None:
        if found.complete:
            raise ConfigError("holds a whole tape already: choose another folder", path=str(self._folder))
        if found.source_digest != self._manifest.source_digest or found.kind != "events":
            raise ConfigError(
                "holds the beginning of another tape: choose another folder, or empty this one", path=str(self._folder)
            )
        whole: list[Part] = []
        for part in found.parts:
            path = self._folder / part.file
            if not path.exists() or manifests.file_digest(path) != part.sha256:
                break
            whole.append(part)
        self._manifest = replace(self._manifest, parts=tuple(whole))

    def _group(self, table: Any) -> None:
        if self._part is None:
            self._part = _OpenPart(table.schema)
        self._part.write(table)
        if self._part.groups == self._groups_a_part:
            self._close_part()

    def _close_part(self) -> None:
        if self._part is None:
            return
        name = f"part-{len(self._manifest.parts) + 1:05d}.parquet"
        data, part = self._part.close(name)
        self._part = None
        write_durably(self._folder / name, data)
        self._manifest = self._manifest.with_part(part)
        write_durably(self._folder / manifests.NAME, manifests.to_json(self._manifest))


class _OpenPart:
    """A parquet file in memory, as far as it is written: some 20 bytes a row once compressed."""

    def __init__(self, schema: Any) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self._sink = pa.BufferOutputStream()
        self._writer = parquet.ParquetWriter(self._sink, schema, compression="zstd", write_page_index=False)
        self.groups = self.rows = 0
        self._first: tuple[int, int] = (0, 0)
        self._last: tuple[int, int] = (0, 0)

    def write(self, table: Any) -> None:
        ends = [(table["block_number"][at].as_py(), table["timestamp"][at].as_py()) for at in (0, -1)]
        self._first, self._last = (self._first if self.rows else ends[0]), ends[1]
        self._writer.write_table(table, row_group_size=table.num_rows)
        self.groups += 1
        self.rows += table.num_rows

    def close(self, name: str) -> tuple[bytes, Part]:
        self._writer.close()
        data = self._sink.getvalue().to_pybytes()
        digest = hashlib.sha256(data).hexdigest()
        return data, Part(name, self.rows, self._first[0], self._last[0], self._first[1], self._last[1], digest)


def import_tape(source: Tape, out: Path, progress: Progress | None = None) -> Manifest:
    """The tape in our own form in the folder ``out``; stopped and called again, it goes on.

    Raises:
        ConfigError: as :class:`TapeWriter`.
        TransientError: what is on the disk afterwards is not what was written.
    """
    if source.kind == "bars":
        return _import_bars(source, out)
    writer = TapeWriter(out, source.pool, source.digest, opening=source.opening)
    done = writer.rows
    passed = 0
    for batch in source.batches():
        if passed + len(batch) > done:
            writer.add(batch.part(max(0, done - passed), len(batch)))
        passed += len(batch)
        if progress is not None:
            progress(passed, int(batch.timestamp[-1]))
    written = writer.finish(source.span, source.defects, source.digest)
    require_written(out, written)
    return written


def require_written(folder: Path, manifest: Manifest) -> None:
    """Read what is on the disk, and hold it against its digest. TransientError: it is something else."""
    digest = hashlib.sha256()
    for part in manifest.parts:
        for batch in event_batches(folder / part.file, OWN_EVENTS):
            digest.update(content(batch))
    if digest.hexdigest() != manifest.digest:
        with contextlib.suppress(OSError):
            (folder / manifests.NAME).unlink()
        raise TransientError(f"{folder}: what was read back is not what was written; check the disk and start again")


def _import_bars(source: Any, out: Path) -> Manifest:
    make_folder(out)
    if (out / manifests.NAME).exists() and manifests.read_manifest(out).complete:
        raise ConfigError("holds a whole tape already: choose another folder", path=str(out))
    table, columns = bar_table(source.columns), source.columns
    part = _OpenBars(table)
    write_durably(out / part.name, part.data)
    first, last = int(columns.timestamp[0]), int(columns.timestamp[-1])
    stored = Part(part.name, len(columns), 0, 0, first, last, hashlib.sha256(part.data).hexdigest())
    manifest = Manifest(
        "bars", source.pool, source.digest, (stored,), True, source.digest, source.span, source.defects,
        source.step_seconds,
    )  # fmt: skip
    write_durably(out / manifests.NAME, manifests.to_json(manifest))
    return manifest


class _OpenBars:
    """All bars as one parquet file in memory."""

    name = "part-00001.parquet"

    def __init__(self, table: Any) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        sink = pa.BufferOutputStream()
        parquet.write_table(table, sink, compression="zstd", row_group_size=ROWS_A_GROUP)
        self.data: bytes = sink.getvalue().to_pybytes()

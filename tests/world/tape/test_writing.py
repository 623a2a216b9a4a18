"""A tape on the disk is whole, or goes on where it stopped; its bytes depend on its events alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper.errors import ConfigError, TransientError
from keeper.world.tape import writing
from keeper.world.tape.events import EventBatch
from keeper.world.tape.manifest import NAME, read_manifest
from keeper.world.tape.opening import open_tape
from keeper.world.tape.tape import Tape, TapePool
from keeper.world.tape.writing import TapeWriter, import_tape
from tests.shared_data import shared_file
from tests.world.tape.made import events_in, honest_events, own_file

EVENTS = honest_events(200)
DIGEST = "source"


def _write(folder: Path, sizes: int, *, stop_after: int | None = None) -> None:
    """With parts of 64 rows, from batches of so many."""
    tape = open_tape(own_file(EVENTS, folder.parent / "source.parquet"))
    writer = TapeWriter(folder, TapePool(), tape.digest, rows_a_group=32, groups_a_part=2)
    begin = writer.rows
    for at in range(begin, len(EVENTS), sizes):
        if stop_after is not None and at >= stop_after:
            return
        writer.add(EventBatch.of(EVENTS[at : at + sizes]))
    writer.finish(tape.span, tape.defects, tape.digest)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    source = open_tape(own_file(EVENTS, tmp_path / "source.parquet"), pool=TapePool(fee_pips=500))
    written = import_tape(source, tmp_path / "tape")
    tape = open_tape(tmp_path / "tape")
    assert events_in(tape) == EVENTS
    assert (tape.digest, tape.span, tape.defects, tape.pool) == (source.digest, source.span, (), source.pool)
    assert written.rows == len(EVENTS)


@pytest.mark.parametrize("sizes", [1, 33, 200])
def test_the_bytes_do_not_depend_on_how_the_events_came(sizes: int, tmp_path: Path) -> None:
    _write(tmp_path / "a", 50)
    _write(tmp_path / "b", sizes)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    assert [part.rows for part in read_manifest(tmp_path / "a").parts] == [64, 64, 64, len(EVENTS) - 192]


@pytest.mark.parametrize("stop_after", [70, 130, 195])
def test_a_writing_that_stopped_opens_and_goes_on(stop_after: int, tmp_path: Path) -> None:
    _write(tmp_path / "whole", 50)
    _write(tmp_path / "tape", 10, stop_after=stop_after)
    half = open_tape(tmp_path / "tape")
    assert events_in(half) == EVENTS[: stop_after // 64 * 64]
    assert [defect.code for defect in half.defects] == ["unfinished"]
    _write(tmp_path / "tape", 7)
    assert _bytes(tmp_path / "tape") == _bytes(tmp_path / "whole")


def test_a_part_that_was_lost_is_written_again(tmp_path: Path) -> None:
    _write(tmp_path / "whole", 50)
    _write(tmp_path / "tape", 10, stop_after=200)
    (tmp_path / "tape/part-00002.parquet").write_bytes(b"half")
    _write(tmp_path / "tape", 7)
    assert _bytes(tmp_path / "tape") == _bytes(tmp_path / "whole")


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """/dev/full is a disk without any room: the part that would be written next goes there."""
    _write(tmp_path / "whole", 50)
    folder = tmp_path / "tape"
    folder.mkdir()
    (folder / ".part-00003.parquet.new").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match=r"part-00003.parquet: no space is left on the disk: make room and run the"):
        _write(folder, 10)
    assert events_in(open_tape(folder)) == EVENTS[:128]
    _write(folder, 10)
    assert _bytes(folder) == _bytes(tmp_path / "whole")


def test_another_tape_is_not_put_behind_the_beginning_of_one(tmp_path: Path) -> None:
    _write(tmp_path / "tape", 10, stop_after=130)
    with pytest.raises(ConfigError, match="holds the beginning of another tape"):
        TapeWriter(tmp_path / "tape", TapePool(), "another")
    _write(tmp_path / "tape", 10)
    with pytest.raises(ConfigError, match="holds a whole tape already"):
        _write(tmp_path / "tape", 10)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/tape: cannot be written \(not a directory\)"):
        TapeWriter(tmp_path / "file/tape", TapePool(), DIGEST)


def _cut(folder: Path) -> None:
    path = folder / "part-00002.parquet"
    path.write_bytes(path.read_bytes()[:-9])


def _gone(folder: Path) -> None:
    (folder / "part-00002.parquet").unlink()


def _garbled(folder: Path) -> None:
    (folder / NAME).write_text("{")


def _newer(folder: Path) -> None:
    (folder / NAME).write_text((folder / NAME).read_text().replace("tape 1", "tape 2"))


FOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut": (_cut, r"part-00002.parquet: is not what tape.json says \(SHA-256\)"),
    "gone": (_gone, "part-00002.parquet: is missing"),
    "garbled": (_garbled, r"tape.json: is damaged \(JSONDecodeError\)"),
    "newer": (_newer, "is of format 'range-keeper tape 2'.*use a newer keeper"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_damaged_folder_is_refused(name: str, tmp_path: Path) -> None:
    damage, sentence = FOLDERS[name]
    _write(tmp_path / "tape", 50)
    damage(tmp_path / "tape")
    with pytest.raises(ConfigError, match=sentence):
        open_tape(tmp_path / "tape")


def test_what_the_disk_gives_back_is_held_against_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = writing.event_table

    def lies(batch: EventBatch) -> Any:
        return honest(replace(batch, log_index=batch.log_index + 1))

    source: Tape = open_tape(own_file(EVENTS, tmp_path / "source.parquet"))
    monkeypatch.setattr(writing, "event_table", lies)
    with pytest.raises(TransientError, match="what was read back is not what was written"):
        import_tape(source, tmp_path / "tape")


def test_bars_are_written_and_read(tmp_path: Path) -> None:
    source = open_tape(shared_file("bars/polygon_usdc_weth_005_minute_202207_202208.parquet"))
    import_tape(source, tmp_path / "bars")
    bars = open_tape(tmp_path / "bars")
    assert bars.kind == "bars" and source.kind == "bars"
    assert (bars.digest, bars.span, bars.step_seconds) == (source.digest, source.span, source.step_seconds)
    assert bars.defects == source.defects


@pytest.mark.parametrize(
    ("parts", "said"),
    [([0, 2, 3], "but its parts hold"), ([0, 1, 1, 2, 3], "but its parts hold"), ([0, 2, 1, 3], "is out of order")],
)
def test_a_part_taken_out_put_in_twice_or_moved_is_named(parts: list[int], said: str, tmp_path: Path) -> None:
    """Each part is whole and the manifest is JSON: only together they tell of another past."""
    _write(tmp_path / "tape", 50)
    file = tmp_path / "tape" / NAME
    document = json.loads(file.read_text())
    document["parts"] = [document["parts"][place] for place in parts]
    file.write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=said):
        open_tape(tmp_path / "tape")

"""Integers come out of files exact, whatever they are written as; times and ranges are what they say."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from keeper.errors import ConfigError
from keeper.world.tape import limb_text
from keeper.world.tape.events import limbs
from keeper.world.tape.importers import OWN_EVENTS
from keeper.world.tape.opening import open_tape
from keeper.world.tape.reading import event_batches
from tests.world.tape.made import columns, events_in, file_of, honest_events, own_file

EDGES = [0, 1, -1, 9, 10, -10, 10**9, 10**18, -(10**18), 2**32, 2**64 - 1, 2**64, -(2**64), 2**128]
DICE = random.Random(3)
ANY = [DICE.choice([1, -1]) * DICE.getrandbits(DICE.randint(1, 255)) for _ in range(3_000)]
VALUES = [*EDGES, 2**255 - 1, -(2**255), *ANY]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_becomes_limbs_and_text_again(kind: pa.DataType) -> None:
    column = pa.array(["7", *(str(value) for value in VALUES)], kind).slice(1)
    found = limb_text.limbs_of(column, 4, signed=True)
    assert np.array_equal(found, limbs(VALUES, 4))
    written = limb_text.text_of(found, np.ones(len(found), dtype=np.bool_), signed=True)
    assert written.to_pylist() == [str(value) for value in VALUES]


def test_nothing_stays_nothing() -> None:
    column = pa.array([None, "5", None])
    assert limb_text.limbs_of(column, 2, signed=False).tolist() == [[0, 0], [5, 0], [0, 0]]
    written = limb_text.text_of(limbs([1, 2], 2), np.array([False, True]), signed=False)
    assert written.to_pylist() == [None, "2"]


@pytest.mark.parametrize("text", ["", "-", "+", "1e5", "1.5", "0x1", " 1", "9" * 90, str(2**255), "nan", "１"])
def test_what_is_no_integer_is_refused_with_its_row(text: str) -> None:
    with pytest.raises(limb_text.UnreadableIntegerError) as caught:
        limb_text.limbs_of(pa.array(["1", "2", text]), 4, signed=True)
    assert caught.value.row == 2


def test_unsigned_columns_take_no_minus_and_no_more_than_fits() -> None:
    for value in ("-1", str(2**128)):
        with pytest.raises(limb_text.UnreadableIntegerError):
            limb_text.limbs_of(pa.array([value]), 2, signed=False)
    assert limb_text.limbs_of(pa.array([str(2**128 - 1)]), 2, signed=False).tolist() == [[2**64 - 1] * 2]


def test_a_tick_may_end_in_point_zero_and_in_nothing_else() -> None:
    good = limb_text.limbs_of(pa.array(["199720.0", "-5.00", "100"]), 1, signed=True, point_zero=True)
    assert good.view(np.int64).ravel().tolist() == [199_720, -5, 100]
    for text in ("199720.5", ".0", "1.0.0"):
        with pytest.raises(limb_text.UnreadableIntegerError):
            limb_text.limbs_of(pa.array([text]), 1, signed=True, point_zero=True)


def test_events_are_read_as_they_were_written_in_batches_of_any_size(tmp_path: Path) -> None:
    events = honest_events()
    path = own_file(events, tmp_path / "tape.parquet")
    for size in (1, 7, 65_536):
        batches = list(event_batches(path, OWN_EVENTS, size=size))
        assert max(len(batch) for batch in batches) <= size
        assert [batch.event(at) for batch in batches for at in range(len(batch))] == events


@pytest.mark.parametrize(
    "form",
    [
        lambda stamp: stamp,
        lambda stamp: stamp * 1_000,
        lambda stamp: stamp * 10**9,
        str,
        lambda stamp: np.datetime64(stamp, "s").astype(str) + "Z",
        lambda stamp: np.datetime64(stamp, "s").astype(str).replace("T", " "),
    ],
)
def test_times_may_be_written_in_many_ways(form: Any, tmp_path: Path) -> None:
    events = honest_events()
    table = columns(events)
    table["timestamp"] = [form(stamp) for stamp in table["timestamp"]]
    assert events_in(open_tape(file_of(table, tmp_path / "tape.parquet"))) == events


def test_a_range_is_read_with_both_its_ends(tmp_path: Path) -> None:
    events = honest_events()
    tape = open_tape(own_file(events, tmp_path / "tape.parquet"))
    assert tape.kind == "events"
    begin, end = events[10].timestamp, events[31].timestamp
    found = [batch.event(at) for batch in tape.batches(from_timestamp=begin, to_timestamp=end, size=4)
             for at in range(len(batch))]  # fmt: skip
    assert found == [event for event in events if begin <= event.timestamp <= end]
    assert len(found) > 4


def test_an_empty_range_is_said_with_what_there_is(tmp_path: Path) -> None:
    events = honest_events()
    tape = open_tape(own_file(events, tmp_path / "tape.parquet"))
    assert tape.kind == "events"
    for begin, end in ((events[-1].timestamp + 1, None), (None, events[0].timestamp - 1),
                       (events[5].timestamp + 1, events[5].timestamp + 2)):  # fmt: skip
        with pytest.raises(ConfigError, match=r"has nothing between .* it covers 2023-11-14 22:13:20 UTC to"):
            list(tape.batches(from_timestamp=begin, to_timestamp=end))
    with pytest.raises(ConfigError, match="after its end"):
        list(tape.batches(from_timestamp=events[9].timestamp, to_timestamp=events[2].timestamp))

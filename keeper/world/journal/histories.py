"""Price histories, each distinct sample stored once.

Successive decisions see almost the same window of samples. A history is therefore kept as runs of numbered samples of
its series (pool and grid): a few bytes, where the samples themselves would be a hundred kilobytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keeper.model import canonical
from keeper.model.observation import Bar, Sample
from keeper.world.journal.query import Query, Row

SAMPLE_COLUMNS = (
    "sqrt_price_x96, fee_growth_global_0_x128, fee_growth_global_1_x128, "
    "bar_low_tick, bar_high_tick, bar_volume_0, bar_volume_1, bar_swaps"
)


@dataclass(frozen=True, slots=True)
class StoredSample:
    """A sample, its number in the series, and its canonical bytes (encoding is the dear part)."""

    seq: int
    sample: Sample
    fragment: bytes


def canonical_samples(stored: Iterable[StoredSample]) -> bytes:
    """The canonical bytes of the samples as one tuple."""
    return b"[" + b",".join([each.fragment for each in stored]) + b"]"


class HistoryReader:
    """Rebuilds histories; neighbouring ones share what was read."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._known: dict[int, dict[int, StoredSample]] = {}

    def samples(self, digest: str) -> list[StoredSample]:
        """The samples of a stored history, oldest first."""
        ((series_id, runs),) = self._query("SELECT series_id, runs FROM histories WHERE digest = ?", (digest,))
        known = self._known.setdefault(series_id, {})
        wanted = decode_runs(runs)
        missing = [seq for seq in wanted if seq not in known]
        if missing:
            self._read(series_id, known, min(missing), max(missing))
        stored = [known[seq] for seq in wanted]
        self._known[series_id] = {each.seq: each for each in stored}
        return stored

    def _read(self, series_id: int, known: dict[int, StoredSample], first: int, last: int) -> None:
        rows = self._query(
            f"SELECT seq, timestamp, {SAMPLE_COLUMNS} FROM series_samples WHERE series_id = ? AND seq BETWEEN ? AND ?",
            (series_id, first, last),
        )
        for seq, *values in rows:
            known[seq] = number_sample(seq, sample_of(values))


def encode_runs(numbers: list[int]) -> str:
    """``[0, 1, 2, 7]`` as ``"0-2,7-7"``: order is kept, rising neighbours are joined."""
    if numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"{numbers[0]}-{numbers[-1]}"  # as nearly always: no gap
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] + 1 == number:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(f"{first}-{last}" for first, last in runs)


def decode_runs(runs: str) -> list[int]:
    """The numbers ``encode_runs`` was given."""
    bounds = [run.split("-") for run in runs.split(",") if run]
    return [number for first, last in bounds for number in range(int(first), int(last) + 1)]


def sample_of(values: Row | list[object]) -> Sample:
    """A sample from its row: timestamp, then ``SAMPLE_COLUMNS``."""
    timestamp, price, growth_0, growth_1, *bar = values
    return Sample(
        timestamp=int(str(timestamp)),
        sqrt_price_x96=int(str(price)),
        fee_growth_global_0_x128=None if growth_0 is None else int(str(growth_0)),
        fee_growth_global_1_x128=None if growth_1 is None else int(str(growth_1)),
        bar=None if bar[0] is None else Bar(*(int(str(value)) for value in bar)),
    )


def sample_columns(sample: Sample) -> dict[str, object]:
    """A sample as column values."""
    growth_0, growth_1, bar = sample.fee_growth_global_0_x128, sample.fee_growth_global_1_x128, sample.bar
    return {
        "timestamp": sample.timestamp,
        "sqrt_price_x96": str(sample.sqrt_price_x96),
        "fee_growth_global_0_x128": None if growth_0 is None else str(growth_0),
        "fee_growth_global_1_x128": None if growth_1 is None else str(growth_1),
        "bar_low_tick": None if bar is None else bar.low_tick,
        "bar_high_tick": None if bar is None else bar.high_tick,
        "bar_volume_0": None if bar is None else str(bar.volume_0),
        "bar_volume_1": None if bar is None else str(bar.volume_1),
        "bar_swaps": None if bar is None else bar.swaps,
    }


def number_sample(seq: int, sample: Sample) -> StoredSample:
    """The sample as number ``seq`` of its series."""
    return StoredSample(seq, sample, canonical.encode(sample))

"""Storing price histories; see ``histories`` for their form."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, insert, select

from keeper.model.observation import History, Observation, Sample
from keeper.world.history_bytes import written_out
from keeper.world.journal import history_tables
from keeper.world.journal.histories import (
    SAMPLE_COLUMNS,
    StoredSample,
    encode_runs,
    number_sample,
    sample_columns,
    sample_of,
)
from keeper.world.journal.sql import insert_missing

_NEVER = 1 << 62  # later than any timestamp
_TRIM_SECONDS = 2 * 86_400


@dataclass(slots=True)
class _Series:
    """The recent samples of one series, by timestamp, as far back as the longest window seen."""

    id: int
    next_seq: int
    known_from: int
    window_seconds: int = 0
    by_timestamp: dict[int, StoredSample] = field(default_factory=dict)
    last: tuple[tuple[Sample, ...], list[StoredSample]] = ((), [])


class HistoryWriter:
    """Stores histories inside the caller's transaction. After a rollback call ``forget``."""

    def __init__(self) -> None:
        self._series: dict[tuple[int, str, int], _Series] = {}

    def forget(self) -> None:
        """Drop what is remembered of the tables; it is read again when needed."""
        self._series.clear()

    def store(self, connection: Connection, observation: Observation) -> tuple[str, bytes]:
        """Store the observation's history if it is new. Returns its content digest and canonical samples."""
        history = observation.history
        series = self._open_series(connection, observation)
        stored, new = _number(series, history.samples)
        if new:
            rows = [_sample_row(series.id, each) for each in new]
            connection.execute(insert(history_tables.series_samples), rows)
        content, digest = written_out(history.samples, (each.fragment for each in stored))
        row = {"digest": digest, "series_id": series.id, "runs": encode_runs([each.seq for each in stored])}
        connection.execute(insert_missing(connection, history_tables.histories), row)
        _trim(series, history)
        return digest, content

    def _open_series(self, connection: Connection, observation: Observation) -> _Series:
        samples = observation.history.samples
        start = samples[0].timestamp if samples else _NEVER
        key = (observation.block.chain_id, observation.pool.address.lower(), observation.history.sample_seconds)
        known = self._series.get(key)
        if known is None or (samples and start < known.known_from):
            known = self._series[key] = _load_series(connection, key, start)
        return known


def _sample_row(series_id: int, stored: StoredSample) -> dict[str, object]:
    return {"series_id": series_id, "seq": stored.seq, **sample_columns(stored.sample)}


def _number(series: _Series, samples: tuple[Sample, ...]) -> tuple[list[StoredSample], list[StoredSample]]:
    """The samples with their numbers, and those which got a new one because they are new or have changed."""
    stored, new = _of_last_time(series, samples), []
    for sample in samples[len(stored) :]:
        known = series.by_timestamp.get(sample.timestamp)
        if known is None or (known.sample is not sample and known.sample != sample):
            known = series.by_timestamp[sample.timestamp] = number_sample(series.next_seq, sample)
            series.next_seq += 1
            new.append(known)
        stored.append(known)
    series.last = samples, stored
    return stored, new


def _of_last_time(series: _Series, samples: tuple[Sample, ...]) -> list[StoredSample]:
    """Those from the first on that stood in the last history as well: all but one, an hour later."""
    before, stored = series.last
    if not before or not samples:
        return []
    start = bisect_left(before, samples[0].timestamp, key=lambda each: each.timestamp)
    length = min(len(before) - start, len(samples))
    # Of tuples that hold the same objects the comparison never looks into them.
    shares = length > 0 and before[start] is samples[0] and before[start : start + length] == samples[:length]
    return stored[start : start + length] if shares else []


def _trim(series: _Series, history: History) -> None:
    """Forget what lies before the longest window any strategy on this series has asked for."""
    if not history.samples:
        return
    first, last = history.samples[0].timestamp, history.samples[-1].timestamp
    series.window_seconds = max(series.window_seconds, last - first)
    horizon = last - series.window_seconds
    if series.known_from < horizon - _TRIM_SECONDS:  # now and then: all of them are looked at
        series.known_from = horizon
        for timestamp in [each for each in series.by_timestamp if each < horizon]:
            del series.by_timestamp[timestamp]


def _load_series(connection: Connection, key: tuple[int, str, int], start: int) -> _Series:
    chain_id, pool, sample_seconds = key
    table, rows = history_tables.series, history_tables.series_samples
    row = {"chain_id": chain_id, "pool": pool, "sample_seconds": sample_seconds}
    connection.execute(insert_missing(connection, table), row)
    where = (table.c.chain_id == chain_id, table.c.pool == pool, table.c.sample_seconds == sample_seconds)
    series_id = connection.execute(select(table.c.id).where(*where)).scalar_one()
    mine = rows.c.series_id == series_id
    newest = connection.execute(select(func.max(rows.c.seq)).where(mine)).scalar()
    series = _Series(series_id, 0 if newest is None else newest + 1, start)
    columns = [rows.c[name] for name in ("seq", "timestamp", *SAMPLE_COLUMNS.split(", "))]
    for seq, *values in connection.execute(
        select(*columns).where(mine, rows.c.timestamp >= start).order_by(rows.c.seq)
    ):
        stored = number_sample(seq, sample_of(values))
        series.by_timestamp[stored.sample.timestamp] = stored
    return series

"""A pool's past on an hourly grid, kept in step with the store of samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from keeper.model import canonical
from keeper.model.observation import History, Sample

HOUR_SECONDS = 3_600


class SampleStore(Protocol):
    """Where samples of a pool's past are kept."""

    def add(self, pool_address: str, chain_id: int, sample: Sample) -> None: ...

    def replace(self, pool_address: str, chain_id: int, samples: Sequence[Sample]) -> None: ...

    def forget_after(self, pool_address: str, chain_id: int, timestamp: int) -> None: ...

    def between(self, pool_address: str, chain_id: int, from_timestamp: int, to_timestamp: int) -> Sequence[Sample]: ...


class HourlyGrid:
    """The last sample at or before each full hour and not older than an hour: of the latest ``hours`` full hours.

    An hour without a sample stays out: nothing is invented for gaps. Samples keep their own timestamp.
    """

    def __init__(self, hours: int) -> None:
        self.hours = hours
        self._by_hour: dict[int, Sample] = {}
        self._cached: tuple[int, History] | None = None

    def add(self, samples: Iterable[Sample]) -> None:
        """Takes samples in, whatever their order."""
        for sample in samples:
            hour = hour_at_or_after(sample.timestamp)
            known = self._by_hour.get(hour)
            if known is None or _is_better(sample, known):
                self._by_hour[hour] = sample
                if self._cached is not None and hour <= self._cached[0]:
                    self._cached = None

    def at(self, hour: int) -> Sample | None:
        """The sample of a full hour."""
        return self._by_hour.get(hour)

    def full_hours(self, now_timestamp: int) -> range:
        """All full hours of the grid, oldest first."""
        last = now_timestamp // HOUR_SECONDS * HOUR_SECONDS
        return range(last - (self.hours - 1) * HOUR_SECONDS, last + 1, HOUR_SECONDS)

    def missing(self, now_timestamp: int) -> list[int]:
        """The full hours of the grid that have no sample."""
        return [hour for hour in self.full_hours(now_timestamp) if hour not in self._by_hour]

    def history(self, now_timestamp: int) -> History:
        """The grid up to the last full hour."""
        last = now_timestamp // HOUR_SECONDS * HOUR_SECONDS
        if self._cached is not None and self._cached[0] == last:
            return self._cached[1]
        first = last - (self.hours - 1) * HOUR_SECONDS
        self._by_hour = {hour: sample for hour, sample in self._by_hour.items() if hour >= first}
        samples = tuple(self._by_hour[hour] for hour in sorted(self._by_hour) if hour <= last)
        history = History(canonical.digest(samples), HOUR_SECONDS, samples)
        self._cached = last, history
        return history


def _is_better(sample: Sample, known: Sample) -> bool:
    """The later one; of the same moment the newer one, unless only the known one has its bar."""
    if sample.timestamp == known.timestamp:
        return sample.bar is not None or known.bar is None
    return sample.timestamp > known.timestamp


def hour_at_or_after(timestamp: int) -> int:
    """The first full hour that is not before the timestamp."""
    return -(-timestamp // HOUR_SECONDS) * HOUR_SECONDS

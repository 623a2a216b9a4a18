"""The hourly history of a pool that lives through its tape: the samples and bars that a live journal would hold."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from keeper.model import canonical
from keeper.model.observation import Bar, History, Sample
from keeper.world.history import HOUR_SECONDS, hour_at_or_after
from keeper.world.history_bytes import written_out


class TapeHours:
    """Gathers what happens within an hour and makes its sample when the hour is full.

    ``prior``: samples of the time before the tape. Histories are those of ``HourlyGrid``, digest and all; the canonical
    bytes of each sample are kept, so that a new hour costs a hash and not the encoding of all hours.
    """

    def __init__(self, from_timestamp: int, tick: int, prior: Sequence[Sample] = ()) -> None:
        self._covered_from = from_timestamp
        self._full_hours: list[int] = []  # ascending, and in step with the two below
        self._samples: list[Sample] = []
        self._encoded: list[bytes] = []
        self._made: dict[int, tuple[int, History]] = {}
        for sample in sorted((each for each in prior if each.timestamp <= from_timestamp), key=lambda s: s.timestamp):
            self._keep(sample)
        self._low = self._high = tick
        self._volume_0 = self._volume_1 = self._swaps = 0

    def note(self, low_tick: int, high_tick: int, volume_0: int, volume_1: int, swaps: int) -> None:
        """Swaps of this hour: the ticks they reached, raw units that went through the pool, how many."""
        self._low, self._high = min(self._low, low_tick), max(self._high, high_tick)
        self._volume_0 += volume_0
        self._volume_1 += volume_1
        self._swaps += swaps

    def close(self, hour: int, tick: int, sqrt_price_x96: int, growth_0_x128: int, growth_1_x128: int) -> None:
        """The hour is full: its sample, with a bar where the tape covers the whole of it."""
        bar = Bar(self._low, self._high, self._volume_0, self._volume_1, self._swaps)
        is_whole = hour - HOUR_SECONDS >= self._covered_from
        self._keep(Sample(hour, sqrt_price_x96, growth_0_x128, growth_1_x128, bar if is_whole else None))
        self._begin(tick)

    def skip(self, tick: int) -> None:
        """The hour is full and the tape knows nothing of it: no sample."""
        self._begin(tick)

    def history(self, now_timestamp: int, hours: int) -> History:
        """The last ``hours`` full hours as far as they have samples; the same object within the hour."""
        last = now_timestamp // HOUR_SECONDS * HOUR_SECONDS
        made = self._made.get(hours)
        if made is not None and made[0] == last:
            return made[1]
        first = bisect_left(self._full_hours, last - (hours - 1) * HOUR_SECONDS)
        samples = tuple(self._samples[first:])
        history = History(written_out(samples, self._encoded[first:])[1], HOUR_SECONDS, samples)
        self._made[hours] = last, history
        return history

    def _keep(self, sample: Sample) -> None:
        hour = hour_at_or_after(sample.timestamp)
        if self._full_hours and self._full_hours[-1] == hour:  # a later one of the same hour
            del self._full_hours[-1], self._samples[-1], self._encoded[-1]
        self._full_hours.append(hour)
        self._samples.append(sample)
        self._encoded.append(canonical.encode(sample))

    def _begin(self, tick: int) -> None:
        self._low = self._high = tick
        self._volume_0 = self._volume_1 = self._swaps = 0

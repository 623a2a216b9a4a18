"""Hourly candles of the base token's price, from a pool's samples; or the reason why there are none to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from keeper.model.observation import History, Sample

HOUR_SECONDS = 3_600
# A missing hour or three is a quiet pool or a node that slept: the price stands still. More is a hole in the past.
MOST_FILLED_HOURS = 3
MAX_TICK = 887_272
TICK_BASE = 1.0001


@dataclass(frozen=True, slots=True)
class Candles:
    """Candles without a hole, oldest first. ``hours``: the full hour (UNIX seconds) at which each closes.

    Prices are raw ratios of the base token in the quote token, without decimals: to be compared with each other only.
    """

    hours: tuple[int, ...]
    close: tuple[float, ...]
    high: tuple[float, ...]
    low: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.hours)

    def last(self, count: int) -> Candles:
        """The newest ``count`` candles, or all where there are fewer."""
        start = max(0, len(self.hours) - count)
        return Candles(self.hours[start:], self.close[start:], self.high[start:], self.low[start:])


def candles(history: History, now_timestamp: int, *, quote_is_token0: bool, most: int | None = None) -> Candles | str:
    """Candles that have closed by now, of the stretch since the last hole; a sentence where there are none.

    High and low come from the bars, and where there is none from the close and the close before it. What lies after
    ``now_timestamp`` is not looked at, nor, where ``most`` candles are enough, what those do not need.
    """
    past = [sample for sample in history.samples if _closes(sample) <= now_timestamp]
    if most is not None:
        past = past[-most - 1 :]  # and one before, since the first reaches from the close before it
    refusal = _refusal(past, now_timestamp)
    if refusal is not None:
        return refusal
    hours: list[int] = []
    close: list[float] = []
    high: list[float] = []
    low: list[float] = []
    for sample in past:
        hour, price = _closes(sample), _price(sample.sqrt_price_x96, quote_is_token0)
        missed = (hour - hours[-1]) // HOUR_SECONDS - 1 if hours else 0
        if missed > MOST_FILLED_HOURS:
            for column in (hours, close, high, low):
                column.clear()
        for _ in range(missed if hours else 0):
            hours.append(hours[-1] + HOUR_SECONDS)
            for column in (high, low, close):
                column.append(close[-1])
        before = close[-1] if close else price
        ends = [price, before] if sample.bar is None else [price, *_reach(sample, quote_is_token0)]
        hours.append(hour)
        high.append(max(ends))
        low.append(min(ends))
        close.append(price)
    whole = Candles(tuple(hours), tuple(close), tuple(high), tuple(low))
    return whole if most is None else whole.last(most)


def _refusal(past: list[Sample], now_timestamp: int) -> str | None:
    if not past:
        return "there is no price sample yet"
    if not all(sample.sqrt_price_x96 > 0 for sample in past):
        return "a price sample is not a positive number"
    if any(later <= earlier for earlier, later in pairwise(_closes(sample) for sample in past)):
        return "the price samples are not one for each hour in order of time"
    if any(not _is_bar_sound(sample) for sample in past):
        return "a bar's lowest tick lies above its highest, or beyond what a pool can have"
    age_seconds = now_timestamp - past[-1].timestamp
    if age_seconds > MOST_FILLED_HOURS * HOUR_SECONDS:
        return f"the newest price sample is {age_seconds} s old"
    return None


def _closes(sample: Sample) -> int:
    """The full hour at or after the sample."""
    return -(-sample.timestamp // HOUR_SECONDS) * HOUR_SECONDS


def _is_bar_sound(sample: Sample) -> bool:
    bar = sample.bar
    return bar is None or -MAX_TICK <= bar.low_tick <= bar.high_tick <= MAX_TICK


def _price(sqrt_price_x96: int, quote_is_token0: bool) -> float:
    root = sqrt_price_x96 / 2**96
    return 1 / (root * root) if quote_is_token0 else root * root


def _reach(sample: Sample, quote_is_token0: bool) -> tuple[float, float]:
    assert sample.bar is not None
    ends = float(TICK_BASE**sample.bar.low_tick), float(TICK_BASE**sample.bar.high_tick)
    return (1 / ends[0], 1 / ends[1]) if quote_is_token0 else ends

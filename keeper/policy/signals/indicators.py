"""Technical indicators as their authors defined them. Lists as long as their input, NaN until there is enough of it.

Wilder's (RSI, ADX, DI): J. W. Wilder, New Concepts in Technical Trading Systems, 1978. Bollinger's: population
standard deviation. Windows are numbers of bars. Plain floats in a fixed order: the same bytes on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NAN = math.nan


def sma(values: Sequence[float], window: int) -> list[float]:
    """Mean of the last ``window`` values."""
    return [NAN if i + 1 < window else math.fsum(values[i + 1 - window : i + 1]) / window for i in range(len(values))]


def ema(values: Sequence[float], window: int) -> list[float]:
    """Exponential mean with weight 2/(window + 1), begun with the mean of the first ``window`` values."""
    result = [NAN] * len(values)
    if len(values) < window:
        return result
    weight = 2 / (window + 1)
    current = math.fsum(values[:window]) / window
    result[window - 1] = current
    for index in range(window, len(values)):
        current += weight * (values[index] - current)
        result[index] = current
    return result


def momentum(values: Sequence[float], window: int) -> list[float]:
    """ln(value now / value ``window`` bars ago)."""
    return [NAN if i < window else math.log(values[i] / values[i - window]) for i in range(len(values))]


def percent_b(values: Sequence[float], window: int, deviations: float = 2.0) -> list[float]:
    """Where the value stands between the Bollinger bands: 0 at the lower one, 1 at the upper; ½ where they meet."""
    result = [NAN] * len(values)
    for index in range(window - 1, len(values)):
        part = values[index + 1 - window : index + 1]
        mean = math.fsum(part) / window
        spread = deviations * math.sqrt(math.fsum((value - mean) ** 2 for value in part) / window)
        result[index] = 0.5 if spread <= 1e-12 * abs(mean) else (values[index] - mean + spread) / (2 * spread)
    return result


def rsi(values: Sequence[float], window: int) -> list[float]:
    """Wilder's relative strength index, 0 to 100: 50 where nothing moved."""
    result = [NAN] * len(values)
    if len(values) <= window:
        return result
    moves = [values[i] - values[i - 1] for i in range(1, len(values))]
    gain = math.fsum(max(move, 0.0) for move in moves[:window]) / window
    loss = math.fsum(max(-move, 0.0) for move in moves[:window]) / window
    result[window] = _strength(gain, loss)
    for index in range(window, len(moves)):
        gain += (max(moves[index], 0.0) - gain) / window
        loss += (max(-moves[index], 0.0) - loss) / window
        result[index + 1] = _strength(gain, loss)
    return result


def _strength(gain: float, loss: float) -> float:
    return 50.0 if gain + loss == 0 else 100 * gain / (gain + loss)


def true_range(high: Sequence[float], low: Sequence[float], close: Sequence[float]) -> list[float]:
    """Wilder's true range: the bar's reach, from the close before it where that lies outside."""
    first = [high[0] - low[0]] if high else []
    return first + [max(high[i], close[i - 1]) - min(low[i], close[i - 1]) for i in range(1, len(high))]


@dataclass(frozen=True, slots=True)
class Directional:
    """Wilder's directional movement: +DI, −DI and ADX, each 0 to 100."""

    plus_di: list[float]
    minus_di: list[float]
    adx: list[float]


def directional(high: Sequence[float], low: Sequence[float], close: Sequence[float], window: int) -> Directional:
    """+DI and −DI from bar ``window`` on, ADX from bar 2·window − 1 on (the mean of the first ``window`` DX)."""
    count = len(close)
    plus_di, minus_di, adx = [NAN] * count, [NAN] * count, [NAN] * count
    if count <= window:
        return Directional(plus_di, minus_di, adx)
    ranges = true_range(high, low, close)
    ups, downs = _movements(high, low)
    reach, up, down = (math.fsum(each[1 : window + 1]) for each in (ranges, ups, downs))
    strengths: list[float] = []
    for index in range(window, count):
        if index > window:
            reach += ranges[index] - reach / window
            up += ups[index] - up / window
            down += downs[index] - down / window
        plus_di[index] = 100 * up / reach if reach > 0 else 0.0
        minus_di[index] = 100 * down / reach if reach > 0 else 0.0
        both = plus_di[index] + minus_di[index]
        strengths.append(100 * abs(plus_di[index] - minus_di[index]) / both if both > 0 else 0.0)
        if len(strengths) == window:
            adx[index] = math.fsum(strengths) / window
        elif len(strengths) > window:
            adx[index] = adx[index - 1] + (strengths[-1] - adx[index - 1]) / window
    return Directional(plus_di, minus_di, adx)


def _movements(high: Sequence[float], low: Sequence[float]) -> tuple[list[float], list[float]]:
    """+DM and −DM: of the two the larger counts, and neither where both are alike or the bar lies inside the last."""
    ups, downs = [0.0], [0.0]
    for index in range(1, len(high)):
        up, down = high[index] - high[index - 1], low[index - 1] - low[index]
        ups.append(up if up > down and up > 0 else 0.0)
        downs.append(down if down > up and down > 0 else 0.0)
    return ups, downs

"""The value of waiting, in machine code: the best pair of thresholds around the price.

Waiting has several local optima: stopping at once is one, the held range's own triggers are another, coming back into
range a third. So every local maximum of a grid is climbed, the best few first. Import it only inside the function
that needs it.
"""

from __future__ import annotations

import math

import numpy as np

from keeper.policy.renewal_kernel import compiled
from keeper.policy.renewal_search import HELD, TERMS, WAITING, Floats, climb, copy, score_of

# Thresholds are looked for at these log distances from the price, a factor of 1.6 from one level to the next.
_NEAREST, _FARTHEST = 1e-4, 4.0
_LEVELS = 24
_MOST_CLIMBS = 5
_ROUGH, _FINE = 1e-5, 1e-7


@compiled("b1(f8[:,::1],i8,i8)")
def _is_peak(scores: Floats, row: int, column: int) -> bool:
    """No neighbour, diagonal ones included, scores more."""
    for down in range(max(row - 1, 0), min(row + 2, scores.shape[0])):
        for across in range(max(column - 1, 0), min(column + 2, scores.shape[1])):
            if scores[down, across] > scores[row, column]:
                return False
    return True


@compiled("UniTuple(i8,2)(f8[:,::1],f8)")
def _next_peak(scores: Floats, ceiling: float) -> tuple[int, int]:
    """The highest peak that scores less than ``ceiling``; (−1, −1) where there is none."""
    found_row = found_column = -1
    top = -math.inf
    for row in range(scores.shape[0]):
        for column in range(scores.shape[1]):
            if top < scores[row, column] < ceiling and _is_peak(scores, row, column):
                found_row, found_column, top = row, column, scores[row, column]
    return found_row, found_column


@compiled(f"UniTuple(f8,4)({TERMS},{HELD},f8,f8)")
def best_waiting(
    terms: tuple[float, ...], held: tuple[float, ...], trigger_lower: float, trigger_upper: float
) -> tuple[float, float, float, float]:
    """C(x), how far below and above x waiting ends (log distances), and the evaluations spent. The triggers of the
    target, seen from the held range's centre, are one more place to start from."""
    low, high, point, best, top = np.empty(2), np.empty(2), np.empty(2), np.empty(2), np.empty(1)
    low[0] = low[1] = math.log(_NEAREST)
    high[0] = high[1] = math.log(_FARTHEST)
    scores, logs = np.empty((_LEVELS, _LEVELS)), np.empty(_LEVELS)
    for row in range(_LEVELS):
        logs[row] = low[0] + (high[0] - low[0]) * row / (_LEVELS - 1)
    top[0] = -math.inf
    for row in range(_LEVELS):
        for column in range(_LEVELS):
            point[0], point[1] = logs[row], logs[column]
            scores[row, column] = score_of(WAITING, terms, held, point)
            if scores[row, column] > top[0]:
                copy(point, best)
                top[0] = scores[row, column]
    spent = _LEVELS * _LEVELS
    step = 0.5 * (logs[1] - logs[0])
    ceiling = math.inf
    for _ in range(_MOST_CLIMBS):
        row, column = _next_peak(scores, ceiling)
        if row < 0:
            break
        ceiling = scores[row, column]
        point[0], point[1] = logs[row], logs[column]
        spent += climb(WAITING, terms, held, low, high, point, step, _ROUGH, best, top)
    x = held[2]
    if -trigger_lower < x < trigger_upper:
        point[0] = min(max(math.log(x + trigger_lower), low[0]), high[0])
        point[1] = min(max(math.log(trigger_upper - x), low[1]), high[1])
        spent += climb(WAITING, terms, held, low, high, point, step, _ROUGH, best, top)
    spent += climb(WAITING, terms, held, low, high, best, 0.05, _FINE, best, top)
    return top[0], math.exp(best[0]), math.exp(best[1]), float(spent)

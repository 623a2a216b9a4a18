"""The worth of waiting with any set of ranges, in machine code: the best pair of thresholds around the price.

It has several local optima: stopping at once is one, the held ranges' own triggers are another, coming back into range
a third. So every peak of a grid is climbed, the best few first. Import it only inside the function that needs it.
"""

from __future__ import annotations

import math

import numpy as np

from keeper.policy.book_kernel import BOOK, GAS, SIGMA, SWAP_COST, Array, base_weight, one_side, theta_of
from keeper.policy.renewal_kernel import compiled, scale

_LEVELS = 24
# A range that the price may come back to makes a peak of its own, however far away: levels at these shares of its
# width, from its nearer edge, beside the logarithmic ones.
_SHARES = (0.02, 0.1, 0.4, 1.0)
_MOST_CLIMBS = 6
# Peaks closer in worth than this are one: where nothing is gained nor lost, rounding alone would make hundreds.
_TIE = 1e-12
# A climb looks at so many levels a side, then narrows threefold; its rounds on the way, and at the end.
_WINDOW = 9
_ROUGH_ROUNDS, _FINE_ROUNDS = 3, 8
_MOST_ROUNDS = 24


@compiled(f"f8(f8,f8,f8,f8,{BOOK})")
def _stopped(
    side: float, reach: float, target_g: float, target_w: float, lower: Array, upper: Array, depth: Array, market: Array
) -> float:
    """One side's part of the worth of waiting: what that side earns against g*, less the cost of moving at its end."""
    theta = theta_of(market)
    fees, losses, leans, _, spent = one_side(side, reach, lower, upper, depth, market)
    moved = abs(base_weight(side * reach, lower, upper, depth, market) - target_w)
    cost = market[GAS] + market[SWAP_COST] * moved
    if side * theta < 0.0:
        cost *= math.exp(-abs(theta) * reach)
    return float(2.0 / (market[SIGMA] * market[SIGMA]) * (fees - losses + leans - target_g * spent) - cost)


@compiled("f8(f8,f8,f8,f8,f8)")
def _joined(k: float, t_down: float, t_up: float, below: float, above: float) -> float:
    return (scale(k, t_down) * above + scale(k, t_up) * below) / scale(k, t_down + t_up)


@compiled(f"f8(f8,f8,{BOOK},f8,f8)")
def waiting(
    t_down: float,
    t_up: float,
    lower: Array,
    upper: Array,
    depth: Array,
    market: Array,
    target_g: float,
    target_w: float,
) -> float:
    """E∫(r − g*)ds until the walk meets a threshold, less the cost of moving to the target from there."""
    above = _stopped(1.0, t_up, target_g, target_w, lower, upper, depth, market)
    below = _stopped(-1.0, t_down, target_g, target_w, lower, upper, depth, market)
    return _joined(abs(theta_of(market)), t_down, t_up, below, above)


@compiled(f"void(f8[::1],f8[::1],f8[:,::1],f8,f8,{BOOK})")
def _score(
    logs_down: Array,
    logs_up: Array,
    scores: Array,
    target_g: float,
    target_w: float,
    lower: Array,
    upper: Array,
    depth: Array,
    market: Array,
) -> None:
    """The worth of waiting for every pair of thresholds, given as logarithms: rows below, columns above."""
    k = abs(theta_of(market))
    above = np.empty(logs_up.size)
    for column in range(logs_up.size):
        above[column] = _stopped(1.0, math.exp(logs_up[column]), target_g, target_w, lower, upper, depth, market)
    for row in range(logs_down.size):
        t_down = math.exp(logs_down[row])
        below = _stopped(-1.0, t_down, target_g, target_w, lower, upper, depth, market)
        for column in range(logs_up.size):
            scores[row, column] = _joined(k, t_down, math.exp(logs_up[column]), below, above[column])


@compiled("f8[::1](f8,f8,f8,f8[::1],f8[::1])")
def _levels(side: float, low: float, high: float, lower: Array, upper: Array) -> Array:
    """Logarithms of the thresholds of one side of the grid, ascending."""
    logs, count = np.empty(_LEVELS + len(_SHARES) * lower.size), _LEVELS
    for level in range(_LEVELS):
        logs[level] = low + (high - low) * level / (_LEVELS - 1)
    for i in range(lower.size):
        near, far = (lower[i], upper[i]) if side > 0.0 else (-upper[i], -lower[i])
        for share in _SHARES:
            distance = near + share * (far - near)
            if distance <= 0.0 or not low < math.log(distance) < high:
                continue
            place = count
            while logs[place - 1] > math.log(distance):
                logs[place] = logs[place - 1]
                place -= 1
            logs[place] = math.log(distance)
            count += 1
    return logs[:count]


@compiled("b1(f8[:,::1],i8,i8)")
def _is_peak(scores: Array, row: int, column: int) -> bool:
    """No neighbour, diagonal ones included, scores more."""
    for down in range(max(row - 1, 0), min(row + 2, scores.shape[0])):
        for across in range(max(column - 1, 0), min(column + 2, scores.shape[1])):
            if scores[down, across] > scores[row, column]:
                return False
    return True


@compiled("UniTuple(i8,2)(f8[:,::1],f8)")
def _next_peak(scores: Array, ceiling: float) -> tuple[int, int]:
    """The highest peak that scores less than ``ceiling``; (−1, −1) where there is none."""
    found_row = found_column = -1
    top = -math.inf
    for row in range(scores.shape[0]):
        for column in range(scores.shape[1]):
            if top < scores[row, column] < ceiling and _is_peak(scores, row, column):
                found_row, found_column, top = row, column, scores[row, column]
    return found_row, found_column


@compiled(f"UniTuple(f8,3)(f8,f8,f8,f8,f8,i8,f8,f8,{BOOK})")
def _climb(
    log_down: float,
    log_up: float,
    step: float,
    floor: float,
    ceiling: float,
    narrowings: int,
    target_g: float,
    target_w: float,
    lower: Array,
    upper: Array,
    depth: Array,
    market: Array,
) -> tuple[float, float, float]:
    """(worth, logarithms of the thresholds) of the top that a window of ``step`` to either side reaches: it moves to
    its best point, and narrows once that lies within."""
    downs, ups, scores = np.empty(_WINDOW), np.empty(_WINDOW), np.empty((_WINDOW, _WINDOW))
    middle, best, narrowed = _WINDOW // 2, -math.inf, 0
    for _ in range(_MOST_ROUNDS):
        for level in range(_WINDOW):
            away = step * (level - middle) / middle
            downs[level] = min(max(log_down + away, floor), ceiling)
            ups[level] = min(max(log_up + away, floor), ceiling)
        _score(downs, ups, scores, target_g, target_w, lower, upper, depth, market)
        at_row = at_column = middle
        # The middle is the best so far: nothing but a gain moves the window.
        best = scores[middle, middle]
        for row in range(_WINDOW):
            for column in range(_WINDOW):
                if scores[row, column] > best:
                    best, at_row, at_column = scores[row, column], row, column
        log_down, log_up = downs[at_row], ups[at_column]
        if min(at_row, at_column) > 0 and max(at_row, at_column) < _WINDOW - 1:
            step, narrowed = step / 3.0, narrowed + 1
            if narrowed == narrowings:
                break
    return best, log_down, log_up


@compiled(f"UniTuple(f8,3)(f8,f8,{BOOK},f8,f8)")
def best_waiting(
    nearest: float,
    furthest: float,
    lower: Array,
    upper: Array,
    depth: Array,
    market: Array,
    target_g: float,
    target_w: float,
) -> tuple[float, float, float]:
    """(C, t_down, t_up): the best thresholds between the two distances; −∞ where no worth is a number."""
    low, high = math.log(nearest), math.log(furthest)
    step = (high - low) / (_LEVELS - 1)
    downs, ups = _levels(-1.0, low, high, lower, upper), _levels(1.0, low, high, lower, upper)
    scores = np.empty((downs.size, ups.size))
    _score(downs, ups, scores, target_g, target_w, lower, upper, depth, market)
    best, log_down, log_up, ceiling = -math.inf, low, low, math.inf
    for _ in range(_MOST_CLIMBS):
        row, column = _next_peak(scores, ceiling)
        if row < 0:
            break
        ceiling = scores[row, column] - _TIE
        found = _climb(
            downs[row], ups[column], step, low, high, _ROUGH_ROUNDS, target_g, target_w, lower, upper, depth,
            market,
        )  # fmt: skip
        if found[0] > best:
            best, log_down, log_up = found
    if best > -math.inf:
        step /= 3.0 ** (_ROUGH_ROUNDS - 1)
        best, log_down, log_up = _climb(
            log_down, log_up, step, low, high, _FINE_ROUNDS - _ROUGH_ROUNDS, target_g, target_w, lower, upper, depth,
            market,
        )  # fmt: skip
    return best, math.exp(log_down), math.exp(log_up)

"""The search for the best distances, in machine code: a coarse grid, then Nelder–Mead in the logarithms, kept in a box.

One search serves two objectives: with two distances the carry of a symmetric cycle (range, trigger), with four that of
an asymmetric one. Like ``renewal_kernel``, import it only inside the function that needs it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keeper.policy.renewal_kernel import carry_per_year, compiled

Floats = np.ndarray[Any, np.dtype[np.float64]]
"""Distances or their logarithms, one per dimension."""

_TERMS = "UniTuple(f8,9)"
_SYMMETRIC = 2
_MOST_EVALUATIONS = 160
# Relative differences of score at which a climb is at its top: on the way, and at the end.
_ROUGH, _FINE = 1e-5, 1e-7


@compiled(f"f8({_TERMS},f8[::1])")
def _score_of(terms: tuple[float, ...], logs: Floats) -> float:
    """The carry at these log distances."""
    first, second = math.exp(logs[0]), math.exp(logs[1])
    if logs.size == _SYMMETRIC:
        return carry_per_year(terms, first, first, second, second)
    return carry_per_year(terms, first, second, math.exp(logs[2]), math.exp(logs[3]))


@compiled("i8(i8,i8)")
def _points(levels: int, size: int) -> int:
    points = 1
    for _ in range(size):
        points *= levels
    return points


# Plain loops in place of array expressions: those would take numba seconds to compile.
@compiled("void(f8[::1],f8[::1])")
def _copy(source: Floats, into: Floats) -> None:
    """Overwrite ``into`` with ``source``."""
    for axis in range(source.size):
        into[axis] = source[axis]


@compiled(f"f8({_TERMS},f8[::1],f8[::1],i8,f8[::1])")
def _grid(
    terms: tuple[float, ...],
    low: Floats,
    high: Floats,
    levels: int,
    best: Floats,
) -> float:
    """Score every point of a grid with ``levels`` logarithmic steps a dimension; the best goes into ``best``."""
    size = low.size
    point = np.empty(size)
    top = -math.inf
    for code in range(_points(levels, size)):
        rest = code
        for axis in range(size):
            point[axis] = low[axis] + (high[axis] - low[axis]) * (rest % levels) / (levels - 1)
            rest //= levels
        score = _score_of(terms, point)
        if score > top:
            top = score
            _copy(point, best)
    return top


@compiled(f"i8({_TERMS},f8[::1],f8[::1],f8[:,::1],f8[::1],f8)")
def _begin(
    terms: tuple[float, ...],
    low: Floats,
    high: Floats,
    simplex: Floats,
    scores: Floats,
    step: float,
) -> int:
    """The other corners of the simplex around corner 0, each one step along its axis, inwards where it stands at a
    limit. Returns the evaluations spent."""
    size = low.size
    for axis in range(size):
        _copy(simplex[0], simplex[axis + 1])
        moved = simplex[0, axis] + step
        if moved > high[axis]:
            moved = max(low[axis], simplex[0, axis] - step)
        simplex[axis + 1, axis] = moved
        scores[axis + 1] = _score_of(terms, simplex[axis + 1])
    return size


@compiled("void(f8[:,::1],f8[::1])")
def _sort(simplex: Floats, scores: Floats) -> None:
    """Best corner first; insertion sort, which keeps the order of equals."""
    for index in range(1, scores.size):
        place = index
        while place > 0 and scores[place] > scores[place - 1]:
            scores[place], scores[place - 1] = scores[place - 1], scores[place]
            for axis in range(simplex.shape[1]):
                simplex[place, axis], simplex[place - 1, axis] = simplex[place - 1, axis], simplex[place, axis]
            place -= 1


@compiled("void(f8[::1],f8[::1],f8,f8[::1],f8[::1],f8[::1])")
def _along(centroid: Floats, worst: Floats, factor: float, low: Floats, high: Floats, into: Floats) -> None:
    for axis in range(low.size):
        moved = centroid[axis] + factor * (centroid[axis] - worst[axis])
        into[axis] = min(max(moved, low[axis]), high[axis])


@compiled(f"i8({_TERMS},f8[::1],f8[::1],f8[:,::1],f8[::1],f8)")
def _nelder_mead(
    terms: tuple[float, ...],
    low: Floats,
    high: Floats,
    simplex: Floats,
    scores: Floats,
    spread: float,
) -> int:
    """Climb until the corners agree within ``spread`` of their score, or too many evaluations are spent. The best
    corner ends at 0. Returns the evaluations spent."""
    size = low.size
    centroid, tried, other = np.empty(size), np.empty(size), np.empty(size)
    spent = 0
    while spent < _MOST_EVALUATIONS:
        _sort(simplex, scores)
        if scores[0] - scores[size] <= spread * (1e-3 + abs(scores[0])):
            break
        for axis in range(size):
            total = 0.0
            for corner in range(size):
                total += simplex[corner, axis]
            centroid[axis] = total / size
        _along(centroid, simplex[size], 1.0, low, high, tried)
        reflected = _score_of(terms, tried)
        spent += 1
        if reflected > scores[0]:
            _along(centroid, simplex[size], 2.0, low, high, other)
        elif reflected > scores[size - 1]:
            _copy(tried, simplex[size])
            scores[size] = reflected
            continue
        elif reflected > scores[size]:
            _along(centroid, simplex[size], 0.5, low, high, other)
        else:
            _along(centroid, simplex[size], -0.5, low, high, other)
        second = _score_of(terms, other)
        spent += 1
        if max(reflected, second) > scores[size]:
            _copy(other if second >= reflected else tried, simplex[size])
            scores[size] = max(reflected, second)
            continue
        for corner in range(1, size + 1):
            for axis in range(size):
                simplex[corner, axis] = 0.5 * (simplex[0, axis] + simplex[corner, axis])
            scores[corner] = _score_of(terms, simplex[corner])
        spent += size
    _sort(simplex, scores)
    return spent


@compiled(f"i8({_TERMS},f8[::1],f8[::1],f8[::1],f8[::1])")
def _snap(
    terms: tuple[float, ...],
    low: Floats,
    high: Floats,
    point: Floats,
    top: Floats,
) -> int:
    """Put a distance exactly on the limit beside it where nothing is lost by it. Returns the evaluations spent."""
    spent = 0
    for axis in range(low.size):
        for limit in (low[axis], high[axis]):
            kept = point[axis]
            if kept != limit and abs(kept - limit) < 1e-2:
                point[axis] = limit
                score = _score_of(terms, point)
                spent += 1
                if score >= top[0] - 1e-7 * (1e-3 + abs(top[0])):
                    top[0] = max(score, top[0])
                else:
                    point[axis] = kept
    return spent


@compiled(f"i8({_TERMS},f8[::1],f8[::1],f8[::1],f8,f8,f8[::1],f8[::1])")
def _climb(
    terms: tuple[float, ...],
    low: Floats,
    high: Floats,
    start: Floats,
    step: float,
    spread: float,
    best: Floats,
    top: Floats,
) -> int:
    """Nelder–Mead from ``start``; a better point than ``best`` and its score ``top[0]`` take their place. Returns the
    evaluations spent."""
    size = low.size
    simplex, scores = np.empty((size + 1, size)), np.empty(size + 1)
    _copy(start, simplex[0])
    scores[0] = _score_of(terms, simplex[0])
    spent = 1 + _begin(terms, low, high, simplex, scores, step)
    spent += _nelder_mead(terms, low, high, simplex, scores, spread)
    if scores[0] > top[0]:
        _copy(simplex[0], best)
        top[0] = scores[0]
    return spent


@compiled(f"Tuple((f8,i8))({_TERMS},f8[::1],f8[::1],i8,f8[::1])")
def best_distances(
    terms: tuple[float, ...],
    low: Floats,
    high: Floats,
    levels: int,
    best: Floats,
) -> tuple[float, int]:
    """The highest carry within [low, high] (logarithms), its point in ``best``, and the evaluations spent."""
    top, start = np.empty(1), np.empty(low.size)
    top[0] = _grid(terms, low, high, levels, best)
    spent = _points(levels, low.size)
    widest = 0.0
    for axis in range(low.size):
        widest = max(widest, high[axis] - low[axis])
    step = 0.5 * widest / (levels - 1)
    spent += _climb(terms, low, high, best, step, _ROUGH, best, top)
    if low.size != _SYMMETRIC:
        # Without drift the mirror of a good answer is nearly as good, or better: the grid cannot tell the two.
        for axis in range(4):
            start[axis] = best[axis ^ 1]
        spent += _climb(terms, low, high, start, 0.3, _ROUGH, best, top)
    spent += _climb(terms, low, high, best, 0.2, _ROUGH, best, top)
    spent += _climb(terms, low, high, best, 0.05, _FINE, best, top)
    spent += _snap(terms, low, high, best, top)
    return top[0], spent

"""The search for the best distances, in machine code: a coarse grid, then Nelder–Mead in the logarithms, kept in a box.

One search serves three objectives (``kind``): the carry of a symmetric or of an asymmetric cycle, and the value of
waiting. Like ``renewal_kernel``, import it only inside the function that needs it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keeper.policy.renewal_kernel import carry_per_year, compiled, integrals, weight_at

SYMMETRIC, ASYMMETRIC, WAITING = 0, 1, 2
_Floats = np.ndarray[Any, np.dtype[np.float64]]
"""Distances or their logarithms, one per dimension."""

_TERMS, _HELD = "UniTuple(f8,9)", "UniTuple(f8,5)"
_LARGEST_SIMPLEX_EVALUATIONS = 160
_SPREAD = 1e-8


@compiled(f"f8({_TERMS},{_HELD},f8,f8)")
def waited(terms: tuple[float, ...], held: tuple[float, ...], below: float, above: float) -> float:
    """What waiting earns against the target's carry until the price has moved ``below`` down or ``above`` up from x,
    less the cost of moving there; per unit of capital. ``held`` is (a, b, x, target's w(0), target's g)."""
    sigma, mu, phi, q, gas, swap_cost, w_star, risk_aversion, _ = terms
    a, b, x, wanted, target_carry = held
    out = integrals(sigma, mu, w_star, a, b, x - below, x + above, x)
    up, down, spent, level, excess, square = out[0], out[1], out[2], out[4], out[5], out[6]
    capital = -math.expm1(-0.5 * a) - math.expm1(-0.5 * b)
    variance = sigma * sigma
    earned = (phi / (capital + q) - 0.25 * variance / capital) * level + mu * excess
    moved = up * abs(weight_at(a, b, x + above) - wanted) + down * abs(weight_at(a, b, x - below) - wanted)
    return earned - 0.5 * risk_aversion * variance * square - target_carry * spent - gas - swap_cost * moved


@compiled(f"f8(i8,{_TERMS},{_HELD},f8[::1])")
def _score(kind: int, terms: tuple[float, ...], held: tuple[float, ...], logs: _Floats) -> float:
    first, second = math.exp(logs[0]), math.exp(logs[1])
    if kind == SYMMETRIC:
        return carry_per_year(terms, first, first, second, second)
    if kind == ASYMMETRIC:
        return carry_per_year(terms, first, second, math.exp(logs[2]), math.exp(logs[3]))
    return waited(terms, held, first, second)


@compiled(f"f8(i8,{_TERMS},{_HELD},f8[::1],f8[::1],i8,f8[::1])")
def _grid(
    kind: int,
    terms: tuple[float, ...],
    held: tuple[float, ...],
    low: _Floats,
    high: _Floats,
    levels: int,
    best: _Floats,
) -> float:
    """Score every point of a grid with ``levels`` logarithmic steps a dimension; the best goes into ``best``."""
    size = low.size
    point = np.empty(size)
    top = -math.inf
    for code in range(levels**size):
        rest = code
        for axis in range(size):
            point[axis] = low[axis] + (high[axis] - low[axis]) * (rest % levels) / (levels - 1)
            rest //= levels
        score = _score(kind, terms, held, point)
        if score > top:
            top = score
            best[:] = point
    return top


@compiled(f"i8(i8,{_TERMS},{_HELD},f8[::1],f8[::1],f8[:,::1],f8[::1],f8)")
def _begin(
    kind: int,
    terms: tuple[float, ...],
    held: tuple[float, ...],
    low: _Floats,
    high: _Floats,
    simplex: _Floats,
    scores: _Floats,
    step: float,
) -> int:
    """The other corners of the simplex around corner 0, each one step along its axis, inwards where it stands at a
    limit. Returns the evaluations spent."""
    size = low.size
    for axis in range(size):
        simplex[axis + 1] = simplex[0]
        moved = simplex[0, axis] + step
        if moved > high[axis]:
            moved = max(low[axis], simplex[0, axis] - step)
        simplex[axis + 1, axis] = moved
        scores[axis + 1] = _score(kind, terms, held, simplex[axis + 1])
    return size


@compiled("void(f8[:,::1],f8[::1])")
def _sort(simplex: _Floats, scores: _Floats) -> None:
    """Best corner first; insertion sort, which keeps the order of equals."""
    for index in range(1, scores.size):
        place = index
        while place > 0 and scores[place] > scores[place - 1]:
            scores[place], scores[place - 1] = scores[place - 1], scores[place]
            for axis in range(simplex.shape[1]):
                simplex[place, axis], simplex[place - 1, axis] = simplex[place - 1, axis], simplex[place, axis]
            place -= 1


@compiled("void(f8[::1],f8[::1],f8,f8[::1],f8[::1],f8[::1])")
def _along(centroid: _Floats, worst: _Floats, factor: float, low: _Floats, high: _Floats, into: _Floats) -> None:
    for axis in range(low.size):
        moved = centroid[axis] + factor * (centroid[axis] - worst[axis])
        into[axis] = min(max(moved, low[axis]), high[axis])


@compiled(f"i8(i8,{_TERMS},{_HELD},f8[::1],f8[::1],f8[:,::1],f8[::1],i8)")
def _nelder_mead(
    kind: int,
    terms: tuple[float, ...],
    held: tuple[float, ...],
    low: _Floats,
    high: _Floats,
    simplex: _Floats,
    scores: _Floats,
    most: int,
) -> int:
    """Climb until the corners agree or ``most`` evaluations are spent; the best corner ends at 0."""
    size = low.size
    centroid, tried, other = np.empty(size), np.empty(size), np.empty(size)
    spent = 0
    while spent < most:
        _sort(simplex, scores)
        if scores[0] - scores[size] <= _SPREAD * (1.0 + abs(scores[0])):
            break
        for axis in range(size):
            centroid[axis] = simplex[:size, axis].mean()
        _along(centroid, simplex[size], 1.0, low, high, tried)
        reflected = _score(kind, terms, held, tried)
        spent += 1
        if reflected > scores[0]:
            _along(centroid, simplex[size], 2.0, low, high, other)
        elif reflected > scores[size - 1]:
            simplex[size], scores[size] = tried, reflected
            continue
        elif reflected > scores[size]:
            _along(centroid, simplex[size], 0.5, low, high, other)
        else:
            _along(centroid, simplex[size], -0.5, low, high, other)
        second = _score(kind, terms, held, other)
        spent += 1
        if max(reflected, second) > scores[size]:
            simplex[size] = other if second >= reflected else tried
            scores[size] = max(reflected, second)
            continue
        for corner in range(1, size + 1):
            for axis in range(size):
                simplex[corner, axis] = 0.5 * (simplex[0, axis] + simplex[corner, axis])
            scores[corner] = _score(kind, terms, held, simplex[corner])
        spent += size
    _sort(simplex, scores)
    return spent


@compiled(f"i8(i8,{_TERMS},{_HELD},f8[::1],f8[::1],f8[::1],f8[::1])")
def _snap(
    kind: int,
    terms: tuple[float, ...],
    held: tuple[float, ...],
    low: _Floats,
    high: _Floats,
    point: _Floats,
    top: _Floats,
) -> int:
    """Put a distance exactly on the limit beside it where nothing is lost by it. Returns the evaluations spent."""
    spent = 0
    for axis in range(low.size):
        for limit in (low[axis], high[axis]):
            kept = point[axis]
            if kept != limit and abs(kept - limit) < 1e-2:
                point[axis] = limit
                score = _score(kind, terms, held, point)
                spent += 1
                if score >= top[0] - 1e-7 * (1e-3 + abs(top[0])):
                    top[0] = max(score, top[0])
                else:
                    point[axis] = kept
    return spent


@compiled(f"Tuple((f8,i8))(i8,{_TERMS},{_HELD},f8[::1],f8[::1],i8,f8[::1])")
def search(
    kind: int,
    terms: tuple[float, ...],
    held: tuple[float, ...],
    low: _Floats,
    high: _Floats,
    levels: int,
    best: _Floats,
) -> tuple[float, int]:
    """The highest score within [low, high] (logarithms), its point in ``best``, and the evaluations spent."""
    size = low.size
    simplex, scores, top = np.empty((size + 1, size)), np.empty(size + 1), np.empty(1)
    scores[0] = _grid(kind, terms, held, low, high, levels, best)
    simplex[0] = best
    spent = levels**size
    step = 0.5 * (high - low).max() / (levels - 1)
    for attempt in range(3):
        before = scores[0]
        spent += _begin(kind, terms, held, low, high, simplex, scores, step if attempt == 0 else 0.2)
        spent += _nelder_mead(
            kind, terms, held, low, high, simplex, scores, _LARGEST_SIMPLEX_EVALUATIONS
        )
        if attempt > 0 and scores[0] - before <= 1e-6 * abs(before):
            break
    best[:] = simplex[0]
    top[0] = scores[0]
    spent += _snap(kind, terms, held, low, high, best, top)
    return top[0], spent

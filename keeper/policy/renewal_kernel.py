"""The renewal objective in machine code: the integrals of one cycle, and the net carry it earns per year.

Everything here takes plain floats already judged by ``renewal_terms``. ``terms`` is the tuple of
``Terms.packed()``. Importing this module imports numba (about a second) and loads or compiles the functions: import it
only inside the function that needs it. numba's cache watches one file at a time: after a change here, the cached
functions of ``renewal_search`` and ``book_kernel`` still hold the old ones until those files change or their
``__pycache__/*.nbi`` go (an installation writes all anew; a test compares the two).

With k = |θ|, θ = 2μ/σ² − 1 (that is 2m/σ² with m = μ − σ²/2) and E(d) = (1 − e^(−kd))/k, the Green's function of
the path from x killed at lo and hi, from scale density e^(−θy), is

    y ≥ x:  (2/σ²)·E(x−lo)/E(hi−lo)·E(hi−y)·(e^(−k(y−x)) when θ < 0)
    y < x:  (2/σ²)·E(hi−x)/E(hi−lo)·E(y−lo)·(e^(−k(x−y)) when θ > 0)

where every exponent is negative: nothing overflows however strong the drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Ten-point Gauss–Legendre on [−1, 1]: the positive half of the nodes, and their weights.
NODES = (0.14887433898163122, 0.4333953941292472, 0.6794095682990244, 0.8650633666889845, 0.9739065285171717)
WEIGHTS = (0.29552422471475287, 0.26926671930999635, 0.21908636251598204, 0.1494513491505806, 0.06667134430868814)
# Longest panel, in units of the decay length 1/k, that ten points integrate to 1e-9.
_LONGEST = 10.0
_NEAR = 8.0
_FAR = 20.0


def compiled(signature: str) -> Callable[[_Function], _Function]:
    """``numba.njit`` for one explicit signature. Where no folder at all can hold the cache (numba tries beside the
    file, then the user's cache folder) numba refuses to cache: then compile afresh in this process."""

    def wrap(function: _Function) -> _Function:
        def jit(cache: bool) -> _Function:
            machine = numba.njit(signature, cache=cache, fastmath=False, error_model="numpy")(function)
            return cast(_Function, machine)

        try:
            return jit(True)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return jit(False)

    return wrap


@compiled("f8(f8,f8)")
def scale(k: float, distance: float) -> float:
    """E(d) = (1 − e^(−kd))/k; d itself where k vanishes."""
    return distance if k < 1e-14 else -math.expm1(-k * distance) / k


@compiled("i8(f8,f8,f8)")
def pieces(k: float, left: float, right: float) -> int:
    """Into how many panels ``graded`` divides [left, right]."""
    return 1 if k * (right - left) <= _LONGEST else 6


@compiled("UniTuple(f8,2)(f8,f8,f8,i8)")
def graded(k: float, left: float, right: float, piece: int) -> tuple[float, float]:
    """Ends of one panel of [left, right], narrow towards both ends: a strong drift makes layers there."""
    length = right - left
    if k * length <= _LONGEST:
        return left, right
    near, far = min(_NEAR / k, 0.25 * length), min(_FAR / k, 0.5 * length)
    middle = 0.5 * (left + right)
    if piece == 0:
        return left, left + near
    if piece == 1:
        return left + near, left + far
    if piece == 2:
        return left + far, middle
    if piece == 3:
        return middle, right - far
    if piece == 4:
        return right - far, right - near
    return right - near, right


@compiled("f8(f8,f8,f8)")
def weight_at(a: float, b: float, x: float) -> float:
    """Share of the position's value held in the base token at log distance ``x`` from the centre."""
    if x <= -a:
        return 1.0
    if x >= b:
        return 0.0
    above = math.expm1(0.5 * (x - b))
    return above / (math.expm1(-0.5 * (x + a)) + above)


@compiled("UniTuple(f8,4)(f8,f8,f8,f8,f8,f8,f8,f8,f8)")
def _panel(
    theta: float, a: float, b: float, lo: float, hi: float, x: float, w_star: float, left: float, right: float
) -> tuple[float, float, float, float]:
    """∫ G·(1, e^(y/2), w−w*, (w−w*)²) over [left, right], G without 2/(σ²·E(hi−lo)). The panel crosses neither x nor
    an edge of the range; e^(y/2) counts in range only."""
    k = abs(theta)
    half, middle = 0.5 * (right - left), 0.5 * (right + left)
    upper = middle >= x
    reach = hi - x if upper else x - lo
    against = theta < 0.0 if upper else theta > 0.0
    straight = k * (hi - lo) < 1e-12
    closing = math.expm1(-k * reach)
    inside = -a <= middle <= b
    low_edge, high_edge = math.exp(-0.5 * a), math.exp(-0.5 * b)
    total = level = first = second = 0.0
    for index in range(10):
        node = index >> 1
        y = middle + half * (NODES[node] if index & 1 else -NODES[node])
        away = y - x if upper else x - y
        if straight:
            density = reach - away
        elif against:
            density = (math.expm1(-k * away) - closing) / k
        else:
            density = -math.expm1(-k * (reach - away)) / k
        mass = WEIGHTS[node] * density
        total += mass
        if inside:
            root = math.exp(0.5 * y)
            above = 1.0 - root * high_edge
            excess = above / (above + 1.0 - low_edge / root) - w_star
            level += mass * root
            first += mass * excess
            second += mass * excess * excess
    if not inside:
        excess = (1.0 if middle < 0.0 else 0.0) - w_star
        first, second = total * excess, total * excess * excess
    factor = half * scale(k, x - lo if upper else hi - x)
    return factor * total, factor * level, factor * first, factor * second


@compiled("UniTuple(f8,4)(f8,f8,f8,f8,f8,f8,f8,f8,f8)")
def _stretch(
    theta: float, a: float, b: float, lo: float, hi: float, x: float, w_star: float, left: float, right: float
) -> tuple[float, float, float, float]:
    """One panel; graded towards both ends where a strong drift makes layers that ten points would miss."""
    k = abs(theta)
    total = level = first = second = 0.0
    for piece in range(pieces(k, left, right)):
        begin, end = graded(k, left, right, piece)
        if end > begin:
            part = _panel(theta, a, b, lo, hi, x, w_star, begin, end)
            total += part[0]
            level += part[1]
            first += part[2]
            second += part[3]
    return total, level, first, second


@compiled("UniTuple(f8,7)(f8,f8,f8,f8,f8,f8,f8,f8)")
def integrals(
    sigma: float, mu: float, w_star: float, a: float, b: float, lo: float, hi: float, x: float
) -> tuple[float, float, float, float, float, float, float]:
    """p_up, p_down, E τ, T_in, I_L, I_w, I_w2 (years) of the path from ``x`` until it leaves (lo, hi). Panels
    end at the edges of the range, at x and at the centre, each where it lies between lo and hi."""
    theta = 2.0 * mu / (sigma * sigma) - 1.0
    k = abs(theta)
    whole = scale(k, hi - lo)
    up, down = scale(k, x - lo) / whole, scale(k, hi - x) / whole
    if theta < 0.0:
        up *= math.exp(-k * (hi - x))
    else:
        down *= math.exp(-k * (x - lo))
    spent = level = inside = excess = square = 0.0
    left = lo
    while left < hi:
        right = hi
        for cut in (-a, 0.0, b, x):
            if left < cut < right:
                right = cut
        part = _stretch(theta, a, b, lo, hi, x, w_star, left, right)
        spent += part[0]
        level += part[1]
        excess += part[2]
        square += part[3]
        if -a <= 0.5 * (left + right) <= b:
            inside += part[0]
        left = right
    factor = 2.0 / (sigma * sigma * whole)
    return up, down, factor * spent, factor * inside, factor * level, factor * excess, factor * square


@compiled("f8(UniTuple(f8,9),f8,f8,f8,f8)")
def carry_per_year(terms: tuple[float, ...], a: float, b: float, lower: float, upper: float) -> float:
    """g: net carry per year of the cycle that starts at the centre; the objective that is maximised."""
    sigma, mu, phi, q, gas, swap_cost, w_star, risk_aversion, delay = terms
    up, down, spent, _, level, excess, square = integrals(sigma, mu, w_star, a, b, -lower, upper, 0.0)
    capital = -math.expm1(-0.5 * a) - math.expm1(-0.5 * b)
    variance = sigma * sigma
    centre = weight_at(a, b, 0.0)
    moved = up * abs(weight_at(a, b, upper) - centre) + down * abs(weight_at(a, b, -lower) - centre)
    earned = (phi / (capital + q) - 0.25 * variance / capital) * level + mu * excess
    return (earned - 0.5 * risk_aversion * variance * square - gas - swap_cost * moved) / (spent + delay)

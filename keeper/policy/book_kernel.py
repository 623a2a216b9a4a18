"""Compiled integrals over a random walk between two triggers, for any set of ranges.

Log distances y from the price, years, rates as fractions of the capital. The walk has drift m and volatility σ,
θ = 2m/σ². G is Green's function of the walk killed at −t_down and t_up (scale function s'(y) = e^(−θy)), in a form
that cannot overflow. Ten-point Gauss–Legendre between neighbouring breakpoints.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)
# Market: σ, μ, φ used, wanted base weight w*, risk aversion λ, gas γ, swap cost s, delay, others' depth / capital,
# idle base, idle quote (both fractions of the capital at the price).
SIGMA, MU, PHI, W_STAR, LAMBDA, GAS, SWAP_COST, DELAY, OTHERS, IDLE_BASE, IDLE_QUOTE = range(11)
_SMALL = 1e-9


@njit(cache=True, error_model="numpy")
def green(y: float, t_down: float, t_up: float, theta: float, sigma: float) -> float:
    """G(0, y): expected time spent near y, per unit of y, before the walk from 0 leaves (−t_down, t_up)."""
    if theta < 0.0:
        y, t_down, t_up, theta = -y, t_up, t_down, -theta
    if y <= -t_down or y >= t_up:
        return 0.0
    width = t_down + t_up
    scale = 2.0 / (sigma * sigma)
    if theta * width < _SMALL:
        return float(scale * (t_down + min(y, 0.0)) * (t_up - max(y, 0.0)) / width)
    whole = -math.expm1(-theta * width)
    if y >= 0.0:
        return float(scale * math.expm1(-theta * t_down) * math.expm1(-theta * (t_up - y)) / (theta * whole))
    below = math.exp(theta * y) * math.expm1(-theta * (t_down + y)) * math.expm1(-theta * t_up)
    return float(scale * below / (theta * whole))


@njit(cache=True, error_model="numpy")
def probability_up(t_down: float, t_up: float, theta: float) -> float:
    """That the walk from 0 meets t_up before −t_down."""
    width = t_down + t_up
    if abs(theta) * width < _SMALL:
        return float(t_down / width)
    if theta > 0.0:
        return float(math.expm1(-theta * t_down) / math.expm1(-theta * width))
    return float(1.0 - math.expm1(theta * t_up) / math.expm1(theta * width))


@njit(cache=True, error_model="numpy")
def worth(y: float, lower: Array, upper: Array, depth: Array, market: Array) -> tuple[float, float]:
    """(worth of the base token, worth of all) of ranges and idle tokens at y, as fractions of the capital at 0."""
    base = market[IDLE_BASE] * math.exp(y)
    total = base + market[IDLE_QUOTE]
    root = math.exp(y / 2)
    for i in range(lower.size):
        low, high = math.exp(lower[i] / 2), math.exp(upper[i] / 2)
        at = min(max(root, low), high)
        in_base = depth[i] * root * root * (1 / at - 1 / high)
        base += in_base
        total += in_base + depth[i] * (at - low)
    return base, total


@njit(cache=True, error_model="numpy")
def base_weight(y: float, lower: Array, upper: Array, depth: Array, market: Array) -> float:
    """The base token's share w(y) of what ranges and idle tokens are worth."""
    base, total = worth(y, lower, upper, depth, market)
    return float(base / total) if total > 0.0 else 0.5


@njit(cache=True, error_model="numpy")
def rates(
    y: float, lower: Array, upper: Array, depth: Array, market: Array
) -> tuple[float, float, float, float, float]:
    """(fee, LVR, drift and risk term, depth in range, weight) per year at y. Own depth dilutes the pool's fees once."""
    own = 0.0
    for i in range(lower.size):
        if lower[i] <= y < upper[i]:
            own += depth[i]
    active = own * math.exp(y / 2)
    sigma = market[SIGMA]
    fee = market[PHI] * active * market[OTHERS] / (market[OTHERS] + own) if own > 0.0 else 0.0
    away = base_weight(y, lower, upper, depth, market) - market[W_STAR]
    lean = market[MU] * away - 0.5 * market[LAMBDA] * sigma * sigma * away * away
    return fee, sigma * sigma / 4 * active, lean, active, away + market[W_STAR]


@njit(cache=True, error_model="numpy")
def integrals(
    t_down: float, t_up: float, lower: Array, upper: Array, depth: Array, market: Array
) -> tuple[float, float, float, float, float]:
    """∫G of (fee, LVR, drift and risk term, 1 in range, 1), y from −t_down to t_up."""
    theta = 2 * (market[MU] - market[SIGMA] ** 2 / 2) / market[SIGMA] ** 2
    count = 2 * lower.size + 3
    points = np.empty(count)
    points[0], points[1], points[2] = -t_down, 0.0, t_up
    for i in range(lower.size):
        points[3 + 2 * i] = min(max(lower[i], -t_down), t_up)
        points[4 + 2 * i] = min(max(upper[i], -t_down), t_up)
    points.sort()
    fees = losses = leans = inside = spent = 0.0
    for k in range(count - 1):
        half = (points[k + 1] - points[k]) / 2
        if half <= 0.0:
            continue
        middle = points[k] + half
        for j in range(_NODES.size):
            y = middle + half * _NODES[j]
            density = green(y, t_down, t_up, theta, market[SIGMA]) * _WEIGHTS[j] * half
            fee, loss, lean, active, _ = rates(y, lower, upper, depth, market)
            fees += density * fee
            losses += density * loss
            leans += density * lean
            inside += density if active > 0.0 else 0.0
            spent += density
    return fees, losses, leans, inside, spent


@njit(cache=True, error_model="numpy")
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
    theta = 2 * (market[MU] - market[SIGMA] ** 2 / 2) / market[SIGMA] ** 2
    fees, losses, leans, _, spent = integrals(t_down, t_up, lower, upper, depth, market)
    up = probability_up(t_down, t_up, theta)
    swap_up = abs(base_weight(t_up, lower, upper, depth, market) - target_w)
    swap_down = abs(base_weight(-t_down, lower, upper, depth, market) - target_w)
    cost = market[GAS] + market[SWAP_COST] * (up * swap_up + (1 - up) * swap_down)
    return float(fees - losses + leans - target_g * spent - cost)


@njit(cache=True, error_model="numpy")
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
    """(C, t_down, t_up): the best thresholds on a logarithmic grid, refined three times around the best point."""
    size = 10
    low_d, high_d = math.log(nearest), math.log(furthest)
    low_u, high_u = low_d, high_d
    best, best_d, best_u = -np.inf, nearest, nearest
    for _ in range(4):
        step_d, step_u = (high_d - low_d) / (size - 1), (high_u - low_u) / (size - 1)
        for i in range(size):
            t_down = math.exp(low_d + i * step_d)
            for j in range(size):
                t_up = math.exp(low_u + j * step_u)
                found = waiting(t_down, t_up, lower, upper, depth, market, target_g, target_w)
                if found > best:
                    best, best_d, best_u = found, t_down, t_up
        low_d, high_d = (
            max(math.log(nearest), math.log(best_d) - step_d),
            min(math.log(furthest), math.log(best_d) + step_d),
        )
        low_u, high_u = (
            max(math.log(nearest), math.log(best_u) - step_u),
            min(math.log(furthest), math.log(best_u) + step_u),
        )
        size = 6
    return best, best_d, best_u

"""Compiled integrals over a random walk between two triggers, for any set of ranges.

Log distances y from the price, years, rates as fractions of the capital. The walk has drift m and volatility σ,
θ = 2m/σ² = 2μ/σ² − 1, k = |θ|, E(d) = (1 − e^(−kd))/k. Green's function of the walk from 0 killed at −t_down and t_up
(``renewal_kernel``) is a product of what one side asks and what the other side weighs:

    y = z ≥ 0:   (2/σ²)·E(t_down)/E(t_down + t_up)·D(z),   D(z) = E(t_up − z)
    y = −z < 0:  (2/σ²)·E(t_up)/E(t_down + t_up)·D(z),     D(z) = E(t_down − z)

with D times e^(−kz) on the side that the drift is against,
so that each side is integrated on its own: a grid of thresholds costs one integral per level and side, not per pair.
Importing this module imports numba and loads or compiles the functions; what ``renewal_kernel`` says of a stale cache
holds here too, of that file's functions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from keeper.policy.renewal_kernel import NODES, WEIGHTS, compiled, graded, pieces, scale

Array = NDArray[np.float64]

# Market: σ, μ, φ used, wanted base weight w*, risk aversion λ, gas γ, swap cost s, delay, others' depth / capital,
# idle base, idle quote (both fractions of the capital at the price).
SIGMA, MU, PHI, W_STAR, LAMBDA, GAS, SWAP_COST, DELAY, OTHERS, IDLE_BASE, IDLE_QUOTE = range(11)
BOOK = "f8[::1],f8[::1],f8[::1],f8[::1]"
"""Lower and upper edges, depths, market."""


@compiled("f8(f8[::1])")
def theta_of(market: Array) -> float:
    """θ = 2μ/σ² − 1, the walk's drift over its variance."""
    return float(2.0 * market[MU] / (market[SIGMA] * market[SIGMA]) - 1.0)


@compiled("f8(f8,f8,f8)")
def probability_up(t_down: float, t_up: float, theta: float) -> float:
    """That the walk from 0 meets t_up before −t_down."""
    k = abs(theta)
    share = scale(k, t_down) / scale(k, t_down + t_up)
    return share * math.exp(-k * t_up) if theta < 0.0 else share


@compiled(f"UniTuple(f8,3)(f8,{BOOK})")
def holdings(y: float, lower: Array, upper: Array, depth: Array, market: Array) -> tuple[float, float, float]:
    """(own, square, constant) such that, with root = e^(y/2), the base tokens are worth own·root + square·root² and the
    quote tokens own·root + constant, from edge to edge of the ranges. ``own`` is the depth in range."""
    own, square, constant = 0.0, market[IDLE_BASE], market[IDLE_QUOTE]
    for i in range(lower.size):
        if y >= upper[i]:
            constant += depth[i] * (math.exp(0.5 * upper[i]) - math.exp(0.5 * lower[i]))
        elif y < lower[i]:
            square += depth[i] * (math.exp(-0.5 * lower[i]) - math.exp(-0.5 * upper[i]))
        else:
            own += depth[i]
            square -= depth[i] * math.exp(-0.5 * upper[i])
            constant -= depth[i] * math.exp(0.5 * lower[i])
    return own, square, constant


@compiled("f8(f8,f8,f8,f8)")
def _share(root: float, own: float, square: float, constant: float) -> float:
    base, quote = root * (own + square * root), own * root + constant
    return base / (base + quote) if base + quote > 0.0 else 0.5


@compiled(f"f8(f8,{BOOK})")
def base_weight(y: float, lower: Array, upper: Array, depth: Array, market: Array) -> float:
    """The base token's share w(y) of what ranges and idle tokens are worth."""
    own, square, constant = holdings(y, lower, upper, depth, market)
    return _share(math.exp(0.5 * y), own, square, constant)


@compiled(f"UniTuple(f8,5)(f8,{BOOK})")
def rates(
    y: float, lower: Array, upper: Array, depth: Array, market: Array
) -> tuple[float, float, float, float, float]:
    """(fee, LVR, drift and risk term, depth in range, weight) per year at y. Own depth dilutes the pool's fees once."""
    own, square, constant = holdings(y, lower, upper, depth, market)
    root = math.exp(0.5 * y)
    active, variance = own * root, market[SIGMA] * market[SIGMA]
    fee = market[PHI] * active * market[OTHERS] / (market[OTHERS] + own) if own > 0.0 else 0.0
    weight = _share(root, own, square, constant)
    away = weight - market[W_STAR]
    lean = market[MU] * away - 0.5 * market[LAMBDA] * variance * away * away
    return fee, 0.25 * variance * active, lean, active, weight


@compiled(f"UniTuple(f8,4)(f8,f8,f8,f8,{BOOK})")
def _panel(
    side: float, reach: float, left: float, right: float, lower: Array, upper: Array, depth: Array, market: Array
) -> tuple[float, float, float, float]:
    """∫ D(z)·(1, e^(y/2), w − w*, (w − w*)²) over z in [left, right], y = side·z. No edge of a range lies within."""
    theta = theta_of(market)
    k, against = abs(theta), side * theta < 0.0
    half, middle = 0.5 * (right - left), 0.5 * (right + left)
    own, square, constant = holdings(side * middle, lower, upper, depth, market)
    w_star, whole = market[W_STAR], scale(k, reach)
    total = level = first = second = 0.0
    for index in range(10):
        node = index >> 1
        z = middle + half * (NODES[node] if index & 1 else -NODES[node])
        # e^(−kz)·E(reach − z) = E(reach) − E(z)
        mass = WEIGHTS[node] * (whole - scale(k, z) if against else scale(k, reach - z))
        root = math.exp(0.5 * side * z)
        away = _share(root, own, square, constant) - w_star
        total += mass
        level += mass * root
        first += mass * away
        second += mass * away * away
    return half * total, half * level, half * first, half * second


@compiled(f"UniTuple(f8,5)(f8,f8,{BOOK})")
def one_side(
    side: float, reach: float, lower: Array, upper: Array, depth: Array, market: Array
) -> tuple[float, float, float, float, float]:
    """∫ D(z)·(fee, LVR, drift and risk term, 1 in range, 1) over z in [0, reach], y = side·z (side is 1 or −1). Panels
    end at the edges of the ranges, graded where the drift is strong."""
    variance, k = market[SIGMA] * market[SIGMA], abs(theta_of(market))
    fees = losses = leans = inside = spent = left = 0.0
    while left < reach:
        right = reach
        for i in range(lower.size):
            for edge in (side * lower[i], side * upper[i]):
                if left < edge < right:
                    right = edge
        total = level = first = second = 0.0
        for piece in range(pieces(k, left, right)):
            begin, end = graded(k, left, right, piece)
            if end > begin:
                part = _panel(side, reach, begin, end, lower, upper, depth, market)
                total += part[0]
                level += part[1]
                first += part[2]
                second += part[3]
        own, _, _ = holdings(side * 0.5 * (left + right), lower, upper, depth, market)
        if own > 0.0:
            fees += market[PHI] * own * market[OTHERS] / (market[OTHERS] + own) * level
            losses += 0.25 * variance * own * level
            inside += total
        leans += market[MU] * first - 0.5 * market[LAMBDA] * variance * second
        spent += total
        left = right
    return fees, losses, leans, inside, spent


@compiled(f"UniTuple(f8,5)(f8,f8,{BOOK})")
def integrals(
    t_down: float, t_up: float, lower: Array, upper: Array, depth: Array, market: Array
) -> tuple[float, float, float, float, float]:
    """∫G of (fee, LVR, drift and risk term, 1 in range, 1), y from −t_down to t_up."""
    k = abs(theta_of(market))
    factor = 2.0 / (market[SIGMA] * market[SIGMA] * scale(k, t_down + t_up))
    rise, fall = factor * scale(k, t_down), factor * scale(k, t_up)
    up = one_side(1.0, t_up, lower, upper, depth, market)
    down = one_side(-1.0, t_down, lower, upper, depth, market)
    return (
        rise * up[0] + fall * down[0], rise * up[1] + fall * down[1], rise * up[2] + fall * down[2],
        rise * up[3] + fall * down[3], rise * up[4] + fall * down[4],
    )  # fmt: skip

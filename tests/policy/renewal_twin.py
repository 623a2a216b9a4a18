"""The renewal objective once more, in plain Python and word for word from its formulas: slow, and naive about overflow.

An independent check of the machine code in the tests, and the peer of ``bench/plan.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from keeper.policy.renewal import Bounds, Terms

# Gauss–Legendre on five points, in panels, instead of the ten that the machine code uses.
_NODES = (-0.906179845938664, -0.5384693101056831, 0.0, 0.5384693101056831, 0.906179845938664)
_WEIGHTS = (0.23692688505618908, 0.47862867049936647, 0.5688888888888889, 0.47862867049936647, 0.23692688505618908)


def twin_value(a: float, b: float, x: float) -> float:
    if x < -a:
        return math.exp(x) * (math.exp(a / 2) - math.exp(-b / 2))
    if x > b:
        return math.exp(b / 2) - math.exp(-a / 2)
    return 2 * math.exp(x / 2) - math.exp(-a / 2) - math.exp(x - b / 2)


def twin_weight(a: float, b: float, x: float) -> float:
    if x <= -a:
        return 1.0
    if x >= b:
        return 0.0
    return (math.exp(x / 2) - math.exp(x - b / 2)) / twin_value(a, b, x)


def expected(
    terms: Terms, low: float, high: float, x: float, cuts: list[float], rate: Callable[[float], float], panels: int = 1
) -> float:
    """E_x ∫₀^τ rate(X) ds until X leaves (low, high), with ``panels`` quadratures between two cuts."""
    variance = terms.sigma_annual**2
    theta = 2 * terms.mu_annual / variance - 1

    def scale(y: float) -> float:
        return y if abs(theta) < 1e-9 else -math.exp(-theta * y) / theta

    def green(y: float) -> float:
        rise = (scale(min(x, y)) - scale(low)) * (scale(high) - scale(max(x, y)))
        return rise / (scale(high) - scale(low)) * 2 / variance * math.exp(theta * y)

    points = sorted({low, high, *(min(max(cut, low), high) for cut in (*cuts, x))})
    total = 0.0
    for left, right in pairwise(points):
        half = (right - left) / panels / 2
        for panel in range(panels):
            middle = left + (2 * panel + 1) * half
            for node, share in zip(_NODES, _WEIGHTS, strict=True):
                y = middle + half * node
                total += half * share * green(y) * rate(y)
    return total


def chance_up(terms: Terms, low: float, high: float, x: float) -> float:
    theta = 2 * terms.mu_annual / terms.sigma_annual**2 - 1
    if abs(theta) < 1e-9:
        return (x - low) / (high - low)
    return (math.exp(-theta * x) - math.exp(-theta * low)) / (math.exp(-theta * high) - math.exp(-theta * low))


def twin_carry(terms: Terms, bounds: Bounds, panels: int = 1) -> float:
    """g per year."""
    a, b, low, high = bounds.a, bounds.b, -bounds.trigger_lower, bounds.trigger_upper
    h, variance = 2 - math.exp(-a / 2) - math.exp(-b / 2), terms.sigma_annual**2

    def rate(y: float) -> float:
        excess = twin_weight(a, b, y) - terms.target_weight
        level = math.exp(y / 2) if -a <= y <= b else 0.0
        earned = level * (terms.phi_annual / (h + terms.q) - variance / (4 * h))
        return earned + terms.mu_annual * excess - terms.risk_aversion * variance * excess**2 / 2

    up, centre = chance_up(terms, low, high, 0.0), twin_weight(a, b, 0.0)
    cost_up = terms.gas + terms.swap_cost * abs(twin_weight(a, b, high) - centre)
    cost_down = terms.gas + terms.swap_cost * abs(twin_weight(a, b, low) - centre)
    years = expected(terms, low, high, 0.0, [-a, b], lambda _: 1.0, panels)
    earned = expected(terms, low, high, 0.0, [-a, b], rate, panels)
    return (earned - up * cost_up - (1 - up) * cost_down) / (years + terms.delay_years)

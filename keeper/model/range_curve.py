"""What a concentrated-liquidity range is worth along the price: floats for statistics and display, never for signing.

``price``, ``lower`` and ``upper`` are prices of the base token in the quote token, in any one consistent unit; values
are in the quote token. Sources: Uniswap v3 whitepaper eq. 6.29 and 6.30 for the amounts behind liquidity L; the rest is
algebra on them. Below, S is the price, pa and pb are the bounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, isclose, isfinite, sqrt


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One price on a position's curve: ``value`` in quote for the liquidity asked, shares and losses as fractions."""

    price: float
    value: float
    base_weight: float
    impermanent_loss: float
    delta: float
    gamma: float


def base_amount(price: float, lower: float, upper: float, liquidity: float = 1.0) -> float:
    """Base tokens held: ``L (1/sqrt(S) - 1/sqrt(pb))`` with S clamped to the range (whitepaper eq. 6.30)."""
    _check(price, lower, upper)
    inner = min(max(price, lower), upper)
    return liquidity * (1 / sqrt(inner) - 1 / sqrt(upper))


def quote_amount(price: float, lower: float, upper: float, liquidity: float = 1.0) -> float:
    """Quote tokens held: ``L (sqrt(S) - sqrt(pa))`` with S clamped to the range (whitepaper eq. 6.29)."""
    _check(price, lower, upper)
    inner = min(max(price, lower), upper)
    return liquidity * (sqrt(inner) - sqrt(lower))


def value(price: float, lower: float, upper: float, liquidity: float = 1.0) -> float:
    """Value in quote: ``S * base + quote``; in range ``L (2 sqrt(S) - sqrt(pa) - S/sqrt(pb))``."""
    return price * base_amount(price, lower, upper, liquidity) + quote_amount(price, lower, upper, liquidity)


def base_weight(price: float, lower: float, upper: float) -> float:
    """Share of the value held in the base token: 1 below the range, 0 above it."""
    _check(price, lower, upper)
    if price <= lower:
        return 1.0
    if price >= upper:
        return 0.0
    return price * base_amount(price, lower, upper) / value(price, lower, upper)


def amplification(price: float, lower: float, upper: float) -> float:
    """Liquidity amplification factor: liquidity per unit of value against the same value over the full range.

    ``1 / (1 - (sqrt(pa/S) + sqrt(S/pb)) / 2)``: a full-range position of liquidity L is worth ``2 L sqrt(S)``, one over
    [pa, pb] is worth ``L (2 sqrt(S) - sqrt(pa) - S/sqrt(pb))``.

    Raises:
        ValueError: the price is outside the range, where no liquidity is active.
    """
    _check(price, lower, upper)
    if not lower <= price <= upper:
        raise ValueError(f"price {price} is outside the range [{lower}, {upper}]")
    # 1 - sqrt(x) loses half its digits for a narrow range; (1 - x) / (1 + sqrt(x)) does not.
    below = (price - lower) / price / (1 + sqrt(lower / price))
    above = (upper - price) / upper / (1 + sqrt(price / upper))
    return 2 / (below + above)


def impermanent_loss(price: float, entry_price: float, lower: float, upper: float) -> float:
    """Position value against holding what was deposited at ``entry_price``, minus one; at most zero, fees left out.

    In range ``(2 sqrt(p) - p/sqrt(pb) - sqrt(pa)) / (p/sqrt(p0) - p/sqrt(pb) + sqrt(p0) - sqrt(pa)) - 1``; a price or
    an entry outside the range takes the one-sided amounts.
    """
    held = price * base_amount(entry_price, lower, upper) + quote_amount(entry_price, lower, upper)
    return min(value(price, lower, upper) / held - 1, 0.0)


def delta(price: float, lower: float, upper: float, liquidity: float = 1.0) -> float:
    """First derivative of the value by the price: the base tokens held, ``L (1/sqrt(S) - 1/sqrt(pb))`` in range."""
    return base_amount(price, lower, upper, liquidity)


def gamma(price: float, lower: float, upper: float, liquidity: float = 1.0) -> float:
    """Second derivative of the value by the price: ``-L / (2 S**1.5)`` in range, zero outside.

    The lower bound counts as inside and the upper does not, as in a pool.
    """
    _check(price, lower, upper)
    return -liquidity / (2 * price * sqrt(price)) if lower <= price < upper else 0.0


def depth(distance_below: float, distance_above: float) -> float:
    """``h = 2 - exp(-a/2) - exp(-b/2)``: value per ``L sqrt(S)`` at the centre of the range x in [-a, b]."""
    return 2 - exp(-distance_below / 2) - exp(-distance_above / 2)


def normalised_value(x: float, distance_below: float, distance_above: float) -> float:
    """Value per ``L sqrt(S_centre)`` at ``x = ln(S / S_centre)`` of the range x in [-a, b]."""
    return value(exp(x), exp(-distance_below), exp(distance_above))


def normalised_base_weight(x: float, distance_below: float, distance_above: float) -> float:
    """Base share of the value at ``x = ln(S / S_centre)`` of the range x in [-a, b]."""
    return base_weight(exp(x), exp(-distance_below), exp(distance_above))


def curve(
    prices: Iterable[float], entry_price: float, lower: float, upper: float, liquidity: float = 1.0
) -> tuple[CurvePoint, ...]:
    """The position along a price grid, impermanent loss counted from ``entry_price``."""
    return tuple(
        CurvePoint(
            price=price,
            value=value(price, lower, upper, liquidity),
            base_weight=base_weight(price, lower, upper),
            impermanent_loss=impermanent_loss(price, entry_price, lower, upper),
            delta=delta(price, lower, upper, liquidity),
            gamma=gamma(price, lower, upper, liquidity),
        )
        for price in prices
    )


def price_grid(price: float, lower: float, upper: float, points: int = 25) -> tuple[float, ...]:
    """Prices evenly spaced in ratio, with the bounds and the price themselves among them.

    Reaches a quarter of the range's width (in ratio) beyond whatever lies outermost.
    """
    low, high = min(lower, price), max(upper, price)
    margin = (upper / lower) ** 0.25
    start, step = low / margin, (high / low * margin * margin) ** (1 / (points - 1))
    exact = {lower, price, upper}
    # A generated point that is an exact one but for the last bit would show the same price twice.
    spaced = {start * step**index for index in range(points)}
    return tuple(sorted(exact | {p for p in spaced if not any(isclose(p, e, rel_tol=1e-9) for e in exact)}))


def _check(price: float, lower: float, upper: float) -> None:
    if not (isfinite(price) and isfinite(upper) and price > 0 and 0 < lower < upper):
        raise ValueError(f"need 0 < lower < upper and price > 0, got price {price}, range [{lower}, {upper}]")

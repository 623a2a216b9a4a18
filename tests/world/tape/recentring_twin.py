"""The model of ``keeper.world.tape.sweeps`` carried out move by move in plain Python."""

from __future__ import annotations

import math
from dataclasses import dataclass

from keeper.world.tape.sweeps import Recentring


@dataclass
class Life:
    fees: float = 0.0
    lvr: float = 0.0
    costs: float = 0.0
    swapped: float = 0.0
    resets: int = 0
    inside_seconds: int = 0
    value_end: float = 0.0
    hodl_end: float = 0.0
    directional: float = 0.0


def tokens(root: float, low: float, high: float) -> tuple[float, float]:
    clipped = min(max(root, low), high)
    return 1 / clipped - 1 / high, clipped - low


def slowly(
    roots: list[float],
    seconds: list[int],
    strategy: Recentring,
    factors: tuple[float, float],
    spacing: int,
    latency: int,
) -> tuple[Life, list[float]]:
    """One strategy by the book, every point looked at; the value at each point, before a reset there."""
    life, last = Life(), len(roots) - 1
    centre, low, high, since, due = 0.0, 0.0, 0.0, 0, -1
    liquidity, cash, values = 0.0, 0.0, []

    def set_range(index: int, value: float, held: float | None) -> None:
        nonlocal centre, low, high, since, liquidity, cash
        root = roots[index]
        centre, since, cash = root, seconds[index], 0.0
        low = root * math.exp(-0.5 * strategy.width_below)
        high = root * math.exp(0.5 * strategy.width_above)
        if spacing:
            unit = 0.5 * math.log(1.0001) * spacing
            below = math.floor(math.log(root) / unit)
            low = math.exp(min(math.floor(math.log(low) / unit + 0.5), below) * unit)
            high = math.exp(max(math.floor(math.log(high) / unit + 0.5), below + 1) * unit)
        base, quote = tokens(root, low, high)
        share = base * root**2 / (base * root**2 + quote)
        if held is not None:
            swapped = abs(share * value - held)
            costs = strategy.reset_cost * value + strategy.swap_cost * swapped
            life.costs, life.swapped, life.resets = life.costs + costs, life.swapped + swapped, life.resets + 1
            value -= costs
        else:
            life.hodl_end = share * (roots[-1] / root) ** 2 + 1 - share
        liquidity = value / (base * root**2 + quote)

    set_range(0, 1.0, None)
    for index, root in enumerate(roots):
        if index:
            before = roots[index - 1]
            base_before, quote_before = (liquidity * each for each in tokens(before, low, high))
            base_after, quote_after = (liquidity * each for each in tokens(root, low, high))
            paid = factors[0] * max(base_after - base_before, 0) * root**2
            paid += factors[1] * max(quote_after - quote_before, 0)
            life.fees, cash = life.fees + paid, cash + paid
            life.lvr += (base_before - base_after) * root**2 - (quote_after - quote_before)
            life.directional += base_before * (root**2 - before**2)
        base, quote = tokens(root, low, high)
        value = liquidity * (base * root**2 + quote) + cash
        values.append(value)
        if index == last:
            break
        if due < 0 and seconds[index] >= since + strategy.cooldown_seconds and index > 0:
            left = root < centre * math.exp(-0.5 * strategy.trigger_below)
            if left or root > centre * math.exp(0.5 * strategy.trigger_above):
                due = seconds[index] + latency
        if due >= 0 and seconds[index + 1] > due:
            set_range(index, value, liquidity * base * root**2)
            due = -1
        if low <= root <= high:
            life.inside_seconds += seconds[index + 1] - seconds[index]
    life.value_end = values[-1]
    return life, values

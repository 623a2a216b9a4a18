"""What a backtest's charts draw: the strategy beside other ways to hold, and its accounts, over time.

A year of hours has more points than a screen has pixels. ``thinned`` keeps, of each stretch of time and for each curve,
the lowest and the highest point: drawn at that width nothing looks other than the whole would, and no extreme is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from keeper.model.observation import Observation
from keeper.report.accounts import ProfitAndLoss
from keeper.report.backtest_words import Lived
from keeper.report.display import Money
from keeper.report.holdings import base_bought, valued, worth
from keeper.report.timeline import State, price_at, state_of

BUCKETS = 400
_Q96, _Q128, _WORD = 1 << 96, 1 << 128, 1 << 256


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is left to draw: ``values`` by curve, whole quote units (``price`` in quote per base)."""

    times: tuple[int, ...]
    values: dict[str, tuple[float, ...]]
    states: tuple[State, ...]


def drawn(lived: Lived, money: Money) -> Drawn:
    observations = lived.run.observations
    columns = {
        "price": [price_at(each, each.pool.sqrt_price_x96) for each in observations],
        **_worths(lived, money),
        **_sums(lived.series, money),
    }
    times = [each.block.timestamp for each in observations]
    kept = thinned(times, list(columns.values()))
    return Drawn(
        times=tuple(times[index] for index in kept),
        values={name: tuple(values[index] for index in kept) for name, values in columns.items()},
        states=tuple(state_of(observations[index]) for index in kept),
    )


def thinned(times: Sequence[int], columns: Sequence[Sequence[float]], buckets: int = BUCKETS) -> list[int]:
    """Places to keep, ascending: the ends, and of each of ``buckets`` stretches each column's lowest and highest."""
    if len(times) <= 2 * buckets:
        return list(range(len(times)))
    span = max(times[-1] - times[0], 1)
    groups: dict[int, list[int]] = {}
    for index, moment in enumerate(times):
        groups.setdefault((moment - times[0]) * buckets // (span + 1), []).append(index)
    kept = {0, len(times) - 1}
    for group in groups.values():
        for column in columns:
            kept.add(min(group, key=column.__getitem__))
            kept.add(max(group, key=column.__getitem__))
    return sorted(kept)


def full_range_worths(observations: Sequence[Observation]) -> list[int]:
    """What the start's worth would be as a v2 pool at this pool's fee, raw quote units: liquidity over every price,
    half in each token, its fees kept beside it as they came.

    A full range is always in range, so its share of the fees is the whole growth per unit of liquidity (whitepaper
    6.3). It pays no gas, and dilutes nobody: what one more unit of liquidity would have earned.
    """
    start = observations[0]
    root = start.pool.sqrt_price_x96
    growth = (start.pool.fee_growth_global_0_x128, start.pool.fee_growth_global_1_x128)
    worth_start = worth(start)
    half = worth_start // 2
    base = base_bought(start, worth_start - half)
    amount_0, amount_1 = (half, base) if start.quote_is_token0 else (base, half)
    liquidity = isqrt(amount_0 * amount_1)  # L² = x·y
    at_start = valued(start, liquidity * _Q96 // root, liquidity * root // _Q96)
    rest = worth_start - at_start  # rounding of so few units
    worths = []
    for each in observations:
        now = each.pool.sqrt_price_x96
        grown = (each.pool.fee_growth_global_0_x128, each.pool.fee_growth_global_1_x128)
        fees = [liquidity * ((later - first) % _WORD) // _Q128 for later, first in zip(grown, growth, strict=True)]
        worths.append(rest + valued(each, liquidity * _Q96 // now + fees[0], liquidity * now // _Q96 + fees[1]))
    return worths


def _worths(lived: Lived, money: Money) -> dict[str, list[float]]:
    number, series = money.number, lived.series
    basis = [each.value_start + each.net_deposits for each in series]
    pairs = list(zip(basis, series, strict=True))
    v2 = full_range_worths(lived.run.observations)
    return {
        "worth": [number(start + each.total) for start, each in pairs],
        "hodl": [number(start + each.hodl_change) for start, each in pairs],
        "half": [number(start + each.hodl_half_change) for start, each in pairs],
        "base": [number(start + each.hodl_base_change) for start, each in pairs],
        # Later deposits lie beside it untouched: a backtest has none.
        "full": [number(full + each.net_deposits) for full, each in zip(v2, series, strict=True)],
    }


def _sums(series: Sequence[ProfitAndLoss], money: Money) -> dict[str, list[float]]:
    number = money.number
    return {
        "alpha": [number(each.hedged_alpha) for each in series],
        "fees": [number(each.fees) for each in series],
        "lvr": [number(-each.lvr) for each in series],
        "costs": [number(-each.costs) for each in series],
        "net": [number(each.against_hodl) for each in series],
    }

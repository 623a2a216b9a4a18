"""The figures that methods are compared by, from what a run was worth at each observation.

Amounts stay integers (raw quote units) until a rate is made of them. A rate per year is not made of a few days: below
``LEAST_DAYS_FOR_RATES`` only what the period itself brought is given. ``DEFINITIONS`` says in words what is computed
here; every table and page prints them from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from keeper.model.observation import Observation
from keeper.policy.valuation import principal, value_in_quote
from keeper.report import ProfitAndLoss

DAY_SECONDS = 86_400
DAYS_PER_YEAR = 365.25
TRADING_DAYS = 365  # of a market that never closes: what daily deviations are annualised with
WEEK_DAYS = 7
LEAST_DAYS_FOR_RATES = 7
LEAST_DAILY_RETURNS = 7
# All is lost: gas can leave less than nothing, and that has no logarithm.
_LEAST_RELATIVE = 1e-12

DEFINITIONS: dict[str, str] = {
    "Fee APR": "sum of fees_t / W_t × 365.25 / days, after the protocol's cut, not compounded; each fee at the price "
    "of the observation after it, W_t the worth at the one before.",
    "HODL LP assets": "what the tokens of the first position would have returned had they been kept (linear, × 365.25 "
    "/ days since); of the wallet at the start where no position was ever opened.",
    "Total APR": "(W_T / W_0 − 1) × 365.25 / days, after gas, swap fees and impact; money put in or taken out is "
    "taken out of the return.",
    "alpha": "hedged alpha, sum of (fees − LVR − costs)_t / W_t × 365.25 / days: what is left once the direction is "
    "hedged away.",
    "LVR": "loss versus rebalancing, sum of LVR_t / W_t × 365.25 / days: over each interval what the positions lost "
    "against a portfolio that held their base tokens of its start.",
    "rebalances/week": "ranges left for another, executed, / (days / 7).",
    "STD": "standard deviation of daily log W × √365.",
    "Sharpe": "annualised mean of daily log W / STD, risk-free rate 0.",
    "max drawdown": "the deepest fall of W from a height before it, over all observations.",
    "in range": "share of the whole time with the price inside a position; idle time counts against it.",
    "costs": "gas, and what swaps gave above what they received.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What came between two observations, raw quote units. Both worths are less all gas paid so far; what the owner put
    in (or took out) meanwhile is in ``worth_before`` already, so that it is no return."""

    start_timestamp: int
    timestamp: int
    worth_before: int
    worth_after: int
    fees: int = 0
    lvr: int = 0
    costs: int = 0
    seconds_in_range: int = 0
    rebalances: int = 0

    @property
    def alpha(self) -> int:
        return self.fees - self.lvr - self.costs

    @property
    def relative(self) -> float:
        """Worth after over worth before; 1 where there was nothing to be worth anything."""
        return self.worth_after / self.worth_before if self.worth_before > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Daily:
    """Whole days of 24 h from the first observation on: log returns of the worth, and hedged alpha over the worth."""

    log_returns: tuple[float, ...]
    alphas: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.log_returns)


@dataclass(frozen=True, slots=True)
class Metrics:
    """One method's figures (see ``DEFINITIONS``). ``*_pct`` without ``apr`` are of the whole period; those per year
    are None where the period is too short for them. Money in raw quote units. Costs, LVR, drawdown: positive is bad.
    """

    days: float
    fees_quote: int
    lvr_quote: int
    costs_quote: int
    alpha_quote: int
    fee_pct: float
    lvr_pct: float
    costs_pct: float
    alpha_pct: float
    total_pct: float
    hodl_lp_pct: float
    fee_apr_pct: float | None
    lvr_apr_pct: float | None
    alpha_apr_pct: float | None
    total_apr_pct: float | None
    hodl_lp_apr_pct: float | None
    rebalances: int
    rebalances_per_week: float | None
    std_annual_pct: float | None
    sharpe: float | None
    max_drawdown_pct: float
    in_range_pct: float


def steps_of(observations: Sequence[Observation], series: Sequence[ProfitAndLoss]) -> tuple[Step, ...]:
    """The intervals of a run: its observations, and profit and loss as of each of them.

    ValueError: they are not of one run, or there are fewer than two.
    """
    if len(observations) != len(series) or len(series) < 2:
        raise ValueError(f"{len(observations)} observations and {len(series)} accounts make no series of intervals")
    return tuple(
        Step(
            start_timestamp=before.timestamp,
            timestamp=after.timestamp,
            worth_before=before.value - before.gas + after.net_deposits - before.net_deposits,
            # Gas is paid from outside the worth: what was paid before this interval lowers both ends alike.
            worth_after=after.value - after.gas,
            fees=_valued(at, after.fees_0 - before.fees_0, after.fees_1 - before.fees_1),
            lvr=after.lvr - before.lvr,
            costs=after.costs - before.costs,
            seconds_in_range=after.seconds_in_range - before.seconds_in_range,
            rebalances=after.rebalances - before.rebalances,
        )
        for at, (before, after) in zip(observations[1:], pairwise(series), strict=True)
    )


def deposited_return(observations: Sequence[Observation]) -> tuple[float, float]:
    """What the tokens of the first position returned by being kept, a fraction, and over how many days."""
    first = next((each for each in observations if any(p.liquidity > 0 for p in each.positions)), observations[0])
    amounts = [principal(position, first.pool) for position in first.positions]
    kept = (sum(each[0] for each in amounts), sum(each[1] for each in amounts))
    if not any(kept):
        kept = (first.wallet.balance_0, first.wallet.balance_1)
    last = observations[-1]
    at_first, at_last = _valued(first, *kept), _valued(last, *kept)
    days = (last.block.timestamp - first.block.timestamp) / DAY_SECONDS
    return (at_last / at_first - 1 if at_first > 0 else 0.0), days


def metrics(steps: Sequence[Step], kept_return: float, kept_days: float) -> Metrics:
    """The figures of a run. ``kept_return``, ``kept_days``: see ``deposited_return``."""
    span = steps[-1].timestamp - steps[0].start_timestamp
    days = span / DAY_SECONDS
    path = worth_path(steps)
    known = daily(steps)
    fee, lvr, cost = (100 * _over_worth(steps, name) for name in ("fees", "lvr", "costs"))
    total, kept = 100 * (float(path[-1]) - 1), 100 * kept_return
    std, sharpe = _risk(known)
    rebalances = sum(step.rebalances for step in steps)
    return Metrics(
        days=days,
        fees_quote=sum(step.fees for step in steps),
        lvr_quote=sum(step.lvr for step in steps),
        costs_quote=sum(step.costs for step in steps),
        alpha_quote=sum(step.alpha for step in steps),
        fee_pct=fee,
        lvr_pct=lvr,
        costs_pct=cost,
        alpha_pct=fee - lvr - cost,
        total_pct=total,
        hodl_lp_pct=kept,
        fee_apr_pct=per_year(fee, days),
        lvr_apr_pct=per_year(lvr, days),
        alpha_apr_pct=per_year(fee - lvr - cost, days),
        total_apr_pct=per_year(total, days),
        hodl_lp_apr_pct=per_year(kept, kept_days),
        rebalances=rebalances,
        rebalances_per_week=rebalances / days * WEEK_DAYS if days >= LEAST_DAYS_FOR_RATES else None,
        std_annual_pct=std,
        sharpe=sharpe,
        max_drawdown_pct=100 * float(np.max(1 - path / np.maximum.accumulate(path))),
        in_range_pct=100 * sum(step.seconds_in_range for step in steps) / span if span else 0.0,
    )


def per_year(value: float, days: float) -> float | None:
    """Linear; None where the period is too short to speak of years."""
    return value * DAYS_PER_YEAR / days if days >= LEAST_DAYS_FOR_RATES else None


def worth_path(steps: Sequence[Step]) -> NDArray[np.float64]:
    """W over W_0 at each observation, flows taken out."""
    path: NDArray[np.float64] = np.asarray(np.cumprod([1.0, *(step.relative for step in steps)]), dtype=np.float64)
    return path


def daily(steps: Sequence[Step]) -> Daily:
    """Each observation counts in the day it is made; what is left over at the end and is no whole day is left out."""
    start = steps[0].start_timestamp
    whole = (steps[-1].timestamp - start) // DAY_SECONDS
    logs, alphas = [0.0] * whole, [0.0] * whole
    for step in steps:
        # An observation on the stroke of a day ends the day before.
        day = (step.timestamp - start - 1) // DAY_SECONDS
        if day < whole:
            logs[day] += math.log(max(step.relative, _LEAST_RELATIVE))
            alphas[day] += step.alpha / step.worth_before if step.worth_before > 0 else 0.0
    return Daily(tuple(logs), tuple(alphas))


def _risk(known: Daily) -> tuple[float | None, float | None]:
    """(deviation in % a year, Sharpe ratio)."""
    if len(known) < LEAST_DAILY_RETURNS:
        return None, None
    logs = np.asarray(known.log_returns)
    deviation = float(logs.std(ddof=1))
    std = deviation * math.sqrt(TRADING_DAYS)
    return 100 * std, float(logs.mean()) * TRADING_DAYS / std if deviation > 1e-12 else None


def _over_worth(steps: Sequence[Step], name: str) -> float:
    return math.fsum(getattr(step, name) / step.worth_before for step in steps if step.worth_before > 0)


def _valued(at: Observation, amount_0: int, amount_1: int) -> int:
    return value_in_quote(amount_0, amount_1, at.pool.sqrt_price_x96, at.quote_is_token0)

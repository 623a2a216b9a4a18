"""What is computed beside a run and never traded: holding, and a short that takes the direction out of a range."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from keeper.backtest.metrics import Step
from keeper.model.observation import Observation
from keeper.policy.valuation import principal, value_in_quote
from keeper.report import ProfitAndLoss

Holding = Literal["half", "base"]
PPM = 1_000_000
_YEAR_SECONDS = 31_557_600  # 365.25 days


def hodl_steps(series: Sequence[ProfitAndLoss], holding: Holding) -> tuple[Step, ...]:
    """The start's worth held untouched: half of it in each token, or all of it in the base token."""
    worths = [
        each.value_start + each.net_deposits + (each.hodl_half_change if holding == "half" else each.hodl_base_change)
        for each in series
    ]
    return tuple(
        Step(
            start_timestamp=before.timestamp,
            timestamp=after.timestamp,
            worth_before=worth_before + after.net_deposits - before.net_deposits,
            worth_after=worth_after,
        )
        for (before, after), (worth_before, worth_after) in zip(pairwise(series), pairwise(worths), strict=True)
    )


def hedged_steps(
    observations: Sequence[Observation], steps: Sequence[Step], cost_ppm_per_year: int
) -> tuple[Step, ...]:
    """The same run with every base token held sold short, the short set anew at each observation.

    What is left of an interval is its hedged alpha less the short's cost, ``cost_ppm_per_year`` of its size. The
    short's margin is not counted, nor what it costs to set it.
    """
    found, worth = [], steps[0].worth_before
    for at, step in zip(observations, steps, strict=False):
        seconds = step.timestamp - step.start_timestamp
        paid = _base_worth(at) * cost_ppm_per_year * seconds // (PPM * _YEAR_SECONDS)
        alpha = step.alpha - paid
        found.append(
            Step(
                start_timestamp=step.start_timestamp,
                timestamp=step.timestamp,
                worth_before=worth,
                worth_after=worth + alpha,
                fees=step.fees,
                lvr=step.lvr,
                costs=step.costs + paid,
                seconds_in_range=step.seconds_in_range,
                rebalances=step.rebalances,
            )
        )
        worth += alpha
    return tuple(found)


def _base_worth(at: Observation) -> int:
    """All base tokens held, in positions and idle, raw quote units."""
    side = 1 if at.quote_is_token0 else 0
    idle = (at.wallet.balance_0, at.wallet.balance_1)[side]
    base = idle + sum(principal(position, at.pool)[side] for position in at.positions)
    amounts = (0, base) if side == 1 else (base, 0)
    return value_in_quote(*amounts, at.pool.sqrt_price_x96, at.quote_is_token0)

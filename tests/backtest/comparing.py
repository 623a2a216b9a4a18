"""Series worked out by hand, and backtests that were never run, for the tests of metrics and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from keeper.backtest.metrics import DAY_SECONDS
from keeper.model.observation import Observation
from keeper.report import ProfitAndLoss
from tests.report.small import SECONDS, observation

DAY_BLOCKS = DAY_SECONDS // SECONDS
_NOTHING = ProfitAndLoss(
    start_timestamp=0, timestamp=0, value_start=0, value=0, mean_value=0, net_deposits=0, fees_0=0, fees_1=0, fees=0,
    fees_in_base_quote=0, swap_cost=0, swap_fee=0, gas=0, gas_native_wei=0, hodl_change=0, hodl_half_change=0,
    hodl_base_change=0, lvr=0, seconds_in_range=0, seconds_in_position=0, rebalances=0,
)  # fmt: skip


def account(days: float, value: int, value_start: int = 1_000_000, **others: Any) -> ProfitAndLoss:
    return replace(_NOTHING, timestamp=round(days * DAY_SECONDS), value=value, value_start=value_start, **others)


def seen(days: float, root: float = 1.0, **others: Any) -> Observation:
    """The quote is token1, and a base token costs ``root`` squared."""
    return observation(round(days * DAY_BLOCKS), root, **others)


def still(series: Sequence[ProfitAndLoss]) -> list[Observation]:
    """An observation for each account, all at a price of one."""
    return [seen(each.timestamp / DAY_SECONDS) for each in series]

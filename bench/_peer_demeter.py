"""The peer demeter (PyPI ``zelos-demeter``), run in an environment of its own: ``make bench-peers`` makes it.

    .venv-bench/bin/python bench/_peer_demeter.py JOB.json

The job: ``bars`` (a parquet file of minute bars in demeter's columns), ``positions`` (``lower``, ``upper``,
``liquidity``, ``opens`` and ``closes``: numbers of bars). Prints JSON: for each position the fees (raw units) that
demeter's own backtest leaves uncollected when its last bar is over, the seconds of the backtest alone, and its bars.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from decimal import Decimal
from typing import Any

import pandas as pd
from demeter import Actuator, MarketInfo, Snapshot, Strategy, TokenInfo
from demeter.uniswap import PositionInfo, UniLpMarket, UniV3Pool
from demeter.uniswap.helper import _add_statistic_column, tick_to_sqrt_price_x96
from demeter.uniswap.liquitidy_math import get_amounts

INTEGERS = ("netAmount0", "netAmount1", "inAmount0", "inAmount1", "currentLiquidity")
USDC, WETH = TokenInfo("usdc", 6), TokenInfo("weth", 18)


class Holder(Strategy):
    """Opens every position at its bar and reads what it earned when its last bar is over; trades nothing."""

    def __init__(self, market: MarketInfo, positions: list[dict[str, Any]]) -> None:
        super().__init__()
        self.place, self.wanted = market, positions
        self.fees: dict[int, tuple[float, float]] = {}

    def on_bar(self, snapshot: Snapshot) -> None:
        market = self.broker.markets[self.place]
        for each in self.wanted:
            if each["opens"] == snapshot.row_id:
                price = tick_to_sqrt_price_x96(int(market.market_status.data.openTick))
                amounts = get_amounts(price, each["lower"], each["upper"], each["liquidity"], 6, 18)
                usdc, weth = (amount * Decimal("1.000001") for amount in amounts)
                got = market.add_liquidity_by_tick(
                    each["lower"], each["upper"], weth, usdc, sqrt_price_x96=price, trim_tick=False
                )
                each["got"] = got[3]

    def after_bar(self, snapshot: Snapshot) -> None:
        market = self.broker.markets[self.place]
        for number, each in enumerate(self.wanted):
            if each["closes"] == snapshot.row_id:
                position = market.positions[PositionInfo(each["lower"], each["upper"])]
                scale = each["liquidity"] / each["got"]
                self.fees[number] = (
                    float(position.pending_amount0 * 10**6) * scale,
                    float(position.pending_amount1 * 10**18) * scale,
                )


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - as short as can be
        job = json.load(file)
    logging.disable(logging.CRITICAL)
    bars = pd.read_parquet(job["bars"]).set_index("timestamp")
    bars.index = bars.index.tz_localize(None)
    for name in INTEGERS:
        bars[name] = [Decimal(value) for value in bars[name]]
    # As demeter's own loader leaves them where a minute is missing; integers of numpy it cannot divide.
    for name in ("openTick", "closeTick", "lowestTick", "highestTick"):
        bars[name] = bars[name].astype(float)
    pool = UniV3Pool(USDC, WETH, 0.05, USDC)
    info = MarketInfo("pool")
    _add_statistic_column(bars, pool)
    market = UniLpMarket(info, pool, data=bars)
    actuator = Actuator()
    actuator.broker.add_market(market)
    actuator.broker.set_balance(USDC, 10**12)
    actuator.broker.set_balance(WETH, 10**12)
    actuator.strategy = holder = Holder(info, job["positions"])
    actuator.set_price(market.get_price_from_data())
    begin = time.perf_counter()
    actuator.run(print_result=False)
    seconds = time.perf_counter() - begin
    print(
        json.dumps({"fees": [holder.fees[n] for n in range(len(holder.wanted))], "seconds": seconds, "bars": len(bars)})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

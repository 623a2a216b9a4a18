"""What a stretch of the simulated market amounts to, measured from the pool's own Swap events."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from eth_utils.crypto import keccak

from keeper.chainlab.deploy import Deployment
from keeper.chainlab.jsonrpc import Rpc
from keeper.chainlab.paths import HOUR_SECONDS, HOURS_PER_YEAR, PricePath

SWAP_TOPIC = "0x" + keccak(text="Swap(address,address,int256,int256,uint160,uint128,int24)").hex()
_BLOCKS_PER_QUERY = 1000


@dataclass(frozen=True, slots=True)
class Realised:
    """Measured character of a stretch of market.

    ``fee_intensity`` phi [1/yr] = (f/2)·Σ|Δ ln P| per year over swaps; ``annual_volatility`` sigma of the
    reference path at one-hour sampling; ``rho`` = 4·phi/sigma²: above 1, fees outweigh a passive provider's
    arbitrage losses.
    """

    swaps: int
    years: float
    fee_intensity: float
    annual_volatility: float
    rho: float


def measure(rpc: Rpc, deployment: Deployment, path: PricePath, from_block: int = 0) -> Realised:
    """Measures from ``from_block`` to the latest block.

    Raises:
        RpcError: the node refused the logs.
    """
    latest = rpc("eth_getBlockByNumber", "latest", False)
    last = int(latest["number"], 16)
    moved, swaps, previous = 0.0, 0, 0
    for first in range(from_block, last + 1, _BLOCKS_PER_QUERY):
        until = min(last, first + _BLOCKS_PER_QUERY - 1)
        wanted = {"address": deployment.pool, "topics": [SWAP_TOPIC], "fromBlock": hex(first), "toBlock": hex(until)}
        for log in rpc("eth_getLogs", wanted):
            sqrt_price_x96 = int(log["data"][2 + 2 * 64 : 2 + 3 * 64], 16)
            if previous:
                moved += abs(math.log(sqrt_price_x96 / previous))
            previous = sqrt_price_x96
            swaps += 1
    began = int(rpc("eth_getBlockByNumber", hex(from_block), False)["timestamp"], 16)
    began = max(began, path.start_seconds)
    ended = min(max(int(latest["timestamp"], 16), began + HOUR_SECONDS), path.end_seconds)
    years = (ended - began) / (HOURS_PER_YEAR * HOUR_SECONDS)
    hourly = [path.price_at(t) for t in range(began, ended + 1, HOUR_SECONDS)]
    squares = sum(math.log(b / a) ** 2 for a, b in pairwise(hourly))
    phi = deployment.fee_pips / 1e6 * moved / years if years else 0.0
    variance = squares / years if years else 0.0
    rho = 4 * phi / variance if variance else math.inf
    return Realised(swaps, years, phi, math.sqrt(variance), rho)

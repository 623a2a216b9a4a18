"""The made-up world of a demo: prices, market, money, strategy. None of it knows who holds the money, or how."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from keeper.assembly import ChainAccess
from keeper.chainlab.deploy import Deployment
from keeper.chainlab.lab import Lab, LabSettings
from keeper.chainlab.market import MarketSettings
from keeper.chainlab.paths import HOUR_SECONDS, PricePath, generate
from keeper.chainlab.price_file import from_file
from keeper.policy.settings import StrategySettings
from keeper.world.chain.contracts import Contracts

WARMUP_DAYS = 3
START_VALUE_QUOTE = 100_000
CROWD_VALUE_QUOTE = 40_000_000.0
STRATEGY_NAME = "demo"


def price_path(seed: int, days: float, prices: Path | None) -> PricePath:
    """The warm-up and then ``days``: seeded, or what ``prices`` holds.

    Raises:
        ConfigError: the file is unusable.
    """
    whole = days + WARMUP_DAYS + 1 / 24
    return generate(seed, whole) if prices is None else from_file(prices, days=whole)


def lab_settings(path: PricePath, seed: int, rho: float, base_fee_gwei: float) -> LabSettings:
    """A market on that path whose fees are about ``rho`` times the loss to arbitrage."""
    market = MarketSettings(
        crowd_value=CROWD_VALUE_QUOTE,
        seed=seed,
        # rho = 4·phi/sigma²: half of phi is noise, arbitrage that answers it being the rest.
        noise_intensity=rho * path.annual_volatility() ** 2 / 4 / 2,
        base_fee_gwei=base_fee_gwei,
    )
    return LabSettings(warmup_days=WARMUP_DAYS, market=market)


def fund(lab: Lab, owner: str, native_wei: int) -> None:
    """Half of the value in each token, at the reference price."""
    lab.market.fund(owner, *start_amounts(lab), native_wei)


def start_amounts(lab: Lab) -> tuple[int, int]:
    """Token0 and token1, raw units, of the value that a demo starts with."""
    deployment, price = lab.deployment, Decimal(str(lab.market.reference_price))
    base_decimals = deployment.decimals0 if deployment.base_is_token0 else deployment.decimals1
    quote_decimals = deployment.decimals1 if deployment.base_is_token0 else deployment.decimals0
    half = Decimal(START_VALUE_QUOTE) / 2
    base, quote = int((half / price).scaleb(base_decimals)), int(half.scaleb(quote_decimals))
    return (base, quote) if deployment.base_is_token0 else (quote, base)


def demo_strategy(deployment: Deployment, instead: Mapping[str, Any]) -> StrategySettings:
    """The demo's strategy; ``instead`` replaces whole sections."""
    return StrategySettings.model_validate(
        {
            "name": STRATEGY_NAME,
            "chain": "local",
            "pool": deployment.pool,
            "quote": "token1" if deployment.base_is_token0 else "token0",
            "capital": {"max_quote": "1000000"},
            "schedule": {"every_seconds": HOUR_SECONDS},
            "forecaster": {"kind": "ewma", "half_life_hours": 48},
            "range": {
                "kind": "sigma",
                "k": 0.7,
                "horizon_days": 3,
                "ladder": [{"scale": 1, "share_pct": 70}, {"scale": 2, "share_pct": 30}],
            },
            # A trade of the keeper's size is compared with a ten-minute mean of a market that moves every quarter hour.
            "limits": {"gas_reserve_native": "0.05", "max_slippage_bps": 60, "max_price_impact_bps": 40},
            "compound": {"min_fees_quote": "1000"},
        }
        | dict(instead)
    )


def chain_access(lab: Lab) -> ChainAccess:
    """How the keeper reaches the local chain."""
    deployment = lab.deployment
    contracts = Contracts(
        deployment.factory,
        deployment.position_manager,
        deployment.swap_router,
        deployment.multicall3,
        # The pool's base token stands for wrapped ether here: gas is priced by it.
        wrapped_native=deployment.token0 if deployment.base_is_token0 else deployment.token1,
    )
    return ChainAccess(deployment.chain_id, (lab.anvil.url,), contracts, confirmations=1)

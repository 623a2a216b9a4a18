"""Drives a simulated market in one pool of a local chain.

**It is a simulated market.** Every block an arbitrageur without costs brings the pool into the no-arbitrage band around
a given reference price p, that is [p·(1-f), p/(1-f)] for a fee f, and noise traders buy and sell at random; the
arbitrageur answers each of them. How profitable providing liquidity is here is therefore *chosen*, by
:attr:`MarketSettings.noise_intensity`, and says nothing about any real pool. In real pools fees and arbitrage losses
roughly cancel (rho = 4·phi/sigma² between 0.67 and 1.21 in nine measured ones); :meth:`Market.realised` measures phi,
sigma and rho of a run, so that a report can state them. With the defaults (0.05 % fee) phi comes out near 0.18 per
year: rho is about 1.8 at 63 % annual volatility and 1.0 at 86 %.

**Time.** Blocks of the market lie on a fixed grid (``blocks_per_hour``). Nothing is mined in between unless the caller
asks: a keeper sends its transactions, calls :meth:`Market.mine_pending` (one block, 12 s later, no market action) until
they are final, and then lets the market go on with :meth:`Market.step` or :meth:`Market.advance_to`. What is still
pending then is mined together with the market's own transaction. A pending transaction whose fee cap is below the next
block's base fee is dropped by anvil, so a cap needs room above the latest base fee (each grid block moves it by about
13 %). The market's randomness depends on the seed and the number of the grid block alone, never on what a keeper did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from keeper.chainlab.anvil import Anvil
from keeper.chainlab.artifacts import load_own_artifact
from keeper.chainlab.calls import call_data, create, transact
from keeper.chainlab.deploy import Deployment, slot0
from keeper.chainlab.paths import HOUR_SECONDS, HOURS_PER_YEAR, PricePath
from keeper.chainlab.providers import ProvidedRange, ProviderSettings, liquidity_at, provide
from keeper.chainlab.realised import Realised, measure
from keeper.errors import ConfigError, RpcError

GWEI_WEI = 10**9
PENDING_BLOCK_SECONDS = 12
_PLENTY = 10**33
_RANGES_PER_TRANSACTION = 12
_MOST_LEGS = 5
_TRADE = "trade(int256[],uint160,uint160)"


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """The market's character.

    ``noise_intensity`` [1/yr] is the fee intensity phi = F/(L√S) paid by the noise trades alone, at the crowd's own
    liquidity (phi = (f/2)·Σ|Δ ln P| per year over swaps); arbitrage comes on top and answers noise, so the pool earns
    about twice as much. A keeper's own liquidity dilutes it: the trades have fixed sizes. ``crowd_value`` is what the
    other providers hold together, in whole quote tokens. The base fee wanders around ``base_fee_gwei``.
    """

    seed: int = 7
    blocks_per_hour: int = 4
    noise_intensity: float = 0.09
    crowd_value: float = 20_000_000.0
    base_fee_gwei: float = 12.0
    base_fee_volatility: float = 0.45

    def __post_init__(self) -> None:
        if not 1 <= self.blocks_per_hour <= 240 or HOUR_SECONDS % self.blocks_per_hour:
            raise ConfigError(f"blocks per hour must divide 3600 and be at most 240, not {self.blocks_per_hour}")
        if self.noise_intensity < 0 or self.crowd_value <= 0 or self.base_fee_gwei <= 0:
            raise ConfigError("noise intensity must not be negative; crowd value and base fee must be positive")


class Market:
    """Everybody else in one pool, following one reference price path.

    The path is refined to the block grid by a seeded bridge (:meth:`PricePath.refine`). The first grid block is the
    path's start. Raises ``ConfigError`` when the chain is already past the path's start.
    """

    def __init__(self, anvil: Anvil, deployment: Deployment, path: PricePath, settings: MarketSettings) -> None:
        self.deployment = deployment
        self.settings = settings
        self.block_seconds = HOUR_SECONDS // settings.blocks_per_hour
        self.path = path.refine(self.block_seconds, settings.seed)
        self._bustle = self.path.bustle()
        self._rpc = anvil.rpc
        self._anvil = anvil
        self._number = 0
        self._base_fees_wei = self._draw_base_fees()
        self._now = self._latest_seconds()
        if self._now >= self.path.start_seconds:
            raise ConfigError(
                f"the chain stands at {self._now}, past the price path's start {self.path.start_seconds}; "
                "start the chain with an earlier genesis"
            )
        self._owner = str(self._rpc("eth_accounts")[-1])
        self._anvil.set_balance(self._owner, 10**26)
        self._crowd = create(self._rpc, self._owner, load_own_artifact("Crowd").bytecode, ("address",), deployment.pool)
        self.fund(self._crowd, _PLENTY, _PLENTY, 0)
        self._ranges = self._provide()

    @property
    def now_seconds(self) -> int:
        """Time of the latest block."""
        return self._now

    @property
    def end_seconds(self) -> int:
        """The last time the market can advance to."""
        return self.path.end_seconds

    @property
    def reference_price(self) -> float:
        """The outside price (quote per base) at the latest block."""
        return self.path.price_at(min(max(self._now, self.path.start_seconds), self.path.end_seconds))

    def step(self) -> int:
        """Mines the next grid block with the market's trades (and whatever is pending); returns its timestamp.

        Raises:
            ConfigError: the price path has ended.
            RpcError: the market's own transaction was not mined or reverted.
        """
        grid_seconds = self.path.start_seconds + self._number * self.block_seconds
        low, high = self._band(grid_seconds)
        data = call_data(_TRADE, self._noise(grid_seconds), low, high)
        base_fee_wei = self._base_fees_wei[self._number]
        fees = {"maxFeePerGas": hex(10 * base_fee_wei), "maxPriorityFeePerGas": hex(GWEI_WEI // 10)}
        self._anvil.set_next_base_fee(base_fee_wei)
        transaction = {"from": self._owner, "to": self._crowd, "data": data, "gas": hex(8_000_000), **fees}
        digest = self._rpc("eth_sendTransaction", transaction)
        self._number += 1
        self._mine(max(grid_seconds, self._now + 1))
        receipt = self._rpc("eth_getTransactionReceipt", digest)
        if receipt is None or int(receipt["status"], 16) != 1:
            raise RpcError(f"the market's trade {digest} was not mined or reverted at {self._now}")
        return self._now

    def advance_to(self, timestamp_seconds: int) -> int:
        """Steps through every grid block up to and including ``timestamp_seconds``; returns the blocks mined.

        Raises as :meth:`step`.
        """
        mined = 0
        while self.path.start_seconds + self._number * self.block_seconds <= timestamp_seconds:
            self.step()
            mined += 1
        return mined

    def mine_pending(self) -> int:
        """Mines one block with what is pending and no market action; returns its timestamp.

        It comes 12 s after the last one, or just before the next grid block where that is nearer.
        """
        before_next = self.path.start_seconds + self._number * self.block_seconds - 1
        self._anvil.set_next_base_fee(self._base_fees_wei[max(0, self._number - 1)])
        self._mine(max(self._now + 1, min(self._now + PENDING_BLOCK_SECONDS, before_next)))
        return self._now

    def fund(self, address: str, amount0: int, amount1: int, native_wei: int) -> None:
        """Mints raw token amounts to ``address`` and adds to its native balance. Mines blocks one second apart."""
        for token, amount in ((self.deployment.token0, amount0), (self.deployment.token1, amount1)):
            if amount:
                transact(self._rpc, self.deployment.deployer, token, "mint(address,uint256)", address, amount)
        if native_wei:
            held = int(self._rpc("eth_getBalance", address, "latest"), 16)
            self._anvil.set_balance(address, held + native_wei)
        self._now = self._latest_seconds()

    def realised(self, from_block: int = 0) -> Realised:
        """What the pool's swaps since ``from_block`` amount to: phi, the reference's sigma, and rho."""
        return measure(self._rpc, self.deployment, self.path, from_block)

    def _latest_seconds(self) -> int:
        return int(self._rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def _mine(self, timestamp_seconds: int) -> None:
        self._anvil.mine(timestamp_seconds)
        self._now = timestamp_seconds

    def _draw_base_fees(self) -> tuple[int, ...]:
        """One base fee per grid block: log-normal around the configured level, reverting over about six hours."""
        count = (self.path.end_seconds - self.path.start_seconds) // self.block_seconds + 1
        shocks = np.random.default_rng([self.settings.seed, 0x6A5]).standard_normal(count).tolist()
        keep = math.exp(-1 / (6 * self.settings.blocks_per_hour))
        fresh = self.settings.base_fee_volatility * math.sqrt(1 - keep * keep)
        level, fees = 0.0, []
        for shock in shocks:
            level = keep * level + fresh * shock
            fees.append(max(1, round(self.settings.base_fee_gwei * math.exp(level) * 1e6) * 1000))
        return tuple(fees)

    def _provide(self) -> tuple[ProvidedRange, ...]:
        sqrt_price_x96, tick = slot0(self._rpc, self.deployment.pool)
        sqrt_price = sqrt_price_x96 / 2**96
        quote_decimals = self.deployment.decimals1 if self.deployment.base_is_token0 else self.deployment.decimals0
        value = self.settings.crowd_value * 10.0**quote_decimals
        if not self.deployment.base_is_token0:
            value *= sqrt_price**2
        ranges = provide(self.settings.seed, sqrt_price, self.deployment.tick_spacing, ProviderSettings(value))
        if liquidity_at(ranges, tick) == 0:
            raise ConfigError("the other providers leave the pool's price without liquidity; raise crowd value")
        for first in range(0, len(ranges), _RANGES_PER_TRANSACTION):
            chunk = [(r.lower_tick, r.upper_tick, r.liquidity) for r in ranges[first : first + _RANGES_PER_TRANSACTION]]
            transact(self._rpc, self._owner, self._crowd, "provide((int24,int24,uint128)[])", chunk)
        self._now = self._latest_seconds()
        return ranges

    def _band(self, timestamp_seconds: int) -> tuple[int, int]:
        """The sqrt prices (in Q96) between which no one profits from trading against the reference price."""
        price = Fraction(str(self.path.price_at(timestamp_seconds)))
        kept = 1 - Fraction(self.deployment.fee_pips, 10**6)
        edges = self.deployment.sqrt_price_x96(price * kept), self.deployment.sqrt_price_x96(price / kept)
        return min(edges), max(edges)

    def _noise(self, timestamp_seconds: int) -> list[int]:
        """This block's noise trades: positive is token0 paid in, negative token1.

        Sizes are set so that, at the crowd's liquidity, a block's trades move ln √P by (noise intensity ÷ f ÷ blocks
        per year) altogether on average, in a few exponentially distributed pieces; more in lively times, less in calm.
        """
        fee = self.deployment.fee_pips / 1e6
        budget = self.settings.noise_intensity / fee / (HOURS_PER_YEAR * self.settings.blocks_per_hour)
        budget *= self._bustle[min(self._number, len(self._bustle) - 1)]
        mean_legs = min(_MOST_LEGS, max(2.0, budget / fee))
        random = np.random.default_rng([self.settings.seed, 0x4015E, self._number])
        legs = int(random.poisson(mean_legs))
        moves = (random.standard_exponential(legs) * (budget / mean_legs)).tolist()
        sells = (random.random(legs) < 0.5).tolist()
        sqrt_price = self.deployment.sqrt_price_x96(Fraction(str(self.path.price_at(timestamp_seconds)))) / 2**96
        tick = math.floor(2 * math.log(sqrt_price) / math.log(1.0001))
        liquidity = max(1, liquidity_at(self._ranges, tick))
        amounts = []
        for move, sell in zip(moves, sells, strict=True):
            paid = liquidity * math.expm1(move) * (1 / sqrt_price if sell else sqrt_price) / (1 - fee)
            amounts.append(int(float(f"{paid:.8g}")) * (1 if sell else -1))
        return amounts

"""The strategy as an operator writes it: every key of ``strategies/NAME.yaml``, its unit, default and bounds.

Pydantic only describes and validates here. Plug-ins (forecaster, regime, range) bring a ``Settings`` of their own,
found by ``kind``; here they are mappings that have been validated and completed by it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from keeper.policy.dates import DAY_SECONDS, days_since_epoch

Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
PluginSettings = dict[str, Any]

FORECAST_HORIZON = Field(default=24.0, gt=0, le=24 * 365, description="time scale of the forecast, hours")


class Section(BaseModel):
    """A mapping in the YAML: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PoolKey(Section):
    """A pool by its tokens and fee in Uniswap units (500 = 0.05 %)."""

    token0: Address
    token1: Address
    fee: int = Field(ge=1, lt=1_000_000, description="fee in Uniswap units, hundredths of a bip: 500 = 0.05 %")


class Capital(Section):
    """How much the strategy may use, positions and idle together, in human units of the quote token."""

    max_quote: Decimal = Field(gt=0)


class Schedule(Section):
    """When to look: every so many seconds, and at once when the price has moved so far since the last look."""

    every_seconds: int = Field(default=300, ge=1, le=7 * 86_400)
    price_trigger_bps: int = Field(default=50, ge=1, le=10_000)


class Profit(Section):
    """The gas-adjusted check: horizon of the forecast, safety factor on costs, haircut on the carry.

    ``gate: none`` lets the range rule act at its triggers whether or not that pays (a yardstick for comparisons).
    ``aside_mix``: what to hold while standing aside, the wanted mix of the range rule or just what was taken out.
    """

    horizon_days: float = Field(default=3.0, gt=0, le=365)
    kappa: float = Field(default=2.0, ge=0, le=100)
    haircut: float = Field(default=0.5, gt=0, le=1)
    hurdle: float = Field(default=1.0, ge=0, le=100)
    max_g_per_year: float = Field(default=1.0, gt=0, le=100)
    gate: Literal["pays", "none"] = "pays"
    aside_mix: Literal["target", "held"] = "target"
    min_fee_history_hours: float = Field(default=12.0, ge=1, le=24 * 90)


class Limits(Section):
    """Hard bounds of what a plan may do."""

    max_slippage_bps: int = Field(default=30, ge=0, le=1_000)
    max_twap_deviation_ticks: int = Field(default=100, ge=1, le=5_000)
    twap_seconds: int = Field(default=600, ge=30, le=86_400)
    long_twap_seconds: int | None = Field(default=1_800, ge=60, le=86_400)
    max_long_twap_deviation_ticks: int = Field(default=300, ge=1, le=10_000)
    max_oracle_deviation_ticks: int = Field(default=150, ge=1, le=10_000)
    min_oracle_cardinality: int = Field(default=2, ge=1, le=65_535)
    min_depth_quote: Decimal | None = Field(default=None, gt=0)
    depth_ticks: int = Field(default=200, ge=1, le=5_000)
    cooldown_minutes: int = Field(default=60, ge=0, le=30 * 1_440)
    max_rebalances_per_day: int = Field(default=4, ge=0, le=1_000)
    max_price_impact_bps: int = Field(default=20, ge=0, le=1_000)
    max_leftover_bps: int = Field(default=10, ge=1, le=1_000)
    max_drift_bps: int = Field(default=10, ge=0, le=1_000)
    max_cost_quote_per_day: Decimal | None = Field(default=None, ge=0)
    max_gas_gwei: Decimal | None = Field(default=None, gt=0)
    max_exit_gas_gwei: Decimal | None = Field(default=None, gt=0)
    gas_reserve_native: Decimal = Field(default=Decimal("0.05"), ge=0)
    plan_lifetime_seconds: int = Field(default=600, ge=30, le=14 * DAY_SECONDS)
    on_unknown_position: Literal["adopt", "ignore", "halt"] = "halt"

    @property
    def twap_windows_seconds(self) -> tuple[int, ...]:
        """Every window whose mean the guards look at."""
        windows = {self.twap_seconds, self.long_twap_seconds or self.twap_seconds}
        return tuple(sorted(windows))


class Signing(Section):
    """What the signing policy lets through, the last check before the key: more than it is never signed for this
    strategy, whatever asks for it. Gas is counted at the most it can cost; exits and cancellations may go
    ``exit_reserve_gas_native`` beyond the hourly and daily limits."""

    max_gas_units: int = Field(default=10_000_000, ge=21_000, le=50_000_000)
    max_gas_native_per_transaction: Decimal | None = Field(
        default=None, gt=0, le=10_000, description="left out: 0.5, more where the chain's coin is cheap"
    )
    max_gas_native_per_hour: Decimal | None = Field(default=None, gt=0, le=10_000, description="left out: 1, likewise")
    max_gas_native_per_day: Decimal | None = Field(default=None, gt=0, le=10_000, description="left out: 3, likewise")
    max_gas_native_per_exit: Decimal | None = Field(default=None, gt=0, le=10_000, description="left out: 2, likewise")
    exit_reserve_gas_native: Decimal | None = Field(default=None, ge=0, le=10_000, description="left out: 4, likewise")
    max_priority_fee_gwei: Decimal = Field(default=Decimal(500), gt=0, le=100_000)
    max_swapped_quote_per_transaction: Decimal | None = Field(
        default=None, gt=0, description="human units of the quote token; left out: capital.max_quote"
    )
    max_swapped_quote_per_hour: Decimal | None = Field(
        default=None, gt=0, description="left out: four times capital.max_quote"
    )
    max_swapped_quote_per_day: Decimal | None = Field(
        default=None, gt=0, description="left out: capital.max_quote times eight and limits.max_rebalances_per_day"
    )
    max_transactions_per_hour: int = Field(default=60, ge=1, le=1_000)
    max_transactions_per_day: int = Field(default=240, ge=1, le=10_000)


class Compound(Section):
    """Fees and idle tokens go back into the range once worth so much (human units of the quote token), if gas and
    swap cost stay below ``max_cost_pct`` of it."""

    min_fees_quote: Decimal = Field(gt=0)
    max_cost_pct: float = Field(default=2.0, gt=0, le=100)


class SwapSettings(Section):
    """``pool``: swap in the strategy's own pool. ``none``: never swap, place what is held one-sided."""

    route: Literal["pool", "none"] = "pool"


class Reward(Section):
    """An incentive paid on in-range liquidity, as the operator knows it."""

    apr_pct_full_range: float = Field(ge=0, le=100_000, description="yearly rate on a full-range position, per cent")
    until: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="last day it is paid, UTC")

    @field_validator("until")
    @classmethod
    def _is_a_day(cls, value: str) -> str:
        days_since_epoch(value)
        return value


class OracleSettings(Section):
    """A price feed outside the pool (Chainlink's AggregatorV3): the base token in the quote token, or the two of them
    in a third one."""

    feed: Address
    inverse: bool = Field(default=False, description="the feed gives the quote token in the base token")
    quote_feed: Address | None = Field(
        default=None, description="feed of the quote token, in what `feed` is counted in"
    )
    max_age_seconds: int = Field(default=3_900, ge=1, le=7 * DAY_SECONDS)
    quote_max_age_seconds: int = Field(default=90_000, ge=1, le=7 * DAY_SECONDS)
    sequencer_feed: Address | None = Field(default=None, description="uptime feed of a rollup's sequencer")

    @model_validator(mode="after")
    def _turns_one_way(self) -> OracleSettings:
        if self.inverse and self.quote_feed is not None:
            raise ValueError("inverse turns a single feed round; with quote_feed leave it out")
        return self


class PriceHistory(Section):
    """How much of the pool's past is kept and read back when the keeper first sees the pool."""

    days: int = Field(default=90, ge=2, le=1_095)
    backfill: bool = True


class Implied(Section):
    """Volatility that Deribit's options imply."""

    currency: Literal["ETH", "BTC"]
    source: Literal["dvol", "option_chain", "both"] = "dvol"
    max_age_hours: float = Field(default=6.0, gt=0, le=72)
    refresh_seconds: int = Field(default=300, ge=10, le=86_400)
    url: str = Field(default="https://www.deribit.com", pattern=r"^https?://[^\s/?#]+/?$")


class StrategySettings(Section):
    """One file of ``strategies/``."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    chain: str
    venue: str = "uniswap_v3"
    pool: Address | PoolKey
    quote: Literal["token0", "token1"]
    capital: Capital
    schedule: Schedule = Schedule()
    forecaster: PluginSettings = Field(default_factory=lambda: {"kind": "ewma"})
    regime: PluginSettings = Field(default_factory=lambda: {"kind": "neutral"})
    view: Literal["bullish", "neutral", "bearish"] = "neutral"
    range: PluginSettings = Field(default_factory=lambda: {"kind": "sigma"})
    profit: Profit = Profit()
    rewards: tuple[Reward, ...] = ()
    limits: Limits = Limits()
    signing: Signing = Signing()
    oracle: OracleSettings | None = None
    compound: Compound | None = None
    swap: SwapSettings = SwapSettings()
    history: PriceHistory = PriceHistory()
    implied: Implied | None = None
    native_price_quote: Decimal | None = Field(
        default=None, gt=0, description="price of the native coin in the quote token, where the pool does not hold it"
    )
    allow_tokens: tuple[Address, ...] = Field(
        default=(), description="tokens to work with although the token check refuses them, or cannot try them"
    )
    execution: dict[str, Any] | None = None
    safe: dict[str, Any] | None = None

"""What the signing policy holds a strategy to, from its settings, its chain and its pool."""

from __future__ import annotations

from decimal import Decimal

from keeper.policy.settings import StrategySettings
from keeper.world.chain.contracts import Contracts
from keeper.world.signers.evidence import Rules, SpendingLimits
from keeper.world.v3.identity import PoolIdentity

_WEI_DIGITS = 18
_GWEI_DIGITS = 9
# Left out, a swap may be as large as the capital, and a day may hold so many of them besides the rebalances.
_SWAPS_PER_HOUR = 4
_SWAPS_PER_DAY = 8
_EXIT_RESERVE_TRANSACTIONS = 20


def signing_rules(
    chain_id: int, contracts: Contracts, settings: StrategySettings, pool: PoolIdentity, signer: str
) -> Rules:
    """The rules of a strategy whose positions belong to its signer's own address."""
    limits, signing = settings.limits, settings.signing
    quote_is_token0 = settings.quote == "token0"
    quote = pool.token0 if quote_is_token0 else pool.token1
    return Rules(
        strategy=settings.name,
        chain_id=chain_id,
        owner=signer.lower(),
        signer=signer.lower(),
        positions=contracts.positions.lower(),
        router=contracts.router.lower(),
        router_kind=contracts.router_kind,
        pool=pool.address.lower(),
        token0=pool.token0.address.lower(),
        token1=pool.token1.address.lower(),
        fee_pips=pool.fee_pips,
        tick_spacing=pool.tick_spacing,
        quote_is_token0=quote_is_token0,
        max_capital_quote=_raw(settings.capital.max_quote, quote.decimals),
        max_slippage_bps=limits.max_slippage_bps,
        twap_seconds=limits.twap_seconds,
        max_twap_deviation_ticks=limits.max_twap_deviation_ticks,
        plan_lifetime_seconds=limits.plan_lifetime_seconds,
        adopts_unknown_positions=limits.on_unknown_position == "adopt",
        max_fee_wei=None if limits.max_gas_gwei is None else _raw(limits.max_gas_gwei, _GWEI_DIGITS),
        max_exit_fee_wei=None if limits.max_exit_gas_gwei is None else _raw(limits.max_exit_gas_gwei, _GWEI_DIGITS),
        max_priority_fee_wei=_raw(signing.max_priority_fee_gwei, _GWEI_DIGITS),
        limits=_spending_limits(settings, quote.decimals),
    )


def _spending_limits(settings: StrategySettings, quote_decimals: int) -> SpendingLimits:
    signing, capital = settings.signing, settings.capital.max_quote
    per_day = capital * (_SWAPS_PER_DAY + settings.limits.max_rebalances_per_day)
    return SpendingLimits(
        max_gas_units=signing.max_gas_units,
        gas_wei_per_transaction=_raw(signing.max_gas_native_per_transaction, _WEI_DIGITS),
        gas_wei_per_hour=_raw(signing.max_gas_native_per_hour, _WEI_DIGITS),
        gas_wei_per_day=_raw(signing.max_gas_native_per_day, _WEI_DIGITS),
        gas_wei_per_exit=_raw(signing.max_gas_native_per_exit, _WEI_DIGITS),
        exit_reserve_gas_wei=_raw(signing.exit_reserve_gas_native, _WEI_DIGITS),
        swapped_quote_per_transaction=_raw(signing.max_swapped_quote_per_transaction or capital, quote_decimals),
        swapped_quote_per_hour=_raw(signing.max_swapped_quote_per_hour or capital * _SWAPS_PER_HOUR, quote_decimals),
        swapped_quote_per_day=_raw(signing.max_swapped_quote_per_day or per_day, quote_decimals),
        transactions_per_hour=signing.max_transactions_per_hour,
        transactions_per_day=signing.max_transactions_per_day,
        exit_reserve_transactions=_EXIT_RESERVE_TRANSACTIONS,
    )


def _raw(human: Decimal, decimals: int) -> int:
    return int(human.scaleb(decimals))

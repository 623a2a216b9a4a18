"""What the signing policy holds a strategy to, from its settings, its chain and its pool."""

from __future__ import annotations

from decimal import Decimal

from keeper.model.observation import Account
from keeper.policy.settings import Signing, StrategySettings
from keeper.world.chain.contracts import Contracts
from keeper.world.signers.delegation import UndelegationLimits
from keeper.world.signers.evidence import Rules, SpendingLimits
from keeper.world.v3.identity import PoolIdentity

_WEI_DIGITS = 18
_GWEI_DIGITS = 9
# Left out, a swap may be as large as the capital, and a day may hold so many of them besides the rebalances.
_SWAPS_PER_HOUR = 4
_SWAPS_PER_DAY = 8
_EXIT_RESERVE_TRANSACTIONS = 20
# What a strategy may spend on gas where nothing is written: coins of ether's worth, and how many times as many on
# chains of a cheaper one, by order of magnitude alone (BNB, Gnosis, Polygon, Sonic, Fantom, Mantle, Celo, Avalanche,
# Berachain).
_GAS_PER_TRANSACTION, _GAS_PER_HOUR, _GAS_PER_DAY = Decimal("0.5"), Decimal(1), Decimal(3)
_GAS_PER_EXIT, _GAS_EXIT_RESERVE = Decimal(2), Decimal(4)
_TIMES_ETHER = {
    56: 3, 100: 1_000, 137: 1_000, 146: 1_000, 250: 1_000, 5_000: 1_000, 42_220: 1_000, 43_114: 100, 80_094: 300,
}  # fmt: skip


def signing_rules(
    chain_id: int,
    contracts: Contracts,
    settings: StrategySettings,
    pool: PoolIdentity,
    signer: str,
    *,
    owner: str | None = None,
    account: Account = "key",
    delegate: str | None = None,
    multisend: str | None = None,
) -> Rules:
    """The rules of a strategy. ``owner`` is the Safe that the positions belong to; None: the signer's own address.

    ``account``, ``delegate`` and ``multisend`` as :class:`Rules` has them.
    """
    limits, signing = settings.limits, settings.signing
    quote_is_token0 = settings.quote == "token0"
    quote = pool.token0 if quote_is_token0 else pool.token1
    return Rules(
        strategy=settings.name,
        chain_id=chain_id,
        owner=(owner or signer).lower(),
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
        limits=_spending_limits(settings, quote.decimals, chain_id),
        account=account,
        delegate=None if delegate is None else delegate.lower(),
        multisend=None if multisend is None else multisend.lower(),
    )


def _spending_limits(settings: StrategySettings, quote_decimals: int, chain_id: int) -> SpendingLimits:
    signing, capital = settings.signing, settings.capital.max_quote
    per_day = capital * (_SWAPS_PER_DAY + settings.limits.max_rebalances_per_day)

    def gas_wei(written: Decimal | None, default: Decimal) -> int:
        return _raw(default * _TIMES_ETHER.get(chain_id, 1) if written is None else written, _WEI_DIGITS)

    return SpendingLimits(
        max_gas_units=signing.max_gas_units,
        gas_wei_per_transaction=gas_wei(signing.max_gas_native_per_transaction, _GAS_PER_TRANSACTION),
        gas_wei_per_hour=gas_wei(signing.max_gas_native_per_hour, _GAS_PER_HOUR),
        gas_wei_per_day=gas_wei(signing.max_gas_native_per_day, _GAS_PER_DAY),
        gas_wei_per_exit=gas_wei(signing.max_gas_native_per_exit, _GAS_PER_EXIT),
        exit_reserve_gas_wei=gas_wei(signing.exit_reserve_gas_native, _GAS_EXIT_RESERVE),
        swapped_quote_per_transaction=_raw(signing.max_swapped_quote_per_transaction or capital, quote_decimals),
        swapped_quote_per_hour=_raw(signing.max_swapped_quote_per_hour or capital * _SWAPS_PER_HOUR, quote_decimals),
        swapped_quote_per_day=_raw(signing.max_swapped_quote_per_day or per_day, quote_decimals),
        transactions_per_hour=signing.max_transactions_per_hour,
        transactions_per_day=signing.max_transactions_per_day,
        exit_reserve_transactions=_EXIT_RESERVE_TRANSACTIONS,
    )


def undelegation_limits(chain_id: int) -> UndelegationLimits:
    """What taking a delegation back may cost: as a strategy's way out where nothing is written, for it is nobody's."""
    tip_wei = _raw(Signing().max_priority_fee_gwei, _GWEI_DIGITS)
    return UndelegationLimits(tip_wei, _raw(_GAS_PER_EXIT * _TIMES_ETHER.get(chain_id, 1), _WEI_DIGITS))


def _raw(human: Decimal, decimals: int) -> int:
    return int(human.scaleb(decimals))

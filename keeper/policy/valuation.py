"""Worth in the quote token, in integers. The price is the pool's own sqrt price."""

from __future__ import annotations

from decimal import Decimal

from keeper.model.liquidity import position_amounts
from keeper.model.observation import Observation, PoolState, Position
from keeper.model.price import Token

Q192 = 1 << 192


def value_in_quote(amount_0: int, amount_1: int, sqrt_price_x96: int, quote_is_token0: bool) -> int:
    """Raw quote units of two raw amounts, rounded down."""
    price_x192 = sqrt_price_x96 * sqrt_price_x96
    if quote_is_token0:
        return amount_0 + amount_1 * Q192 // price_x192
    return amount_1 + amount_0 * price_x192 // Q192


def principal(position: Position, pool: PoolState) -> tuple[int, int]:
    """What the position's liquidity would pay out at the pool's price, without fees."""
    return position_amounts(
        pool.sqrt_price_x96,
        pool.tick,
        position.lower_tick,
        position.upper_tick,
        position.liquidity,
        round_up=False,
    )


def positions_value(observation: Observation, positions: tuple[Position, ...]) -> int:
    """Principal and uncollected fees of the positions, raw quote units."""
    pool = observation.pool
    total = 0
    for position in positions:
        amount_0, amount_1 = principal(position, pool)
        total += value_in_quote(
            amount_0 + position.uncollected_0,
            amount_1 + position.uncollected_1,
            pool.sqrt_price_x96,
            observation.quote_is_token0,
        )
    return total


def quote_token(observation: Observation) -> Token:
    return observation.pool.token0 if observation.quote_is_token0 else observation.pool.token1


def raw_quote(observation: Observation, human: Decimal) -> int:
    """A human amount of the quote token in raw units, rounded down."""
    return int(human.scaleb(quote_token(observation).decimals))


def usable_idle(observation: Observation, positions: tuple[Position, ...], max_quote: Decimal) -> tuple[int, int]:
    """Idle tokens that the strategy may use: both balances, cut in proportion where they exceed its capital."""
    wallet, pool = observation.wallet, observation.pool
    idle = value_in_quote(wallet.balance_0, wallet.balance_1, pool.sqrt_price_x96, observation.quote_is_token0)
    room = raw_quote(observation, max_quote) - positions_value(observation, positions)
    if idle <= room:
        return wallet.balance_0, wallet.balance_1
    if room <= 0 or idle == 0:
        return 0, 0
    return wallet.balance_0 * room // idle, wallet.balance_1 * room // idle

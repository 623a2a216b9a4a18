"""What is held at an observation and what it is worth, exact, in raw units."""

from __future__ import annotations

from collections.abc import Sequence

from keeper.model.observation import Observation, Position
from keeper.policy.valuation import Q192, principal, value_in_quote


def worth(observation: Observation) -> int:
    """Wallet, principal and uncollected fees at the pool's price, raw quote units."""
    return valued(observation, *holdings(observation))


def holdings(observation: Observation) -> tuple[int, int]:
    """Wallet, principal and uncollected fees, (token0, token1)."""
    inside, owed = principals(observation, observation.positions), uncollected(observation)
    wallet = observation.wallet
    return wallet.balance_0 + inside[0] + owed[0], wallet.balance_1 + inside[1] + owed[1]


def principals(observation: Observation, positions: Sequence[Position]) -> tuple[int, int]:
    """What the positions' liquidity would pay out at the pool's price, without fees."""
    amounts = [principal(position, observation.pool) for position in positions]
    return sum(amount_0 for amount_0, _ in amounts), sum(amount_1 for _, amount_1 in amounts)


def uncollected(observation: Observation) -> tuple[int, int]:
    """Fees earned and not collected, over all positions."""
    positions = observation.positions
    return sum(p.uncollected_0 for p in positions), sum(p.uncollected_1 for p in positions)


def valued(observation: Observation, amount_0: int, amount_1: int) -> int:
    """Raw quote units at the pool's price, rounded down."""
    return value_in_quote(amount_0, amount_1, observation.pool.sqrt_price_x96, observation.quote_is_token0)


def given_and_received(observation: Observation, net_0: int, net_1: int) -> tuple[int, int]:
    """The worth of the negative and of the positive amounts, raw quote units, both at least zero."""
    given = valued(observation, max(-net_0, 0), max(-net_1, 0))
    return given, valued(observation, max(net_0, 0), max(net_1, 0))


def base_worth(observation: Observation, base_raw: int) -> int:
    """Raw quote units of so much of the token that is not the quote."""
    return valued(observation, *((0, base_raw) if observation.quote_is_token0 else (base_raw, 0)))


def base_bought(observation: Observation, quote_raw: int) -> int:
    """Raw base units that so much quote buys at the pool's price without any cost, rounded down."""
    price_x192 = observation.pool.sqrt_price_x96**2
    if observation.quote_is_token0:
        return quote_raw * price_x192 // Q192
    return quote_raw * Q192 // price_x192

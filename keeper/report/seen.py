"""What was seen, in words."""

from __future__ import annotations

from collections.abc import Iterator

from keeper.model.observation import Observation, Position
from keeper.policy.activity import day_volume_quote
from keeper.policy.depth import depth_quote
from keeper.report.display import symbol, whole
from keeper.report.figures import (
    amount,
    base_token,
    duration,
    number,
    price_at,
    price_now,
    price_range,
    quote_token,
)

DEPTH_TICKS = 100


def seen(observation: Observation) -> Iterator[str]:
    """Pool, prices, positions, wallet, gas, and what was asked for and not had."""
    pool, block = observation.pool, observation.block
    quote, base = quote_token(observation), base_token(observation)
    yield f"pool {symbol(pool.token0)}/{symbol(pool.token1)} {pool.fee_pips / 10_000:g} % ({pool.address})"
    price = number(price_now(observation).to_decimal())
    yield f"price {price} {symbol(quote)} for one {symbol(base)} (tick {pool.tick})"
    for twap in observation.twaps:
        mean = number(price_at(twap.mean_tick, observation).to_decimal())
        yield f"mean price over {duration(twap.window_seconds)} {mean}, {abs(pool.tick - twap.mean_tick)} ticks away"
    yield from _outside(observation)
    yield from _activity(observation)
    for position in observation.positions:
        yield _position(position, observation)
    if not observation.positions:
        yield "no position is open"
    yield from _wallet(observation)
    gas_gwei = (observation.gas.base_fee_wei + observation.gas.priority_fee_wei) / 10**9
    native = number(observation.gas.native_price.to_decimal())
    yield f"gas {number(gas_gwei, 4)} gwei, native coin at {native} {symbol(quote)}"
    history = observation.history
    yield f"{len(history.samples)} price samples {duration(history.sample_seconds)} apart, block hash {block.hash}"


_ABLE = {
    "multicall": "several things of the position manager in one transaction",
    "delegated": "several things in one transaction, by a batch account that its key delegates to (EIP-7702)",
}


def _wallet(observation: Observation) -> Iterator[str]:
    wallet, pool = observation.wallet, observation.pool
    place = "Safe" if wallet.account == "safe" else "wallet"
    idle = f"idle in the {place} {amount(wallet.balance_0, pool.token0)} and {amount(wallet.balance_1, pool.token1)}"
    native = f"{number(whole(wallet.native_wei, 18))} native coin"
    if wallet.pays_gas:
        yield f"{idle}, {native} for gas"
    else:
        yield f"{idle}, {native}; whoever executes its transactions pays the gas"
    if wallet.account in _ABLE:
        yield f"{wallet.owner} can do {_ABLE[wallet.account]}"


def _outside(observation: Observation) -> Iterator[str]:
    """What sources other than the pool say."""
    now = observation.block.timestamp
    if observation.oracle is not None:
        from keeper.policy.price_guards import (
            oracle_distance_ticks,  # brings pydantic: `keeper status` needs none of it
        )

        oracle = observation.oracle
        away = abs(oracle_distance_ticks(observation, oracle))
        age = duration(max(0, now - oracle.updated_timestamp))
        yield f"oracle price {number(oracle.price.to_decimal())}, {away:.0f} ticks away, {age} old ({oracle.source})"
    for quote in observation.implied:
        age = duration(max(0, now - quote.observed_timestamp))
        tenor, name = duration(quote.tenor_seconds), quote.source.replace("_", " ")
        yield f"options imply {quote.sigma_annual * 100:.2f} % a year over {tenor} ({name}, {age} old)"
    for missing in observation.missing:
        yield f"MISSING {missing.name}: {missing.reason}"


def _activity(observation: Observation) -> Iterator[str]:
    quote = quote_token(observation)
    below, above = depth_quote(observation, DEPTH_TICKS)
    low, high = (above, below) if observation.quote_is_token0 else (below, above)
    yield f"liquidity within 1 % of the price: {amount(low, quote)} below and {amount(high, quote)} above"
    volume = day_volume_quote(observation)
    if volume is not None:
        yield f"{amount(volume, quote)} went through the pool in a day"


def _position(position: Position, observation: Observation) -> str:
    pool = observation.pool
    inside = position.lower_tick <= pool.tick < position.upper_tick
    fees = f"{amount(position.uncollected_0, pool.token0)} and {amount(position.uncollected_1, pool.token1)}"
    return (
        f"position {position.token_id}: {price_range(position.lower_tick, position.upper_tick, observation)}, "
        f"{'in' if inside else 'OUT OF'} range, uncollected fees {fees}"
    )

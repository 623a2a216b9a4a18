"""Puts a real pool through random liquidity and swaps, and reports wherever the model says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from keeper.model import fees, liquidity, swap
from keeper.model.full_math import MAX_INT128, MAX_INT256, MAX_UINT128, MAX_UINT256, MathError
from keeper.model.ticks import (
    MAX_SQRT_PRICE_X96,
    MIN_SQRT_PRICE_X96,
    max_liquidity_per_tick,
    max_usable_tick,
    min_usable_tick,
    round_to_spacing,
    sqrt_price_at_tick,
    tick_at_sqrt_price,
)
from tests.evm import domain
from tests.evm.pool_world import Book, PoolState, RealPool

ROUNDS_PER_POOL = 40
PROTOCOL_FEES = (0, 4, 5, 7, 10)


@dataclass(slots=True)
class Tally:
    """How much was compared, and every difference found."""

    swaps: int = 0
    swap_reverts: int = 0
    ticks_crossed: int = 0
    mints: int = 0
    burns: int = 0
    pokes: int = 0
    fees_seen: int = 0
    pools: int = 0
    mismatches: list[str] = field(default_factory=list)

    def check(self, what: str, model: object, contract: object, *inputs: object) -> None:
        if model != contract:
            self.mismatches.append(f"{what}: model {model}, contract {contract}, inputs {inputs}")


def compare_pools(seed: str, swaps: int, *, any_price: bool) -> Tally:
    """Pool after pool until so many swaps were compared; at market prices, or anywhere in the price domain."""
    rng, tally = Random(seed), Tally()
    while tally.swaps < swaps:
        tally.pools += 1
        price = domain.valid_sqrt_price(rng) if any_price else domain.market_sqrt_price(rng)
        _compare_one_pool(rng, tally, price, min(ROUNDS_PER_POOL, swaps - tally.swaps))
    return tally


def assert_agreement(tally: Tally, swaps: int) -> None:
    """No difference, and what was compared was worth comparing."""
    assert not tally.mismatches, f"{len(tally.mismatches)} differences, first: {tally.mismatches[0]}"
    assert tally.swaps == swaps
    assert 0.5 * swaps < tally.mints
    assert 0.5 * swaps < tally.burns
    assert 0.5 * swaps < tally.pokes
    assert 0.05 * swaps < tally.fees_seen
    assert 0.3 * swaps < tally.ticks_crossed
    assert 0.01 * swaps < tally.swap_reverts < 0.4 * swaps


def _compare_one_pool(rng: Random, tally: Tally, price: int, rounds: int) -> None:
    fee_protocol = (rng.choice(PROTOCOL_FEES), rng.choice(PROTOCOL_FEES))
    pool, book = RealPool(rng.choice(domain.FEES_PIPS), price, fee_protocol), Book()
    state = pool.state()
    tally.check("tick at start", tick_at_sqrt_price(price), state.tick, price)
    typical_bits = rng.randrange(1, 110)
    for _ in range(rounds):
        for _ in range(rng.randrange(1, 3)):
            state = _compare_mint(rng, tally, pool, book, state, typical_bits)
        state = _compare_swap(rng, tally, pool, book, state)
        if book.positions:
            _compare_poke(rng, tally, pool, book, state)
            state = _compare_burn(rng, tally, pool, book, state)


def _random_range(rng: Random, pool: RealPool, book: Book, tick: int) -> tuple[int, int]:
    spacing = pool.tick_spacing
    lowest, highest = min_usable_tick(spacing), max_usable_tick(spacing)
    if book.positions and rng.random() < 0.3:
        return rng.choice(sorted(book.positions))
    if rng.random() < 0.1:
        return lowest, highest
    width = spacing * (1 + (rng.getrandbits(14) >> rng.randrange(15)))
    centre = tick + rng.randrange(-2 * width, 2 * width + 1)
    lower = min(max(round_to_spacing(centre - width // 2, spacing), lowest), highest - spacing)
    return lower, min(lower + width, highest)


def _compare_mint(
    rng: Random, tally: Tally, pool: RealPool, book: Book, state: PoolState, typical_bits: int
) -> PoolState:
    lower, upper = _random_range(rng, pool, book, state.tick)
    most = max_liquidity_per_tick(pool.tick_spacing)
    amount = rng.getrandbits(typical_bits) + 1 if rng.random() < 0.9 else domain.uint(rng, 128)
    room = min(most - book.gross.get(tick, 0) for tick in (lower, upper))
    real = pool.mint(lower, upper, amount)
    refused = amount == 0 or amount > room or amount > MAX_INT128
    if refused or real is None:
        tally.check("the pool refuses a mint", refused, real is None, lower, upper, amount, state)
        return real.after if real else state
    paid = (real.amount0, real.amount1)
    wanted = liquidity.position_amounts(state.sqrt_price_x96, state.tick, lower, upper, amount, round_up=True)
    tally.mints += 1
    tally.check("mint", wanted, paid, lower, upper, amount, state)
    by_price = liquidity.amounts_to_mint(state.sqrt_price_x96, *_sqrt_bounds(lower, upper), amount)
    tally.check("mint by price", by_price, paid, lower, upper, amount, state)
    book.change(lower, upper, amount)
    return _check_liquidity(tally, book, real.after)


def _compare_burn(rng: Random, tally: Tally, pool: RealPool, book: Book, state: PoolState) -> PoolState:
    (lower, upper), held = rng.choice(sorted(book.positions.items()))
    amount = rng.choice((held, held // 2 + 1, 1 + domain.uint(rng, 128) % held))
    real = pool.burn(lower, upper, amount)
    if real is None:
        tally.mismatches.append(f"burn of {amount} from {lower}..{upper} reverted")
        return state
    owed = (real.amount0, real.amount1)
    wanted = liquidity.position_amounts(state.sqrt_price_x96, state.tick, lower, upper, amount, round_up=False)
    tally.burns += 1
    tally.check("burn", wanted, owed, lower, upper, amount, state)
    by_price = liquidity.amounts_on_burn(state.sqrt_price_x96, *_sqrt_bounds(lower, upper), amount)
    tally.check("burn by price", by_price, owed, lower, upper, amount, state)
    book.change(lower, upper, -amount)
    if not book.positions[lower, upper]:
        del book.positions[lower, upper]
    return _check_liquidity(tally, book, real.after)


def _compare_poke(rng: Random, tally: Tally, pool: RealPool, book: Book, state: PoolState) -> None:
    lower, upper = rng.choice(sorted(book.positions))
    poke = pool.poke(lower, upper)
    if poke is None:
        tally.mismatches.append(f"poke of {lower}..{upper} reverted")
        return
    tally.pokes += 1
    for token in (0, 1):
        inside = fees.fee_growth_inside(
            lower,
            upper,
            state.tick,
            state.fee_growth_global_x128[token],
            poke.lower_outside_x128[token],
            poke.upper_outside_x128[token],
        )
        tally.check("fee growth inside", inside, poke.inside_after_x128[token], lower, upper, state)
        owed = fees.uncollected_fees(
            poke.liquidity, inside, poke.inside_last_x128[token], tokens_owed=poke.tokens_owed[token]
        )
        tally.check("uncollected fees", owed, poke.tokens_owed_after[token], lower, upper, state)
        tally.fees_seen += owed > poke.tokens_owed[token]


def _random_swap(rng: Random, book: Book, state: PoolState) -> tuple[bool, int, int]:
    """Mostly toward an initialized tick, about as much as takes the price there; sometimes anything at all."""
    target_tick = rng.choice([tick for tick, _ in book.ticks()] or [0])
    sqrt_target = rng.choice((sqrt_price_at_tick(target_tick), domain.sqrt_price_near(rng, state.sqrt_price_x96)))
    zero_for_one = sqrt_target < state.sqrt_price_x96 if rng.random() < 0.9 else rng.random() < 0.5
    exact_input = rng.random() < 0.5
    token0 = zero_for_one == exact_input
    delta = liquidity.amount0_delta if token0 else liquidity.amount1_delta
    exact = delta(max(sqrt_target, 1), state.sqrt_price_x96, state.liquidity, round_up=exact_input)
    amount = domain.amount_near(rng, exact) if rng.random() < 0.85 else domain.amount(rng)
    if amount == 0 and rng.random() < 0.9:
        amount = 1 + domain.amount(rng)
    amount = min(amount, MAX_INT256)
    roll = rng.random()
    if roll < 0.1:
        limit = MIN_SQRT_PRICE_X96 + 1 if zero_for_one else MAX_SQRT_PRICE_X96 - 1
    elif roll < 0.95:
        # On the side the swap goes to, so that most limits are ones the pool accepts.
        distance = abs(sqrt_target - state.sqrt_price_x96) + rng.randrange(-1, 2)
        limit = state.sqrt_price_x96 + (-distance if zero_for_one else distance)
        limit = min(max(limit, MIN_SQRT_PRICE_X96 + 1), MAX_SQRT_PRICE_X96 - 1)
    else:
        limit = domain.sqrt_price(rng)
    return zero_for_one, amount if exact_input else -amount, limit


def _compare_swap(rng: Random, tally: Tally, pool: RealPool, book: Book, state: PoolState) -> PoolState:
    zero_for_one, amount, limit_x96 = _random_swap(rng, book, state)
    token_in = 0 if zero_for_one else 1
    real = pool.swap(zero_for_one, amount, limit_x96)
    tally.swaps += 1
    inputs = (state, pool.fee_pips, pool.fee_protocol, book.ticks(), zero_for_one, amount, limit_x96)
    try:
        model = swap.swap(
            state.sqrt_price_x96,
            state.tick,
            state.liquidity,
            pool.fee_pips,
            book.ticks(),
            zero_for_one,
            amount,
            limit_x96,
            pool.tick_spacing,
            fee_protocol=pool.fee_protocol[token_in],
        )
    except MathError as error:
        tally.check(f"swap reverts ({error})", None, real, *inputs)
        tally.swap_reverts += 1
        return real.after if real else state
    if real is None:
        tally.mismatches.append(f"swap: the pool reverts, the model gives {model}, inputs {inputs}")
        return state
    tally.ticks_crossed += len(model.crossed_ticks)
    growth, protocol = list(state.fee_growth_global_x128), list(state.protocol_fees)
    growth[token_in] = (growth[token_in] + model.fee_growth_global_delta_x128) & MAX_UINT256
    protocol[token_in] = (protocol[token_in] + model.protocol_fee) & MAX_UINT128
    after = PoolState(
        model.sqrt_price_x96, model.tick, model.liquidity, (growth[0], growth[1]), (protocol[0], protocol[1])
    )
    tally.check("swap amounts", (model.amount0, model.amount1), (real.amount0, real.amount1), *inputs)
    tally.check("pool after the swap", after, real.after, *inputs)
    return real.after


def _check_liquidity(tally: Tally, book: Book, state: PoolState) -> PoolState:
    """The pool's liquidity must be what its positions add up to: else the comparison is of two different pools."""
    active = sum(held for (lower, upper), held in book.positions.items() if lower <= state.tick < upper)
    tally.check("active liquidity", active, state.liquidity, state)
    return state


def _sqrt_bounds(lower: int, upper: int) -> tuple[int, int]:
    return sqrt_price_at_tick(lower), sqrt_price_at_tick(upper)

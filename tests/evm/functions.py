"""Every function of the contracts' mathematics: its harness signature, its model, and where its cases come from.

The models are looked up at each call, so that a test may put a wrong one in their place and see the comparison fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from keeper.model import fees, full_math, liquidity, sqrt_price, swap_step, ticks
from tests.evm import domain
from tests.evm.harness import Words


@dataclass(frozen=True, slots=True)
class LibraryFunction:
    """One function in both worlds."""

    signature: str
    output_words: int
    model: Callable[..., Words]
    case: Callable[[Random], Words]

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]


def _prices_and_liquidity(rng: Random) -> Words:
    price = domain.sqrt_price(rng)
    return price, domain.sqrt_price_near(rng, price), domain.liquidity(rng)


def _delta_case(rng: Random) -> Words:
    return *_prices_and_liquidity(rng), rng.randrange(2)


def _fraction_case(rng: Random) -> Words:
    a, b = domain.uint(rng), domain.uint(rng)
    if rng.random() < 0.3:
        # Just where the result stops fitting in 256 bits, on both sides of it.
        return a, b, min(max((a * b >> 256) + rng.randrange(-1, 3), 0), full_math.MAX_UINT256)
    return a, b, domain.uint(rng)


def _next_price_case(rng: Random) -> Words:
    price, depth, flag = domain.sqrt_price(rng), domain.liquidity(rng), rng.randrange(2)
    return price, depth, domain.reserve_amount(rng, price, depth, token0=rng.random() < 0.5), flag


def _swap_step_case(rng: Random) -> Words:
    current, target, depth = _prices_and_liquidity(rng)
    fee_pips = rng.choice((*domain.FEES_PIPS, 0, 1, 999_999, rng.randrange(1_000_000)))
    exact_input = rng.random() < 0.5
    low, high = sorted((current, target))
    if low and rng.random() < 0.8:
        token0 = (current >= target) == exact_input
        delta = liquidity.amount0_delta if token0 else liquidity.amount1_delta
        exact = delta(low, high, depth, round_up=exact_input)
        if exact_input:
            exact = exact * 1_000_000 // (1_000_000 - fee_pips)
        remaining = domain.amount_near(rng, exact)
    else:
        remaining = domain.amount(rng)
    remaining = min(remaining, full_math.MAX_INT256)
    return current, target, depth, remaining if exact_input else -remaining - (rng.random() < 0.01), fee_pips


def _step_model(*inputs: int) -> Words:
    step = swap_step.compute_swap_step(*inputs)
    return step.sqrt_next_x96, step.amount_in, step.amount_out, step.fee_amount


def _range_and_amount(rng: Random) -> Words:
    a = domain.sqrt_price(rng)
    return a, domain.sqrt_price_near(rng, a), domain.amount(rng)


def _mint_case(rng: Random) -> Words:
    price = domain.sqrt_price(rng)
    a, b = domain.sqrt_price_near(rng, price), domain.sqrt_price_near(rng, price)
    return price, a, b, domain.amount(rng), domain.amount(rng)


def _burn_case(rng: Random) -> Words:
    price = domain.sqrt_price(rng)
    return price, domain.sqrt_price_near(rng, price), domain.sqrt_price_near(rng, price), domain.liquidity(rng)


def _add_delta_case(rng: Random) -> Words:
    before = domain.liquidity(rng)
    return before, domain.signed128(rng, before)


def _growth_case(rng: Random) -> Words:
    lower = domain.valid_tick(rng)
    upper = lower + rng.choice((1, rng.randrange(1, 1000), rng.randrange(1, 200_000)))
    current = rng.choice((lower - 1, lower, lower + 1, upper - 1, upper, upper + 1, domain.valid_tick(rng)))
    return lower, upper, current, domain.uint(rng), domain.uint(rng), domain.uint(rng)


def _growth_model(lower: int, upper: int, current: int, growth: int, low_outside: int, up_outside: int) -> Words:
    inside0 = fees.fee_growth_inside(lower, upper, current, growth, low_outside, up_outside)
    inverse = full_math.MAX_UINT256 - growth
    return inside0, fees.fee_growth_inside(lower, upper, current, inverse, up_outside, low_outside)


def _fees_case(rng: Random) -> Words:
    now = domain.uint(rng)
    last = (now - domain.uint(rng)) & full_math.MAX_UINT256 if rng.random() < 0.7 else domain.uint(rng)
    return domain.liquidity(rng), now, last, domain.uint(rng, 128)


def _fees_model(depth: int, now: int, last: int, owed: int) -> Words:
    return fees.uncollected_fees(depth, now, last, owed), fees.uncollected_fees(depth, last, now, owed)


FUNCTIONS = (
    LibraryFunction("mulDiv(uint256,uint256,uint256)", 1, lambda *x: (full_math.mul_div(*x),), _fraction_case),
    LibraryFunction(
        "mulDivRoundingUp(uint256,uint256,uint256)", 1, lambda *x: (full_math.mul_div_rounding_up(*x),), _fraction_case
    ),
    LibraryFunction(
        "divRoundingUp(uint256,uint256)",
        1,
        lambda *x: (full_math.div_rounding_up(*x),),
        lambda rng: (domain.uint(rng), domain.uint(rng)),
    ),
    LibraryFunction(
        "sqrtRatioAtTick(int24)", 1, lambda x: (ticks.sqrt_price_at_tick(x),), lambda rng: (domain.tick(rng),)
    ),
    LibraryFunction(
        "tickAtSqrtRatio(uint160)", 1, lambda x: (ticks.tick_at_sqrt_price(x),), lambda rng: (domain.sqrt_price(rng),)
    ),
    LibraryFunction(
        "maxLiquidityPerTick(int24)",
        1,
        lambda x: (ticks.max_liquidity_per_tick(x),),
        lambda rng: (rng.choice((1, 10, 60, 200, 16383, 1 + domain.uint(rng, 24) % 16383)),),
    ),
    LibraryFunction(
        "amount0Delta(uint160,uint160,uint128,bool)",
        1,
        lambda a, b, depth, up: (liquidity.amount0_delta(a, b, depth, round_up=bool(up)),),
        _delta_case,
    ),
    LibraryFunction(
        "amount1Delta(uint160,uint160,uint128,bool)",
        1,
        lambda a, b, depth, up: (liquidity.amount1_delta(a, b, depth, round_up=bool(up)),),
        _delta_case,
    ),
    LibraryFunction(
        "nextFromAmount0(uint160,uint128,uint256,bool)",
        1,
        lambda *x: (sqrt_price.next_sqrt_price_from_amount0(*x[:3], add=bool(x[3])),),
        _next_price_case,
    ),
    LibraryFunction(
        "nextFromAmount1(uint160,uint128,uint256,bool)",
        1,
        lambda *x: (sqrt_price.next_sqrt_price_from_amount1(*x[:3], add=bool(x[3])),),
        _next_price_case,
    ),
    LibraryFunction(
        "nextFromInput(uint160,uint128,uint256,bool)",
        1,
        lambda *x: (sqrt_price.next_sqrt_price_from_input(*x[:3], zero_for_one=bool(x[3])),),
        _next_price_case,
    ),
    LibraryFunction(
        "nextFromOutput(uint160,uint128,uint256,bool)",
        1,
        lambda *x: (sqrt_price.next_sqrt_price_from_output(*x[:3], zero_for_one=bool(x[3])),),
        _next_price_case,
    ),
    LibraryFunction("swapStep(uint160,uint160,uint128,int256,uint24)", 4, _step_model, _swap_step_case),
    LibraryFunction(
        "liquidityForAmount0(uint160,uint160,uint256)",
        1,
        lambda *x: (liquidity.liquidity_for_amount0(*x),),
        _range_and_amount,
    ),
    LibraryFunction(
        "liquidityForAmount1(uint160,uint160,uint256)",
        1,
        lambda *x: (liquidity.liquidity_for_amount1(*x),),
        _range_and_amount,
    ),
    LibraryFunction(
        "liquidityForAmounts(uint160,uint160,uint160,uint256,uint256)",
        1,
        lambda *x: (liquidity.liquidity_for_amounts(*x),),
        _mint_case,
    ),
    LibraryFunction(
        "amountsForLiquidity(uint160,uint160,uint160,uint128)", 2, lambda *x: liquidity.amounts_on_burn(*x), _burn_case
    ),
    LibraryFunction("addDelta(uint128,int128)", 1, lambda *x: (liquidity.add_delta(*x),), _add_delta_case),
    LibraryFunction("feeGrowthInside(int24,int24,int24,uint256,uint256,uint256)", 2, _growth_model, _growth_case),
    LibraryFunction("uncollectedFees(uint128,uint256,uint256,uint128)", 2, _fees_model, _fees_case),
)

BY_NAME = {function.name: function for function in FUNCTIONS}

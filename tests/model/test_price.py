"""One oriented price: exact both ways round, and never mixed up in silence."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.model.price import Price, Token
from keeper.model.ticks import (
    MAX_SQRT_PRICE_X96,
    MAX_TICK,
    MIN_SQRT_PRICE_X96,
    MIN_TICK,
    max_usable_tick,
    min_usable_tick,
    sqrt_price_at_tick,
)

DECIMALS = (0, 6, 8, 18, 24)
LOW, HIGH = "0x" + "00" * 19 + "Aa", "0x" + "fF" * 20

decimals = st.sampled_from(DECIMALS)
sqrt_prices = st.one_of(
    st.integers(MIN_SQRT_PRICE_X96, MAX_SQRT_PRICE_X96 - 1),
    st.integers(MIN_TICK, MAX_TICK - 1).map(sqrt_price_at_tick),
)
ticks = st.integers(MIN_TICK, MAX_TICK - 1)
human_prices = st.decimals(min_value="0.000001", max_value="1000000", places=6, allow_nan=False)


def pair(decimals0: int, decimals1: int) -> tuple[Token, Token]:
    return Token(LOW, "LOW", decimals0), Token(HIGH, "HIGH", decimals1)


@given(sqrt_prices, decimals, decimals)
def test_the_pool_price_survives_the_round_trip_both_ways(sqrt_price_x96: int, d0: int, d1: int) -> None:
    price = Price.from_sqrt_price_x96(sqrt_price_x96, *pair(d0, d1))
    assert price.to_sqrt_price_x96() == sqrt_price_x96
    assert price.invert().to_sqrt_price_x96() == sqrt_price_x96
    assert price.invert().invert() == price


@given(ticks, decimals, decimals)
def test_a_tick_survives_the_round_trip_both_ways(tick: int, d0: int, d1: int) -> None:
    tokens = pair(d0, d1)
    price = Price.from_tick(tick, *tokens)
    assert price.to_tick(*tokens) == tick
    assert price.invert().to_tick(*tokens) == tick
    assert price.to_usable_tick(1) == tick


@given(human_prices, decimals, decimals, st.booleans())
def test_a_human_price_is_exact_for_any_decimals_in_either_order(
    human: Decimal, d0: int, d1: int, base_is_token0: bool
) -> None:
    base, quote = pair(d0, d1) if base_is_token0 else reversed(pair(d0, d1))
    price = Price.from_decimal(base, quote, human)
    assert price.to_decimal(30) == human
    one_base = 10**base.decimals
    assert price.ratio_to(price) == 1
    assert Fraction(price.numerator, price.denominator) * one_base == Fraction(human) * 10**quote.decimals


@given(sqrt_prices, st.integers(0, 2**128), decimals, decimals)
def test_amounts_are_rounded_down_and_up_around_the_exact_one(sqrt_x96: int, amount: int, d0: int, d1: int) -> None:
    price = Price.from_sqrt_price_x96(sqrt_x96, *pair(d0, d1))
    exact = Fraction(sqrt_x96 * sqrt_x96 * amount, 2**192)
    floor, ceiling = price.quote_amount(amount), price.quote_amount_rounding_up(amount)
    assert floor <= exact <= ceiling
    assert ceiling - floor == (0 if exact.denominator == 1 else 1)


def test_known_prices_of_real_tokens() -> None:
    usdc, weth = Token("0x" + "a0" * 20, "USDC", 6), Token("0x" + "c0" * 20, "WETH", 18)
    price = Price.from_decimal(weth, usdc, "2000")
    assert price.quote_amount(10**18) == 2000 * 10**6
    assert price.invert().to_decimal(6) == Decimal("0.0005")
    # token1 (WETH) per token0 (USDC) in raw units is 5e8, whose tick is floor(log(5e8) / log(1.0001)).
    assert price.to_tick(usdc, weth) == 200311
    assert price.to_usable_tick(10) == 200310
    assert price.to_usable_tick(60) == 200340


@given(ticks, st.sampled_from((1, 2, 7, 10, 60, 200)))
def test_the_usable_tick_is_the_nearest_multiple(tick: int, spacing: int) -> None:
    usable = Price.from_tick(tick, *pair(18, 6)).to_usable_tick(spacing)
    assert usable % spacing == 0
    assert min_usable_tick(spacing) <= usable <= max_usable_tick(spacing)
    inside = min(max(tick, min_usable_tick(spacing)), max_usable_tick(spacing))
    assert 2 * abs(usable - inside) <= spacing


def test_a_price_of_the_other_orientation_is_refused() -> None:
    tokens = pair(18, 6)
    price = Price.from_tick(10, *tokens)
    other = price.invert()
    for mix in (price.__lt__, price.__le__, price.__gt__, price.__ge__, price.__eq__, price.ratio_to):
        with pytest.raises(ValueError, match="cannot compare a HIGH per LOW price with a LOW per HIGH price"):
            mix(other)
    with pytest.raises(ValueError, match="cannot chain"):
        price.through(price)


def test_order_and_equality_within_one_orientation() -> None:
    tokens = pair(18, 6)
    low, high = Price.from_tick(10, *tokens), Price.from_tick(11, *tokens)
    assert low < high <= high
    assert high > low >= low
    assert low != high
    assert low == Price(*tokens, 3 * low.numerator, 3 * low.denominator)
    assert hash(low) == hash(Price(*tokens, 3 * low.numerator, 3 * low.denominator))


def test_prices_chain_through_a_middle_token() -> None:
    low, high = pair(18, 6)
    middle = Token("0x" + "77" * 20, "MID", 8)
    chained = Price.from_decimal(low, middle, "3").through(Price.from_decimal(middle, high, "0.5"))
    assert chained == Price.from_decimal(low, high, "1.5")


def test_tokens_are_the_same_by_address_however_it_is_cased() -> None:
    assert Token(HIGH, "A", 18) == Token(HIGH.lower(), "B", 18)
    assert len({Token(HIGH, "A", 18), Token(HIGH.lower(), "A", 18)}) == 1
    assert Token(HIGH, "A", 18) != Token(LOW, "A", 18)


@pytest.mark.parametrize("address", ["", "0x", "0x12", "12" * 20, "0x" + "zz" * 20, "0x" + "12" * 21])
def test_a_bad_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="40 hex digits"):
        Token(address, "BAD", 18)


def test_tokens_out_of_order_are_refused() -> None:
    token0, token1 = pair(18, 6)
    with pytest.raises(ValueError, match="must have a lower address"):
        Price.from_sqrt_price_x96(2**96, token1, token0)
    with pytest.raises(ValueError, match="must have a lower address"):
        Price.from_tick(0, token0, token1).to_tick(token1, token0)
    stranger = Token("0x" + "77" * 20, "MID", 8)
    with pytest.raises(ValueError, match="has no tick"):
        Price.from_tick(0, token0, token1).to_tick(token0, stranger)


@pytest.mark.parametrize("human", ["nan", "inf", "-1", "0", "abc", "", "1e999999999", "1e-999999999"])
def test_a_price_that_is_none_is_refused(human: str) -> None:
    with pytest.raises(ValueError, match="number"):
        Price.from_decimal(*pair(18, 6), human)


def test_a_price_needs_two_tokens_and_a_positive_ratio() -> None:
    token0, token1 = pair(18, 6)
    with pytest.raises(ValueError, match="two tokens"):
        Price(token0, token0, 1, 1)
    with pytest.raises(ValueError, match="above zero"):
        Price(token0, token1, 0, 1)

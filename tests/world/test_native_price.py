"""The native coin's price in every orientation of pool and quote."""

from __future__ import annotations

from decimal import Decimal
from math import isqrt

import pytest

from keeper.errors import ConfigError
from keeper.model.observation import PoolState
from keeper.model.price import Token
from keeper.world.native_price import NATIVE_TOKEN, native_price

LOW, HIGH = "0x" + "11" * 20, "0x" + "22" * 20


def pool(wrapped_is_token0: bool) -> PoolState:
    """2,000 USDC (6 decimals) for one WETH."""
    weth, usdc = (
        Token(LOW if wrapped_is_token0 else HIGH, "WETH", 18),
        Token(HIGH if wrapped_is_token0 else LOW, "USDC", 6),
    )
    token0, token1 = (weth, usdc) if wrapped_is_token0 else (usdc, weth)
    raw = (2_000 * 10**6 << 192) // 10**18 if wrapped_is_token0 else (10**18 << 192) // (2_000 * 10**6)
    return PoolState("0x" + "33" * 20, token0, token1, 500, 10, isqrt(raw), 0, 1, 0, 0, 0, 1, (), 0, 0)


@pytest.mark.parametrize("wrapped_is_token0", [True, False])
@pytest.mark.parametrize("quote_is_weth", [True, False])
def test_orientation(wrapped_is_token0: bool, quote_is_weth: bool) -> None:
    state = pool(wrapped_is_token0)
    weth = LOW if wrapped_is_token0 else HIGH
    price = native_price(state, quote_is_weth == wrapped_is_token0, weth, None)
    assert (price.base, price.quote.symbol) == (NATIVE_TOKEN, "WETH" if quote_is_weth else "USDC")
    assert round(price.to_decimal(), 6) == (1 if quote_is_weth else 2_000)
    assert price.quote_amount(10**18) in ((10**18,) if quote_is_weth else (1_999_999_999, 2_000_000_000))


def test_the_operators_figure_comes_first_and_one_of_both_must_be_there() -> None:
    state = pool(True)
    assert native_price(state, False, LOW, Decimal("1999.5")).quote_amount(10**18) == 1_999_500_000
    for wrapped in (None, "0x" + "44" * 20):
        assert native_price(state, False, wrapped, Decimal(3)).quote_amount(10**18) == 3_000_000
        with pytest.raises(ConfigError, match=r"WETH/USDC .*native_price_quote"):
            native_price(state, False, wrapped, None)

"""What the chain's native coin is worth in the quote token: for weighing gas, never for a trade."""

from __future__ import annotations

from decimal import Decimal

from keeper.errors import ConfigError
from keeper.model.observation import PoolState
from keeper.model.price import Price, Token

NATIVE_TOKEN = Token("0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE", "native", 18)
"""Stands for the native coin, which has no contract, by the address that is customary for it."""


def check_native_price(
    token0: Token, token1: Token, wrapped_native: str | None, native_price_quote: Decimal | None
) -> None:
    """Whether a native price can be had at all.

    Raises:
        ConfigError: the pool does not hold the wrapped native coin, and the operator gave no price.
    """
    if native_price_quote is None and _wrapped(token0, token1, wrapped_native) is None:
        raise ConfigError(
            f"the pool {token0.symbol}/{token1.symbol} does not hold the chain's wrapped native coin, so gas has no "
            "price: set `native_price_quote` (whole quote tokens for one native coin) in the strategy"
        )


def native_price(
    pool: PoolState, quote_is_token0: bool, wrapped_native: str | None, native_price_quote: Decimal | None
) -> Price:
    """Quote token per native coin: the operator's figure if given, else the pool's price.

    Raises:
        ConfigError: there is neither.
    """
    quote = pool.token0 if quote_is_token0 else pool.token1
    if native_price_quote is not None:
        return Price.from_decimal(NATIVE_TOKEN, quote, native_price_quote)
    check_native_price(pool.token0, pool.token1, wrapped_native, None)
    wrapped = _wrapped(pool.token0, pool.token1, wrapped_native)
    if wrapped == quote:
        return Price(NATIVE_TOKEN, quote, 1, 1)
    price = Price.from_sqrt_price_x96(pool.sqrt_price_x96, pool.token0, pool.token1)
    oriented = price.invert() if quote_is_token0 else price
    return Price(NATIVE_TOKEN, quote, oriented.numerator, oriented.denominator)


def _wrapped(token0: Token, token1: Token, wrapped_native: str | None) -> Token | None:
    if wrapped_native is None:
        return None
    return next((token for token in (token0, token1) if token.sort_key == int(wrapped_native, 16)), None)

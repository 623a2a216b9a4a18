"""One exact, oriented price: so many raw units of one token for one raw unit of another.

A price is an integer fraction with its two tokens, so decimals and direction can never be mixed up by multiplying with
a bare number. The pool's own price is always token1 per token0, where token0 has the lower address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from fractions import Fraction
from math import gcd, isqrt
from typing import Final

from keeper.model.full_math import Q192
from keeper.model.ticks import (
    ceil_to_spacing,
    floor_to_spacing,
    max_usable_tick,
    min_usable_tick,
    sqrt_price_at_tick,
    tick_at_sqrt_price,
)

# Far outside 2**±128 for any decimals; a typed 1e999999999 must not become an integer of a billion digits.
_MAX_EXPONENT: Final = 600
_ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """An ERC-20 token. Two tokens are the same if their addresses are, however the hex is cased."""

    address: str
    symbol: str
    decimals: int

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise ValueError(f"token address {self.address!r} is not 0x and 40 hex digits")
        if not 0 <= self.decimals <= 255:
            raise ValueError(f"token {self.symbol} has {self.decimals} decimals, outside 0 to 255")

    @property
    def sort_key(self) -> int:
        """The address as a number: the lower of a pair is token0."""
        return int(self.address, 16)

    def __eq__(self, other: object) -> bool:
        return self.sort_key == other.sort_key if isinstance(other, Token) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sort_key)


@dataclass(frozen=True, slots=True, eq=False)
class Price:
    """``numerator / denominator`` raw units of ``quote`` for one raw unit of ``base``, in lowest terms."""

    base: Token
    quote: Token
    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if self.base == self.quote:
            raise ValueError(f"a price needs two tokens, got {self.base.symbol} twice")
        if self.numerator <= 0 or self.denominator <= 0:
            raise ValueError("a price must be above zero")
        divisor = gcd(self.numerator, self.denominator)
        object.__setattr__(self, "numerator", self.numerator // divisor)
        object.__setattr__(self, "denominator", self.denominator // divisor)

    @classmethod
    def from_sqrt_price_x96(cls, sqrt_price_x96: int, token0: Token, token1: Token) -> Price:
        """The pool's price: token1 (quote) per token0 (base).

        Raises:
            ValueError: the tokens are not in the pool's order (token0 has the lower address).
        """
        _require_pool_order(token0, token1)
        return cls(token0, token1, sqrt_price_x96 * sqrt_price_x96, Q192)

    @classmethod
    def from_tick(cls, tick: int, token0: Token, token1: Token) -> Price:
        """The price at a tick's own sqrt price: token1 (quote) per token0 (base)."""
        return cls.from_sqrt_price_x96(sqrt_price_at_tick(tick), token0, token1)

    @classmethod
    def from_decimal(cls, base: Token, quote: Token, human_price: Decimal | str) -> Price:
        """A price as people write it: whole quote tokens for one whole base token.

        Raises:
            ValueError: not a finite number above zero.
        """
        try:
            value = Decimal(human_price)
        except InvalidOperation:
            raise ValueError(f"{human_price!r} is not a number") from None
        if not value.is_finite() or value <= 0:
            raise ValueError(f"a price must be a finite number above zero, not {human_price}")
        if abs(value.adjusted()) > _MAX_EXPONENT:
            raise ValueError(f"a price of {human_price} is a number beyond all reason")
        numerator, denominator = value.as_integer_ratio()
        return cls(base, quote, numerator * 10**quote.decimals, denominator * 10**base.decimals)

    def invert(self) -> Price:
        """The same price the other way round."""
        return Price(self.quote, self.base, self.denominator, self.numerator)

    def quote_amount(self, base_raw: int) -> int:
        """Raw quote units for ``base_raw`` raw base units, rounded down."""
        return base_raw * self.numerator // self.denominator

    def quote_amount_rounding_up(self, base_raw: int) -> int:
        """Raw quote units for ``base_raw`` raw base units, rounded up."""
        return -(-base_raw * self.numerator // self.denominator)

    def to_decimal(self, significant_digits: int = 18) -> Decimal:
        """Whole quote tokens for one whole base token, rounded half-even to the digits asked."""
        with localcontext() as context:
            context.prec = significant_digits
            numerator = self.numerator * 10**self.base.decimals
            denominator = self.denominator * 10**self.quote.decimals
            # The operands must be exact before the one division that rounds; Decimal(int) is.
            return Decimal(numerator) / Decimal(denominator)

    def to_sqrt_price_x96(self) -> int:
        """``floor(sqrt(token1 per token0) * 2**96)``, whichever way this price is oriented."""
        if self.base.sort_key < self.quote.sort_key:
            return isqrt(self.numerator * Q192 // self.denominator)
        return isqrt(self.denominator * Q192 // self.numerator)

    def to_tick(self, token0: Token, token1: Token) -> int:
        """The greatest tick of the (token0, token1) pool whose price is at most this one, whichever way it is oriented.

        Raises:
            ValueError: the tokens are not this price's two, or not in the pool's order.
            MathError: no tick is that low or high.
        """
        _require_pool_order(token0, token1)
        if {token0, token1} != {self.base, self.quote}:
            raise ValueError(f"a {self} price has no tick in a {token0.symbol}/{token1.symbol} pool")
        return tick_at_sqrt_price(self.to_sqrt_price_x96())

    def to_usable_tick(self, tick_spacing: int) -> int:
        """The usable tick whose price is nearest in ratio (ties go up), as the Uniswap interface snaps a typed price.

        Raises:
            MathError: no tick is that low or high.
        """
        sqrt_price_x96 = self.to_sqrt_price_x96()
        tick = tick_at_sqrt_price(sqrt_price_x96)
        low = max(floor_to_spacing(tick, tick_spacing), min_usable_tick(tick_spacing))
        high = min(ceil_to_spacing(tick + 1, tick_spacing), max_usable_tick(tick_spacing))
        midpoint_squared = sqrt_price_at_tick(low) * sqrt_price_at_tick(high)
        return high if sqrt_price_x96 * sqrt_price_x96 >= midpoint_squared else low

    def ratio_to(self, other: Price) -> Fraction:
        """``self / other``, exactly; both must be oriented alike."""
        self._require_same_orientation(other)
        return Fraction(self.numerator * other.denominator, self.denominator * other.numerator)

    def through(self, other: Price) -> Price:
        """The cross price: base per middle token, then middle token per quote.

        Raises:
            ValueError: the other price does not start at this one's quote token.
        """
        if self.quote != other.base:
            raise ValueError(f"cannot chain a {self} price with a {other} price")
        return Price(self.base, other.quote, self.numerator * other.numerator, self.denominator * other.denominator)

    def __str__(self) -> str:
        return f"{self.quote.symbol} per {self.base.symbol}"

    def __hash__(self) -> int:
        return hash((self.base, self.quote, self.numerator, self.denominator))

    def __eq__(self, other: object) -> bool:
        return self.ratio_to(other) == 1 if isinstance(other, Price) else NotImplemented

    def __lt__(self, other: Price) -> bool:
        return self.ratio_to(other) < 1

    def __le__(self, other: Price) -> bool:
        return self.ratio_to(other) <= 1

    def __gt__(self, other: Price) -> bool:
        return self.ratio_to(other) > 1

    def __ge__(self, other: Price) -> bool:
        return self.ratio_to(other) >= 1

    def _require_same_orientation(self, other: Price) -> None:
        if self.base != other.base or self.quote != other.quote:
            raise ValueError(f"cannot compare a {self} price with a {other} price; invert one of them")


def _require_pool_order(token0: Token, token1: Token) -> None:
    if token0.sort_key >= token1.sort_key:
        raise ValueError(f"token0 {token0.symbol} must have a lower address than token1 {token1.symbol}")

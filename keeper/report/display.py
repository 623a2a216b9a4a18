"""Numbers as people read them: token units, sensible digits, UTC. What is shown is rounded; the accounts are not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from keeper.model.observation import PoolState
from keeper.model.price import Token

MINUS = "−"
SYMBOL_LENGTH = 16
TOKEN_DIGITS = 6
PRICE_DIGITS = 6
MOST_DECIMALS = 18
# Decimal rounds to 28 digits unless told; an amount of 256 bits has 78, and as many again may follow the point.
EXACT_DIGITS = 400


@dataclass(frozen=True, slots=True)
class Money:
    """Writes raw amounts of one token with as many decimals as its scale asks for, the same in a whole table."""

    token: Token
    decimals: int

    @classmethod
    def scaled(cls, token: Token, largest_raw: int, digits: int = TOKEN_DIGITS) -> Money:
        """Enough decimals to show the largest amount with ``digits`` significant ones, two at least."""
        largest = whole(max(abs(largest_raw), 1), token.decimals)
        return cls(token, min(max(digits - 1 - largest.adjusted(), 2), token.decimals, MOST_DECIMALS))

    @property
    def symbol(self) -> str:
        return symbol(self.token)

    def plain(self, raw: int) -> str:
        return self._text(raw, "")

    def signed(self, raw: int) -> str:
        return self._text(raw, "+")

    def visible(self, raw: int) -> str:
        """As ``plain``, but what is too small for the decimals does not look like nothing."""
        if not raw:
            return "0"
        text = self.plain(raw)
        if not text.strip("0."):
            return f"{MINUS if raw < 0 else ''}<{Decimal(1).scaleb(-self.decimals):f}"
        return text

    def with_symbol(self, raw: int) -> str:
        return f"{self.plain(raw)} {self.symbol}"

    def signed_with_symbol(self, raw: int) -> str:
        return f"{self.signed(raw)} {self.symbol}"

    def number(self, raw: int) -> float:
        """For charts alone."""
        return float(whole(raw, self.token.decimals))

    def _text(self, raw: int, plus: str) -> str:
        with localcontext() as context:
            context.prec = EXACT_DIGITS
            rounded = abs(whole(raw, self.token.decimals)).quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_EVEN)
        sign = "" if rounded == 0 else MINUS if raw < 0 else plus
        return f"{sign}{rounded:,f}"


def exact(raw: int, token: Token) -> str:
    """Every digit, as a plain decimal string for machines."""
    return f"{whole(raw, token.decimals):f}"


def whole(raw: int, decimals: int) -> Decimal:
    """Raw units as whole ones, every digit kept."""
    with localcontext() as context:
        context.prec = EXACT_DIGITS
        return Decimal(raw).scaleb(-decimals)


def symbol(token: Token) -> str:
    """The token's own symbol without what is invisible or turns the writing round, and of bearable length.

    It comes from a contract that anyone may have written; whoever puts it into HTML still has to escape it.
    """
    visible = "".join(character for character in token.symbol if character.isprintable() and character != " ")
    if not visible:
        return token.address[:8] + "…"
    return visible if len(visible) <= SYMBOL_LENGTH else visible[: SYMBOL_LENGTH - 1] + "…"


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %".replace("-", MINUS)


def signed_percent(share: float, digits: int = 2) -> str:
    text = f"{100 * share:+.{digits}f} %"
    return text.replace("-", MINUS)


def price_text(price: float) -> str:
    """Six significant digits, thousands separated, no exponent."""
    if price == 0:
        return "0"
    decimals = PRICE_DIGITS - 1 - Decimal(price).adjusted()
    return f"{price:,.{min(max(decimals, 0), MOST_DECIMALS)}f}"


def pool_price(pool: PoolState, sqrt_price_x96: int, quote_is_token0: bool) -> float:
    """Whole quote tokens per whole base token, for display."""
    ratio = (sqrt_price_x96 / (1 << 96)) ** 2 * 10.0 ** (pool.token0.decimals - pool.token1.decimals)
    return 1 / ratio if quote_is_token0 else ratio


def fee_tier(fee_pips: int) -> str:
    return f"{Decimal(fee_pips).scaleb(-4).normalize():f} %"


def utc(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M} UTC"


def day(timestamp: int) -> str:
    moment = datetime.fromtimestamp(timestamp, UTC)
    return f"{moment.day} {moment:%b}"


def month_and_year(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%b %Y}"


def duration(seconds: int) -> str:
    """In the two largest units that matter."""
    days, rest = divmod(max(seconds, 0), 86_400)
    hours, minutes = rest // 3_600, rest % 3_600 // 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def span_words(seconds: int) -> str:
    """Whole days where there are at least two; else as ``duration``."""
    days = seconds / 86_400
    if days < 2:
        return duration(seconds)
    return f"{days:.0f} days" if abs(days - round(days)) < 0.05 else f"{days:.1f} days"


def count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"

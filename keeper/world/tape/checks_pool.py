"""Of which pool a tape is: what its files, the operator and the table of known pools say must agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from keeper.errors import ConfigError
from keeper.known_pools import SPACINGS, known_pool
from keeper.model.full_math import Q192
from keeper.model.price import Token
from keeper.world.tape.tape import Span, Tape, TapePool
from keeper.world.v3.identity import PoolIdentity

# Tokens of which only symbol and decimals are known stand at addresses that no contract has, in the pool's order.
NO_ADDRESS: Final = ("0x0000000000000000000000000000000000000001", "0x0000000000000000000000000000000000000002")
_LEAST_PRICE: Final = Fraction(1, 10**12)


def joined(given: TapePool | None, stored: TapePool, path: Path) -> TapePool:
    """All that is known, none of it contradicting.

    Raises:
        ConfigError: two of the sources say different things; names both.
    """
    pool = _merged(stored, given or TapePool(), path, "the tape says", "you say")
    if pool.chain_id is not None and pool.address is not None:
        known = known_pool(pool.chain_id, pool.address)
        if known is not None:
            facts = TapePool(token0=known[0], token1=known[1], fee_pips=known[2])
            pool = _merged(facts, pool, path, f"the pool {pool.address} has", "given is")
    return with_spacing(pool)


def with_fee(pool: TapePool, fee_pips: int | None, path: Path) -> TapePool:
    """With the fee that the amounts were found to fit."""
    if fee_pips is not None and pool.fee_pips is not None and fee_pips != pool.fee_pips:
        raise ConfigError(
            f"its amounts were paid with a fee of {fee_pips} pips, not {pool.fee_pips}: it is a tape of another pool, "
            "or the fee that was given is wrong",
            path=str(path),
        )
    return with_spacing(replace(pool, fee_pips=pool.fee_pips if fee_pips is None else fee_pips))


def with_spacing(pool: TapePool) -> TapePool:
    """Where only the fee is known: with the spacing that it usually comes with."""
    if pool.tick_spacing is not None or pool.fee_pips is None:
        return pool
    return replace(pool, tick_spacing=SPACINGS.get(pool.fee_pips))


def require_decimals(pool: TapePool, sqrt_price_x96: int, path: Path) -> None:
    """ConfigError: with these decimals the price of a whole token is beyond all reason."""
    if pool.token0 is None or pool.token1 is None or not sqrt_price_x96:
        return
    raw = Fraction(sqrt_price_x96 * sqrt_price_x96, Q192)
    price = raw * Fraction(10**pool.token0.decimals, 10**pool.token1.decimals)
    if not _LEAST_PRICE <= price <= 1 / _LEAST_PRICE:
        raise ConfigError(
            f"with {pool.token0.decimals} decimals of {pool.token0.symbol} and {pool.token1.decimals} of "
            f"{pool.token1.symbol} one {pool.token0.symbol} would cost {float(price):.3g} {pool.token1.symbol}: "
            "the decimals are wrong, or it is another pool's tape",
            path=str(path),
        )


def require_pool(tape: Tape, identity: PoolIdentity, chain_id: int | None = None) -> None:
    """ConfigError: the tape is known to be of another pool than the one asked for. What the tape does not say cannot
    contradict."""
    asked = TapePool(
        chain_id, identity.address, identity.token0, identity.token1, identity.fee_pips, identity.tick_spacing
    )
    _merged(tape.pool, asked, tape.path, "it is a tape of", "asked for is")


def require_span(span: Span, path: Path, from_timestamp: int | None, to_timestamp: int | None) -> None:
    """ConfigError: nothing of the tape lies between the moments (UNIX seconds, both included)."""
    begin = span.from_timestamp if from_timestamp is None else from_timestamp
    end = span.to_timestamp if to_timestamp is None else to_timestamp
    if from_timestamp is not None and to_timestamp is not None and begin > end:
        raise ConfigError(f"the range asked for begins {moment(begin)}, after its end {moment(end)}; swap the two")
    if begin > span.to_timestamp or end < span.from_timestamp:
        raise no_events(span, path, begin, end)


def no_events(span: Span, path: Path, begin: int, end: int) -> ConfigError:
    """The sentence for an empty range."""
    return ConfigError(
        f"has nothing between {moment(begin)} and {moment(end)}: it covers {moment(span.from_timestamp)} to "
        f"{moment(span.to_timestamp)}; choose a range within",
        path=str(path),
    )


def moment(timestamp: int) -> str:
    """UTC, to the second."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"second {timestamp}"


def _merged(left: TapePool, right: TapePool, path: Path, left_words: str, right_words: str) -> TapePool:
    """Both together; ``left`` is named first where they differ."""
    same: dict[str, Callable[[TapePool], object]] = {
        "chain id": lambda pool: pool.chain_id,
        "address": lambda pool: None if pool.address is None else pool.address.lower(),
        "fee (pips)": lambda pool: pool.fee_pips,
        "tick spacing": lambda pool: pool.tick_spacing,
    }
    for name, value in same.items():
        first, second = value(left), value(right)
        if first is not None and second is not None and first != second:
            raise _contradiction(path, name, left_words, first, right_words, second)
    tokens: list[Token | None] = []
    for place in ("token0", "token1"):
        one: Token | None = getattr(left, place)
        other: Token | None = getattr(right, place)
        if one is not None and other is not None:
            _same_token(one, other, place, path, left_words, right_words)
        # Whoever knows the address knows the token.
        tokens.append(other if one is None or (other is not None and one.address in NO_ADDRESS) else one)
    return TapePool(
        right.chain_id if left.chain_id is None else left.chain_id,
        right.address if left.address is None else left.address,
        tokens[0],
        tokens[1],
        right.fee_pips if left.fee_pips is None else left.fee_pips,
        right.tick_spacing if left.tick_spacing is None else left.tick_spacing,
    )


def _same_token(one: Token, other: Token, place: str, path: Path, left_words: str, right_words: str) -> None:
    nameless = one.address in NO_ADDRESS or other.address in NO_ADDRESS
    if not nameless and one != other:
        raise _contradiction(path, place, left_words, one.address, right_words, other.address)
    if one.decimals != other.decimals:
        raise _contradiction(path, f"decimals of {one.symbol}", left_words, one.decimals, right_words, other.decimals)


def _contradiction(path: Path, what: str, left: str, first: object, right: str, second: object) -> ConfigError:
    return ConfigError(
        f"{what}: {left} {first}, {right} {second}; correct it, or give the tape of the right pool", path=str(path)
    )

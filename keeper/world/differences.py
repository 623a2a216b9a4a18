"""Differences between the ledger and a wallet, and the ledger lines that explain them. Pure.

Every set of lines for a position nets to nothing in the wallet: what somebody else did to a position moves its worth in
or out as the owner's money, so that it is never counted as profit or loss, and no balance is touched by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from keeper.model.ledger import NATIVE, EntryKind, LedgerEntry
from keeper.model.liquidity import position_amounts
from keeper.model.observation import Block, Observation, PoolState, Position
from keeper.world.chain.evidence import Transfer
from keeper.world.journal.books import Books, KnownPosition


@dataclass(frozen=True, slots=True)
class Difference:
    """The wallet less the ledger, raw units of ``token`` (lower case, or "native")."""

    token: str
    symbol: str
    decimals: int
    amount: int
    held: int

    @property
    def words(self) -> str:
        """``12.5 USDC (12500000 raw)``, without sign."""
        return f"{in_units(abs(self.amount), self.decimals)} {self.symbol} ({abs(self.amount)} raw)"


def in_units(raw: int, decimals: int) -> str:
    """Whole units, every digit."""
    return f"{Decimal(raw).scaleb(-decimals):,f}"


def balance_differences(now: Observation, books: Books, *, with_native: bool) -> Iterator[Difference]:
    """Every opened account whose wallet holds something else than the ledger says."""
    pool, wallet, native = now.pool, now.wallet, now.gas.native_price.base
    held = [
        (pool.token0.address.lower(), pool.token0.symbol, pool.token0.decimals, wallet.balance_0),
        (pool.token1.address.lower(), pool.token1.symbol, pool.token1.decimals, wallet.balance_1),
    ]
    if with_native:
        held.append((NATIVE, "native coin", native.decimals, wallet.native_wei))
    for token, symbol, decimals, amount in held:
        booked = books.balances.get(token)
        if booked is not None and booked != amount:
            yield Difference(token, symbol, decimals, amount - booked, amount)


def is_explained(difference: Difference, transfers: Iterable[Transfer]) -> bool:
    """More came in than the ledger knows, and nothing went out that it does not know."""
    known = tuple(transfers)
    return all(each.amount > 0 for each in known) and sum(each.amount for each in known) <= difference.amount


def balance_lines(
    difference: Difference, transfers: Iterable[Transfer], block: Block, *, rest: EntryKind | None = None
) -> tuple[LedgerEntry, ...]:
    """A line for each transfer, and one for what they leave open; together they are the difference, to the wei."""
    known = tuple(transfers)
    lines = [
        LedgerEntry(
            "deposit" if each.amount > 0 else "withdrawal",
            difference.token,
            each.amount,
            None,
            each.transaction_hash,
            each.log_index,
            each.block_number,
            each.timestamp,
        )
        for each in known
        if each.amount
    ]
    left = difference.amount - sum(each.amount for each in known)
    if left:
        kind: EntryKind = rest or ("deposit" if left > 0 else "withdrawal")
        lines.append(_line(kind, difference.token, left, None, block))
    return tuple(lines)


def principal(lower_tick: int, upper_tick: int, liquidity: int, pool: PoolState) -> tuple[int, int]:
    """What so much liquidity would pay out at the pool's price, raw units, without fees."""
    return position_amounts(pool.sqrt_price_x96, pool.tick, lower_tick, upper_tick, liquidity, round_up=False)


def adoption_lines(position: Position, now: Observation) -> tuple[LedgerEntry, ...]:
    """Principal and fees come in with the owner; the fees that it is owed already are not earned by us."""
    inside = principal(position.lower_tick, position.upper_tick, position.liquidity, now.pool)
    owed = position.uncollected_0, position.uncollected_1
    return _lines(
        now,
        position.token_id,
        ("deposit", (inside[0] + owed[0], inside[1] + owed[1])),
        ("mint", (-inside[0], -inside[1])),
        ("collect", (-owed[0], -owed[1])),
    )


def departure_lines(known: KnownPosition, now: Observation) -> tuple[LedgerEntry, ...]:
    """A position that is gone: its principal at the price of now leaves with the owner."""
    out = principal(known.lower_tick, known.upper_tick, known.liquidity, now.pool)
    return _lines(now, known.token_id, ("decrease", out), ("withdrawal", (-out[0], -out[1])))


def change_lines(known: KnownPosition, position: Position, now: Observation) -> tuple[LedgerEntry, ...]:
    """Liquidity that somebody else put in comes in with the owner; what was taken out leaves, unless it is owed."""
    more = position.liquidity - known.liquidity
    change = principal(known.lower_tick, known.upper_tick, abs(more), now.pool)
    minus = -change[0], -change[1]
    if more > 0:
        return _lines(now, known.token_id, ("deposit", change), ("mint", minus))
    is_owed = position.uncollected_0 >= change[0] and position.uncollected_1 >= change[1]
    return _lines(now, known.token_id, ("decrease", change), ("collect" if is_owed else "withdrawal", minus))


def _lines(now: Observation, token_id: int, *parts: tuple[EntryKind, tuple[int, int]]) -> tuple[LedgerEntry, ...]:
    tokens = now.pool.token0.address.lower(), now.pool.token1.address.lower()
    return tuple(
        _line(kind, token, amount, token_id, now.block)
        for kind, amounts in parts
        for token, amount in zip(tokens, amounts, strict=True)
        if amount
    )


def block_of(evidence: str) -> tuple[int, str] | None:
    """Number and hash of the block that a line was made from, where it says so in place of a transaction's hash."""
    _, found, words = evidence.partition("reconciled at block ")
    number, _, block_hash = words.partition(" ")
    return (int(number), block_hash) if found else None


def _line(kind: EntryKind, token: str, amount: int, token_id: int | None, block: Block) -> LedgerEntry:
    """Its evidence is the state of a block, for there is no log: the text says so where a hash would stand."""
    of = "" if token_id is None else f"position {token_id} "
    evidence = f"{of}reconciled at block {block.number} {block.hash}"
    return LedgerEntry(kind, token, amount, token_id, evidence, -1, block.number, block.timestamp)

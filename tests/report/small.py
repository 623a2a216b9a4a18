"""Observations of a few raw units at prices that are easy by hand."""

from __future__ import annotations

from collections.abc import Sequence

from keeper.model.decision import Decision, Forecast, Objection, Regime, Verdict
from keeper.model.ledger import NATIVE, EntryKind, LedgerEntry
from keeper.model.memory import Memory
from keeper.model.observation import Block, GasState, History, Observation, PoolState, Position, Wallet
from keeper.model.plan import Cost, Plan
from keeper.model.price import Price, Token
from keeper.model.ticks import tick_at_sqrt_price
from keeper.report.run import Run

# With the quote as token1, the usual order here; ``observation`` turns them round when asked.
BASE, QUOTE, GAS = "0x" + "11" * 20, "0x" + "22" * 20, NATIVE
COIN = Token("0x" + "00" * 20, "ETH", 18)
NATIVE_PER_WEI = 1
SECONDS = 12


def observation(
    block: int,
    root: float,
    *,
    quote: int = 0,
    base: int = 0,
    quote_is_token0: bool = False,
    positions: tuple[Position, ...] = (),
    native_wei: int = 0,
) -> Observation:
    """``root`` is the square root of the price, quote per base in raw units."""
    low, high = Token(BASE, "AAA", 6), Token(QUOTE, "BBB", 6)
    quote_token = low if quote_is_token0 else high
    sqrt_price_x96 = round(2**96 / root) if quote_is_token0 else round(2**96 * root)
    tick = tick_at_sqrt_price(sqrt_price_x96)
    balances = (quote, base) if quote_is_token0 else (base, quote)
    return Observation(
        block=Block(1, block, f"0x{block:064x}", block * SECONDS, 1),
        pool=PoolState("0x" + "44" * 20, low, high, 500, 10, sqrt_price_x96, tick, 1, 0, 0, 0, 1, (), tick, tick),
        quote_is_token0=quote_is_token0,
        twaps=(),
        positions=positions,
        wallet=Wallet("0x" + "33" * 20, *balances, native_wei, ()),
        gas=GasState(1, 1, Price(COIN, quote_token, NATIVE_PER_WEI, 1)),
        history=History("", 1, ()),
    )


def entry(kind: EntryKind, token: str, amount: int, *, block: int = 1, transaction: str = "0xabc") -> LedgerEntry:
    return LedgerEntry(kind, token, amount, None, transaction, 0, block, block * SECONDS)


def run_of(observations: Sequence[Observation], entries: Sequence[LedgerEntry]) -> Run:
    return Run("small", tuple(_held(each) for each in observations), tuple(entries))


def _held(seen: Observation) -> Decision:
    return Decision(
        "small",
        "",
        seen,
        Memory("small", "running", "", (), False, (), None, None),
        Forecast("ewma", 0.5, 0.1, 1, 1, None),
        Regime("neutral", "neutral", 0.0, 0.0, 1.0, 0),
        None,
        Plan("hold", (), 0, 0, 0, Cost(0, 0, 0, 0)),
        Verdict("hold", "waiting", (Objection("inside_trigger", "waiting"),)),
    )

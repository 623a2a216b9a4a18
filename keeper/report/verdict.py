"""The outcome in plain sentences, and said as plainly when money was lost."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.report import display
from keeper.report.accounts import ProfitAndLoss
from keeper.report.display import Money


@dataclass(frozen=True, slots=True)
class VerdictText:
    """``headline`` in one line, ``sentences`` with the reasons. Plain text: not escaped for any medium."""

    headline: str
    sentences: tuple[str, ...]


def verdict_text(pnl: ProfitAndLoss, money: Money) -> VerdictText:
    """Fees are never named without what arbitrage took, the costs, and holding beside them."""
    span = display.span_words(pnl.timestamp - pnl.start_timestamp)
    basis = pnl.value_start + pnl.net_deposits
    change = f" ({display.signed_percent(pnl.total / basis)})" if basis > 0 else ""
    headline = (
        f"{_made(pnl.total, money)}{change} in {span}; holding would have {_made(pnl.hodl_change, money, 'made')}"
    )
    sentences = [_against_holding(pnl, money), _fees(pnl, money), _hedged(pnl, money)]
    if pnl.executor_gas:
        sentences.append(
            f"Whoever executed its transactions paid {money.with_symbol(pnl.executor_gas)} for gas, which is in none "
            f"of these figures; with it the result is {money.signed_with_symbol(pnl.total_after_executors)}."
        )
    return VerdictText(headline, tuple(sentences))


def _against_holding(pnl: ProfitAndLoss, money: Money) -> str:
    difference = money.plain(abs(pnl.against_hodl)) + " " + money.symbol
    if pnl.against_hodl > 0:
        return f"That is {difference} better than doing nothing with the tokens it started with."
    if pnl.against_hodl < 0:
        return f"That is {difference} worse than doing nothing with the tokens it started with."
    return "That is the same as doing nothing with the tokens it started with."


def _fees(pnl: ProfitAndLoss, money: Money) -> str:
    return (
        f"Fees brought {money.with_symbol(pnl.fees)}; {money.plain(pnl.lvr)} was lost to arbitrage (LVR), "
        f"{money.plain(pnl.swap_cost)} to its own swaps and {money.plain(pnl.gas)} to gas."
    )


def _hedged(pnl: ProfitAndLoss, money: Money) -> str:
    amount = money.signed_with_symbol(pnl.hedged_alpha)
    if pnl.hedged_alpha > 0:
        return f"With the price risk hedged away, {amount} would be left: the fees paid for the losses."
    return f"With the price risk hedged away, {amount} would be left: the fees did not pay for the losses."


def _made(amount: int, money: Money, gain: str = "Made") -> str:
    lost = "lost" if gain.islower() else "Lost"
    return f"{gain if amount >= 0 else lost} {money.plain(abs(amount))} {money.symbol}"


def comparisons(pnl: ProfitAndLoss, base_symbol: str, quote_symbol: str) -> tuple[tuple[str, int], ...]:
    """The run beside other ways to hold the same worth from the start; raw quote units."""
    return (
        ("This strategy", pnl.total),
        ("Hold the tokens it started with", pnl.hodl_change),
        (f"Hold half {base_symbol}, half {quote_symbol}", pnl.hodl_half_change),
        (f"Hold {base_symbol} alone", pnl.hodl_base_change),
        (f"Hold {quote_symbol} alone", 0),
    )


def gain_word(amount: int) -> str:
    """Gain, loss or nothing: the name of a colour, never its only sign."""
    return "gain" if amount > 0 else "loss" if amount < 0 else ""

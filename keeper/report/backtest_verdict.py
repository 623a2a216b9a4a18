"""The first sentence of a backtest, from its figures: against holding, after arbitrage and costs, never flattering."""

from __future__ import annotations

from keeper.report import display
from keeper.report.accounts import ProfitAndLoss
from keeper.report.backtest_words import Tone
from keeper.report.display import Money
from keeper.report.verdict import VerdictText, verdict_text

MOSTLY_IDLE = 0.1  # in a position for less of the time than this


def backtest_verdict(pnl: ProfitAndLoss, money: Money) -> tuple[Tone, VerdictText]:
    """The page's tone with its words. A gain is only what beats holding and pays for arbitrage and costs; a profit
    that the price made is not called one."""
    span = display.span_words(pnl.timestamp - pnl.start_timestamp)
    said = verdict_text(pnl, money)
    outcome = f"{said.headline}."
    if not pnl.seconds_in_position:
        headline = f"It never provided liquidity in {span}: nothing was earned, and nothing lost to arbitrage"
        return "", VerdictText(headline, (outcome,))
    held, paid = pnl.against_hodl > 0, pnl.hedged_alpha > 0
    basis = pnl.value_start + pnl.net_deposits
    share = f" ({display.percent(abs(pnl.against_hodl) / basis, 2)} of the start)" if basis > 0 else ""
    difference = f"{money.plain(abs(pnl.against_hodl))} {money.symbol}{share}"
    alpha = money.signed_with_symbol(pnl.hedged_alpha)
    if pnl.against_hodl == 0:
        first = f"It ended where holding would have, after {span}"
    else:
        first = f"It {'beat' if held else 'lost to'} holding by {difference} in {span}"
    joint = "and" if held == paid else "but"
    second = f"its fees {'paid' if paid else 'did not pay'} for arbitrage and costs: hedged alpha {alpha}"
    tone: Tone = "gain" if held and paid else "loss"
    return tone, VerdictText(f"{first}, {joint} {second}", (*_idle(pnl), outcome, *said.sentences[1:]))


def _idle(pnl: ProfitAndLoss) -> tuple[str, ...]:
    """A result that the wallet made, not a range."""
    share = pnl.seconds_in_position / max(pnl.timestamp - pnl.start_timestamp, 1)
    if share >= MOSTLY_IDLE:
        return ()
    part = display.percent(share, 0)
    return (
        f"It was in a position for {part} of the time only: its total is mostly that of the tokens it held meanwhile, "
        "and says nothing for or against its ranges.",
    )

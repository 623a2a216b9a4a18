"""What a run ends with on a terminal, and the same figures for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keeper.model.observation import Observation
from keeper.model.price import Token
from keeper.policy.valuation import quote_token
from keeper.report import display
from keeper.report.accounts import ProfitAndLoss, profit_and_loss
from keeper.report.display import Money
from keeper.report.reconciliation import Reconciliation, reconcile
from keeper.report.run import Run
from keeper.report.verdict import comparisons, gain_word, verdict_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LEDGER_DIGITS = 8
COLOURS = {"gain": "green", "loss": "red", "": ""}


def pnl_mapping(run: Run) -> dict[str, str]:
    """Decimal strings in whole quote tokens, exact; losses (divergence, lvr, swap_cost, gas) are positive.

    total = hodl + fees − divergence − swap_cost − gas, to the last unit; hedged_alpha = fees − lvr − swap_cost − gas.
    ``gas_paid_by_executors`` (what others paid to execute a Safe's transactions) is in none of the sums.
    ``fees_base`` and ``fees_quote`` are in whole tokens of their own, ``gas_native`` in whole native coins.
    """
    end, pnl = run.observations[-1], profit_and_loss(run)[-1]
    quote, base = quote_token(end), _base_token(end)
    base_raw, quote_raw = (pnl.fees_1, pnl.fees_0) if end.quote_is_token0 else (pnl.fees_0, pnl.fees_1)
    money = {
        "total": pnl.total,
        "hodl": pnl.hodl_change,
        "against_hodl": pnl.against_hodl,
        "fees": pnl.fees,
        "divergence": pnl.divergence,
        "lvr": pnl.lvr,
        "swap_cost": pnl.swap_cost,
        "swap_fee": pnl.swap_fee,
        "swap_impact": pnl.swap_impact,
        "gas": pnl.gas,
        "gas_paid_by_executors": pnl.executor_gas,
        "hedged_alpha": pnl.hedged_alpha,
        "hodl_50_50": pnl.hodl_half_change,
        "hodl_base": pnl.hodl_base_change,
        "value_start": pnl.value_start,
        "value_end": pnl.value,
        "net_deposits": pnl.net_deposits,
    }
    return {name: display.exact(raw, quote) for name, raw in money.items()} | {
        "fees_base": display.exact(base_raw, base),
        "fees_quote": display.exact(quote_raw, quote),
        "gas_native": display.exact(pnl.gas_native_wei, end.gas.native_price.base),
        "gas_native_paid_by_executors": display.exact(pnl.executor_gas_wei, end.gas.native_price.base),
        "days": f"{pnl.days:.4f}",
        "in_range_share": f"{pnl.in_range_share:.4f}",
        "rebalances_per_week": f"{pnl.rebalances_per_week:.2f}",
    }


def print_summary(run: Run, console: Console) -> None:
    """Verdict, profit and loss by cause, other ways to hold, and the ledger against the chain."""
    from rich.text import Text

    end, pnl = run.observations[-1], profit_and_loss(run)[-1]
    money = Money.scaled(quote_token(end), max(pnl.value_start, pnl.value))
    said = verdict_text(pnl, money)
    console.print(Text(said.headline + ".", style="bold"))
    for sentence in said.sentences:
        console.print(Text(sentence))
    in_range, weekly = display.percent(pnl.in_range_share, 0), f"{pnl.rebalances_per_week:.1f} a week"
    console.print(Text(f"In range {in_range} of the time; {display.count(pnl.rebalances, 'rebalance')} ({weekly})."))
    console.print()
    console.print(_split_table(pnl, money))
    console.print(_comparison_table(pnl, money, display.symbol(_base_token(end))))
    console.print(_ledger_table(reconcile(end, run.entries)))


def _split_table(pnl: ProfitAndLoss, money: Money) -> Table:
    table = _table("Where it came from", money.symbol)
    for name, amount in (
        ("holding what it started with", pnl.hodl_change),
        ("fees earned", pnl.fees),
        ("divergence against holding", -pnl.divergence),
        ("own swaps", -pnl.swap_cost),
        ("gas", -pnl.gas),
    ):
        table.add_row(name, money.signed(amount))
    table.add_section()
    table.add_row("profit and loss", _coloured(pnl.total, money), style="bold")
    table.add_section()
    if pnl.executor_gas:
        table.add_row("beside the sum: gas paid by executors", money.signed(-pnl.executor_gas))
        table.add_row("profit and loss if the Safe had paid it", _coloured(pnl.total_after_executors, money))
    table.add_row("beside the sum: lost to arbitrage (LVR)", money.signed(-pnl.lvr))
    table.add_row("hedged alpha: fees − LVR − costs", _coloured(pnl.hedged_alpha, money))
    return table


def _comparison_table(pnl: ProfitAndLoss, money: Money, base_symbol: str) -> Table:
    table = _table(
        "Beside other ways to hold", money.symbol, "of the start", f"a year, linear from {pnl.days:.1f} days"
    )
    for name, amount in comparisons(pnl, base_symbol, money.symbol):
        yearly = pnl.annualised_pct(amount)
        share = display.signed_percent(amount / pnl.value_start) if pnl.value_start else "n/a"
        annual = "n/a" if yearly is None else display.signed_percent(yearly / 100, 1)
        table.add_row(_plain(name), _coloured(amount, money), share, annual)
    return table


def _ledger_table(reconciliation: Reconciliation) -> Table:
    accounts = reconciliation.accounts
    table = _table(f"Ledger at block {reconciliation.block_number:,}", *(display.symbol(a.token) for a in accounts))
    rows = (
        ("deposits", [a.deposits for a in accounts]),
        ("into positions (mints)", [a.mints for a in accounts]),
        ("out of positions (decreases)", [a.decreases for a in accounts]),
        ("collected fees", [a.collected for a in accounts]),
        ("swaps, net", [a.swaps for a in accounts]),
        ("gas", [a.gas for a in accounts]),
        ("withdrawals", [a.withdrawals for a in accounts]),
        ("by the journal", [a.journal_balance for a in accounts]),
        ("in the wallet, on the chain", [a.chain_balance for a in accounts]),
    )
    for name, amounts in rows:
        if name == "by the journal":
            table.add_section()
        scaled = (Money.scaled(a.token, a.largest, LEDGER_DIGITS) for a in accounts)
        table.add_row(name, *(each.visible(raw) for each, raw in zip(scaled, amounts, strict=True)))
    style = "bold green" if reconciliation.is_exact else "bold red"
    table.add_row("difference, wei", *(f"{each:,}" for each in reconciliation.difference_wei), style=style)
    return table


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in columns:
        table.add_column(_plain(column), justify="right")
    return table


def _plain(text: str) -> str:
    """A symbol comes from the chain and may hold what a terminal library takes for markup."""
    from rich.markup import escape

    return escape(text)


def _coloured(amount: int, money: Money) -> str:
    colour = COLOURS[gain_word(amount)]
    return f"[{colour}]{money.signed(amount)}[/{colour}]" if colour else money.signed(amount)


def _base_token(observation: Observation) -> Token:
    return observation.pool.token1 if observation.quote_is_token0 else observation.pool.token0

"""The page's tables: where the result came from, what it is compared with, the ledger. Escaped HTML."""

from __future__ import annotations

from html import escape

from keeper.report import charts, display
from keeper.report.accounts import ProfitAndLoss
from keeper.report.display import Money
from keeper.report.reconciliation import Reconciliation, TokenAccount
from keeper.report.verdict import comparisons, gain_word

LEDGER_DIGITS = 8


def tiles(pnl: ProfitAndLoss, money: Money) -> str:
    """The few figures that a glance should take in."""
    unit = escape(money.symbol)
    weekly = f"{pnl.rebalances_per_week:.1f} a week"
    in_position = display.percent(pnl.seconds_in_position / max(pnl.timestamp - pnl.start_timestamp, 1), 0)
    return "".join(
        (
            _tile("Profit and loss", money.signed(pnl.total), unit, gain_word(pnl.total)),
            _tile("Against holding", money.signed(pnl.against_hodl), unit, gain_word(pnl.against_hodl)),
            _tile("Hedged alpha", money.signed(pnl.hedged_alpha), "fees − LVR − costs", gain_word(pnl.hedged_alpha)),
            _tile("In range", display.percent(pnl.in_range_share, 0), f"in a position {in_position}", ""),
            _tile("Rebalances", f"{pnl.rebalances:,}", weekly, ""),
        )
    )


def split(pnl: ProfitAndLoss, money: Money, base_symbol: str) -> str:
    """The identity, row by row, each with a bar."""
    in_base, in_quote = pnl.fees_in_base_quote, pnl.fees - pnl.fees_in_base_quote
    fees_note = f"{money.plain(in_base)} of it in {base_symbol}, {money.plain(in_quote)} in {money.symbol}"
    swap_note = f"pool fee {money.plain(pnl.swap_fee)}, impact and slippage {money.plain(pnl.swap_impact)}"
    rows = [
        ("Holding what it started with", pnl.hodl_change, "the tokens of the start at the price of the end", "hodl"),
        ("Fees earned", pnl.fees, fees_note, "fees"),
        ("Divergence against holding", -pnl.divergence, "what the position's changing mix lost", "divergence"),
        ("Own swaps", -pnl.swap_cost, swap_note, "swap"),
        ("Gas", -pnl.gas, f"{pnl.gas_native_wei / 10**18:.6f} of the native coin", "gas"),
    ]
    return _sum_table("Where the result came from", rows, ("Profit and loss", pnl.total), money) + _executors(
        pnl, money
    )


def _executors(pnl: ProfitAndLoss, money: Money) -> str:
    if not pnl.executor_gas:
        return ""
    return (
        f'<p class="note">Gas paid by executors: {escape(money.with_symbol(pnl.executor_gas))} '
        f"({pnl.executor_gas_wei / 10**18:.6f} of the native coin), out of their own pockets and in none of these "
        f"sums. If the Safe had paid it: {escape(money.signed_with_symbol(pnl.total_after_executors))}.</p>"
    )


def hedged(pnl: ProfitAndLoss, money: Money) -> str:
    """What was earned for providing, the price risk taken out."""
    rows = [
        ("Fees earned", pnl.fees, "the same as above", "fees"),
        ("Lost to arbitrage (LVR)", -pnl.lvr, "sampled at each observation", "lvr"),
        ("Own swaps and gas", -pnl.costs, "", "swap"),
    ]
    return _sum_table("With the price risk hedged away", rows, ("Hedged alpha", pnl.hedged_alpha), money)


def comparison(pnl: ProfitAndLoss, money: Money, base_symbol: str) -> str:
    days = f"{pnl.days:.1f} days"
    rows = []
    for name, amount in comparisons(pnl, base_symbol, money.symbol):
        share = f"{display.signed_percent(amount / pnl.value_start)}" if pnl.value_start else "n/a"
        yearly = pnl.annualised_pct(amount)
        annual = "n/a" if yearly is None else display.signed_percent(yearly / 100, 1)
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th><td class="{gain_word(amount)}">{money.signed(amount)}</td>'
            f'<td>{share}</td><td class="quiet">{annual}</td></tr>'
        )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Comparison table">'
        f'<table class="figures"><caption>Beside other ways to hold</caption><thead><tr><th scope="col">Way</th>'
        f'<th scope="col">{escape(money.symbol)}</th><th scope="col">Of the start</th>'
        f'<th scope="col">A year, if it went on*</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        f'<p class="note">* Linear from {days} on the mean worth. So short a time says little about a year; '
        "it is there to compare lines, not to expect.</p>"
    )


def ledger(reconciliation: Reconciliation) -> str:
    """Per token: every kind of movement, the wallet on the chain, and the difference to the wei."""
    heads = "".join(f'<th scope="col">{escape(display.symbol(a.token))}</th>' for a in reconciliation.accounts)
    lines = (
        ("Deposits", [a.deposits for a in reconciliation.accounts]),
        ("Into positions (mints)", [a.mints for a in reconciliation.accounts]),
        ("Out of positions (decreases)", [a.decreases for a in reconciliation.accounts]),
        ("Collected fees", [a.collected for a in reconciliation.accounts]),
        ("Swaps, net", [a.swaps for a in reconciliation.accounts]),
        ("Gas", [a.gas for a in reconciliation.accounts]),
        ("Withdrawals", [a.withdrawals for a in reconciliation.accounts]),
    )
    body = "".join(_ledger_row(name, amounts, reconciliation) for name, amounts in lines)
    journal = _ledger_row("By the journal", [a.journal_balance for a in reconciliation.accounts], reconciliation, "sum")
    chain = _ledger_row(
        "In the wallet, on the chain", [a.chain_balance for a in reconciliation.accounts], reconciliation
    )
    differences = "".join(_difference(account) for account in reconciliation.accounts)
    said = (
        "Every unit is accounted for: journal and chain agree to the wei."
        if reconciliation.is_exact
        else "The journal and the chain DIFFER. Something moved that the journal does not know; find it before "
        "trusting any figure here."
    )
    kind = "gain" if reconciliation.is_exact else "loss"
    return (
        f'<p class="{kind}">{said} <span class="quiet">Block {reconciliation.block_number:,}.</span></p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Ledger table"><table class="figures ledger">'
        f'<thead><tr><th scope="col">Ledger</th>{heads}</tr></thead><tbody>{body}{journal}{chain}'
        f'<tr class="difference"><th scope="row">Difference, in raw units (wei)</th>{differences}</tr>'
        "</tbody></table></div>"
    )


def _tile(name: str, figure: str, below: str, kind: str) -> str:
    return f'<div class="tile"><dt>{name}</dt><dd class="{kind}">{figure}</dd><dd class="below">{below}</dd></div>'


def _sum_table(caption: str, rows: list[tuple[str, int, str, str]], total: tuple[str, int], money: Money) -> str:
    largest = max(1, *(abs(amount) for _, amount, _, _ in rows), abs(total[1]))
    body = "".join(
        f'<tr><th scope="row">{name}{_below(note)}</th><td class="bars">{charts.bar(amount / largest, kind)}</td>'
        f"<td>{money.signed(amount)}</td></tr>"
        for name, amount, note, kind in rows
    )
    kind = gain_word(total[1])
    return (
        f'<table class="figures split"><caption>{caption}, {escape(money.symbol)}</caption><tbody>{body}'
        f'<tr class="sum"><th scope="row">{total[0]}</th><td class="bars">'
        f'{charts.bar(total[1] / largest, kind or "gain")}</td><td class="{kind}">{money.signed(total[1])}</td></tr>'
        "</tbody></table>"
    )


def _below(note: str) -> str:
    return f"<small>{escape(note)}</small>" if note else ""


def _ledger_row(name: str, amounts: list[int], reconciliation: Reconciliation, kind: str = "") -> str:
    cells = "".join(
        _exact_cell(amount, account) for amount, account in zip(amounts, reconciliation.accounts, strict=True)
    )
    return f'<tr class="{kind}"><th scope="row">{name}</th>{cells}</tr>'


def _exact_cell(amount: int, account: TokenAccount) -> str:
    """Rounded for the eye, with every digit for the pointer and for machines."""
    if not amount:
        return '<td class="quiet"><data value="0">0</data></td>'
    text = Money.scaled(account.token, account.largest, LEDGER_DIGITS).visible(amount)
    return f'<td><data value="{amount}" title="{display.exact(amount, account.token)}">{escape(text)}</data></td>'


def _difference(account: TokenAccount) -> str:
    difference = account.difference_wei
    kind = "loss" if difference else "gain"
    return f'<td class="{kind}"><data value="{difference}">{difference:,}</data></td>'

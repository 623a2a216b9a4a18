"""What a demo tells people on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from keeper.chainlab.demo import DemoEnd
    from keeper.model.observation import Account, Observation
    from keeper.model.plan import Step
    from keeper.report import Run

OWNERS: dict[Account, str] = {"key": "wallet", "delegated": "atomic", "safe": "safe, 2 of 3 sign"}


def for_people(end: DemoEnd, run: Run, page: Path, journal: Path) -> None:
    """The story, the account of it, the gas, and where to look."""
    from rich.console import Console

    from keeper.report import print_summary

    console = Console(highlight=False)
    _print_acts(console, end, run)
    print_summary(run, console)
    _print_gas(console, end, run)
    console.print(f"\n{run.note}")
    console.print(f"\nReport    {page}\nJournal   {journal}", soft_wrap=True)
    console.print(f"Any decision in full:     keeper explain ID --journal {journal}", soft_wrap=True)
    console.print(f"All of them made again:   keeper replay --journal {journal}", soft_wrap=True)


def _print_acts(console: Console, end: DemoEnd, run: Run) -> None:
    """What was done and why, a line for each decision; what only tidied or compounded is counted."""
    from rich.table import Table

    from keeper.report import number, price_now, when

    table = Table(title="What happened, and why", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("decision", justify="right", no_wrap=True)
    table.add_column("time (UTC)", no_wrap=True)
    table.add_column("price", justify="right", no_wrap=True)
    table.add_column("what")
    table.add_column("why")
    acted = sorted({act.decision_index for act in run.acts})
    small = 0
    for index in acted:
        decision = run.decisions[index]
        seen, plan = decision.observation, decision.plan
        if plan.action in ("compound", "tidy"):
            small += 1
            continue
        table.add_row(
            str(run.decision_ids[index]),
            when(seen.block.timestamp)[5:16],
            number(price_now(seen).to_decimal()),
            _in_short(plan.next_steps[-1], seen),
            "" if decision.memory.in_transition else decision.verdict.reason,
        )
    console.print(table)
    held = sum(1 for decision in run.decisions if not decision.plan.steps or decision.verdict.objections)
    # All at once, an allowance is never left over: what is small then is fees and idle tokens put to work.
    besides = "compounded fees or took back allowances" if end.mode == "wallet" else "compounded fees"
    console.print(f"\nBesides, it {besides} {small} times, and held {held} times.\n")


def _in_short(step: Step, seen: Observation) -> str:
    """Without amounts to the last digit and without bounds: the page and ``keeper explain`` have them."""
    from keeper.report import price_range, step_in_words

    if step.kind == "batch":
        return "; ".join(_in_short(each, seen) for each in step.steps if each.kind != "approve")
    if step.kind == "exit":
        return "leave position " + ", ".join(str(each.token_id) for each in step.withdrawals)
    if step.kind == "mint":
        ranges = (f"{price_range(r.lower_tick, r.upper_tick, seen)} ({r.share_ppm / 1e4:g} %)" for r in step.ranges)
        return "open " + ", ".join(ranges)
    return step_in_words(step, seen).partition(" (at least")[0]


def _print_gas(console: Console, end: DemoEnd, run: Run) -> None:
    """What this run's transactions took, and one rebalance done anew in every mode."""
    from rich.table import Table

    from keeper.report import amount, quote_token, symbol, whole

    spent, native = end.spending, end.final.gas.native_price
    rebalances = spent.rebalances(run.acts)
    sent = sum(len(each) for each in rebalances)
    units = sum(paid.gas_units for each in rebalances for paid in each)
    console.print(
        f"\nGas: {len(spent.transactions)} transactions, {spent.gas_units:,} gas, {amount(spent.wei, native.base)}, "
        f"paid by {spent.paid_by}."
    )
    if end.mode == "safe":
        console.print("Each was a proposal of the keeper's, which two of the three owners signed in turn.")
    if rebalances:
        mean = f"{sent / len(rebalances):.3g}"
        console.print(
            f"A rebalance, from leaving the old ranges to opening new ones: {mean} "
            f"transaction{'' if mean == '1' else 's'}, {units // len(rebalances):,} gas on average."
        )
    wei_per_gas = spent.wei // max(1, spent.gas_units)
    gwei = f"{wei_per_gas / 1e9:.1f} gwei"
    table = Table(title=f"The same rebalance, done anew on this chain in every mode (at {gwei})", title_justify="left")
    table.add_column("")
    for column in ("transactions", "gas", "against wallet", symbol(quote_token(end.final))):
        table.add_column(column, justify="right")
    alone = next(took.gas_units for took in spent.same_rebalance if took.account == "key")
    for took in spent.same_rebalance:
        cost = native.quote_amount_rounding_up(took.gas_units * wei_per_gas)
        share = "" if took.account == "key" else f"{took.gas_units / alone - 1:+.0%}"
        worth = whole(cost, quote_token(end.final).decimals)
        table.add_row(OWNERS[took.account], str(took.transactions), f"{took.gas_units:,}", share, f"{worth:,.2f}")
    console.print(table)

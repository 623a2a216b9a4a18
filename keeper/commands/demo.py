"""See the whole thing on this machine: a local chain with the real contracts, a market, the keeper at work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._options import json_option, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from keeper.chainlab.demo import DemoEnd
    from keeper.chainlab.demo_owner import Mode
    from keeper.model.observation import Observation
    from keeper.model.plan import Step
    from keeper.report import Run


@click.command(epilog="Example:  keeper demo --prices prices.csv --serve")
@click.option("--mode", type=click.Choice(["wallet", "atomic", "safe"]), default="wallet", show_default=True)
@click.option("--days", type=click.FloatRange(0.5, 365), default=30, show_default=True, help="Simulated days.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Of the prices and the trades.")
@click.option("--prices", type=click.Path(path_type=Path), help="Real prices: parquet or CSV with timestamp, close.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("keeper-demo"), show_default=True)
@click.option("--serve", is_flag=True, help="Show the report in a browser afterwards, on this machine only.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True, help="Where --serve listens.")
@json_option
def command(
    mode: Mode, days: float, seed: int, prices: Path | None, out: Path, serve: bool, port: int, as_json: bool
) -> int:
    """See the whole thing on this machine: a local chain with the real contracts, a market, the keeper at work.

    Needs no account, key or network. Ends with what happened and why, a ledger checked against the chain to the wei,
    profit and loss with every cost beside it, and a page. What an earlier demo left in the folder is replaced.
    """
    from keeper.chainlab.demo import DemoSettings, run_demo
    from keeper.report import write_page

    with _progress() as progress:
        end = run_demo(DemoSettings(days=days, seed=seed, prices=prices, directory=out, mode=mode), progress)
        progress(1.0, "writing the report")
        run = _run_of(end)
        page = write_page(out / "report.html", run)
    if as_json:
        print_json(_for_machines(end, run, page))
    else:
        _for_people(end, run, page)
    if serve:
        from keeper.report.serve import serve_page

        serve_page(page, port, lambda url: click.echo(f"The report is at {url} until Ctrl-C.", err=True))
    return 0 if end.ledger_difference_wei == (0, 0, 0) else 4


@contextmanager
def _progress() -> Iterator[Callable[[float, str], None]]:
    """A bar on stderr where that is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _done, _what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<52}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda done, what: bar.update(task, completed=done, description=what)


def _run_of(end: DemoEnd) -> Run:
    from keeper.report import Run
    from keeper.world.journal import decisions, queries
    from keeper.world.journal.reading import read_journal

    with read_journal(end.journal_url) as query:
        stored = list(decisions.stored_decisions(query))
        entries = queries.ledger_entries(query, end.chain_id, end.owner)
    return Run(
        strategy=stored[0].decision.strategy,
        decisions=tuple(each.decision for each in stored),
        entries=entries,
        closing=end.final,
        decision_ids=tuple(each.id for each in stored),
        note=_note(end),
    )


def _note(end: DemoEnd) -> str:
    market = end.market
    return (
        f"The market was simulated: {market.swaps:,} swaps, volatility {market.annual_volatility:.0%} a year, fees "
        f"{market.rho:.2f} times the loss to arbitrage. It was made so that providing can pay; nine real ETH pools "
        "measured 0.67 to 1.21. What the keeper earned here says nothing about a real pool."
    )


def _for_machines(end: DemoEnd, run: Run, page: Path) -> dict[str, Any]:
    from keeper.report import pnl_mapping

    return {
        "journal": str(_journal_path(end)),
        "report": str(page),
        "rebalances": sum(act.starts_rebalance for act in run.acts),
        "ledger_difference_wei": list(end.ledger_difference_wei),
        "pnl": pnl_mapping(run),
        "market": {
            "fee_intensity_annual": end.market.fee_intensity,
            "sigma_annual": end.market.annual_volatility,
            "rho": end.market.rho,
            "swaps": end.market.swaps,
        },
        "decisions": len(run.decisions),
        "transactions": len(run.acts),
    }


def _for_people(end: DemoEnd, run: Run, page: Path) -> None:
    from rich.console import Console

    from keeper.report import print_summary

    console = Console(highlight=False)
    _print_acts(console, run)
    print_summary(run, console)
    console.print(f"\n{run.note}")
    journal = _journal_path(end)
    console.print(f"\nReport    {page}\nJournal   {journal}", soft_wrap=True)
    console.print(f"Any decision in full:     keeper explain ID --journal {journal}", soft_wrap=True)
    console.print(f"All of them made again:   keeper replay --journal {journal}", soft_wrap=True)


def _print_acts(console: Console, run: Run) -> None:
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
    console.print(f"\nBesides, it compounded fees or took back allowances {small} times, and held {held} times.\n")


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


def _journal_path(end: DemoEnd) -> Path:
    return Path(end.journal_url.removeprefix("sqlite:///"))

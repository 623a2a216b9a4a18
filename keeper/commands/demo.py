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
    from keeper.chainlab.demo import DemoEnd
    from keeper.chainlab.demo_owner import Mode
    from keeper.report import Run


MODES = {"key": "wallet", "delegated": "atomic", "safe": "safe"}


@click.command(epilog="Example:  keeper demo --prices prices.csv --serve")
@click.option(
    "--mode",
    type=click.Choice(["wallet", "atomic", "safe"]),
    default="wallet",
    show_default=True,
    help="Whose money it is: a key's, act by act; a key's, a plan in one transaction; a Safe's, two of three sign.",
)
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
    from keeper.commands._demo_words import for_people
    from keeper.report import write_page

    with _progress() as progress:
        end = run_demo(DemoSettings(days=days, seed=seed, prices=prices, directory=out, mode=mode), progress)
        progress(1.0, "writing the report")
        run = _run_of(end)
        page = write_page(out / "report.html", run)
    if as_json:
        print_json(_for_machines(end, run, page))
    else:
        for_people(end, run, page, _journal_path(end))
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
    from keeper.world.journal import decisions, proposal_queries, queries
    from keeper.world.journal.reading import read_journal

    with read_journal(end.journal_url) as query:
        stored = list(decisions.stored_decisions(query))
        entries = queries.ledger_entries(query, end.chain_id, end.owner)
        executor_gas = proposal_queries.executor_gas(query, end.chain_id, end.owner)
    return Run(
        strategy=stored[0].decision.strategy,
        decisions=tuple(each.decision for each in stored),
        entries=entries,
        closing=end.final,
        decision_ids=tuple(each.id for each in stored),
        note=_note(end),
        executor_gas=executor_gas,
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
        "mode": end.mode,
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
        "gas": _gas(end, run),
    }


def _gas(end: DemoEnd, run: Run) -> dict[str, Any]:
    """``per_rebalance`` are means over those that ended in new ranges, from exit to mint; ``same_rebalance`` is one
    done anew in every mode, on the same chain."""
    from keeper.report import whole

    spent = end.spending
    rebalances = spent.rebalances(run.acts)
    count = max(1, len(rebalances))
    return {
        "paid_by": spent.paid_by,
        "transactions": len(spent.transactions),
        "units": spent.gas_units,
        "native": f"{whole(spent.wei, end.final.gas.native_price.base.decimals):f}",
        "per_rebalance": {
            "rebalances": len(rebalances),
            "transactions": sum(len(each) for each in rebalances) / count,
            "units": sum(paid.gas_units for each in rebalances for paid in each) // count,
        },
        "same_rebalance": {
            MODES[took.account]: {"transactions": took.transactions, "units": took.gas_units}
            for took in spent.same_rebalance
        },
    }


def _journal_path(end: DemoEnd) -> Path:
    return Path(end.journal_url.removeprefix("sqlite:///"))

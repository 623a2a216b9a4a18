"""Let a strategy live through a pool's past: the same decisions as live, exact fills, every cost counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._backtest_options import backtest_options, backtest_settings
from keeper.commands._options import config_option, json_option, print_json, require_room
from keeper.commands._progress import progress_bar
from keeper.commands._strategy_files import strategy_file

if TYPE_CHECKING:
    from keeper.backtest import BacktestResult, Metrics


@click.command(epilog="Example:  keeper backtest strategies/eth-usdc.yaml --data tape/ --report backtest.html")
@click.argument("strategy")
@backtest_options
@config_option
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False),
              help="Keep its journal here, for `keeper explain` and `replay`; an earlier one is replaced.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a page here.")
@json_option
def command(strategy: str, config: Path, journal: Path | None, report: Path | None, as_json: bool, **asked: Any) -> int:
    """Let a strategy live through a pool's past: the same decisions as live, exact fills, every cost counted.

    STRATEGY is a YAML file, or the name of one in the strategies folder of keeper.yaml. Its acts are filled a block
    after they were decided, through the liquidity that stood there, and its own liquidity takes its share of the fees
    that were paid. Nothing that it decides on lies in the future. Ends with profit and loss by cause, beside holding.
    """
    from keeper.backtest import run_backtest

    found, chain_id = strategy_file(strategy, config)
    for file in (journal, report):
        if file is not None:
            require_room(file)
    with progress_bar() as progress:
        result = run_backtest(backtest_settings(found, chain_id, journal, **asked), progress)
        if report is not None:
            progress(1.0, "writing the report")
            _write_page(report, result)
    if as_json:
        print_json(_for_machines(result, report))
    else:
        _for_people(result, report)
    return 0 if result.ledger_difference == (0, 0, 0) else 4


def _write_page(path: Path, result: BacktestResult) -> None:
    from keeper.backtest import backtest_page
    from keeper.report import write_backtest_page

    write_backtest_page(path, backtest_page(result))


def _for_machines(result: BacktestResult, report: Path | None) -> dict[str, Any]:
    from dataclasses import asdict

    from keeper.backtest import held_reasons, metrics_of, warm_up_seconds
    from keeper.report import pnl_mapping

    run, fill, end = result.run, result.fill, result.series[-1]
    warm_up, held = warm_up_seconds(run.decisions)
    return {
        "strategy": result.strategy,
        "settings_digest": result.settings_digest,
        "pool": result.pool_label,
        "tape": {"path": result.tape_path, "digest": result.tape_digest, "kind": fill.tape_kind},
        "from_timestamp": end.start_timestamp,
        "to_timestamp": end.timestamp,
        "journal": _journal_path(result),
        "report": None if report is None else str(report),
        "pnl": pnl_mapping(run),
        "metrics": asdict(metrics_of(result)),
        "rebalances": end.rebalances,
        "transactions": len(run.acts) + len(run.executor_gas),
        "decisions": len(run.decisions),
        "held": held_reasons(run.decisions),
        "warm_up": {"seconds": warm_up, "decisions": held},
        "ledger_difference": list(result.ledger_difference),
        "fill": {name: value for name, value in asdict(fill).items() if name != "caveats"},
        "caveats": list(fill.caveats),
        "defects": [asdict(each) for each in result.defects],
        "seconds": round(result.seconds, 3),
    }


def _journal_path(result: BacktestResult) -> str | None:
    return result.journal_url.removeprefix("sqlite:///") or None


def _for_people(result: BacktestResult, report: Path | None) -> None:
    from rich.console import Console

    from keeper.backtest import held_reasons, metrics_of
    from keeper.commands._tables import show_table
    from keeper.report import print_summary, when

    run, end = result.run, result.series[-1]
    click.echo(
        f"{result.strategy} on {result.pool_label}, {when(end.start_timestamp)} to {when(end.timestamp)} "
        f"({end.days:.1f} days of {result.fill.tape_kind})\n"
    )
    print_summary(run, Console())
    show_table(("", "of the mean worth", "a year"), _figures(metrics_of(result)), empty="")
    click.echo()
    reasons = ", ".join(f"{code} {count}" for code, count in held_reasons(run.decisions).items()) or "none"
    click.echo(f"{len(run.decisions):,} decisions, {len(run.acts)} transactions. Held for: {reasons}.\n")
    for caveat in (*result.fill.caveats, *(f"The tape: {each.sentence}." for each in result.defects)):
        click.echo(f"- {caveat}")
    for name, place in (("Journal", _journal_path(result)), ("Page", report)):
        if place is not None:
            click.echo(f"{name:9} {place}")
    click.echo(f"\n{_last_word(result)}")


def _figures(found: Metrics) -> list[tuple[str, str, str]]:
    """What method tables compare; nothing a year where the tape is too short for that."""

    def per_cent(value: float | None) -> str:
        return "too short" if value is None else f"{value:+.2f} %".replace("-", "−")

    sharpe = "too short" if found.sharpe is None else f"{found.sharpe:+.2f}".replace("-", "−")
    return [
        ("fees", per_cent(found.fee_pct), per_cent(found.fee_apr_pct)),
        ("lost to arbitrage (LVR)", per_cent(-found.lvr_pct), per_cent(_negative(found.lvr_apr_pct))),
        ("hedged alpha", per_cent(found.alpha_pct), per_cent(found.alpha_apr_pct)),
        ("total", per_cent(found.total_pct), per_cent(found.total_apr_pct)),
        ("deepest fall", per_cent(-found.max_drawdown_pct), ""),
        ("standard deviation", "", per_cent(found.std_annual_pct).lstrip("+")),
        ("Sharpe ratio", "", sharpe),
    ]


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _last_word(result: BacktestResult) -> str:
    """Earned or lost, against holding and after arbitrage, in one sentence."""
    from keeper.backtest import last_word

    return last_word(result)

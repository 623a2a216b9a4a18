"""What a search found, for people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from keeper.backtest import Judged


def show_search(judged: Judged, out: Path) -> None:
    """Windows, what was chosen, what it was worth where it was not searched, and the verdict."""
    from keeper.backtest import OBJECTIVES
    from keeper.commands._tables import show_table

    found = judged.found
    failed = sum(fold.failures for fold in found.folds)
    click.echo(f"{judged.strategy} on {judged.pool_label}: {found.trials} trials ({failed} without a result)")
    click.echo(f"Objective: {OBJECTIVES[found.objective]}\n")
    show_table(
        ("judged on", "chosen by the time before", "trained", "judged", "as written", "skill, not luck"),
        [
            (
                f"{_day(fold.fold.test_from)} to {_day(fold.fold.test_to)}",
                ", ".join(f"{key.split('.')[-1]} {value:.4g}" for key, value in fold.chosen.items()),
                _number(fold.trained.objective),
                _number(fold.tested.objective),
                _number(fold.baseline_tested.objective),
                "-" if fold.deflated is None else f"{fold.deflated.probability:.0%}",
            )
            for fold in found.folds
        ],
        empty="no window",
    )
    days = judged.out_of_sample
    interval = days["difference_interval_bps"]
    bounds = "" if interval is None else f" (90 %: {interval[0]:+.2f} to {interval[1]:+.2f})"
    click.echo(
        f"\nA day, on {days['days']} days that no choice had seen: chosen {days['chosen_bps']:+.2f} bp, as written "
        f"{days['written_bps']:+.2f} bp, difference {days['difference_bps']:+.2f} bp{bounds}"
    )
    click.echo("Skill, not luck: deflated Sharpe ratio of the training (Bailey & López de Prado 2014).")
    values = "  ".join(f"{key}: {value:.6g}" for key, value in found.latest.items())
    click.echo(f"The newest window chose  {values}")
    click.echo(f"Every trial    {out / 'trials.jsonl'}")
    click.echo(f"\n{judged.verdict}")


def _day(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+,.2f}"

"""Score every volatility forecaster on a price file, out of sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from keeper.commands._options import json_option, print_json, require_room
from keeper.commands._progress import progress_bar

if TYPE_CHECKING:
    from keeper.backtest import ForecastStudy, HorizonScores, ModelScores

MOST_HORIZON_DAYS = 60


class Horizons(click.ParamType[tuple[int, ...]]):
    """``1,7``: whole days, each once."""

    name = "days"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            days = tuple(dict.fromkeys(int(part) for part in value.split(",")))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole days such as 1,7", param, ctx)
        if not all(1 <= day <= MOST_HORIZON_DAYS for day in days):
            self.fail(f"{value!r}: a horizon is from 1 to {MOST_HORIZON_DAYS} days", param, ctx)
        return days


@click.command(epilog="Example:  keeper forecast --data eth_30m.parquet --plot forecasts.html")
@click.option("--data", type=click.Path(path_type=Path), required=True,
              help="Price bars: parquet or CSV with timestamp and close, and open, high, low where known.")  # fmt: skip
@click.option("--implied", type=click.Path(path_type=Path),
              help="Daily implied volatility in % a year: date and dvol_close. Only its days are judged.")  # fmt: skip
@click.option("--horizons", type=Horizons(), default="1,7", show_default=True, help="Days ahead.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with plots here.")
@json_option
def command(data: Path, implied: Path | None, horizons: tuple[int, ...], plot: Path | None, as_json: bool) -> None:
    """Score every volatility forecaster on a price file, out of sample.

    The first year trains; from then on each day is forecast from the days before it. Says for each model its QLIKE
    (lower is better), whether it is biased (Mincer-Zarnowitz), whether it beats an exponential mean of three days
    (Diebold-Mariano), and whether it belongs to the models that cannot be told from the best (confidence set, 90 %).
    """
    from keeper.backtest import read_implied, read_price_bars, run_forecast_study, study_mapping

    if plot is not None:
        require_room(plot)
    prices = read_price_bars(data)
    quotes = None if implied is None else read_implied(implied)
    with progress_bar() as progress:
        study = run_forecast_study(prices, horizons, quotes, progress)
    if plot is not None:
        from keeper.report import write_forecast_page

        write_forecast_page(plot, study)
    if as_json:
        print_json(study_mapping(study))
        return
    _for_people(study)
    if plot is not None:
        click.echo(f"Page      {plot}")


def _for_people(study: ForecastStudy) -> None:
    from keeper.backtest import BENCHMARK
    from keeper.commands._tables import show_table

    click.echo(f"{study.name}: {study.days:,} whole days of bars of {study.step_seconds // 60} min")
    for scores in study.horizons:
        click.echo(f"\n{_headline(scores)}")
        show_table(
            ("model", "QLIKE", "MZ α (error)", "MZ β (error)", "R²", f"DM t against {BENCHMARK}", "in MCS 90 %"),
            [_row(row) for row in scores.models],
            empty="no model had a forecast",
        )
        if scores.left_out:
            click.echo(f"Left out, since they had no forecast on too many days: {', '.join(scores.left_out)}")
    click.echo(
        "\nQLIKE: lower is better. MZ of variances per year: unbiased is α 0, β 1. DM t below -2: better, above 2:"
    )
    click.echo(f"worse than {BENCHMARK}. MCS: cannot be told from the best model.")


def _headline(scores: HorizonScores) -> str:
    from keeper.report import when

    first, last = when(scores.timestamps[0])[:10], when(scores.timestamps[-1])[:10]
    return f"{scores.horizon_days} d ahead, {scores.days} days judged ({first} to {last})"


def _row(row: ModelScores) -> tuple[str, ...]:
    regression = row.mincer_zarnowitz
    return (
        row.model,
        f"{row.qlike:.3f}",
        f"{regression.alpha:.3f} ({regression.alpha_error:.3f})",
        f"{regression.beta:.2f} ({regression.beta_error:.2f})",
        f"{regression.r_squared:.3f}",
        f"{row.diebold_mariano_t:+.2f}",
        "yes" if row.in_confidence_set else "no",
    )

"""Set strategies beside the methods everybody knows, on one tape: fees, LVR, alpha, risk, and what chance makes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._backtest_options import backtest_options, backtest_settings
from keeper.commands._options import config_option, json_option, print_json, require_room
from keeper.commands._progress import progress_bar
from keeper.commands._strategy_files import strategy_file

if TYPE_CHECKING:
    from keeper.backtest import Comparison, Contender, RegimeStudy, Scheme

MOST_DRAWS = 100_000
Progress = Callable[[float, str], None]


class Names(click.ParamType[tuple[str, ...]]):
    """``optimal,das-bull``: names of methods, each once."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        from keeper.backtest import chosen
        from keeper.errors import ConfigError

        names = tuple(dict.fromkeys(part.strip() for part in str(value).split(",") if part.strip()))
        try:
            chosen(names)
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        return names


@click.command(
    epilog="Example:  keeper compare strategies/eth-usdc.yaml --data tape/ --methods das-neutral,fixed-10,full"
)
@click.argument("strategies", nargs=-1)
@backtest_options
@config_option
@click.option("--methods", type=Names(), default=(), help="Only these methods, by commas; holding is always there.")
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=lambda: min(os.cpu_count() or 1, 2),
    show_default="cores, at most 2",
    help="Processes at once; no figure depends on it.",
)
@click.option(
    "--bootstrap",
    "draws",
    type=click.IntRange(100, MOST_DRAWS),
    default=2_000,
    show_default=True,
    help="Resampled periods that intervals are made of.",
)
@click.option("--block-days", type=click.FloatRange(1, 365), help="Mean length of a block  [default: 2·days^(1/3)]")
@click.option("--seed", type=int, default=20_220_719, show_default=True, help="Of the resampled periods.")
@click.option("--wide", is_flag=True, help="More columns than fit on a hundred characters.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a page here.")
@click.option("--csv", "sheet", type=click.Path(path_type=Path, dir_okay=False), help="Write every figure here.")
@click.option(
    "--regimes",
    "regimes",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PRICES",
    help="Instead: what the regime detectors are worth on hourly prices, and on --data where it is given.",
)
@click.option(
    "--weights", type=click.Path(path_type=Path), help="With --regimes: a model of `keeper train`, judged too."
)
@json_option
def command(
    strategies: tuple[str, ...], config: Path, methods: tuple[str, ...], workers: int, draws: int,
    block_days: float | None, seed: int, wide: bool, report: Path | None, sheet: Path | None,
    regimes: tuple[Path, ...], weights: Path | None, as_json: bool, **asked: Any,
) -> None:  # fmt: skip
    """Set strategies beside the methods everybody knows, on one tape: fees, LVR, alpha, risk, and what chance makes.

    Each STRATEGY runs as written; each method is the first one with other values at a few keys, with the same capital,
    schedule, forecaster and limits. Yardsticks act at their triggers whether or not that pays. Below every row stands
    the interval that holds 90 % of block-bootstrap resamples; below the table what the figures honestly show.
    """
    from keeper.backtest import Scheme

    scheme = Scheme(draws, seed, block_days)
    if regimes and (report is not None or sheet is not None):
        raise click.UsageError("--report and --csv hold the comparison; --regimes has its figures with --json")
    for file in (report, sheet):
        if file is not None:
            require_room(file)
    if regimes:
        _regimes(_contenders(strategies, config, asked), regimes, weights, scheme, workers, as_json)
        return
    if weights is not None:
        raise click.UsageError("--weights goes with --regimes")
    contenders = _contenders(strategies, config, asked)
    if not contenders:
        raise click.UsageError("Missing argument 'STRATEGY...'.")
    found = _compared(contenders, methods, workers, scheme)
    if sheet is not None:
        _write_sheet(sheet, found)
    if report is not None:
        _write_page(report, found)
    if as_json:
        from keeper.backtest import comparison_mapping

        print_json(comparison_mapping(found))
        return
    _for_people(found, wide=wide)
    for name, place in (("Sheet", sheet), ("Page", report)):
        if place is not None:
            click.echo(f"{name:9} {place}")


# A study of prices needs no tape.
next(each for each in command.params if each.name == "data").required = False


def _contenders(strategies: Sequence[str], config: Path, asked: dict[str, Any]) -> list[Contender]:
    from keeper.backtest import Contender

    if asked["data"] is None:
        if strategies:
            raise click.UsageError("Missing option '--data'.")
        return []
    found = []
    for strategy in strategies:
        file, chain_id = strategy_file(strategy, config)
        found.append(Contender(file.settings.name, backtest_settings(file, chain_id, None, **asked)))
    return found


def _compared(contenders: list[Contender], methods: tuple[str, ...], workers: int, scheme: Scheme) -> Comparison:
    from keeper.backtest import chosen
    from keeper.backtest.compare import compare

    with progress_bar() as progress:
        return compare(contenders, chosen(methods), workers=workers, scheme=scheme, progress=progress)


def _for_people(found: Comparison, *, wide: bool) -> None:
    from keeper.backtest import DEFINITIONS, bootstrap_words, caveats, sentences, table_lines
    from keeper.report import when

    ground = found.ground
    click.echo(
        f"{ground.pool_label}, {when(ground.from_timestamp)} to {when(ground.to_timestamp)} ({found.days:.1f} days of "
        f"{ground.fill.tape_kind}), {ground.quote.symbol} the quote\n"
    )
    for line in table_lines(found, wide=wide):
        click.echo(line)
    click.echo(f"\n{bootstrap_words(found)}\n")
    for sentence in sentences(found):
        click.echo(sentence)
    click.echo("\nWhat the columns are:")
    for name, words in DEFINITIONS.items():
        click.echo(f"- {name}: {words}")
    click.echo("\nWhat the methods are:")
    for row in found.rows:
        click.echo(f"- {row.label}: {row.words}.")
    click.echo("\nBefore believing it:")
    for caveat in caveats(found):
        click.echo(f"- {caveat}")


def _write_sheet(path: Path, found: Comparison) -> None:
    import csv
    import io

    from keeper.backtest import csv_rows

    # Whole before any of it is on the disk.
    sheet = io.StringIO(newline="")
    csv.writer(sheet).writerows(csv_rows(found))
    path.write_bytes(sheet.getvalue().encode())


def _write_page(path: Path, found: Comparison) -> None:
    from keeper.backtest import comparison_page
    from keeper.report import write_backtest_page

    write_backtest_page(path, comparison_page(found))


def _regimes(
    contenders: list[Contender], prices: Sequence[Path], weights: Path | None, scheme: Scheme, workers: int,
    as_json: bool,
) -> None:  # fmt: skip
    from keeper.backtest import regime_lines, regime_mapping, run_regime_study, run_tape_study
    from keeper.backtest.hourly_prices import hourly_prices

    studies: list[RegimeStudy] = []
    with progress_bar() as progress:
        for file in prices:
            studies.append(run_regime_study(hourly_prices(file), weights, scheme=scheme, progress=progress))
        tape = None
        if contenders:
            tape = run_tape_study(contenders[0].settings, weights, workers=workers, scheme=scheme, progress=progress)
    if as_json:
        print_json(regime_mapping(studies, tape))
        return
    for line in regime_lines(studies, tape):
        click.echo(line)

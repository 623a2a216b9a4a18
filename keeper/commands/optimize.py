"""Search a strategy's settings on a tape, and judge what was found where it was not searched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keeper.commands._backtest_options import backtest_options, backtest_settings
from keeper.commands._optimize_words import show_search
from keeper.commands._options import config_option, json_option, print_json, require_room
from keeper.commands._progress import progress_bar
from keeper.commands._strategy_files import strategy_file

if TYPE_CHECKING:
    from keeper.backtest import BacktestSettings, Dimension, Evaluator, Judged, Workers

_DAY_SECONDS = 86_400


@click.command(epilog="Example:  keeper optimize strategies/eth-usdc.yaml --data tape/ --trials 50 --walk-forward")
@click.argument("strategy")
@backtest_options
@click.option("--trials", type=click.IntRange(2, 100_000), default=50, show_default=True, help="On each window.")
@click.option(
    "--walk-forward",
    is_flag=True,
    help="Several windows in turn, each judged by what came before it; else the last third is kept back.",
)
@click.option("--folds", type=click.IntRange(2, 50), default=3, show_default=True, help="Windows of --walk-forward.")
@click.option(
    "--embargo-days",
    type=click.FloatRange(0, 365),
    help="Left out between learning and judging  [default: profit.horizon_days]",
)
@click.option(
    "--search",
    "searched",
    multiple=True,
    metavar="KEY=LOW:HIGH[:log][:int]",
    help="A setting and its bounds, such as range.k=0.5:4:log; may be repeated  [default: by range rule]",
)
@click.option(
    "--objective",
    type=click.Choice(["alpha", "total", "sharpe"]),
    default="alpha",
    show_default=True,
    help="What is made as large as possible.",
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes here.")
@click.option("--dask", metavar="ADDRESS", help="Work on a Dask cluster instead: tcp://host:8786.")
@click.option(
    "--storage",
    metavar="URL",
    help="postgresql://… (or sqlite:///FILE): one study for every process, on any machine, that names it.",
)
@click.option("--study", default=None, help="Its name there  [default: of strategy, tape and windows]")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Of the search.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("keeper-optimize"),
    show_default=True,
    help="Where every trial is logged (trials.jsonl).",
)
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a page here.")
@config_option
@json_option
def command(strategy: str, config: Path, report: Path | None, as_json: bool, **asked: Any) -> int:  # fmt: skip
    """Search a strategy's settings on a tape, and judge what was found where it was not searched.

    Every trial is a whole backtest. What did best on a training window is run once on the window after it, with days
    between that neither sees, beside the strategy as it was written; the deflated Sharpe ratio says how much of the
    training's best is the luck of many trials. Nothing is written into the strategy: that stays yours to do.
    """
    from keeper.backtest import Evaluator, TrialLog, judged_search, plan_search

    found, chain_id = strategy_file(strategy, config)
    if report is not None:
        require_room(report)
    out: Path = asked["out"]
    require_room(out / "trials.jsonl")
    settings = backtest_settings(found, chain_id, **asked)
    search = plan_search(
        settings, _space(asked["searched"]), objective=asked["objective"], trials=asked["trials"],
        folds=asked["folds"] if asked["walk_forward"] else None, embargo_days=asked["embargo_days"],
        storage=asked["storage"], study=asked["study"], seed=asked["seed"],
    )  # fmt: skip
    evaluator = Evaluator(settings, asked["objective"])
    with _workers(evaluator, asked) as workers, progress_bar() as progress:
        judged = judged_search(settings, search, workers, TrialLog(out / "trials.jsonl"), progress)
        if report is not None:
            progress(1.0, "writing the report")
            _write_page(report, judged, settings)
    if as_json:
        print_json(_for_machines(judged, out))
    else:
        show_search(judged, out)
        if report is not None:
            click.echo(f"Page           {report}")
    return 0


def _space(searched: tuple[str, ...]) -> tuple[Dimension, ...] | None:
    from keeper.backtest import parse_dimension

    return tuple(parse_dimension(text) for text in searched) or None


@contextmanager
def _workers(evaluator: Evaluator, asked: dict[str, Any]) -> Iterator[Workers[Any, Any]]:
    from keeper.backtest import dask_cluster, processes
    from keeper.errors import ConfigError

    if asked["dask"] and asked["workers"] > 1:
        raise ConfigError("--workers are processes of this machine and --dask is a cluster: give one of them")
    # Each run is one thread: many threads of linear algebra in many processes only wait for each other.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if asked["dask"]:
        with dask_cluster(evaluator, asked["dask"]) as workers:
            yield workers
    else:
        with processes(evaluator, asked["workers"]) as workers:
            yield workers


def _write_page(path: Path, judged: Judged, settings: BacktestSettings) -> None:
    from keeper.backtest import search_page
    from keeper.report import write_backtest_page

    write_backtest_page(path, search_page(judged, settings))


def _for_machines(judged: Judged, out: Path) -> dict[str, Any]:
    search = judged.found
    return {
        "objective": search.objective,
        "space": [asdict(each) for each in search.space],
        "trials": search.trials,
        "trials_file": str(out / "trials.jsonl"),
        "folds": [
            {
                "train": [fold.fold.train_from, fold.fold.train_to],
                "test": [fold.fold.test_from, fold.fold.test_to],
                "chosen": fold.chosen,
                "failed_trials": fold.failures,
                **{
                    name: {"objective": score.objective, "failure": score.failure or None, **score.figures}
                    for name, score in (
                        ("trained", fold.trained), ("tested", fold.tested),
                        ("as_written_trained", fold.baseline_trained), ("as_written_tested", fold.baseline_tested),
                    )
                },
                "deflated_sharpe": None if fold.deflated is None else asdict(fold.deflated),
            }
            for fold in search.folds
        ],
        "chosen": search.latest,
        "out_of_sample": judged.out_of_sample,
        "verdict": judged.verdict,
    }  # fmt: skip

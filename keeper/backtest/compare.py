"""Methods side by side: one tape, one capital, one cycle, and every figure with what chance would make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keeper.backtest.bootstrap import Intervals, Scheme, differences, intervals
from keeper.backtest.methods import BENCHMARK, METHODS, SHORT_COST_PPM_PER_YEAR, Kind, Method, settings_of
from keeper.backtest.metrics import Daily, Metrics, daily, deposited_return, metrics, steps_of
from keeper.backtest.metrics_beside import hedged_steps, hodl_steps
from keeper.backtest.result import BacktestResult, FillModel
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.workers import processes
from keeper.errors import ConfigError
from keeper.model.decision import Objection
from keeper.model.price import Token
from keeper.world.tape.tape import Defect

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Contender:
    """A strategy as it is written; its ``settings`` as ``keeper backtest`` would be given them."""

    label: str
    settings: BacktestSettings


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``against_hodl``: the row less HODL 50/50, the same days drawn for both; None where the
    days are too few. ``idle_reason``: what stood against entering most often, where no position was ever opened."""

    name: str
    label: str
    words: str
    kind: Kind
    is_active: bool
    is_yardstick: bool
    metrics: Metrics
    daily: Daily
    settings_digest: str
    intervals: Intervals | None = None
    against_hodl: Intervals | None = None
    idle_reason: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all rows stand on. Times are those of the first and the last observation; ``value_start`` raw quote."""

    tape_path: str
    tape_digest: str
    pool_label: str
    quote: Token
    base: Token
    value_start: int
    from_timestamp: int
    to_timestamp: int
    fill: FillModel
    defects: tuple[Defect, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``rows`` in the order asked: the strategies, then the methods."""

    ground: Ground
    scheme: Scheme
    rows: tuple[Row, ...]

    @property
    def days(self) -> float:
        return self.rows[0].metrics.days

    def row(self, name: str) -> Row | None:
        return next((each for each in self.rows if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Job:
    """One backtest to be made, wherever. ``held`` names the rows that are computed beside it."""

    method: Method
    settings: BacktestSettings
    held: tuple[Method, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a job: small enough to come from another process."""

    ground: Ground
    rows: tuple[Row, ...]


def compare(
    contenders: Sequence[Contender],
    methods: Sequence[Method],
    *,
    workers: int = 1,
    scheme: Scheme | None = None,
    progress: Progress = lambda _done, _what: None,
) -> Comparison:
    """Every contender, and every method as the first one's YAML would run it, on the same tape.

    Holding is always among the rows. How many processes did the work shows in no figure.

    Raises:
        ConfigError: what ``keeper backtest`` would refuse, or a method that the strategy cannot be turned into.
        TransientError: a worker process was lost.
    """
    methods = _with_holding(methods)
    jobs = _jobs(contenders, methods)
    found: list[Measured] = []
    with processes(measured, min(workers, len(jobs))) as pool:
        while len(found) < len(jobs):
            batch = jobs[len(found) : len(found) + pool.slots]
            progress(len(found) / len(jobs), ", ".join(job.method.label for job in batch))
            found += pool.map(batch)
    order = [each.name for each in (*(job.method for job in jobs[: len(contenders)]), *methods)]
    rows = sorted((row for each in found for row in each.rows), key=lambda row: order.index(row.name))
    _check_alike([each.ground for each in found])
    return Comparison(found[0].ground, scheme or Scheme(), _with_intervals(rows, scheme or Scheme()))


def _jobs(contenders: Sequence[Contender], methods: Sequence[Method]) -> list[Job]:
    """The first job computes the rows that need no run."""
    own = [Method(f"strategy:{each.label}", each.label, "as written", is_yardstick=False) for each in contenders]
    if len({each.name for each in own}) < len(own):
        raise ConfigError("two strategies have the same name; give each its own")
    first = contenders[0].settings
    derived = [
        Job(method, replace(first, strategy=settings_of(method, first.strategy), journal=None))
        for method in methods
        if method.kind in ("run", "hedged")
    ]
    jobs = [*(Job(method, each.settings) for method, each in zip(own, contenders, strict=True)), *derived]
    held = tuple(method for method in methods if method.kind in ("half", "base"))
    return [replace(jobs[0], held=held), *jobs[1:]]


def _with_holding(methods: Sequence[Method]) -> tuple[Method, ...]:
    return tuple(each for each in METHODS if each in methods or each.kind in ("half", "base"))


def measured(job: Job) -> Measured:
    """Run the backtest and keep its figures. A function at the top of a module: worker processes find it by name."""
    from keeper.backtest.run import run_backtest

    result = run_backtest(job.settings)
    return Measured(ground_of(result), rows_of(job.method, result, job.held))


def rows_of(method: Method, result: BacktestResult, held: Sequence[Method] = ()) -> tuple[Row, ...]:
    """The method's own row, and those of the holdings. ConfigError: the tape is too short for two observations."""
    observations, series = result.run.observations, result.series
    if len(series) < 2:
        raise ConfigError("the tape shows less than two moments between --from and --to; choose a longer part of it")
    steps = steps_of(observations, series)
    if method.kind == "hedged":
        steps = hedged_steps(observations, steps, SHORT_COST_PPM_PER_YEAR)
    kept = deposited_return(observations)
    entered = any(each.positions for each in observations)
    own = _row(method, metrics(steps, *kept), daily(steps), result.settings_digest, "" if entered else _idle(result))
    others = []
    for each in held:
        path = hodl_steps(series, "base" if each.kind == "base" else "half")
        alone = metrics(path, 0.0, 0.0)
        # Nothing else is held: what its own tokens returned is what it returned.
        alone = replace(alone, hodl_lp_pct=alone.total_pct, hodl_lp_apr_pct=alone.total_apr_pct)
        others.append(_row(each, alone, daily(path), ""))
    return (own, *others)


def _row(method: Method, figures: Metrics, days: Daily, digest: str, idle_reason: str = "") -> Row:
    return Row(
        name=method.name,
        label=method.label,
        words=method.words,
        kind=method.kind,
        is_active=method.is_active,
        is_yardstick=method.is_yardstick,
        metrics=figures,
        daily=days,
        settings_digest=digest,
        idle_reason=idle_reason,
    )


def _idle(result: BacktestResult) -> str:
    """What stood against entering most often, in the words of the last time."""
    said = {each.code: each.message for each in _objections(result)}
    codes = Counter(each.code for each in _objections(result)).most_common(1)
    return said[codes[0][0]] if codes else "nothing was decided"


def _objections(result: BacktestResult) -> list[Objection]:
    return [decision.verdict.objections[0] for decision in result.run.decisions if decision.verdict.objections]


def ground_of(result: BacktestResult) -> Ground:
    observations = result.run.observations
    first, last = observations[0], observations[-1]
    tokens = (first.pool.token0, first.pool.token1)
    return Ground(
        tape_path=Path(result.tape_path).name,
        tape_digest=result.tape_digest,
        pool_label=result.pool_label,
        quote=tokens[0] if first.quote_is_token0 else tokens[1],
        base=tokens[1] if first.quote_is_token0 else tokens[0],
        value_start=result.series[0].value_start,
        from_timestamp=first.block.timestamp,
        to_timestamp=last.block.timestamp,
        fill=result.fill,
        defects=result.defects,
    )


def _check_alike(grounds: Sequence[Ground]) -> None:
    """ConfigError unless all rows were run on the same part of the same tape, for the same money."""
    facts: Mapping[str, Callable[[Ground], object]] = {
        "tape": lambda each: each.tape_digest,
        "quote token": lambda each: each.quote.address,
        "capital": lambda each: each.value_start,
        "beginning": lambda each: each.from_timestamp,
    }
    for name, fact in facts.items():
        if len({fact(each) for each in grounds}) > 1:
            raise ConfigError(
                f"the strategies do not have the same {name}: they cannot be compared; --capital sets one"
            )


def _with_intervals(rows: Sequence[Row], scheme: Scheme) -> tuple[Row, ...]:
    """Rows of one tape may differ by the last day, where a run ended a moment early: the days that all have count."""
    days = min(len(row.daily) for row in rows)
    common = [Daily(row.daily.log_returns[:days], row.daily.alphas[:days]) for row in rows]
    holding = next((each for row, each in zip(rows, common, strict=True) if row.name == BENCHMARK), None)
    return tuple(
        replace(
            row,
            intervals=intervals(own, scheme),
            against_hodl=None if holding is None or row.name == BENCHMARK else differences(own, holding, scheme),
        )
        for row, own in zip(rows, common, strict=True)
    )

"""Choosing a strategy's settings by its past, and judging the choice where it was not made.

On every fold the values that did best on the training window are run once on the test window, beside the strategy as it
was written. What counts is the test windows joined; the training figures are shown to say how much of them was luck.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keeper.backtest.deflated import Deflated, deflated_sharpe
from keeper.backtest.folds import Fold
from keeper.backtest.search import StudyPlace, Values, best_of, open_study, run_search
from keeper.backtest.search_space import Dimension
from keeper.backtest.trials import Purpose, Score, Trial, TrialLog
from keeper.backtest.workers import Workers
from keeper.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Window:
    """One run that a search asks for: the strategy with other values, on a part of the tape."""

    values: Mapping[str, float | int]
    from_timestamp: int
    to_timestamp: int


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What was chosen on a fold and how it did. ``baseline_*``: the strategy as written, on the same windows.

    ``deflated`` is that of the training window: the probability that its best is more than the luck of many trials.
    """

    fold: Fold
    number: int
    chosen: Values
    trained: Score
    tested: Score
    baseline_trained: Score
    baseline_tested: Score
    trials: int
    failures: int
    deflated: Deflated | None


@dataclass(frozen=True, slots=True)
class Optimized:
    """The whole search. ``tested_daily``: the test windows joined, one return a day; ``baseline_daily`` beside it."""

    objective: str
    space: tuple[Dimension, ...]
    folds: tuple[FoldResult, ...]

    @property
    def tested_daily(self) -> tuple[float, ...]:
        return tuple(each for fold in self.folds for each in fold.tested.daily)

    @property
    def baseline_daily(self) -> tuple[float, ...]:
        return tuple(each for fold in self.folds for each in fold.baseline_tested.daily)

    @property
    def trials(self) -> int:
        return sum(fold.trials for fold in self.folds)

    @property
    def latest(self) -> Values:
        """What the newest training window chose: the values one would go on with."""
        return self.folds[-1].chosen


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for, and where. ``place`` names the study; each fold has its own within it."""

    objective: str
    space: tuple[Dimension, ...]
    folds: tuple[Fold, ...]
    trials: int
    place: StudyPlace


Ran = tuple[Score, float]


def optimize(
    search: Search, workers: Workers[Window, Ran], log: TrialLog, progress: Callable[[float, str], None]
) -> Optimized:
    """Fold by fold. Every run is in the log before anything is concluded from it.

    Raises:
        ConfigError: no trial of a fold gave a result; the sentence has the first reason.
        TransientError: a worker or the study's database was lost; what was tried is kept.
    """
    results = []
    for number, fold in enumerate(search.folds):
        results.append(_on_fold(search, number, fold, workers, log, progress))
    return Optimized(search.objective, search.space, tuple(results))


def _on_fold(
    search: Search, number: int, fold: Fold, workers: Workers[Window, Ran], log: TrialLog,
    progress: Callable[[float, str], None],
) -> FoldResult:  # fmt: skip
    made: dict[int, Score] = {}
    failures: list[str] = []

    def note(trial: int, purpose: Purpose, window: Window, ran: Ran) -> Score:
        score, seconds = ran
        span = (window.from_timestamp, window.to_timestamp)
        log.add(Trial(trial, number, purpose, dict(window.values), *span, score, seconds))
        return score

    def evaluate(batch: Sequence[Values]) -> Sequence[Ran]:
        return workers.map([Window(values, fold.train_from, fold.train_to) for values in batch])

    def heard(trial: int, values: Values, score: Score, seconds: float) -> None:
        made[trial] = note(trial, "train", Window(values, fold.train_from, fold.train_to), (score, seconds))
        if score.objective is None:
            failures.append(score.failure)
        done = (number + len(made) / search.trials) / len(search.folds)
        progress(min(done, 1.0), f"window {number + 1} of {len(search.folds)}, trial {trial + 1}")

    place = StudyPlace(search.place.storage, f"{search.place.name}/{number}", search.place.seed + number)
    tried = run_search(open_study(place), search.space, search.trials, workers.slots, evaluate, heard)
    best = best_of(tried)
    if best is None:
        why = failures[0] if failures else "another worker made them all and none succeeded"
        raise ConfigError(f"no trial of window {number + 1} gave a result: {why}")
    chosen = {each.key: best.values[each.key] for each in search.space}
    train, test = (fold.train_from, fold.train_to), (fold.test_from, fold.test_to)
    windows = [Window(chosen, *test), Window({}, *train), Window({}, *test)]
    if best.number not in made:  # another worker's: its daily returns are not in the study
        windows.append(Window(chosen, *train))
    ran = workers.map(windows)
    tested = note(best.number, "test", windows[0], ran[0])
    written = note(-1, "baseline_train", windows[1], ran[1]), note(-1, "baseline_test", windows[2], ran[2])
    trained = made[best.number] if best.number in made else note(best.number, "train", windows[3], ran[3])
    # Of every worker's trials: luck had as many chances as there were, whoever made them.
    ratios = [each.daily_sharpe for each in tried if each.daily_sharpe is not None]
    return FoldResult(
        fold=fold,
        number=number,
        chosen=chosen,
        trained=trained,
        tested=tested,
        baseline_trained=written[0],
        baseline_tested=written[1],
        trials=len(tried) + len(failures),
        failures=len(failures),
        deflated=deflated_sharpe(trained.daily, ratios),
    )

"""Looking for good values with optuna: asked in batches, answered in order, so that a seed gives the same search."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from keeper.backtest.deflated import sharpe
from keeper.backtest.search_space import Dimension, Number
from keeper.backtest.trials import Score
from keeper.errors import ConfigError, TransientError

_DAILY_SHARPE: Final = "daily_sharpe"
Values = dict[str, Number]
# Given the values of a batch, their scores in the same order and how long each took.
Evaluate = Callable[[Sequence[Values]], Sequence[tuple[Score, float]]]
Heard = Callable[[int, Values, Score, float], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """A finished trial of the study, by whichever worker. ``daily_sharpe``: None where its days have none."""

    number: int
    values: Values
    objective: float
    daily_sharpe: float | None = None


@dataclass(frozen=True, slots=True)
class StudyPlace:
    """Where a study lives: in memory, or in a database that several machines share, under a name."""

    storage: str | None
    name: str
    seed: int


def open_study(place: StudyPlace) -> Any:
    """The optuna study, made or joined.

    Raises:
        ConfigError: optuna is not installed, or the URL is none.
        TransientError: the database does not answer.
    """
    try:
        optuna = import_module("optuna")
    except ImportError as error:
        raise ConfigError("keeper optimize needs optuna: pip install 'range-keeper[optimize]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Workers of a shared study must not propose the same, so only a study of its own is seeded.
    sampler = optuna.samplers.TPESampler(seed=place.seed if place.storage is None else None, constant_liar=True)
    try:
        return optuna.create_study(
            storage=None if place.storage is None else _storage(place.storage),
            study_name=place.name, sampler=sampler, direction="maximize", load_if_exists=True,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - optuna wraps what each database driver throws in its own way
        from keeper.redaction import redact

        kind = ConfigError if isinstance(error, ValueError | ImportError) else TransientError
        raise kind(f"--storage: the study cannot be opened ({redact(str(error).splitlines()[0])})") from None


def _storage(url: str) -> Any:
    optuna = import_module("optuna")
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    elif not url.startswith(("postgresql+psycopg://", "sqlite:///")):
        raise ValueError("it is to be postgresql://… or sqlite:///FILE")
    return optuna.storages.RDBStorage(url)


def run_search(
    study: Any, space: Sequence[Dimension], trials: int, slots: int, evaluate: Evaluate, heard: Heard
) -> tuple[Tried, ...]:
    """Bring the study to ``trials`` finished trials, those of other workers included; every one that succeeded.

    ``heard`` is told of each trial as soon as it is known, before the next batch begins.
    """
    state = import_module("optuna").trial.TrialState
    done = (state.COMPLETE, state.FAIL)
    while (left := trials - len(study.get_trials(deepcopy=False, states=done))) > 0:
        asked = [study.ask() for _ in range(min(left, slots))]
        proposed = [{each.key: _suggest(trial, each) for each in space} for trial in asked]
        for trial, values, (score, seconds) in zip(asked, proposed, evaluate(proposed), strict=True):
            if score.objective is None:
                trial.set_user_attr("failure", score.failure)
                study.tell(trial, state=state.FAIL)
            else:
                trial.set_user_attr(_DAILY_SHARPE, sharpe(score.daily))
                study.tell(trial, score.objective)
            heard(trial.number, values, score, seconds)
    return tuple(
        Tried(each.number, dict(each.params), each.value, each.user_attrs.get(_DAILY_SHARPE))
        for each in study.get_trials(deepcopy=False, states=(state.COMPLETE,))
    )


def best_of(tried: Sequence[Tried]) -> Tried | None:
    """The best; of equals the first."""
    return max(tried, key=lambda each: (each.objective, -each.number), default=None)


def _suggest(trial: Any, dimension: Dimension) -> Number:
    if dimension.integer:
        number: Number = trial.suggest_int(dimension.key, int(dimension.low), int(dimension.high), log=dimension.log)
    else:
        number = trial.suggest_float(dimension.key, dimension.low, dimension.high, log=dimension.log)
    return number


def timed(work: Callable[[], Score]) -> tuple[Score, float]:
    """The score and the seconds that it took."""
    began = time.monotonic()
    score = work()
    return score, time.monotonic() - began

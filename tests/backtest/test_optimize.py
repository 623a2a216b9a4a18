"""A search learns on the training windows alone, keeps every trial, and is judged where it did not learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.backtest.folds import DAY_SECONDS, walk_forward
from keeper.backtest.optimize import Optimized, Search, Window, optimize
from keeper.backtest.search import StudyPlace
from keeper.backtest.search_space import Dimension
from keeper.backtest.trials import TrialLog, read_trials
from keeper.backtest.workers import Here, Workers, dask_cluster, processes
from keeper.errors import ConfigError, TransientError
from tests.backtest.searching import dies, fails, made_up
from tests.world.conftest import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

FOLDS = walk_forward(0, 100 * DAY_SECONDS, 2, DAY_SECONDS)
SEARCH = Search("alpha", (Dimension("range.k", 0.5, 5.0),), FOLDS, 15, StudyPlace(None, "study", 7))


def silent(_done: float, _what: str) -> None:
    """Nobody looks."""


def search(log: Path, workers: Workers[Window, object], place: StudyPlace | None = None) -> Optimized:
    asked = SEARCH if place is None else replace(SEARCH, place=place)
    return optimize(asked, workers, TrialLog(log), silent)  # type: ignore[arg-type]


def test_it_finds_what_is_good_and_says_what_it_was_worth_elsewhere(tmp_path: Path) -> None:
    found = search(tmp_path / "trials.jsonl", Here(made_up))
    for fold in found.folds:
        assert abs(fold.chosen["range.k"] - 2) < 0.5
        assert fold.tested.objective is not None
        assert fold.baseline_tested.objective is not None
        assert fold.tested.objective > fold.baseline_tested.objective
        assert fold.trials == 15
    assert len(found.tested_daily) == len(found.baseline_daily) == 40
    assert found.latest == found.folds[-1].chosen


def test_every_run_is_in_the_log_and_no_choice_rests_on_a_test_window(tmp_path: Path) -> None:
    seen: list[Window] = []
    found = search(tmp_path / "trials.jsonl", Here(lambda window: seen.append(window) or made_up(window)))
    lines = read_trials(tmp_path / "trials.jsonl")
    assert len(lines) == len(seen) == found.trials + 3 * len(FOLDS)
    for number, fold in enumerate(FOLDS):
        mine = [line for line in lines if line["fold"] == number]
        assert [line["purpose"] for line in mine[:15]] == ["train"] * 15
        train, test = (fold.train_from, fold.train_to), (fold.test_from, fold.test_to)
        spans = {(line["purpose"], line["from_timestamp"], line["to_timestamp"]) for line in mine}
        assert spans == {("train", *train), ("test", *test), ("baseline_train", *train), ("baseline_test", *test)}
        result = found.folds[number]
        assert result.tested == made_up(Window(result.chosen, *test))[0]
        assert result.baseline_tested == made_up(Window({}, *test))[0]
        assert fold.train_to + DAY_SECONDS <= fold.test_from
    failed = [line for line in lines if line["score"]["objective"] is None]
    assert all(line["score"]["failure"] for line in failed)


def test_a_seed_gives_the_same_search_again(tmp_path: Path) -> None:
    first, second = (search(tmp_path / name, Here(made_up)) for name in ("first.jsonl", "second.jsonl"))
    assert first == second


def test_where_no_trial_succeeds_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no price is known"):
        search(tmp_path / "trials.jsonl", Here(fails))


def test_a_log_that_was_cut_off_keeps_its_whole_lines(tmp_path: Path) -> None:
    search(tmp_path / "trials.jsonl", Here(made_up))
    text = (tmp_path / "trials.jsonl").read_text()
    (tmp_path / "cut.jsonl").write_text(text[:-20])
    assert len(read_trials(tmp_path / "cut.jsonl")) == text.count("\n") - 1


def test_processes_answer_in_order_and_one_that_dies_is_told_of() -> None:
    with processes(made_up, 2) as workers:
        windows = [Window({"range.k": k}, 0, 1) for k in (1.0, 2.0, 3.0, 4.6)]
        assert workers.map(windows) == [made_up(window) for window in windows]
    with processes(dies, 2) as workers, pytest.raises(TransientError, match="ended before its time"):
        workers.map([Window({}, 0, 1), Window({}, 0, 1)])


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_a_dask_cluster_gives_what_this_machine_gives(scheduler: str, tmp_path: Path) -> None:
    with dask_cluster(made_up, scheduler) as workers:
        assert workers.slots == 2
        there = search(tmp_path / "there.jsonl", workers)

    class Two(Here):  # type: ignore[type-arg]
        slots = 2

    assert there == search(tmp_path / "here.jsonl", Two(made_up))


def test_no_scheduler_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keeper.backtest.workers.CONNECT_SECONDS", 0.5)
    with pytest.raises(TransientError, match="no Dask scheduler answers"), dask_cluster(made_up, "tcp://127.0.0.1:9"):
        pass


@pytest.mark.parametrize("place", [pytest.param("sqlite", marks=pytest.mark.soak), "postgres"])
def test_workers_share_a_study_through_a_database(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/study.db" if place == "sqlite" else request.getfixturevalue("postgres_url")
    shared = StudyPlace(url, "study", 7)
    first = search(tmp_path / "first.jsonl", Here(made_up), shared)
    again = search(tmp_path / "second.jsonl", Here(made_up), shared)
    assert [fold.chosen for fold in again.folds] == [fold.chosen for fold in first.folds]
    purposes = [line["purpose"] for line in read_trials(tmp_path / "second.jsonl")]
    for fold, before in zip(again.folds, first.folds, strict=True):
        assert fold.deflated is not None and before.deflated is not None
        assert fold.deflated == before.deflated, "luck has as many chances as trials, whoever made them"
        assert fold.deflated.trials == before.trials - before.failures > 1 and fold.deflated.expected_best > 0
    assert purposes.count("train") == len(FOLDS)  # all 15 were made by the first; the chosen one is run once more


@pytest.mark.parametrize(
    ("url", "error", "sentence"),
    [
        ("mysql://user:secret@host/db", ConfigError, "is to be postgresql"),
        ("postgresql://user:secret@127.0.0.1:9/db", TransientError, "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(
    url: str, error: type[Exception], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=sentence) as caught:
        search(tmp_path / "trials.jsonl", Here(made_up), StudyPlace(url, "study", 7))
    assert "secret" not in str(caught.value)


def test_the_database_keeps_trials_of_a_killed_worker(tmp_path: Path) -> None:
    shared = StudyPlace(f"sqlite:///{tmp_path}/study.db", "study", 7)
    made = 0

    def stops(window: Window) -> object:
        nonlocal made
        made += 1
        if made > 8:
            raise KeyboardInterrupt
        return made_up(window)

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "first.jsonl", Here(stops), shared)
    search(tmp_path / "second.jsonl", Here(made_up), shared)
    purposes = [line["purpose"] for line in read_trials(tmp_path / "second.jsonl") if line["fold"] == 0]
    assert 7 <= purposes.count("train") <= 8

"""The daemon: turns, early turns, chained acts, the three kinds of error, edits, and every way to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from keeper import daemon as daemon_module
from keeper import telemetry
from keeper.config_mistakes import Mistake
from keeper.config_reload import Reload
from keeper.daemon import MAX_CHAINED_TURNS, MAX_DEFECTS_IN_A_ROW, Daemon
from keeper.errors import ConfigError, FatalError, TransientError
from keeper.model.outcome import Failed, Pending
from tests.scripted_fleet import DONE, SUBMISSION, Every, Scripted, Told

TICK = 0.2


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry.configure(console=False)
    monkeypatch.setattr(daemon_module, "POLL_SECONDS", TICK)
    monkeypatch.setattr(daemon_module, "PENDING_SECONDS", 0.2)


@contextmanager
def running(fleet: Told, **options: Any) -> Iterator[Daemon]:
    """The daemon at work in another thread (signals are the main thread's, so they are not installed)."""
    options.setdefault("grace_seconds", 5)
    daemon = Daemon(fleet, mode="dry", **options)
    thread = threading.Thread(target=daemon._serve)
    thread.start()
    try:
        yield daemon
    finally:
        daemon.stop("the test is over")
        thread.join(10)
        assert not thread.is_alive()


def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_the_first_turn_comes_at_once_and_then_on_schedule() -> None:
    runner = Scripted(schedule=Every(TICK))
    with running(Told({"a": runner})):
        until(lambda: runner.turns == 1, TICK * 0.9)
        until(lambda: runner.turns >= 2)


def test_an_act_is_followed_by_the_next_turn_at_once_but_not_for_ever() -> None:
    runner, endless = Scripted([DONE, DONE, DONE]), Scripted([DONE] * 100)
    with running(Told({"a": runner, "b": endless})):
        until(lambda: runner.turns == 4 and endless.turns == MAX_CHAINED_TURNS)
        time.sleep(0.3)
    assert runner.turns == 4 and endless.turns == MAX_CHAINED_TURNS


def test_what_is_pending_is_looked_at_again_soon_and_a_failure_is_not() -> None:
    pending, failed = Scripted([Pending(SUBMISSION, "sent")]), Scripted([Failed(SUBMISSION, "reverted")])
    asked = Scripted([Pending(SUBMISSION, "proposed", waits_for="people")])
    with running(Told({"a": pending, "b": failed, "c": asked})):
        until(lambda: pending.turns == 2 and failed.turns == 1)
        time.sleep(0.5)
    assert pending.turns == 2 and failed.turns == 1
    assert asked.turns == 1, "people take their time"


def test_a_move_of_the_price_brings_the_turn_forward_once() -> None:
    runner = Scripted()
    with running(Told({"a": runner})):
        until(lambda: runner.turns == 1)
        runner.moved = True
        until(lambda: runner.turns == 2)
        runner.moved = True
        time.sleep(3 * TICK)
        assert runner.turns == 2, "a trigger that keeps firing must not become a busy loop"


def test_strategies_never_overlap() -> None:
    inside, overlaps = threading.Lock(), []

    def turn() -> None:
        if not inside.acquire(blocking=False):
            overlaps.append(1)
            return
        time.sleep(0.05)
        inside.release()

    runners = {name: Scripted(schedule=Every(TICK), on_turn=turn) for name in "abc"}
    with running(Told(dict(runners))):
        until(lambda: all(runner.turns >= 2 for runner in runners.values()))
    assert not overlaps


@pytest.mark.parametrize("error", [TransientError("no answer"), ConfigError("odd")])
def test_what_may_pass_is_tried_again_at_the_next_tick(error: Exception) -> None:
    runner = Scripted([error], schedule=Every(TICK))
    with running(Told({"a": runner})):
        until(lambda: runner.turns >= 2)
    assert runner.halts == []


def test_a_fatal_error_halts_durably_and_only_this_strategy_until_resumed() -> None:
    bad, good = Scripted([FatalError("nonce lost")], schedule=Every(TICK)), Scripted(schedule=Every(TICK))
    fleet = Told({"a": bad, "b": good})
    with running(fleet):
        until(lambda: good.turns >= 3)
        assert bad.turns == 1 and bad.halts == ["nonce lost"]
        assert fleet.alerts == [("halted", "a", "nonce lost")]
        bad.durable = "running"
        until(lambda: bad.turns >= 2)


def test_a_halt_holds_even_where_it_cannot_be_recorded() -> None:
    runner = Scripted([FatalError("stop")], schedule=Every(TICK), refuse_to_record=3)
    with running(Told({"a": runner})):
        until(lambda: runner.halts == ["stop"], 8)
    assert runner.turns == 1


def test_defects_in_a_row_halt() -> None:
    runner = Scripted([RuntimeError("bug")] * 10, schedule=Every(TICK))
    fleet = Told({"a": runner})
    with running(fleet):
        until(lambda: bool(runner.halts), 8)
    assert runner.turns == MAX_DEFECTS_IN_A_ROW and fleet.alerts[0][0] == "halted"


def test_edits_are_taken_at_the_next_turn_and_bad_ones_only_told() -> None:
    old, new = Scripted(schedule=Every(TICK)), Scripted(schedule=Every(TICK))
    mistake = Mistake("strategies/b.yaml", 3, "unknown key 'x'")
    looks: list[Reload | None] = [
        None,
        Reload((), (), (), (), (mistake,)),
        Reload((), ("b",), (), ("a",), ()),
    ]
    fleet = Told({"a": old}, rebuilt={"b": new})
    with running(fleet, look=lambda: looks.pop(0) if looks else None):
        until(lambda: new.turns >= 2, 8)
        turns = old.turns
        time.sleep(3 * TICK)
    assert old.turns == turns == 2
    assert fleet.alerts == [("config_rejected", None, str(mistake))]


def test_an_edit_is_not_lost_while_the_chain_is_out_of_reach() -> None:
    old, new = Scripted(schedule=Every(TICK)), Scripted(schedule=Every(TICK))
    looks: list[Reload | None] = [Reload((), (), ("a",), (), ())]
    fleet = Told({"a": old}, rebuilt={"a": new}, out_of_reach=2)
    with running(fleet, look=lambda: looks.pop(0) if looks else None):
        until(lambda: new.turns >= 1, 8)
    assert old.turns == 2 and fleet.alerts == []


def test_the_running_cycle_is_finished_and_no_other_begins() -> None:
    begun, ended = threading.Event(), threading.Event()

    def turn() -> None:
        begun.set()
        time.sleep(0.5)
        ended.set()

    first = Scripted([DONE, DONE], on_turn=turn)
    second = Scripted()
    daemon = Daemon(Told({"a": first, "b": second}), mode="dry", grace_seconds=5)
    result: list[bool] = []
    thread = threading.Thread(target=lambda: result.append(daemon._serve()))
    thread.start()
    assert begun.wait(5)
    daemon.stop("now")
    thread.join(5)
    assert result == [True] and ended.is_set()
    assert first.turns == 1 and second.turns == 0

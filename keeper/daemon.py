"""The daemon: when each strategy's turn comes, what follows its end, and how everything stops.

Turns run one after the other in one thread: strategies may share a signer, and its nonces must not race. A turn is
due every so many seconds, at once when the price has moved, and at once after an act, so that exit, swap and mint
follow each other. Nothing here decides or signs.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor  # type: ignore[import-untyped]
from apscheduler.jobstores.base import JobLookupError  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]

from keeper import telemetry
from keeper.config_reload import Reload
from keeper.daemon_fleet import Fleet, Runner
from keeper.errors import ConfigError, FatalError, TransientError
from keeper.model.outcome import Held, Outcome, Pending

POLL_SECONDS = 5
TRIGGER_GAP_SECONDS = 15.0  # a trigger that cannot be served (a node is down) must not become a busy loop
PENDING_SECONDS = 5
MAX_CHAINED_TURNS = 8  # exit, swap, mint and compound, with room; more would be a loop
MAX_DEFECTS_IN_A_ROW = 3
GRACE_SECONDS = 90.0
CLOCK_JUMP_SECONDS = 10.0

__all__ = ["Daemon", "Fleet", "Runner"]

# Late turns are never dropped, several missed ones become one, and a strategy never overlaps itself.
_JOB_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}


class Daemon:
    """Runs strategies until told to stop. ``look`` reports edited strategy files (``StrategyFiles.changed``).

    ``stop`` is set when the end is asked for: whoever waits inside a cycle may share it.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        mode: str,
        look: Callable[[], Reload | None] = lambda: None,
        grace_seconds: float = GRACE_SECONDS,
        stop: threading.Event | None = None,
    ) -> None:
        self._fleet = fleet
        self._runners = dict(fleet.runners)
        self._mode = mode
        self._look = look
        self._grace_seconds = grace_seconds
        self._stop = stop or threading.Event()
        self._turn = threading.Lock()
        self._halted: set[str] = set()
        self._unrecorded: dict[str, str] = {}
        self._owed: Reload | None = None
        self._defects: dict[str, int] = {}
        self._failing: dict[str, str] = {}
        self._triggered: dict[str, float] = {}
        executors = {"default": ThreadPoolExecutor(1), "polls": ThreadPoolExecutor(1)}
        self._scheduler = BackgroundScheduler(executors=executors, job_defaults=_JOB_DEFAULTS, timezone=UTC)

    def run(self) -> bool:
        """Run until SIGTERM, SIGINT or ``stop``. False when the last cycle did not end within the grace time."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            return self._serve()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _serve(self) -> bool:
        telemetry.daemon_started(sorted(self._runners), self._mode)
        for name in self._runners:
            self._add_jobs(name)
        self._scheduler.start()
        self._watch_clock()
        return self._finish()

    def stop(self, reason: str) -> None:
        """Ask for the end: the running cycle is finished, no other begins."""
        if not self._stop.is_set():
            telemetry.daemon_stopping(reason)
            self._stop.set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():
            os._exit(128 + number)  # asked twice: the journal is crash-only, so this is safe, if impolite
        # Logging takes locks that the interrupted code may hold: hand over to a thread.
        threading.Thread(target=self.stop, args=(signal.Signals(number).name,), daemon=True).start()

    def _watch_clock(self) -> None:
        """Wait for the end. The scheduler lives by the wall clock: when it is set back, every turn would be late."""
        offset = time.time() - time.monotonic()
        while not self._stop.wait(1.0):
            jump = time.time() - time.monotonic() - offset
            if abs(jump) > CLOCK_JUMP_SECONDS:
                offset += jump
                telemetry.clock_jumped(jump)
                for job in self._scheduler.get_jobs():
                    job.reschedule(job.trigger, next_run_time=datetime.now(UTC))

    def _finish(self) -> bool:
        self._scheduler.remove_all_jobs()
        clean = self._turn.acquire(timeout=self._grace_seconds)
        if clean:
            self._turn.release()  # a turn that was waiting sees the stop and ends
        self._scheduler.shutdown(wait=False)
        telemetry.daemon_stopped(clean=clean)
        return clean

    def _add_jobs(self, name: str) -> None:
        every = self._runners[name].schedule.every_seconds
        now = datetime.now(UTC)
        self._scheduler.add_job(
            self._take_turn, "interval", seconds=every, args=(name,), id=name, next_run_time=now, replace_existing=True
        )
        if every > POLL_SECONDS:
            self._scheduler.add_job(
                self._poll, "interval", seconds=POLL_SECONDS, args=(name,), id=f"price of {name}", executor="polls",
                replace_existing=True,
            )  # fmt: skip

    def _remove_jobs(self, name: str) -> None:
        for identity in (name, f"price of {name}"):
            if self._scheduler.get_job(identity) is not None:
                self._scheduler.remove_job(identity)

    def _poll(self, name: str) -> None:
        """Bring the turn forward when the price has moved."""
        runner = self._runners.get(name)
        if runner is None or self._stop.is_set() or name in self._halted:
            return
        now = time.monotonic()
        if now - self._triggered.get(name, -TRIGGER_GAP_SECONDS) < TRIGGER_GAP_SECONDS:
            return
        try:
            moved = runner.price_moved()
        except Exception as error:  # noqa: BLE001 - the regular turn will meet it too, and handle it
            telemetry.price_unknown(name, str(error))
            return
        if moved:
            self._triggered[name] = now
            telemetry.price_triggered(name)
            self._bring_forward(name, 0)

    def _bring_forward(self, name: str, seconds: float) -> None:
        job = self._scheduler.get_job(name)
        due = datetime.now(UTC) + timedelta(seconds=seconds)
        if job is not None and (job.next_run_time is None or job.next_run_time > due):
            with suppress(JobLookupError):  # the daemon is stopping, or the strategy's file is gone
                job.modify(next_run_time=due)

    def _take_turn(self, name: str) -> None:
        """One strategy's turn: a cycle, and another right after each act that was mined."""
        outcome: Outcome | None = None
        with self._turn:
            if not self._stop.is_set():
                self._take_edits()
            for _ in range(MAX_CHAINED_TURNS):
                runner = self._runners.get(name)
                if runner is None or self._stop.is_set():
                    return
                outcome = self._cycle(name, runner)
                if outcome is None or outcome.kind != "done":
                    break
        if isinstance(outcome, Pending) and outcome.waits_for == "chain" and not self._stop.is_set():
            self._bring_forward(name, PENDING_SECONDS)

    def _cycle(self, name: str, runner: Runner) -> Outcome | None:
        """One cycle. The one place where the three kinds of error are told apart."""
        started = time.monotonic()
        try:
            if self._is_halted(name, runner):
                return None
            outcome = runner.run_once()
        except TransientError as error:
            telemetry.cycle_deferred(name, str(error))
            return None
        except FatalError as error:
            self._halt(name, runner, str(error))
            return None
        except ConfigError as error:
            self._reject([str(error)])
            return None
        except Exception as error:  # noqa: BLE001 - a defect must not end the other strategies' turns
            self._on_defect(name, runner, error)
            return None
        self._defects.pop(name, None)
        seconds = time.monotonic() - started
        if outcome.kind == "held":
            telemetry.cycle_held(name, outcome.objections, seconds)
            self._tell_of_failing(name, outcome)
        else:
            telemetry.cycle_acted(name, outcome, seconds)
        return outcome

    def _tell_of_failing(self, name: str, held: Held) -> None:
        """An act that waits because it failed again and again is told once after each of its failures."""
        failing = [each.message for each in held.objections if each.code == "keeps_failing"]
        if failing and self._failing.get(name) != failing[0]:
            self._failing[name] = failing[0]
            self._fleet.alert("keeps_failing", name, failing[0])

    def _is_halted(self, name: str, runner: Runner) -> bool:
        if name in self._unrecorded:
            self._record_halt(name, runner)
        if name in self._unrecorded or runner.state() == "halted":
            self._halted.add(name)
            return True
        if name in self._halted:
            self._halted.discard(name)
            telemetry.strategy_resumed(name)
        return False

    def _on_defect(self, name: str, runner: Runner, error: Exception) -> None:
        self._defects[name] = self._defects.get(name, 0) + 1
        telemetry.cycle_broke(name, error, self._defects[name])
        if self._defects[name] >= MAX_DEFECTS_IN_A_ROW:
            self._defects.pop(name)
            self._halt(name, runner, f"{MAX_DEFECTS_IN_A_ROW} unexpected errors in a row, last {type(error).__name__}")

    def _halt(self, name: str, runner: Runner, reason: str) -> None:
        self._halted.add(name)
        self._unrecorded[name] = reason
        telemetry.strategy_halted(name, reason)
        self._record_halt(name, runner)
        self._fleet.alert("halted", name, reason)

    def _record_halt(self, name: str, runner: Runner) -> None:
        """Make the halt durable. Where that fails it holds in this process, and is tried again at the next turn."""
        try:
            runner.halt(self._unrecorded[name])
        except Exception as error:  # noqa: BLE001 - a full disk must not lift a halt
            telemetry.halt_not_recorded(name, str(error))
            return
        del self._unrecorded[name]

    def _take_edits(self) -> None:
        """Strategy files edited since the last turn. A bad one changes nothing but the log."""
        try:
            found = self._look()
            if found is not None and found.mistakes:
                self._reject([str(mistake) for mistake in found.mistakes])
            reload = self._owed if found is None else found if self._owed is None else found.after(self._owed)
            self._owed = None
            if reload is None or not (reload.added or reload.changed or reload.removed):
                return
            try:
                self._take_runners(reload, self._fleet.rebuild(reload))
            except TransientError as error:
                self._owed = reload
                telemetry.cycle_deferred(", ".join((*reload.added, *reload.changed)), str(error))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an edit, what runs goes on running
            self._reject([str(error)])

    def _take_runners(self, reload: Reload, runners: Mapping[str, Runner]) -> None:
        for name in reload.removed:
            self._remove_jobs(name)
        self._runners = dict(runners)
        telemetry.config_taken(reload.added, reload.changed, reload.removed)
        for name in (*reload.added, *reload.changed):
            self._add_jobs(name)

    def _reject(self, mistakes: list[str]) -> None:
        telemetry.config_rejected(mistakes)
        for mistake in mistakes:
            self._fleet.alert("config_rejected", None, mistake)

"""The daemon as a process: SIGTERM, SIGINT, SIGSTOP, and a second one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

PROGRAM = """
import sys, time
from keeper import telemetry
from keeper.daemon import Daemon
from tests.scripted_fleet import Every, Scripted, Told
telemetry.configure(console=False)
seconds, grace = float(sys.argv[1]), float(sys.argv[2])
runner = Scripted(schedule=Every(1), on_turn=lambda: (print("turn", flush=True), time.sleep(seconds)))
clean = Daemon(Told({"a": runner}), mode="dry", grace_seconds=grace).run()
print("clean", clean, flush=True)
import os
os._exit(0 if clean else 3)
"""


def start(seconds: float, grace: float) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(seconds), str(grace)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "turn\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_running_cycle(number: signal.Signals) -> None:
    process = start(0.5, 10)
    process.send_signal(number)
    out, err = process.communicate(timeout=15)
    assert process.returncode == 0 and out.endswith("clean True\n") and number.name in err
    assert "Traceback" not in err


def test_turns_missed_while_the_process_was_stopped_become_one() -> None:
    process = start(0, 10)
    process.send_signal(signal.SIGSTOP)
    time.sleep(3.5)
    process.send_signal(signal.SIGCONT)
    time.sleep(0.7)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=15)
    assert process.returncode == 0 and 1 <= out.count("turn\n") <= 2, out


def test_a_cycle_that_never_ends_is_left_behind_after_the_grace_time() -> None:
    process = start(60, 0.5)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=15)
    assert process.returncode == 3 and "clean False" in out


def test_a_second_signal_ends_it_at_once() -> None:
    process = start(60, 60)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM

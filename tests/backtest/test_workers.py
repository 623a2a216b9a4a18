"""Processes of a search: what they leave behind when they are interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import signal, sys, time
from keeper.backtest.workers import processes
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started with it ignored
if __name__ == "__main__":
    try:
        with processes(time.sleep, 2) as workers:
            print("begun", flush=True)
            workers.map([60, 60])
    except KeyboardInterrupt:
        sys.exit(130)
"""


def test_interrupted_they_are_silent_and_gone(tmp_path: Path) -> None:
    """Ctrl-C reaches every process of a terminal at once, also those that are only just starting."""
    (tmp_path / "program.py").write_text(PROGRAM)
    running = subprocess.Popen(
        [sys.executable, "program.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert running.stdout is not None and running.stdout.readline() == "begun\n"
    time.sleep(0.2)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert (running.returncode, said) == (130, "")

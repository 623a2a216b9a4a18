"""The bench scripts run, in their short form: what they print is looked at by people."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.test_house import REPOSITORY

SHORT = {
    "plan.py": (["--short"], "ratio"),
    "decision.py": (["--rounds", "1"], "warm decision"),
    "cli_start.py": ([], "ratio"),
    "gas_modes.py": (["--short"], "two owners of three"),
    "replay.py": (["--short"], "resident peak"),
    "backtest.py": (["--short"], "3 made days"),
}


@pytest.mark.parametrize("script", SHORT)
def test_it_runs_and_prints_its_figures(script: str) -> None:
    arguments, expected = SHORT[script]
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "bench" / script), *arguments], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout

"""Keepers in processes of their own, killed with SIGKILL at a named boundary or at a moment, and started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal

from tests.faults.site import MOST_CYCLES, Site

_ROOT: Final = Path(__file__).parents[2]
_MODULE: Final = "tests.faults.kill_server"


@dataclass(frozen=True, slots=True)
class Life:
    """How one keeper's process ended. ``trail`` is every boundary it passed, with seconds since it was set to work;
    it is empty, as is all but ``status``, for one that was killed."""

    status: Literal["killed", "exited", "hung"]
    seconds: float
    outcomes: tuple[str, ...]
    reasons: tuple[str, ...]
    trail: tuple[tuple[str, float], ...]
    error: str | None


@dataclass(frozen=True, slots=True)
class Reaper:
    """The fork server, asked one life at a time."""

    process: subprocess.Popen[str]

    def live(self, site: Site, *, at: str | None = None, kill_after_seconds: float | None = None,
             compiling: bool = False, most: int = MOST_CYCLES) -> Life:  # fmt: skip
        """Cycles until one holds, or death at the boundary ``at`` or after so many seconds."""
        note = Path(site.folder) / "note.json"
        note.unlink(missing_ok=True)
        job = {"site": json.loads(site.to_json()), "at": at, "kill_after_seconds": kill_after_seconds,
               "compile": compiling, "most": most}  # fmt: skip
        sender, receiver = self.process.stdin, self.process.stdout
        assert sender is not None and receiver is not None
        sender.write(json.dumps(job) + "\n")
        sender.flush()
        answer = _answer(receiver)
        told: dict[str, Any] = json.loads(note.read_text()) if answer["status"] == "exited" else {}
        return _life(answer["status"], answer["seconds"], told)


def _answer(receiver: IO[str]) -> dict[str, Any]:
    line = receiver.readline()
    assert line, "the fork server has died"
    answer: dict[str, Any] = json.loads(line)
    return answer


def _life(status: Literal["killed", "exited", "hung"], seconds: float, told: dict[str, Any]) -> Life:
    outcomes = told.get("outcomes", [])
    return Life(
        status,
        seconds,
        tuple(kind for kind, _ in outcomes),
        tuple(reason for _, reason in outcomes if reason),
        tuple((name, passed) for name, passed in told.get("trail", [])),
        told.get("error"),
    )


def _environment() -> dict[str, str]:
    # One thread: a fork copies no other.
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    return {**os.environ, **one, "PYTHONPATH": str(_ROOT)}


@contextmanager
def reaper() -> Iterator[Reaper]:
    """The fork server, started and stopped."""
    command = [sys.executable, "-m", _MODULE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=_environment()
    ) as process:
        try:
            yield Reaper(process)
        finally:
            process.kill()


def live_freshly(site: Site, *, most: int = MOST_CYCLES) -> tuple[Life, float]:
    """One life in a really fresh process, and the seconds from its start to the end of its first cycle."""
    note = Path(site.folder) / "note.json"
    note.unlink(missing_ok=True)
    job = json.dumps({"site": json.loads(site.to_json()), "most": most})
    began, started = time.time(), time.monotonic()
    command = [sys.executable, "-m", _MODULE, "--once"]
    subprocess.run(command, input=job + "\n", text=True, cwd=_ROOT, env=_environment(), check=True, timeout=120)
    told = json.loads(note.read_text())
    return _life("exited", time.monotonic() - started, told), told.get("first_end", time.time()) - began

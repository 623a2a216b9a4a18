"""A process with everything imported and compiled, which forks a keeper for every line it is told.

Run as ``python -m tests.faults.kill_server``; ``--once`` runs one keeper in this process, as fresh as can be. It has
one thread, so a fork copies all of it; its children are all it ever kills.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from keeper.model.outcome import Outcome
from keeper.world.journal.opening import open_journal
from tests.faults.boundaries import Trap, TrappedSigner, set_trap
from tests.faults.site import Site, from_json, open_keeper

HANG_SECONDS = 90.0
_POLL_SECONDS = 0.001


def main() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # never outlives the tests
    if "--once" in sys.argv:
        job = json.loads(sys.stdin.readline())
        _work(job)
        return
    for line in sys.stdin:
        job = json.loads(line)
        answer = _compile(job) if job.get("compile") else _forked(job)
        print(json.dumps(answer), flush=True)  # noqa: T201 - it is how the two processes talk


def _compile(job: dict[str, Any]) -> dict[str, Any]:
    """One cycle in this very process, on a site to be thrown away: children find everything loaded and compiled."""
    started = time.monotonic()
    _work(job)
    gc.collect()
    gc.freeze()  # or every child's first collection would copy the whole heap
    return {"status": "exited", "seconds": time.monotonic() - started}


def _forked(job: dict[str, Any]) -> dict[str, Any]:
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            _work(job)
        os._exit(0)
    kill_at = job.get("kill_after_seconds")
    status = None
    while status is None:
        done, state = os.waitpid(pid, os.WNOHANG)
        passed = time.monotonic() - started
        if done:
            status = "killed" if os.WIFSIGNALED(state) and os.WTERMSIG(state) == signal.SIGKILL else "exited"
        elif passed > (HANG_SECONDS if kill_at is None else kill_at):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            status = "killed" if kill_at is not None else "hung"
        else:
            time.sleep(_POLL_SECONDS)
    return {"status": status, "seconds": time.monotonic() - started}


def _work(job: dict[str, Any]) -> None:
    """A keeper's life: open, cycles until one holds, and a note of how it went beside the journal."""
    site = from_json(json.dumps(job["site"]))
    note: dict[str, Any] = {"error": None, "outcomes": []}
    trap = Trap(job.get("at"))
    try:
        if not job.get("compile") and "--once" not in sys.argv:
            set_trap(trap)
        _live(site, trap, note, job["most"])
    except Exception:  # noqa: BLE001 - the tests read it in the note
        note["error"] = traceback.format_exc()
    note["trail"] = trap.trail
    (Path(site.folder) / "note.json").write_text(json.dumps(note))


def _live(site: Site, trap: Trap, note: dict[str, Any], most: int) -> None:
    journal = open_journal(site.journal_url, site.mode)
    keeper = open_keeper(
        site,
        journal,
        signer=lambda signer: TrappedSigner(signer, trap),
        pause=lambda _seconds: trap.around("block", site.mine),
    )
    outcome: Outcome | None = None
    for _ in range(most):
        outcome = keeper.cycle()
        note.setdefault("first_end", time.time())
        note["outcomes"].append([outcome.kind, getattr(outcome, "reason", getattr(outcome, "note", ""))])
        if outcome.kind == "held":
            break
        if outcome.kind != "done":
            site.mine()
    journal.close()


if __name__ == "__main__":
    main()

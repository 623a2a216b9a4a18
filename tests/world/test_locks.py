"""One process per journal and per signer, however the processes were started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from keeper.errors import ConfigError, FatalError
from keeper.world.journal.lock import RUNTIME_VARIABLE, hold_file, hold_lock, runtime_folders
from tests.world.words import OWNER

PROGRAM = """
import sys
from keeper.world.journal.lock import hold_lock
with hold_lock({url!r}, {signer!r}, signs={signs}):
    print("in", flush=True)
    sys.stdin.read()
"""


def holding(url: str, signer: str = OWNER, *, signs: bool = True) -> subprocess.Popen[str]:
    """A process that holds the lock; its first line is "in" when it has it."""
    program = PROGRAM.format(url=url, signer=signer, signs=signs)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", program], text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def outcome(process: subprocess.Popen[str]) -> str:
    """What it said, its input closed."""
    out, err = process.communicate(timeout=60)
    return out + (err.strip().splitlines() or [""])[-1]


def test_a_second_process_is_refused_by_name(journal_url: str) -> None:
    with hold_lock(journal_url, OWNER, signs=False):
        said = outcome(holding(journal_url, signs=False))
        assert f"FatalError: another keeper (process {os.getpid()}" in said and "stop it first: one process per" in said
    assert outcome(holding(journal_url, signs=False)) == "in\n"


def test_one_key_is_one_process_whatever_the_journal(tmp_path: Path) -> None:
    url, other = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    with hold_lock(url, OWNER):
        said = outcome(holding(other, OWNER.lower()))
        assert f"another keeper (process {os.getpid()}) already works on the signer 0x" in said
        assert said.endswith("stop it first: one process per signer")
        assert outcome(holding(other, "0x" + "12" * 20)) == "in\n", "another key is another matter"
        assert outcome(holding(other, signs=False)) == "in\n", "what signs nothing needs no key"
    assert outcome(holding(other)) == "in\n"


def test_sigkill_releases_everything(journal_url: str) -> None:
    first = holding(journal_url)
    assert first.stdout is not None and first.stdout.readline() == "in\n"
    with pytest.raises(FatalError, match=rf"another keeper \(process {first.pid}\)"), hold_lock(journal_url, OWNER):
        pytest.fail("it is taken")
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=30)
    again = holding(journal_url)
    assert outcome(again).startswith("in")


def test_a_login_and_a_service_see_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has XDG_RUNTIME_DIR, the other has not."""
    session, shared = tmp_path / "session", tmp_path / "tmp"
    session.mkdir()
    shared.mkdir()
    monkeypatch.delenv(RUNTIME_VARIABLE)
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert runtime_folders() == [shared / f"range-keeper-{os.getuid()}"]
    with hold_lock(f"sqlite:///{tmp_path}/a.db", OWNER):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
        assert runtime_folders() == [shared / f"range-keeper-{os.getuid()}", session / "range-keeper"]
        taken = pytest.raises(FatalError, match="already works on the signer")
        with taken, hold_lock(f"sqlite:///{tmp_path}/b.db", OWNER):
            pytest.fail("it is taken")
    assert {folder.stat().st_mode & 0o777 for folder in runtime_folders()} == {0o700}


def test_a_folder_of_locks_that_is_open_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "private")
    (tmp_path / "file").touch()
    for name, said in (("open", "is open to others"), ("link", "is open to others"), ("file", "cannot be made")):
        monkeypatch.setenv(RUNTIME_VARIABLE, str(tmp_path / name))
        unsafe = pytest.raises(ConfigError, match=f"{said}.*; set KEEPER_RUNTIME_DIR to a folder of yours alone")
        with unsafe, hold_lock(url, OWNER):
            pytest.fail("it is not safe")


def test_a_lock_in_an_unusable_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a thing cannot be locked"), hold_file(tmp_path / "no" / "lock", "a thing"):
        pytest.fail("there is no such place")


def test_a_lock_whose_file_was_removed_does_not_stand_in_the_way(tmp_path: Path) -> None:
    """Somebody cleared the folder away: the next one locks a file that is there, and others see it."""
    path = tmp_path / "lock"
    with hold_file(path, "a thing"):
        path.unlink()
        with hold_file(path, "a thing"), pytest.raises(FatalError, match="another keeper"), hold_file(path, "a thing"):
            pytest.fail("it is taken")

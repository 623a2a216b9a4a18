"""Fault 19: the disk is full. No signature leaves without a commit, and it goes on once there is room."""

from __future__ import annotations

import errno
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import event

from keeper.assembly_fleet import ConfiguredFleet
from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.errors import TransientError
from keeper.model.outcome import Done
from keeper.model.plan import Step
from keeper.world.journal.backup import back_up
from keeper.world.journal.opening import open_journal
from keeper.world.journal.reading import read_journal
from keeper.world.protocols import Call
from tests.world.executors.bench import STEPS, STRATEGY, Bench, PlainVenue, make

ACT = STEPS[1:]
REMEDY = "no space is left for the journal .*: nothing is signed without a record; free space on its disk"


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of four megabytes: room that can be taken away and given back."""

    folder: Path

    def fill(self) -> None:
        with (self.folder / "ballast").open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def free(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def plain_anvil() -> Iterator[Anvil]:
    with Anvil(AnvilOptions()) as anvil:
        yield anvil


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a tiny disk needs root; SQLite's own limit, below, shows the first commit without it")
    yield Disk(tmp_path)
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.fixture
def bench(plain_anvil: Anvil, tmp_path: Path) -> Iterator[Bench]:
    snapshot = plain_anvil.snapshot()
    made = make(plain_anvil, tmp_path)
    yield made
    made.journal.close()
    plain_anvil.revert(snapshot)


def full_from(bench: Bench, disk: Disk, wanted: int) -> None:
    """Fill the disk just before the ``wanted``-th commit that wrote something."""
    engine, wrote, commits = bench.journal._engine, False, 0

    def on_statement(_connection: object, _cursor: object, sql: str, *_: object) -> None:
        nonlocal wrote
        wrote = wrote or sql.split(None, 1)[0] in {"INSERT", "UPDATE", "DELETE"}

    def on_commit(_connection: object) -> None:
        nonlocal wrote, commits
        commits += wrote
        if wrote and commits == wanted:
            disk.fill()
        wrote = False

    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "commit", on_commit)


def known(bench: Bench) -> set[bytes]:
    with read_journal(bench.url) as query:
        return {raw for (raw,) in query("SELECT raw FROM attempts")}


# The attempt, that it was sent, its end, the end of the plan.
@pytest.mark.parametrize("commit", range(1, 5))
def test_19_nothing_leaves_without_its_commit(disk: Disk, bench: Bench, commit: int) -> None:
    submission, plan = bench.open(ACT)
    full_from(bench, disk, commit)
    with pytest.raises(TransientError, match=REMEDY):
        bench.submit(submission, plan)
    assert (disk.folder / "ballast").exists(), "the disk was full"
    assert bool(bench.node.sent) == (commit > 1), "nothing was signed for the world before its record"
    assert set(bench.node.sent) <= known(bench), "every byte that left is on the record"
    assert bench.journal.memory(STRATEGY).open == submission, "it can be read"
    with pytest.raises(TransientError, match=REMEDY):
        bench.settle()  # still full
    assert set(bench.node.sent) <= known(bench)
    disk.free()
    assert isinstance(bench.settle(), Done)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 1, 0), "once, and booked to the wei"


def test_19_a_restart_on_the_full_disk_reads_and_signs_nothing(disk: Disk, bench: Bench) -> None:
    bench.open(ACT)
    disk.fill()
    bench.restart()
    with pytest.raises(TransientError, match=REMEDY):
        bench.settle()
    assert (bench.node.sent, bench.count()) == ([], 0)
    with pytest.raises(TransientError, match="no space is left for"):
        back_up(bench.url, disk.folder / "backup.db")
    assert not list(disk.folder.glob("*backup*")), "half a backup is none"
    disk.free()
    assert isinstance(bench.settle(), Done)
    assert (bench.count(), bench.ledger_difference_wei()) == (1, 0)


@dataclass
class Wordy(PlainVenue):
    """Its calls are too long for the pages that are there."""

    def call(self, step: Step, owner: str, deadline_timestamp: int) -> Call:
        return replace(super().call(step, owner, deadline_timestamp), data=bytes(20_000))


def test_19_a_journal_that_may_not_grow(bench: Bench) -> None:
    """SQLite's own way to be full, wherever this runs."""

    def limit(pages: int) -> None:
        with bench.journal._engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    bench.venue = Wordy()
    submission, plan = bench.open(ACT)
    limit(1)  # taken as: no more than there are
    for _ in range(2):
        with pytest.raises(TransientError, match=REMEDY):
            bench.submit(submission, plan)
    assert (bench.node.sent, known(bench), bench.count()) == ([], set(), 0)
    limit(1 << 30)
    assert isinstance(bench.settle(), Done)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 1, 0)


def test_19_an_alert_that_cannot_be_kept_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert is told while something worse is dealt with: it must not take the turn with it."""
    journal = open_journal(f"sqlite:///{tmp_path}/keeper.db", "wallet")

    def no_room(*_values: object) -> None:
        raise TransientError("no space is left")

    monkeypatch.setattr(journal, "record_event", no_room)
    fleet = ConfiguredFleet(None, None, journal, None, threading.Event(), None)  # type: ignore[arg-type]
    fleet.alert("halted", "a", "why")
    journal.close()

"""Backups made while somebody writes, and put back where there is nothing, on either database."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from keeper.errors import ConfigError, FatalError, KeeperError, TransientError
from keeper.model import canonical
from keeper.world.journal import copying, decisions
from keeper.world.journal.backup import back_up
from keeper.world.journal.invariants import check_contents
from keeper.world.journal.location import locate
from keeper.world.journal.lock import hold_journal
from keeper.world.journal.opening import open_journal
from keeper.world.journal.restore import restore
from keeper.world.journal.schema import SCHEMA_VERSION
from tests.world import old_journal
from tests.world.words import START, decision

NOW = START + 10**6


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where something may be restored to."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/restored.db"
    url: str = request.getfixturevalue("postgres_url")
    if request.node.funcargs.get("journal_url") == url:  # the fixture gives one database to a test
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE " + (name := f"empty_{os.urandom(4).hex()}"))
        return url.rsplit("/", 1)[0] + f"/{name}"
    return url


def test_every_row_comes_back_on_either_database(journal_url: str, empty_url: str, tmp_path: Path) -> None:
    journal = open_journal(journal_url, "wallet")
    old_journal.fill(journal)
    backup = tmp_path / "backup.db"
    made = back_up(journal_url, backup)  # the journal is open
    assert (made.schema, made.mode, backup.stat().st_mode & 0o777) == (str(SCHEMA_VERSION), "wallet", 0o600)
    before = old_journal.rows_at(journal_url)
    assert old_journal.rows_at(f"sqlite:///{backup}") == before
    assert made.rows == sum(len(rows) for rows in before.values()) > 20
    assert {path.name for path in tmp_path.glob("*backup*")} == {"backup.db"}, "a single file, nothing left over"
    restored = restore(backup, empty_url, NOW)
    assert (restored.mode, restored.last_timestamp) == ("wallet", START + 1200)
    after = old_journal.rows_at(empty_url)
    assert {name: rows for name, rows in after.items() if name != "events"} == {
        name: rows for name, rows in before.items() if name != "events"
    }
    (added,) = [row for row in after["events"] if row not in before["events"]]
    assert "restored" in added and NOW in added and len(after["events"]) == len(before["events"]) + 1
    journal.close()
    again = open_journal(empty_url, "wallet")
    assert again.record_decision(decision(9)) == 6, "numbers go on after the highest"
    again.record_event(None, "alert", "numbered too", NOW)
    with again.reading() as query:
        stored = list(decisions.stored_decisions(query))
        assert [each.canonical for each in stored[:3]] == [canonical.encode(decision(number)) for number in range(3)]
    again.close()


def test_a_backup_is_one_moment_while_somebody_writes(journal_url: str, tmp_path: Path) -> None:
    journal = open_journal(journal_url, "wallet")
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            made = decision(number, action="enter", steps=(old_journal.MINT,), strategy=f"s{number}")
            journal.open_plan(journal.record_decision(made), made.plan)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = []
        for number in range(3):
            url = f"sqlite:///{tmp_path}/copy-{number}.db"
            seen.append(back_up(journal_url, tmp_path / f"copy-{number}.db").rows)
            copy = open_journal(url, "wallet")
            with copy._engine.begin() as connection:
                check_contents(connection, copy.location)  # no plan without its steps
            copy.close()
    finally:
        stop.set()
        writer.join()
    assert seen == sorted(seen) and seen[0] < seen[-1]


def test_what_is_written_during_the_copy_is_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/keeper.db"
    journal = open_journal(url, "wallet")
    count = copying.count_rows

    def count_and_write(connection: sqlite3.Connection) -> dict[str, int]:
        counted = count(connection)
        journal.record_event(None, "alert", "between counting and copying", NOW)
        return counted

    monkeypatch.setattr(copying, "count_rows", count_and_write)
    made = back_up(url, tmp_path / "backup.db")
    assert made.rows == 2 and old_journal.rows_at(f"sqlite:///{tmp_path}/backup.db")["events"] == []
    journal.close()


def test_nothing_is_ever_written_over(tmp_path: Path, journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    taken = tmp_path / "taken.db"
    taken.write_text("mine")
    with pytest.raises(ConfigError, match="exists already and is left as it is; give the backup a name"):
        back_up(journal_url, taken)
    dangling = tmp_path / "dangling.db"
    dangling.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(ConfigError, match="exists already"):
        back_up(journal_url, dangling)
    backup = tmp_path / "backup.db"
    back_up(journal_url, backup)
    for url in (f"sqlite:///{taken}", f"sqlite:///{dangling}", journal_url):
        with pytest.raises(ConfigError, match=r"(exists already|is not empty) and is left as it is"):
            restore(backup, url, NOW)
    assert taken.read_text() == "mine" and not (tmp_path / "elsewhere.db").exists()
    (tmp_path / "gone.db-wal").write_bytes(b"the log of a journal that was moved away without it")
    with pytest.raises(ConfigError, match=r"gone\.db-wal exists already"):
        restore(backup, f"sqlite:///{tmp_path}/gone.db", NOW)
    journal.close()


def test_a_backup_of_an_older_version_is_brought_up_to_date(empty_url: str, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    old_journal.make(f"sqlite:///{old}", tmp_path)
    before = old.read_bytes()
    restore(old, empty_url, NOW)
    assert old.read_bytes() == before and not list(tmp_path.glob("*.bak"))
    journal = open_journal(empty_url, "wallet")
    assert len(journal.memory("eth-usdc").held) == 1
    journal.close()


def test_what_cannot_be_restored_says_why(tmp_path: Path, empty_url: str) -> None:
    with pytest.raises(ConfigError, match="there is no backup at"):
        restore(tmp_path / "none.db", empty_url, NOW)
    text = tmp_path / "text.db"
    text.write_text("this is no database, as anybody can see" * 20)
    with pytest.raises(FatalError, match=r"text\.db is damaged"):
        restore(text, empty_url, NOW)
    url = f"sqlite:///{tmp_path}/keeper.db"
    journal = open_journal(url, "dry")
    for number in range(10):
        journal.record_decision(decision(number))
    journal.close()
    whole = (tmp_path / "keeper.db").read_bytes()
    (tmp_path / "cut.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FatalError, match=r"cut\.db is damaged .*") as refusal:
        restore(tmp_path / "cut.db", empty_url, NOW)
    assert ".keeper-restore" not in str(refusal.value)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".keeper", "restored.db")) and
                path.suffix != ".lock"], "nothing is left behind"  # fmt: skip


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/keeper.db"
    open_journal(url, "dry").close()
    with pytest.raises(ConfigError, match="cannot be written"):
        back_up(url, tmp_path / "no" / "such" / "folder.db")
    counts = iter([{"events": 1}, {"events": 2}])
    monkeypatch.setattr(copying, "count_rows", lambda _: next(counts))
    with pytest.raises(FatalError, match="its copy has other rows"):
        back_up(url, tmp_path / "backup.db")
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"keeper.db"}


def test_no_journal_no_backup(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no journal at"):
        back_up(f"sqlite:///{tmp_path}/none.db", tmp_path / "backup.db")
    with pytest.raises(TransientError, match="cannot be reached"):
        back_up("postgresql://keeper@127.0.0.1:1/none", tmp_path / "backup.db")
    assert list(tmp_path.iterdir()) == []


def test_restoring_needs_the_journal_for_itself(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keeper.db"
    open_journal(url, "dry").close()
    back_up(url, tmp_path / "backup.db")
    new = f"sqlite:///{tmp_path}/new.db"
    with hold_journal(locate(new)), pytest.raises(KeeperError, match="another keeper"):
        restore(tmp_path / "backup.db", new, NOW)


@pytest.mark.parametrize("module", ["backup", "restore"])
def test_every_table_is_copied(module: str) -> None:
    """Those of the tape stand in a file of their own, and are known once that is imported."""
    program = f"import keeper.world.journal.{module} as m; print(*m.tape_tables.metadata.tables)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"swaps", "tape_blocks", "tape_marks", "tape_segments", "events", "attempts"} <= {*done.stdout.split()}

"""Damage is noticed at the start: in the file, in its log, in what the records say of each other."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from keeper.errors import FatalError, KeeperError
from keeper.world.journal.opening import open_journal
from keeper.world.journal.wal import lost_commits
from tests.world import old_journal
from tests.world.words import decision

FRAME_BYTES = 24 + 8192
FLIPS = int(os.environ.get("KEEPER_FLIPS", "60"))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP INDEX one_transaction_per_nonce", "the index one_transaction_per_nonce is missing"),
        ("DROP INDEX one_open_plan", "the index one_open_plan is missing"),
        ("DROP TABLE signers", "the column address of signers is missing"),
        ("ALTER TABLE events DROP COLUMN kind", "the column kind of events is missing"),
        ("DELETE FROM attempts", "transaction 1 has no signed bytes"),
        ("UPDATE transactions SET state = 'SIGNEF'", "'SIGNEF' is no state of transactions"),
        ("UPDATE steps SET plan_id = 1, ordinal = 9 WHERE plan_id = 2", "the open plan 2 has no steps"),
    ],
)
def test_records_that_the_keeper_never_writes(journal_url: str, sql: str, said: str) -> None:
    journal = open_journal(journal_url, "wallet")
    old_journal.fill(journal)
    journal.close()
    open_journal(journal_url, "wallet").close()
    old_journal.execute(journal_url, sql)
    with pytest.raises(FatalError, match=rf"is damaged \({said}\): move it away and restore a backup"):
        open_journal(journal_url, "wallet")


def test_a_weaker_index_is_no_index(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keeper.db"
    open_journal(url, "wallet").close()
    old_journal.execute(url, "DROP INDEX one_open_plan")
    old_journal.execute(url, "CREATE INDEX one_open_plan ON plans (strategy)")
    with pytest.raises(FatalError, match="the index one_open_plan is missing"):
        open_journal(url, "wallet")


def test_rows_that_belong_to_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keeper.db"
    journal = open_journal(url, "wallet")
    old_journal.fill(journal)
    journal.close()
    old_journal.execute(url, "DELETE FROM plans WHERE id = 1")
    with pytest.raises(FatalError, match=r"row \d+ of \w+ belongs to a row of plans that is not there"):
        open_journal(url, "wallet")


def test_an_empty_file_is_no_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "keeper.db"
    path.touch()
    with pytest.raises(FatalError, match="the file is empty, which a journal never is"):
        open_journal(f"sqlite:///{path}", "wallet")
    assert path.stat().st_size == 0


def test_a_start_that_was_cut_short_leaves_no_journal(tmp_path: Path) -> None:
    """A new one gets its name when it is whole; what a killed start left is cleared away by the next."""
    for name in ("keeper.db.new", "keeper.db.new-wal", "keeper.db.new-shm"):
        (tmp_path / name).write_bytes(b"half of something")
    open_journal(f"sqlite:///{tmp_path}/keeper.db", "wallet").close()
    assert [path.name for path in tmp_path.iterdir()] == ["keeper.db"]


def left_by_a_crash(folder: Path, commits: int = 8) -> tuple[Path, list[int]]:
    """The files of a keeper that was killed, its log full: so many decisions, each one commit. Also the sizes that the
    log had after each."""
    live = folder / "live.db"
    journal = open_journal(f"sqlite:///{live}", "wallet")
    sizes = []
    for number in range(commits):
        journal.record_decision(decision(number, strategy=f"s{number}"))
        sizes.append((folder / "live.db-wal").stat().st_size)
    path = folder / "keeper.db"
    for suffix in ("", "-wal"):
        shutil.copy(f"{live}{suffix}", f"{path}{suffix}")
    journal.close()
    return path, sizes


def count(path: Path) -> int:
    journal = open_journal(f"sqlite:///{path}", "wallet")
    with journal.reading() as query:
        ((rows,),) = query("SELECT count(*) FROM decisions")
    journal.close()
    return int(rows)


def test_what_a_crash_left_in_the_log_is_all_there(tmp_path: Path) -> None:
    path, _ = left_by_a_crash(tmp_path)
    assert lost_commits(tmp_path / "keeper.db-wal") == 0
    assert count(path) == 8


def test_a_log_cut_anywhere_opens_at_the_last_whole_commit(tmp_path: Path) -> None:
    path, sizes = left_by_a_crash(tmp_path)
    whole = (tmp_path / "keeper.db-wal").read_bytes()
    content = path.read_bytes()
    for size in (0, 20, 32, sizes[2], sizes[2] + 1, sizes[5] - 1, sizes[5] + FRAME_BYTES // 2, sizes[-1] - 4):
        path.write_bytes(content)
        (tmp_path / "keeper.db-wal").write_bytes(whole[:size])
        (tmp_path / "keeper.db-shm").unlink(missing_ok=True)
        expected = sum(size >= each for each in sizes)
        assert count(path) == expected, f"cut at {size}"


def test_commits_lost_in_the_middle_of_the_log_stop_the_start(tmp_path: Path) -> None:
    path, sizes = left_by_a_crash(tmp_path)
    log = tmp_path / "keeper.db-wal"
    whole = log.read_bytes()
    places = random.Random(3)
    for at in [3, 9, 17, 26, 33, 40, 50, *(places.randrange(sizes[5]) for _ in range(12))]:
        flipped = bytearray(whole)
        flipped[at] ^= 1 << places.randrange(8)
        log.write_bytes(flipped)
        with pytest.raises(FatalError, match=r"log keeper\.db-wal is, and holds commits that cannot be read"):
            open_journal(f"sqlite:///{path}", "wallet")
        assert log.read_bytes() == bytes(flipped), "nothing is thrown away"
    last = bytearray(whole)
    last[-100] ^= 1  # the last commit was not confirmed when a power failure tears it: that is no damage
    log.write_bytes(last)
    assert count(path) == 7


def test_frames_of_an_earlier_round_are_nobodys_loss(tmp_path: Path) -> None:
    """A log that began anew keeps old frames behind the new ones; their salts differ."""
    path, sizes = left_by_a_crash(tmp_path)
    log = tmp_path / "keeper.db-wal"
    whole = log.read_bytes()
    stale = bytearray(whole[sizes[3] :])
    for start in range(0, len(stale), FRAME_BYTES):
        stale[start + 8 : start + 16] = struct.pack(">II", 1, 2)
    log.write_bytes(whole[: sizes[3]] + bytes(stale))
    assert lost_commits(log) == 0
    assert count(path) == 4


def test_flipped_bytes_are_refused_or_change_nothing_of_the_structure(tmp_path: Path) -> None:
    """Whatever bit flips: one sentence, or a journal whose rows are all there."""
    path = tmp_path / "keeper.db"
    journal = open_journal(f"sqlite:///{path}", "wallet")
    old_journal.fill(journal)
    journal.close()
    whole = path.read_bytes()
    numbers = {name: len(rows) for name, rows in old_journal.rows_at(f"sqlite:///{path}").items()}
    places = random.Random(11)
    used = [at for at, byte in enumerate(whole) if byte]
    refused = 0
    for at in [*range(16, 100, 7), *places.sample(used, FLIPS)]:
        flipped = bytearray(whole)
        flipped[at] ^= 1 << places.randrange(8)
        path.write_bytes(flipped)
        for log in ("-wal", "-shm"):
            Path(f"{path}{log}").unlink(missing_ok=True)
        try:
            open_journal(f"sqlite:///{path}", "wallet").close()
        except KeeperError as error:
            refused += 1
            assert "\n" not in str(error) and "keeper.db" in str(error)
            continue
        with closing(sqlite3.connect(path)) as connection:
            for name, rows in numbers.items():
                assert connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] == rows, (at, name)
    assert refused > FLIPS // 10

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from keeper.errors import ConfigError, FatalError, TransientError
from keeper.world.journal import queries
from keeper.world.journal.location import locate
from keeper.world.journal.opening import open_journal
from keeper.world.journal.reading import read_journal
from tests.world.words import decision


def test_the_file_is_private_durable_and_readable_while_open(tmp_path: Path) -> None:
    path = tmp_path / "keeper.db"
    journal = open_journal(f"sqlite:///{path}", "dry")
    journal.record_decision(decision(1))
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
    with journal._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    with read_journal(f"sqlite:///{path}") as query:
        assert queries.mode(query) == "dry"
        journal.record_decision(decision(2))  # a reader never stands in the writer's way, and sees one moment
        assert len(queries.decision_list(query)) == 1
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            query("DELETE FROM decisions")
    journal.close()
    with read_journal(f"sqlite:///{path}") as query:
        assert len(queries.decision_list(query)) == 2


def test_a_relative_url_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_journal("sqlite:///here.db", "dry").close()
    assert (tmp_path / "here.db").exists()
    with read_journal("sqlite:///here.db") as query:
        assert queries.statuses(query) == []


def test_another_mode_or_schema_is_refused(journal_url: str) -> None:
    open_journal(journal_url, "wallet").close()
    with pytest.raises(ConfigError, match="belongs to mode 'wallet', not 'dry'"):
        open_journal(journal_url, "dry")
    again = open_journal(journal_url, "wallet")
    with again._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(ConfigError, match="has schema 99"), read_journal(journal_url):
        pytest.fail("an older journal has other columns: it must not be read")
    with pytest.raises(ConfigError, match="has schema 99"):
        open_journal(journal_url, "wallet")


@pytest.mark.parametrize("url", ["keeper.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://host/x", ""])
def test_urls_that_name_no_journal(url: str) -> None:
    with pytest.raises(ConfigError, match="is not one of sqlite:///"):
        open_journal(url, "dry")


def test_what_is_not_a_journal_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database at all")
    with pytest.raises(ConfigError, match="not an SQLite file"):
        open_journal(f"sqlite:///{text}", "dry")
    with pytest.raises(ConfigError, match="cannot be read"), read_journal(f"sqlite:///{text}"):
        pass
    assert text.read_text() == "not a database at all"
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER)")
    with pytest.raises(ConfigError, match="database of something else"):
        open_journal(f"sqlite:///{other}", "dry")
    with pytest.raises(ConfigError, match=r"no such|cannot be made \(No such file"):
        open_journal(f"sqlite:///{tmp_path}/no/such/keeper.db", "dry")
    with pytest.raises(ConfigError, match="cannot be written"):
        open_journal(f"sqlite:///{tmp_path}", "dry")
    with pytest.raises(ConfigError, match="there is no journal at"), read_journal(f"sqlite:///{tmp_path}/none.db"):
        pass


def test_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "keeper.db"
    journal = open_journal(f"sqlite:///{path}", "dry")
    for number in range(10):
        journal.record_decision(decision(number))
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:20_000] + b"\xff" * 30_000 + whole[50_000:])
    with pytest.raises(FatalError, match=r"is damaged \(.*\): move it away and restore a backup"):
        open_journal(f"sqlite:///{path}", "dry")


def test_an_unreachable_server_is_one_sentence_without_the_password() -> None:
    url = "postgresql://keeper:s3cret@127.0.0.1:1/none"
    for opening in (lambda: open_journal(url, "dry"), lambda: read_journal(url).__enter__()):
        with pytest.raises(TransientError) as refusal:
            opening()
        assert "s3cret" not in str(refusal.value) and "127.0.0.1" in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert "s3cret" not in str(locate(url))


def test_reading_sqlite_needs_no_sqlalchemy() -> None:
    program = (
        "import sys, keeper.world.journal.reading, keeper.world.journal.queries, keeper.world.journal.decisions, "
        "keeper.world.journal.memory; sys.exit('sqlalchemy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_upgrades_a_journal_is_loaded_for_that_alone(tmp_path: Path) -> None:
    program = (
        "import sys; from keeper.world.journal.opening import open_journal; "
        f"open_journal('sqlite:///{tmp_path}/keeper.db', 'dry'); sys.exit('alembic' in sys.modules)"
    )
    for _ in ("made", "opened"):
        subprocess.run([sys.executable, "-c", program], check=True)

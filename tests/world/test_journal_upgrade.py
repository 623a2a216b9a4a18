"""A journal of an older schema becomes one of the newest schema, whole or not at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from keeper.errors import ConfigError, FatalError
from keeper.model import canonical
from keeper.world.journal import decisions
from keeper.world.journal.opening import open_journal
from keeper.world.journal.reading import read_journal
from keeper.world.journal.schema import SCHEMA_VERSION
from tests.world import old_journal
from tests.world.words import OWNER, decision

NEW_COLUMNS = {
    2: {"strategies": 2, "transactions": 4, "attempts": 2, "positions": 1},
    3: {"transactions": 1},
}
WRITES = {"CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "COMMIT"}
_OF_4 = {"proposals", "safe_pins", "undelegations"}
NEW_TABLES = {2: {"signers", "code_pins", "reconciliations"} | _OF_4, 3: _OF_4}


@pytest.mark.parametrize(("schema", "artifacts"), [(2, True), (2, False), (3, True)])
def test_it_becomes_what_a_new_one_is_and_keeps_every_row(
    journal_url: str, tmp_path: Path, schema: int, artifacts: bool
) -> None:
    before = old_journal.make(journal_url, tmp_path, artifacts=artifacts, schema=schema)
    open_journal(journal_url, "wallet").close()
    fresh = f"sqlite:///{tmp_path}/fresh.db"
    if journal_url.startswith("sqlite"):
        open_journal(fresh, "wallet").close()
        assert old_journal.shape_at(journal_url) == old_journal.shape_at(fresh)
    after = old_journal.rows_at(journal_url)
    assert after.keys() - before.keys() == NEW_TABLES[schema] | (set() if artifacts else {"artifacts"})
    assert all(after[name] == [] for name in after.keys() - before.keys())
    assert ("schema", str(SCHEMA_VERSION)) in after["meta"] and ("schema", str(schema)) in before["meta"]
    for name in before.keys() - {"meta"}:
        assert len(after[name]) == len(before[name]), name
        added = NEW_COLUMNS[schema].get(name, 0)
        for old, new in zip(before[name], after[name], strict=True):
            assert len(new) == len(old) + added and _is_within(old, new), name


def _is_within(old: tuple[object, ...], new: tuple[object, ...]) -> bool:
    """Every value of the old row stands in the new one, in order."""
    rest = iter(new)
    return all(any(value == each for each in rest) for value in old)


@pytest.mark.parametrize("schema", [2, 3])
def test_the_shape_on_postgres_is_that_of_a_new_one(postgres_url: str, tmp_path: Path, schema: int) -> None:
    import psycopg

    old_journal.make(postgres_url, tmp_path, schema=schema)
    open_journal(postgres_url, "wallet").close()
    upgraded = old_journal.shape_at(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    open_journal(postgres_url, "wallet").close()
    assert upgraded == old_journal.shape_at(postgres_url)


def test_it_goes_on_where_the_old_one_stood(journal_url: str, tmp_path: Path) -> None:
    old_journal.make(journal_url, tmp_path)
    journal = open_journal(journal_url, "wallet")
    with journal.reading() as query:
        stored = list(decisions.stored_decisions(query))
        assert [each.canonical for each in stored[:3]] == [canonical.encode(decision(number)) for number in range(3)]
    assert journal.transactions.highest_live_nonce(31337, OWNER) == 0
    memory = journal.memory("eth-usdc")
    assert memory.open is not None and [each.token_id for each in memory.held] == [7]
    assert journal.record_decision(decision(9)) == 6, "numbers go on after the highest"
    journal.close()


def test_a_copy_of_the_old_one_stays_beside_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/keeper.db"
    before = old_journal.make(url, tmp_path)
    open_journal(url, "wallet").close()
    copy = tmp_path / "keeper.db.schema-2.bak"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert old_journal.rows_at(f"sqlite:///{copy}") == before
    kept = copy.read_bytes()
    (tmp_path / "keeper.db").unlink()
    before = old_journal.make(url, tmp_path)  # another old journal at the same place
    with closing(sqlite3.connect(tmp_path / "keeper.db")) as connection, connection:
        connection.execute("UPDATE events SET message = 'another'")
    open_journal(url, "wallet").close()
    assert copy.read_bytes() == kept
    assert ("another" in str(old_journal.rows_at(f"sqlite:///{tmp_path}/keeper.db.schema-2.2.bak")["events"])) is True


def test_reading_says_what_to_do_and_changes_nothing(journal_url: str, tmp_path: Path) -> None:
    before = old_journal.make(journal_url, tmp_path)
    refusal = "has schema 2, .* reads 4; stop what works on it, then `keeper run` or `keeper once` brings it there"
    with pytest.raises(ConfigError, match=refusal), read_journal(journal_url):
        pytest.fail("it has other columns: it must not be read")
    with pytest.raises(ConfigError, match="belongs to mode 'wallet', not 'dry'"):
        open_journal(journal_url, "dry")
    assert old_journal.rows_at(journal_url) == before


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("1", "has schema 1, .* writes 4; use the version that made it, or start a new journal"),
        ("5", "has schema 5, .* knows none after 4; install the version that wrote it"),
        ("x", "has schema x, .* writes 4"),
    ],
)
def test_other_versions_are_refused(journal_url: str, schema: str, said: str) -> None:
    journal = open_journal(journal_url, "dry")
    with journal._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE meta SET value = '{schema}' WHERE key = 'schema'")
    journal.close()
    with pytest.raises(ConfigError, match=said):
        open_journal(journal_url, "dry")
    with pytest.raises(ConfigError, match=said), read_journal(journal_url):
        pytest.fail("it must not be read")


def test_one_that_does_not_fit_is_left_as_it_is(journal_url: str, tmp_path: Path) -> None:
    old_journal.make(journal_url, tmp_path)
    doubled = (
        "INSERT INTO transactions (id, step_id, chain_id, sender, nonce, state) "
        "SELECT 99, step_id, chain_id, sender, 5, state FROM transactions"
    )
    old_journal.execute(journal_url, doubled)
    before = old_journal.rows_at(journal_url)
    with pytest.raises(FatalError, match=r"cannot be brought from schema 2 to 4 .*nothing of it was changed"):
        open_journal(journal_url, "wallet")
    assert old_journal.rows_at(journal_url) == before


def _killed_at(url: str, statement: int) -> bool:
    """Open the journal in a process that is killed before that write of the upgrade. False: it came to the end."""
    child = os.fork()
    if child == 0:
        seen = 0

        def before(_connection: object, _cursor: object = None, sql: str = "COMMIT", *_: object) -> None:
            nonlocal seen
            seen += sql.split(None, 1)[0] in WRITES
            if seen > statement:
                os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        with suppress(BaseException):
            event.listen(Engine, "before_cursor_execute", before)
            event.listen(Engine, "commit", before)
            open_journal(url, "wallet").close()
            code = 0
        sys.stdout.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def test_killed_at_some_writes_the_next_start_completes_it(journal_url: str, tmp_path: Path) -> None:
    _kill_and_complete(journal_url, tmp_path, stride=5)


@pytest.mark.soak
def test_killed_at_every_write_the_next_start_completes_it(journal_url: str, tmp_path: Path) -> None:
    _kill_and_complete(journal_url, tmp_path, stride=1)


def _kill_and_complete(url: str, folder: Path, stride: int) -> None:
    before = old_journal.make(url, folder)
    write = 0
    while _killed_at(url, write):
        found = old_journal.rows_at(url)
        if ("schema", "2") in found["meta"]:
            assert found == before, f"killed before write {write}"
        write += stride
    assert write > 15, "the upgrade is not seen"
    found = old_journal.rows_at(url)
    assert ("schema", "4") in found["meta"] and len(found["decisions"]) == len(before["decisions"])
    if url.startswith("sqlite"):
        assert [path.name for path in folder.glob("keeper.db.schema*")] == ["keeper.db.schema-2.bak"]
    open_journal(url, "wallet").close()

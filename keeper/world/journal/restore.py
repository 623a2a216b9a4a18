"""A backup put where there is nothing yet: a new file, or an empty PostgreSQL database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, inspect, select

from keeper.errors import ConfigError, KeeperError
from keeper.world.journal import tables, tape_tables
from keeper.world.journal.copying import copy_file, copy_rows, publish
from keeper.world.journal.engines import engine_at, sqlite_engine
from keeper.world.journal.integrity import check_file
from keeper.world.journal.invariants import check_contents
from keeper.world.journal.location import PostgresDatabase, SqliteFile, locate
from keeper.world.journal.lock import hold_journal
from keeper.world.journal.opening import open_journal


@dataclass(frozen=True, slots=True)
class Restored:
    """What stands at ``place`` now. ``last_timestamp``: of its last decision, UNIX seconds."""

    place: str
    mode: str
    rows: int
    last_timestamp: int | None


def restore(file: Path, url: str, timestamp: int) -> Restored:
    """Put the backup ``file`` at ``url``, in the newest form, with an event "restored" at ``timestamp``: all or none.

    Raises:
        ConfigError: there is no such backup, or something stands at ``url`` already.
        FatalError: the backup is damaged, or another process works on ``url``.
        TransientError: no room, or the database does not answer.
    """
    location = locate(url)
    if not file.is_file():
        raise ConfigError(f"there is no backup at {file}")
    if isinstance(location, SqliteFile):
        return _to_file(file, location, timestamp)
    return _to_postgres(file, location, timestamp)


def _to_file(file: Path, location: SqliteFile, timestamp: int) -> Restored:
    path = location.path
    with hold_journal(location):
        for place in (path, path.with_name(f"{path.name}-wal")):
            if os.path.lexists(place):
                raise ConfigError(f"{place} exists already and is left as it is; move it away first")
        with _draft(file, path.parent) as draft:
            restored = _complete(draft, str(location), timestamp)
            try:
                publish(draft, path)
            except FileExistsError as error:
                raise ConfigError(f"{path} exists already and is left as it is; move it away first") from error
    return restored


def _to_postgres(file: Path, location: PostgresDatabase, timestamp: int) -> Restored:
    engine = engine_at(location)
    try:
        with hold_journal(location), tempfile.TemporaryDirectory() as folder, _draft(file, Path(folder)) as draft:
            restored = _complete(draft, str(location), timestamp)
            source = sqlite_engine(draft, single_file=True)
            try:
                with engine.begin() as target, source.begin() as origin:
                    if inspect(target).get_table_names():
                        raise ConfigError(f"{location} is not empty and is left as it is; give an empty database")
                    tape_tables.metadata.create_all(target)
                    copy_rows(origin, target)
                    check_contents(target, location)
            finally:
                source.dispose()
    finally:
        engine.dispose()
    return restored


@contextmanager
def _draft(file: Path, folder: Path) -> Iterator[Path]:
    """A copy of the backup, checked, that may be changed; the backup itself is only read."""
    try:
        work = Path(tempfile.mkdtemp(prefix=".keeper-restore-", dir=folder))
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written ({error.strerror}); choose another place") from error
    draft = work / "keeper.db"
    try:
        copy_file(file, draft)
        yield draft
    except KeeperError as error:  # nobody knows the draft
        raise type(error)(str(error).replace(str(draft), str(file))) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _complete(draft: Path, place: str, timestamp: int) -> Restored:
    """Bring the draft to the newest form and write down where it comes from; a single file afterwards."""
    check_file(draft)
    open_journal(f"sqlite:///{draft}", _mode(draft)).close()  # brings it to the newest form, checks its contents
    engine = sqlite_engine(draft, single_file=True)
    try:
        with engine.begin() as connection:
            last = connection.execute(select(func.max(tables.decisions.c.timestamp))).scalar()
            mode = connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == "mode")).scalar_one()
            connection.execute(insert(tables.events).values(_event(last, timestamp)))
            return Restored(place, mode, _rows(connection), last)
    finally:
        engine.dispose()


def _mode(draft: Path) -> str:
    with closing(sqlite3.connect(draft)) as connection:
        try:
            ((mode,),) = connection.execute("SELECT value FROM meta WHERE key = 'mode'").fetchall()
        except (sqlite3.DatabaseError, ValueError) as error:
            raise ConfigError("the backup is not a journal: it says nothing of its mode") from error
    return str(mode)


def _event(last: int | None, timestamp: int) -> dict[str, object]:
    known = "no decision" if last is None else f"nothing after its last decision at UNIX second {last}"
    message = f"from a backup that knows {known}; what happened since is looked up on the chain"
    return {"strategy": None, "kind": "restored", "message": message, "timestamp": timestamp}


def _rows(connection: Connection) -> int:
    counts = (select(func.count()).select_from(table) for table in tape_tables.metadata.sorted_tables)
    return sum(connection.execute(count).scalar_one() for count in counts)

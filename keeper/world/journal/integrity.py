"""Whether an SQLite journal's files are whole, before anything else is asked of them. Contents are ``invariants``'."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from keeper.errors import ConfigError
from keeper.world.journal.database_errors import damaged, database_error
from keeper.world.journal.location import SqliteFile
from keeper.world.journal.wal import lost_commits

_BUSY_SECONDS: Final = 10
# The full check holds every index entry against its row: a second for each 400 MB; the quick one takes a third of it.
_QUICK_ABOVE_BYTES: Final = 1 << 30
_SQLITE_MAGIC: Final = b"SQLite format 3\x00"


def check_file(path: Path) -> None:
    """Structure, indexes, foreign keys and the write-ahead log.

    Raises:
        ConfigError: not an SQLite file, not ours to write, or held by another program.
        FatalError: damaged; says what to do.
    """
    try:
        with path.open("r+b") as file:
            head = file.read(len(_SQLITE_MAGIC))
    except OSError as error:
        raise ConfigError(f"the journal {path} cannot be written ({error.strerror}); {OTHER_PLACE}") from error
    if not head:
        raise damaged(path, "the file is empty, which a journal never is")
    if head != _SQLITE_MAGIC:
        raise ConfigError(f"{path} is not a journal (not an SQLite file); {OTHER_PLACE}")
    lost = lost_commits(path.with_name(f"{path.name}-wal"))
    if lost:
        raise damaged(path, f"its write-ahead log {path.name}-wal is, and holds commits that cannot be read")
    _check_pages(path, "quick_check" if path.stat().st_size > _QUICK_ABOVE_BYTES else "integrity_check")


OTHER_PLACE: Final = "choose another place with `journal:` in keeper.yaml"


def _check_pages(path: Path, check: str) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            ((verdict,),) = connection.execute(f"PRAGMA {check}(1)").fetchall()
            orphan = connection.execute("PRAGMA foreign_key_check").fetchone() if verdict == "ok" else None
    except sqlite3.DatabaseError as error:
        raise database_error(SqliteFile(path), error) or damaged(path, str(error)) from error
    except UnicodeDecodeError as error:
        raise damaged(path, "a name in it is no text") from error
    if verdict != "ok":
        raise damaged(path, verdict.replace("*** in database main ***", ""))
    if orphan is not None:
        raise damaged(path, f"row {orphan[1]} of {orphan[0]} belongs to a row of {orphan[2]} that is not there")

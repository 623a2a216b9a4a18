"""Whether an SQLite journal's files are whole, before anything else is asked of them. Contents are ``invariants``'."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from keeper.errors import ConfigError
from keeper.world.journal.database_errors import damaged, database_error
from keeper.world.journal.location import SqliteFile
from keeper.world.journal.wal import lost_commits

_BUSY_SECONDS: Final = 10
# The full check holds every index entry against its row and takes three times as long: a start must not wait for it.
_QUICK_ABOVE_BYTES: Final = 256 << 20
_SQLITE_MAGIC: Final = b"SQLite format 3\x00"


def check_file(path: Path) -> None:
    """Structure, indexes, foreign keys and the write-ahead log.

    Raises:
        ConfigError: not an SQLite file, not ours to write, or held by another program.
        FatalError: damaged; says what to do.
    """
    try:
        with path.open("r+b") as file:
            head, size_bytes = file.read(18), file.seek(0, os.SEEK_END)
    except OSError as error:
        raise ConfigError(f"the journal {path} cannot be written ({error.strerror}); {OTHER_PLACE}") from error
    if not head:
        raise damaged(path, "the file is empty, which a journal never is")
    if not head.startswith(_SQLITE_MAGIC):
        raise ConfigError(f"{path} is not a journal (not an SQLite file); {OTHER_PLACE}")
    log = path.with_name(f"{path.name}-wal")
    # SQLite takes what is missing of the last page for zeros. A log may hold that page whole, and no log is no excuse.
    has_log = log.exists() and log.stat().st_size > 0
    if not has_log and size_bytes % _page_bytes(head):
        raise damaged(path, "it is cut off within a page")
    if lost_commits(log):
        raise damaged(path, f"its write-ahead log {path.name}-wal is, and holds commits that cannot be read")
    _check_pages(path, "quick_check" if size_bytes > _QUICK_ABOVE_BYTES else "integrity_check")


def _page_bytes(head: bytes) -> int:
    stored = int.from_bytes(head[16:18], "big")
    return 65_536 if stored in (0, 1) else stored


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

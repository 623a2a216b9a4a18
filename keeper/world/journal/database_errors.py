"""What a database says when it cannot go on, in the keeper's words and kinds of error.

A commit that fails here has kept nothing, so nothing that waited for it is sent.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from keeper.errors import ConfigError, FatalError, KeeperError, TransientError
from keeper.world.journal.location import Location, PostgresDatabase, unreachable

_RESTORE: Final = "move it away and restore a backup (`keeper restore`)"
_WORDS: Final = 200
# PostgreSQL's classes of SQLSTATE: what passes by itself or once somebody has made room, and what is damage.
_PASSES: Final = ("08", "40", "53", "55P03", "57")
_DAMAGED: Final = ("XX001", "XX002")


def database_error(location: Location, error: Exception) -> KeeperError | None:
    """The keeper's error for the driver's, or None when it says something else: a constraint, a defect."""
    if isinstance(location, PostgresDatabase):
        return _postgres_error(location, error)
    return _sqlite_error(location, error) if isinstance(error, sqlite3.DatabaseError) else None


def damaged(location: object, words: str) -> FatalError:
    """The journal is not what was written. Of many ``words`` the first are told, in one line."""
    told = " ".join(words.split())
    told = told if len(told) <= _WORDS else f"{told[:_WORDS]}…"
    return FatalError(f"the journal {location} is damaged ({told}): {_RESTORE}")


def _sqlite_error(location: Location, error: sqlite3.DatabaseError) -> KeeperError | None:
    # An extended code holds its kind in the low byte. What the driver says itself (misuse) has no code.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if str(error).startswith("Could not decode"):
        return damaged(location, "a text is none")
    if code == sqlite3.SQLITE_FULL:
        return _no_room(location)
    if code == sqlite3.SQLITE_IOERR:
        return FatalError(
            f"the disk under the journal {location} failed ({error}): nothing is signed without a record; "
            "look at the disk, free space if it is full, then start again"
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TransientError(f"the journal {location} is held by another program ({error}); it is tried again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return ConfigError(
            f"the journal {location} cannot be written ({error}); give the keeper the right to write the file and its "
            "folder"
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(location, str(error))
    return None


def _postgres_error(location: PostgresDatabase, error: Exception) -> KeeperError | None:
    state = getattr(error, "sqlstate", None)
    words = (str(error).strip().splitlines() or ["no answer"])[0]
    if state is None:  # no answer of the server's: the connection broke; psycopg says so with this class alone
        return unreachable(location, error) if type(error).__name__ == "OperationalError" else None
    if state == "53100":
        return _no_room(location)
    if state.startswith(_DAMAGED):
        return damaged(location, words)
    if state.startswith(_PASSES):
        return TransientError(f"the journal {location} cannot be written now: {words}; it is tried again")
    return None


def _no_room(location: Location) -> TransientError:
    return TransientError(
        f"no space is left for the journal {location}: nothing is signed without a record; free space on its disk, "
        "and the next turn goes on"
    )

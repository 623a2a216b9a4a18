"""Where a journal lives: a URL read without loading any database library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keeper.errors import ConfigError, KeeperError, TransientError

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgresql+psycopg://", "postgres://")


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A journal in a file of its own."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class PostgresDatabase:
    """A journal in a PostgreSQL database. ``url`` may hold a password: ``str()`` leaves it out."""

    url: str

    def __str__(self) -> str:
        return f"postgresql://{self.url.split('://', 1)[1].rsplit('@', 1)[-1].split('?', 1)[0]}"


Location = SqliteFile | PostgresDatabase


def locate(url: str) -> Location:
    """The location a journal URL names: ``sqlite:///relative.db``, ``sqlite:////absolute.db`` or ``postgresql://…``.

    ConfigError for anything else.
    """
    if url.startswith(_SQLITE) and url != _SQLITE and not url.endswith(":memory:"):
        return SqliteFile(Path(url.removeprefix(_SQLITE)).expanduser())
    for prefix in _POSTGRES:
        if url.startswith(prefix) and url != prefix:
            return PostgresDatabase("postgresql://" + url.removeprefix(prefix))
    scheme = url.split(":", 1)[0]
    raise ConfigError(
        f"the journal URL (scheme {scheme!r}) is not one of sqlite:///keeper.db, sqlite:////absolute/path/keeper.db "
        "or postgresql://user@host/database"
    )


def unreachable(location: PostgresDatabase, error: Exception) -> KeeperError:
    """The error for a database that could not be opened: TransientError unless the server itself said no."""
    words = (str(error).strip().splitlines() or ["no answer"])[0]
    sentence = f"the journal {location} cannot be reached: {words}"
    if "FATAL:" in words:
        return ConfigError(f"{sentence}; correct `journal:` in keeper.yaml, or the database's rights")
    return TransientError(f"{sentence}; start the database, or correct `journal:` in keeper.yaml")

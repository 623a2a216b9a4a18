"""How the journal is read: portable SQL with ``?`` for parameters, over whichever connection is at hand.

The daemon reads through SQLAlchemy's connection; commands that must start at once read through ``sqlite3`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]


class Query(Protocol):
    """Runs one SELECT and returns its rows."""

    def __call__(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]: ...


def psycopg_style(sql: str) -> str:
    """The same statement with psycopg's parameter mark."""
    return sql.replace("%", "%%").replace("?", "%s")

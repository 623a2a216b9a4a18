"""Which form a journal has, and what is said of one that has another."""

from __future__ import annotations

from typing import Final

from keeper.errors import ConfigError
from keeper.world.journal.location import Location

SCHEMA_VERSION: Final = 3


def require_schema(location: Location, found: str | None) -> None:
    """ConfigError unless a journal's ``schema`` is the one that this version reads and writes."""
    if found != str(SCHEMA_VERSION):
        raise ConfigError(
            f"the journal {location} has schema {found}, this version of Range Keeper writes "
            f"{SCHEMA_VERSION}; use the version that made it, or start a new journal"
        )

"""Which form a journal has, and what is said of one that has another."""

from __future__ import annotations

from typing import Final

from keeper.errors import ConfigError
from keeper.world.journal.location import Location

SCHEMA_VERSION: Final = 4
OLDEST_UPGRADABLE: Final = 2


def is_upgradable(found: str | None) -> bool:
    """Whether a journal of that ``schema`` can be brought to the newest form."""
    return found in {str(version) for version in range(OLDEST_UPGRADABLE, SCHEMA_VERSION)}


def require_schema(location: Location, found: str | None) -> None:
    """ConfigError unless a journal's ``schema`` is the one that this version reads and writes."""
    if found == str(SCHEMA_VERSION):
        return
    if found is not None and found.isdecimal() and int(found) > SCHEMA_VERSION:
        remedy = f"knows none after {SCHEMA_VERSION}; install the version that wrote it"
    elif is_upgradable(found):
        remedy = f"reads {SCHEMA_VERSION}; stop what works on it, then `keeper run` or `keeper once` brings it there"
    else:
        remedy = f"writes {SCHEMA_VERSION}; use the version that made it, or start a new journal"
    raise ConfigError(f"the journal {location} has schema {found}, this version of Range Keeper {remedy}")

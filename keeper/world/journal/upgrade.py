"""An older journal brought to the newest form: all of it in one transaction, after a copy beside it.

``migrations/versions`` holds one file for each form, as Alembic has them. The form that a journal has stands in its
``meta`` table alone, and is written in the same commit: a process that is killed leaves the old form, whole.
"""

from __future__ import annotations

import filecmp
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import DatabaseError

from keeper.errors import FatalError
from keeper.world.journal import tables
from keeper.world.journal.copying import copy_file
from keeper.world.journal.database_errors import damaged
from keeper.world.journal.engines import sqlite_engine
from keeper.world.journal.invariants import check_contents
from keeper.world.journal.location import Location, SqliteFile
from keeper.world.journal.schema import SCHEMA_VERSION, is_upgradable

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, location: Location, found: str) -> None:
    """Bring a journal of schema ``found`` to the newest. The caller holds its lock.

    Raises:
        FatalError: the journal does not fit what its schema says; it is left as it was.
        TransientError: there is no room, or the database does not answer.
    """
    if isinstance(location, SqliteFile):
        keep_copy(location.path, found)
        engine = sqlite_engine(location.path, foreign_keys=False)  # off, or no table could be rebuilt
    try:
        with engine.begin() as connection:
            _upgrade(connection, location)
    except DatabaseError as error:
        raise FatalError(
            f"the journal {location} cannot be brought from schema {found} to {SCHEMA_VERSION} "
            f"({str(error.orig).strip().splitlines()[0]}): nothing of it was changed; go on with the version that "
            "made it, and report this"
        ) from error
    finally:
        if isinstance(location, SqliteFile):
            engine.dispose()


def keep_copy(path: Path, found: str) -> Path:
    """Copy the file to ``NAME.schema-N.bak`` beside it; a copy of something else by that name stays as it is."""
    part = path.with_name(f"{path.name}.schema-{found}.part")
    part.unlink(missing_ok=True)  # of a process that was killed
    copy_file(path, part)
    for number in count(1):
        kept = path.with_name(f"{path.name}.schema-{found}{'' if number == 1 else f'.{number}'}.bak")
        if not kept.exists() or filecmp.cmp(part, kept, shallow=False):
            part.replace(kept)
            return kept
    raise AssertionError("numbers do not end")


def _upgrade(connection: Connection, location: Location) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    meta = tables.meta
    mine = meta.c.key == "schema"
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")
    found = connection.execute(select(meta.c.value).where(mine)).scalar_one()
    if not is_upgradable(found):
        return  # another process has done it meanwhile
    steps = list(ScriptDirectory(_MIGRATIONS).iterate_revisions(str(SCHEMA_VERSION), found))
    with Operations.context(MigrationContext.configure(connection)):
        for step in reversed(steps):
            step.module.upgrade()
    if connection.dialect.name == "sqlite":
        orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if orphan is not None:
            raise damaged(location, f"row {orphan[1]} of {orphan[0]} belongs to a row of {orphan[2]} that is not there")
    check_contents(connection, location)
    connection.execute(update(meta).where(mine).values(value=str(SCHEMA_VERSION)))

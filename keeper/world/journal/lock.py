"""One process per journal and signer: two that send from one key would fight over its nonces."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keeper.errors import ConfigError, FatalError
from keeper.world.journal.location import PostgresDatabase, locate, unreachable


@contextmanager
def hold_lock(url: str, signer_address: str) -> Iterator[None]:
    """Hold the journal for this process and signer; released when the process ends, however it ends.

    FatalError if another process holds it, ConfigError if the place cannot be used, TransientError if the database
    does not answer.
    """
    location = locate(url)
    if isinstance(location, PostgresDatabase):
        with _advisory_lock(location, signer_address):
            yield
    else:
        with hold_file(location.path.with_name(location.path.name + ".lock"), f"the journal {location}"):
            yield


@contextmanager
def hold_file(path: Path, what: str) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; ``what`` names the thing it guards in the refusal."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{what} cannot be locked ({path}: {error.strerror}); choose another place with `journal:` in keeper.yaml"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise FatalError(
                f"another keeper (process {holder}) already works on {what}; stop it first: one process per journal"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _advisory_lock(location: PostgresDatabase, signer_address: str) -> Iterator[None]:
    import psycopg  # an optional extra, present once the journal is open

    digest = hashlib.sha256(f"range-keeper:{signer_address.lower()}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    try:
        connection = psycopg.connect(location.url, autocommit=True)
    except psycopg.Error as error:
        raise unreachable(location, error) from error
    with connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        if row is None or not row[0]:
            raise FatalError(
                f"another keeper already signs as {signer_address} on the journal {location}; "
                "stop it first: one process per signer"
            )
        yield

"""One process per journal, and one per signer: two that send from one key would fight over its nonces."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from keeper.errors import ConfigError, FatalError
from keeper.world.journal.location import Location, PostgresDatabase, locate, unreachable

if TYPE_CHECKING:
    import psycopg

RUNTIME_VARIABLE: Final = "KEEPER_RUNTIME_DIR"
_ANY_SIGNER: Final = "journal"
_ELSEWHERE: Final = "choose another place with `journal:` in keeper.yaml"


@contextmanager
def hold_lock(url: str, signer_address: str, *, signs: bool = True) -> Iterator[None]:
    """Hold the journal, and if it ``signs`` the signer on this machine, for this process; released when the process
    ends, however it ends.

    FatalError if another process holds one of them, ConfigError if a place cannot be used, TransientError if the
    database does not answer.
    """
    location = locate(url)
    with ExitStack() as stack:
        if signs:
            for folder in runtime_folders():
                path = folder / f"{signer_address.lower()}.lock"
                stack.enter_context(hold_file(path, f"the signer {signer_address}", one="signer", remedy=_RUNTIME))
        stack.enter_context(hold_journal(location, signer_address))
        yield


@contextmanager
def hold_safe(url: str, chain_id: int, safe: str) -> Iterator[None]:
    """Hold a Safe on this machine, and in the journal's database, so that two keepers with different keys do not ask
    its owners twice. Errors as ``hold_lock``."""
    location, name = locate(url), f"{chain_id}-{safe.lower()}"
    with ExitStack() as stack:
        for folder in runtime_folders():
            path = folder / f"safe-{name}.lock"
            stack.enter_context(hold_file(path, f"the Safe {safe}", one="Safe", remedy=_RUNTIME))
        if isinstance(location, PostgresDatabase):
            stack.enter_context(_advisory_lock(location, name, does=f"works for the Safe {safe}"))
        yield


@contextmanager
def hold_journal(location: Location, signer_address: str = _ANY_SIGNER) -> Iterator[None]:
    """Hold the journal alone: a file's whole, a database's for one signer. Errors as ``hold_lock``."""
    if isinstance(location, PostgresDatabase):
        with _advisory_lock(location, signer_address):
            yield
    else:
        with hold_file(location.path.with_name(location.path.name + ".lock"), f"the journal {location}"):
            yield


def runtime_folders() -> list[Path]:
    """Where locks of signers lie: what all keepers of this user on this machine see, however they were started.

    A login has XDG_RUNTIME_DIR and a service has none, so both places are used. ``KEEPER_RUNTIME_DIR`` replaces them:
    a folder that containers share. ConfigError when one is not this user's alone.
    """
    given = os.environ.get(RUNTIME_VARIABLE)
    if given:
        return [_private(Path(given))]
    session = os.environ.get("XDG_RUNTIME_DIR")
    places = [Path(tempfile.gettempdir()) / f"range-keeper-{os.getuid()}"]
    if session and Path(session).is_dir():
        places.append(Path(session) / "range-keeper")
    return [_private(place) for place in places]


_RUNTIME: Final = f"set {RUNTIME_VARIABLE} to a folder of yours alone (mode 0700)"


def _private(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ConfigError(f"the folder of locks {folder} cannot be made ({error.strerror}); {_RUNTIME}") from error
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigError(f"the folder of locks {folder} is open to others, who could take the lock away; {_RUNTIME}")
    return folder


@contextmanager
def hold_file(path: Path, what: str, *, one: str = "journal", remedy: str = _ELSEWHERE) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; ``what`` names the thing it guards in the refusal."""
    descriptor = _locked(path, what, one, remedy)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path, what: str, one: str, remedy: str) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigError(f"{what} cannot be locked ({path}: {error.strerror}); {remedy}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise FatalError(
                f"another keeper (process {holder}) already works on {what}; stop it first: one process per {one}"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise ConfigError(f"{what} cannot be locked ({path}: {error.strerror}); {remedy}") from error
        os.close(descriptor)  # the file was removed meanwhile: a lock on it would guard nothing


@contextmanager
def _advisory_lock(location: PostgresDatabase, signer_address: str, *, does: str = "") -> Iterator[None]:
    import psycopg  # an optional extra, present once the journal is open

    digest = hashlib.sha256(f"range-keeper:{signer_address.lower()}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    name = f"keeper {os.getpid()} on {socket.gethostname()}"
    try:
        connection = psycopg.connect(location.url, autocommit=True, application_name=name)
    except psycopg.Error as error:
        raise unreachable(location, error) from error
    with connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        if row is None or not row[0]:
            does = does or ("works" if signer_address == _ANY_SIGNER else f"signs as {signer_address}")
            raise FatalError(
                f"another keeper ({_holder(connection, key)}) already {does} on the journal {location}; stop it first: "
                "one process per signer"
            )
        yield


def _holder(connection: psycopg.Connection, key: int) -> str:
    """The process that holds the lock, by the name it gave the server."""
    row = connection.execute(
        "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' "
        "AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND (l.classid::bigint << 32 | l.objid::bigint) = %s",
        (key,),
    ).fetchone()
    name = str(row[0]) if row else ""
    return name.replace("keeper ", "process ", 1) if name.startswith("keeper ") else "process unknown"

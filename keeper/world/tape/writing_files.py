"""Putting bytes on the disk so that a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

from keeper.errors import ConfigError

_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)


def write_durably(path: Path, data: bytes) -> None:
    """The whole file or nothing, also where the power fails.

    Raises:
        ConfigError: the disk is full or the folder cannot be written; what was there before still is.
    """
    scratch = path.with_name(f".{path.name}.new")
    try:
        with scratch.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
        _settle(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise not_written(path, error) from None


def make_folder(folder: Path) -> None:
    """ConfigError: it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from None


def not_written(path: Path, error: OSError) -> ConfigError:
    """The sentence for what could not be written."""
    if error.errno in _NO_SPACE:
        return ConfigError(
            "no space is left on the disk: make room and run the same command again; it goes on where it stopped",
            path=str(path),
        )
    return ConfigError(f"cannot be written ({(error.strerror or str(error)).lower()}); choose another place",
                       path=str(path))  # fmt: skip


def _settle(folder: Path) -> None:
    """A rename is for good only when the folder itself is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

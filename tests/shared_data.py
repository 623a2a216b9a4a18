"""Recorded pools and prices that lie outside the repository: they are not ours to give on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def shared_file(name: str) -> Path:
    """A file of the folder that KEEPER_DATA names, else of ``../shared/data`` beside the checkout.

    A test that needs one which is not there says aloud that it did not run."""
    folder = os.environ.get("KEEPER_DATA")
    file = (Path(folder) if folder else REPOSITORY.parent / "shared" / "data") / name
    if not file.is_file():
        pytest.skip(f"{name} is not in the folder that KEEPER_DATA names: NOT CHECKED")
    return file

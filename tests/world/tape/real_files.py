"""Real days of real pools, which lie outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def real_file(name: str) -> Path:
    """A file of the folder that KEEPER_DATA names (else ``../shared/data`` beside the checkout). Where it is missing,
    a test that needs it fails under CI=true, and elsewhere says that it did not run."""
    folder = Path(os.environ.get("KEEPER_DATA", Path(__file__).parents[4] / "shared" / "data"))
    file = folder / name
    if not file.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI=true, and there is no {name} where KEEPER_DATA points")
        pytest.skip(f"KEEPER_DATA does not name a folder with {name}: NOT CHECKED")
    return file

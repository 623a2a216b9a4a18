"""A journal of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    journal = open_journal(f"sqlite:///{tmp_path}/keeper.db", "wallet")
    yield journal
    journal.close()

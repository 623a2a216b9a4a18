"""One treasury for the whole session, put back after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.safe.treasury import Treasury, running_treasury


@pytest.fixture(scope="session")
def session_treasury() -> Iterator[Treasury]:
    with running_treasury() as treasury:
        yield treasury


@pytest.fixture
def treasury(session_treasury: Treasury) -> Iterator[Treasury]:
    snapshot = session_treasury.anvil.snapshot()
    yield session_treasury
    session_treasury.anvil.revert(snapshot)

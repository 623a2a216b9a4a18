"""A local chain that has traded for a day, put back before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.policy.desk import Warm, warmed


@pytest.fixture(scope="session")
def traded() -> Iterator[Warm]:
    with warmed(True) as world:
        yield world


@pytest.fixture
def warm(traded: Warm) -> Iterator[Warm]:
    snapshot = traded.anvil.snapshot()
    yield traded
    traded.anvil.revert(snapshot)

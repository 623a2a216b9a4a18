"""Two local chains that have traded for a day, one for each token order, put back before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.policy.desk import Warm, warmed


@pytest.fixture(scope="session")
def worlds() -> Iterator[dict[bool, Warm]]:
    with warmed(True) as one, warmed(False) as other:
        yield {True: one, False: other}


@pytest.fixture
def warm(worlds: dict[bool, Warm], request: pytest.FixtureRequest) -> Iterator[Warm]:
    chosen = worlds[getattr(request, "param", True)]
    snapshot = chosen.anvil.snapshot()
    yield chosen
    chosen.anvil.revert(snapshot)

"""A local chain that has traded for a day, of either token order, put back before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.policy.desk import Warm, Worlds, put_back


@pytest.fixture
def warm(worlds: Worlds, request: pytest.FixtureRequest) -> Iterator[Warm]:
    with put_back(worlds[getattr(request, "param", True)]) as chosen:
        yield chosen

"""A chain that has traded for a day, put back before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.policy.desk import Warm, warmed


@pytest.fixture(scope="module", name="traded")
def make_traded() -> Iterator[Warm]:
    """The stable token is token1. Changes stay: use ``world``."""
    with warmed(True) as one:
        yield one


@pytest.fixture
def world(traded: Warm) -> Iterator[Warm]:
    """``traded``, put back afterwards."""
    snapshot = traded.anvil.snapshot()
    yield traded
    traded.anvil.revert(snapshot)

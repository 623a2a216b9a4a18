"""A chain that has traded for a day, put back before every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.scenes import left_behind
from tests.faults.site import Site
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


@pytest.fixture(name="warm")
def same_world(world: Warm) -> Warm:
    """``world`` by the name that a desk has for it."""
    return world


@pytest.fixture(scope="module", name="behind")
def make_behind(traded: Warm, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A keeper whose price has left its range. Its journal is never written: use ``site``."""
    return left_behind(traded, tmp_path_factory.mktemp("behind"))


@pytest.fixture
def site(behind: Site, world: Warm, tmp_path: Path) -> Site:
    """A keeper that is about to exit, swap and mint; chain and journal are put back afterwards."""
    assert world.anvil.url == behind.anvil_url
    return behind.copied_to(tmp_path / "copy")

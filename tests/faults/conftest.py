"""A chain that has traded for a day, put back before every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.world.safe import exchange
from tests.faults.scenes import left_behind
from tests.faults.site import CHAIN_ID, Site
from tests.faults.treasury import Treasury, make_treasury
from tests.faults.treasury_keeper import Keeper
from tests.policy.desk import Warm, Worlds, put_back
from tests.safe.transaction_service import TransactionService


@pytest.fixture(scope="module", name="traded")
def make_traded(worlds: Worlds) -> Iterator[Warm]:
    """The stable token is token1. Changes stay for the rest of the file: use ``world``."""
    with put_back(worlds[True]) as one:
        yield one


@pytest.fixture
def world(traded: Warm) -> Iterator[Warm]:
    """``traded``, put back afterwards."""
    with put_back(traded) as one:
        yield one


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


@pytest.fixture
def service(world: Warm) -> Iterator[TransactionService]:
    """Safe's service on a socket, with nothing wrong."""
    with TransactionService(world.anvil.rpc, CHAIN_ID) as one:
        yield one


@pytest.fixture
def treasury(world: Warm, service: TransactionService, tmp_path: Path) -> Treasury:
    """A Safe of two in three, for which a keeper works whose key is a mere delegate."""
    return make_treasury(world, tmp_path / "treasury", service)


@pytest.fixture
def keeper(treasury: Treasury) -> Iterator[Keeper]:
    """The keeper of ``treasury`` at work."""
    with treasury.at_work() as one:
        yield one


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not answer is given up on soon."""
    monkeypatch.setattr(exchange, "_RETRIES", 1)
    monkeypatch.setattr(exchange, "_FIRST_PAUSE_SECONDS", 0.01)

"""Fixtures shared by every test that needs a real chain."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.deploy import Deployment, PoolSpec, deploy
from keeper.chainlab.market import Market, MarketSettings
from keeper.chainlab.paths import generate

if TYPE_CHECKING:
    from tests.policy.desk import Worlds

GENESIS_SECONDS = 1_704_060_000
PATH_START_SECONDS = 1_704_067_200
START_PRICE = 2000.0


@dataclasses.dataclass(frozen=True, slots=True)
class Chain:
    """A running anvil with the real contracts, a pool with other providers' liquidity and its market.

    One chain serves a whole test session and is put back before every test: use ``chain``, not ``session_chain``.
    The market object is rebuilt for each test in the same state: no grid block mined yet.
    """

    anvil: Anvil
    deployment: Deployment
    market: Market


@pytest.fixture(scope="session", autouse=True)
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Locks of signers lie with this run of the tests: another run beside it uses the same keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEEPER_RUNTIME_DIR", str(tmp_path_factory.mktemp("locks", numbered=True)))
        yield


@pytest.fixture(scope="session")
def session_chain() -> Iterator[tuple[Anvil, Deployment]]:
    with Anvil(AnvilOptions(genesis_seconds=GENESIS_SECONDS)) as anvil:
        yield anvil, deploy(anvil.rpc, PoolSpec(Fraction(2000), observation_slots=300))


@pytest.fixture
def chain(session_chain: tuple[Anvil, Deployment]) -> Iterator[Chain]:
    """A fresh market (seed 7, four days of path) on the session's chain; everything done to it is undone afterwards."""
    anvil, deployment = session_chain
    snapshot = anvil.snapshot()
    path = generate(7, 4, start_price=START_PRICE, start_seconds=PATH_START_SECONDS)
    yield Chain(anvil, deployment, Market(anvil, deployment, path, MarketSettings(seed=7)))
    anvil.revert(snapshot)


@pytest.fixture(scope="session")
def worlds() -> Iterator[Worlds]:
    """Chains that have traded for a day. Every test puts back what it changes: see ``put_back``."""
    from tests.policy.desk import Worlds  # it builds upon this file

    with ExitStack() as until_the_end:
        yield Worlds(until_the_end)

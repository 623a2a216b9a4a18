from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.deploy_account import place_batch_account
from tests.world import words
from tests.world.executors.bench import Bench, made, make


@pytest.fixture(scope="package")
def plain_anvil() -> Iterator[Anvil]:
    with Anvil(AnvilOptions()) as anvil:
        yield anvil


@pytest.fixture
def bench(plain_anvil: Anvil, tmp_path: Path) -> Iterator[Bench]:
    snapshot = plain_anvil.snapshot()
    bench = make(plain_anvil, tmp_path)
    yield bench
    bench.journal.close()
    plain_anvil.revert(snapshot)


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    """A chain on which accounts can delegate."""
    with Anvil(AnvilOptions(genesis_seconds=words.START)) as anvil:
        place_batch_account(anvil.rpc)
        yield anvil


@pytest.fixture
def undelegated(anvil: Anvil, tmp_path: Path) -> Iterator[Bench]:
    snapshot = anvil.snapshot()
    bench = made(anvil, tmp_path)
    yield bench
    bench.journal.close()
    anvil.revert(snapshot)

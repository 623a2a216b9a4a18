from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from tests.world.executors.bench import Bench, make


@pytest.fixture(scope="package")
def plain_anvil() -> Iterator[Anvil]:
    with Anvil(AnvilOptions()) as anvil:
        yield anvil


@pytest.fixture
def bench(plain_anvil: Anvil, tmp_path: Path) -> Iterator[Bench]:
    snapshot = plain_anvil.snapshot()
    made = make(plain_anvil, tmp_path)
    yield made
    made.journal.close()
    plain_anvil.revert(snapshot)

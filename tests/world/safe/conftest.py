"""The treasury of ``tests/safe``, a service that knows it, and the keeper's client of that service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keeper.world.safe.service import SafeService
from tests.safe.conftest import session_treasury, treasury
from tests.safe.transaction_service import TransactionService
from tests.safe.treasury import Treasury

__all__ = ["session_treasury", "treasury"]


@pytest.fixture(name="server")
def make_server(treasury: Treasury) -> Iterator[TransactionService]:
    with TransactionService(treasury.anvil.rpc, 31337) as server:
        yield server


@pytest.fixture(name="client")
def make_client(treasury: Treasury, server: TransactionService) -> Iterator[SafeService]:
    client = SafeService(server.url, 31337, treasury.safe, timeout_seconds=5.0, sleep=lambda _seconds: None)
    yield client
    client.close()

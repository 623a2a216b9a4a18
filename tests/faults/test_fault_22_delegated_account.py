"""Row 22: the self-send that takes a nonce back needs nobody's consent, not even that of code at the own address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.model.outcome import Failed, Pending
from tests.world import words
from tests.world.executors import bench as bench_module
from tests.world.executors.bench import STEPS, Bench

REFUSES = "0x" + "ee" * 20  # reverts whatever it is asked
DELEGATION = "0xef0100" + REFUSES[2:]  # EIP-7702


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Anvil(AnvilOptions(genesis_seconds=words.START)) as anvil:
        made = bench_module.make(anvil, tmp_path)
        yield made
        made.journal.close()


def test_22_an_account_that_refuses_its_own_calls_gets_its_nonce_back(bench: Bench) -> None:
    bench.mine = False
    assert isinstance(bench.submit(*bench.open(STEPS[1:], lifetime_seconds=60)), Pending)
    bench.anvil.rpc("anvil_dropAllTransactions")
    bench.anvil.rpc("anvil_setCode", REFUSES, "0x60006000fd")
    bench.anvil.rpc("anvil_setCode", bench.signer.address, DELEGATION)
    bench.anvil.mine(bench.time() + 100)
    bench.mine = True
    outcome = bench.settle()
    assert isinstance(outcome, Failed) and "took back its nonce" in outcome.reason
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (0, 1, 0)

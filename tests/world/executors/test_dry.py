from __future__ import annotations

import pytest

from keeper.errors import TransientError
from keeper.model.outcome import Failed, Simulated
from keeper.world.executors.dry import DryExecutor
from tests.world.executors.bench import CLAIM, STEPS, Bench


def test_it_simulates_and_sends_nothing(bench: Bench) -> None:
    submission, plan = bench.open()
    outcome = DryExecutor(bench.node, bench.venue, bench.signer.address).submit(submission, plan)
    assert isinstance(outcome, Simulated)
    assert outcome.report == "approve would succeed with 21000 gas; then collect"
    assert (bench.node.sent, bench.nonce()) == ([], 0)


def test_it_says_what_would_fail(bench: Bench) -> None:
    bench.venue.target = CLAIM
    bench.anvil.rpc("anvil_setStorageAt", CLAIM, "0x0", "0x" + "1".rjust(64, "0"))
    executor = DryExecutor(bench.node, bench.venue, bench.signer.address)
    submission, plan = bench.open(STEPS[1:])
    outcome = executor.submit(submission, plan)
    assert isinstance(outcome, Failed) and outcome.reason.startswith("collect: simulation failed")
    assert isinstance(executor.settle(submission), Failed)


def test_a_node_that_does_not_answer_is_no_simulation(bench: Bench) -> None:
    def silent(_name: str) -> None:
        raise TransientError("no answer")

    bench.node.before = silent
    with pytest.raises(TransientError):
        DryExecutor(bench.node, bench.venue, bench.signer.address).submit(*bench.open())

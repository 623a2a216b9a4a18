from __future__ import annotations

import pytest

from keeper.errors import TransientError
from keeper.model.outcome import Failed, Simulated
from keeper.world.chain.rehearsal import PlainRehearsal
from keeper.world.executors.dry import DryExecutor
from tests.world.executors.bench import CLAIM, STEPS, Bench


def dry(bench: Bench) -> DryExecutor:
    address = bench.signer.address
    return DryExecutor(PlainRehearsal(bench.node, address), bench.venue, address)


def test_it_simulates_and_sends_nothing(bench: Bench) -> None:
    submission, plan = bench.open()
    outcome = dry(bench).submit(submission, plan)
    assert isinstance(outcome, Simulated)
    assert outcome.report == (
        "approve would succeed with 21000 gas (what it does to the balances was not looked at); then collect"
    )
    assert (bench.node.sent, bench.nonce()) == ([], 0)


def test_it_says_what_would_fail(bench: Bench) -> None:
    bench.venue.target = CLAIM
    bench.anvil.rpc("anvil_setStorageAt", CLAIM, "0x0", "0x" + "1".rjust(64, "0"))
    executor = dry(bench)
    submission, plan = bench.open(STEPS[1:])
    outcome = executor.submit(submission, plan)
    assert isinstance(outcome, Failed) and outcome.reason.startswith("collect: simulation failed")
    assert isinstance(executor.settle(submission), Failed)


def test_a_node_that_does_not_answer_is_no_simulation(bench: Bench) -> None:
    def silent(_name: str) -> None:
        raise TransientError("no answer")

    bench.node.before = silent
    with pytest.raises(TransientError):
        dry(bench).submit(*bench.open())

"""Mode atomic where several things go wrong one after another: a batch that ran nothing, or a delegation taken back,
and then a reorganisation; and a node that is behind what the journal knows."""

from __future__ import annotations

import pytest

from keeper.errors import TransientError
from keeper.model.outcome import Done, Failed, Pending
from tests.world.executors.bench import STRATEGY, Bench
from tests.world.executors.test_atomic import BATCH, delegated, expected, nonces, recovered
from tests.world.executors.test_undelegating import runs, taken_back
from tests.world.executors.test_wallet import states


@pytest.fixture
def bench(undelegated: Bench) -> Bench:
    return undelegated


def plan_states(bench: Bench) -> list[str]:
    with bench.journal.reading() as query:
        return [row[0] for row in query("SELECT state FROM plans ORDER BY id")]


def ran_nothing(bench: Bench) -> None:
    """A second batch, whose account was undelegated in the block before it."""
    assert isinstance(bench.submit(*bench.open(BATCH, lifetime_seconds=10_000)), Done)

    def taken(name: str) -> None:
        if name == "send":
            bench.anvil.rpc("anvil_setCode", bench.signer.address, "0x")

    bench.node.after = taken
    outcome = bench.submit(*bench.open(BATCH, number=2, lifetime_seconds=10_000))
    bench.node.after = lambda _name: None
    assert isinstance(outcome, Failed) and "ran no code" in outcome.reason


def test_what_ran_nothing_is_not_done_in_the_journal_either(bench: Bench) -> None:
    ran_nothing(bench)
    assert states(bench, 2)[0][0] == "FAILED"
    assert plan_states(bench) == ["done", "failed"]


def test_what_ran_nothing_is_not_done_after_a_reorganisation(bench: Bench) -> None:
    """It is mined again as it was: a plan that failed does not become one that is done."""
    ran_nothing(bench)
    bench.anvil.rpc("anvil_reorg", 1, [])
    bench.anvil.rpc("anvil_setCode", bench.signer.address, "0x")
    bench.restart()
    recovered(bench)
    assert plan_states(bench) == ["done", "failed"], nonces(bench)
    assert bench.ledger_difference_wei() == 0


def test_a_crash_before_it_was_said_says_it_all_the_same(bench: Bench) -> None:
    assert isinstance(bench.submit(*bench.open(BATCH, lifetime_seconds=10_000)), Done)
    bench.node.after = lambda name: (
        bench.anvil.rpc("anvil_setCode", bench.signer.address, "0x") if name == "send" else None
    )
    submission, plan = bench.open(BATCH, number=2)
    bench.executor().submit(submission, plan)  # and no further: the plan is open, its transaction final
    bench.restart()
    outcome = bench.settle()
    assert isinstance(outcome, Failed) and "ran no code" in outcome.reason
    assert plan_states(bench) == ["done", "failed"]


def test_a_foreign_code_that_only_talks_has_done_nothing(bench: Bench) -> None:
    """Somebody delegated the account elsewhere in between: to code that takes any call, and tells of it in a log."""
    assert isinstance(bench.submit(*bench.open(BATCH)), Done)
    bench.node.after = lambda name: (
        bench.anvil.rpc("anvil_setCode", bench.signer.address, "0x60006000a000") if name == "send" else None
    )
    outcome = bench.submit(*bench.open(BATCH, number=2))
    assert isinstance(outcome, Failed), outcome
    assert bench.count() == 2


@pytest.mark.parametrize("expired", [False, True])
def test_a_batch_and_what_took_its_delegation_back_are_undone_together(bench: Bench, expired: bool) -> None:
    """First come first: the batch is settled, then `keeper wallet undelegate` can be."""
    assert isinstance(bench.submit(*bench.open(BATCH, lifetime_seconds=200)), Done)
    assert taken_back(bench).transaction_hash is not None
    assert (bench.nonce(), expected(bench)) == (4, 4)
    bench.anvil.rpc("anvil_reorg", 2, [])
    assert bench.nonce() == 0 and not delegated(bench)
    bench.restart()
    if expired:
        bench.anvil.mine(bench.time() + 1_000)
    for _ in range(4):
        try:
            if bench.executor().recover(STRATEGY) is None:
                break
        except TransientError as error:
            assert "keeper wallet undelegate" in str(error)
            if bench.nonce() >= 2:
                break
    assert bench.nonce() == 2, nonces(bench)
    assert taken_back(bench).transaction_hash is not None
    assert runs(bench) is None
    assert (bench.nonce(), expected(bench), bench.ledger_difference_wei()) == (4, 4, 0)


def test_nothing_is_taken_back_at_a_nonce_that_a_reorganisation_has_freed(bench: Bench) -> None:
    """The keeper has not looked again yet: the journal's own transaction comes first."""
    assert isinstance(bench.submit(*bench.open(BATCH)), Done)
    assert isinstance(bench.submit(*bench.open(BATCH, number=2, lifetime_seconds=10_000)), Done)
    bench.anvil.rpc("anvil_reorg", 1, [])
    assert bench.nonce() == 2 and delegated(bench)
    sent = list(bench.node.sent)
    with pytest.raises(TransientError, match="nothing was signed"):
        taken_back(bench)
    assert bench.node.sent == sent
    recovered(bench)
    assert taken_back(bench).transaction_hash is not None
    assert (bench.nonce(), expected(bench), bench.ledger_difference_wei()) == (5, 5, 0)


def test_undone_it_may_take_both_nonces_again(bench: Bench) -> None:
    """Whichever of its attempts was mined: now all of them are out once more."""
    bench.mine = False
    assert isinstance(bench.submit(*bench.open(BATCH, lifetime_seconds=60)), Pending)
    bench.anvil.rpc("anvil_dropAllTransactions")
    bench.anvil.mine(bench.time() + 100)
    bench.mine = True
    assert isinstance(bench.settle(), Failed)
    assert nonces(bench) == [(0, 1, "CANCELLED")] and expected(bench) == 1
    bench.anvil.rpc("anvil_reorg", 1, [])
    bench.restart()
    bench.mine = False
    assert isinstance(bench.executor().recover(STRATEGY), Pending)
    assert nonces(bench) == [(0, 2, "CANCELLING")] and expected(bench) == 2
    bench.mine = True
    recovered(bench)
    assert nonces(bench) == [(0, 1, "CANCELLED")] and (bench.nonce(), expected(bench)) == (1, 1)

"""Row 15: what was decided upon an act's end falls when a reorganisation gives it another end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.errors import ConfigError
from keeper.model.ledger import NATIVE
from keeper.model.outcome import Done, Failed, Pending
from keeper.model.plan import Collect
from keeper.world.chain.node import HttpNode
from keeper.world.journal import queries
from keeper.world.journal.books import Subject
from keeper.world.signers import keystore
from tests.faults.test_fault_15_reorg import recovered, reorganise
from tests.world import words
from tests.world.executors import bench as bench_module
from tests.world.executors.bench import CLAIM, COUNTER, STEPS, STRATEGY, Bench

ACT = STEPS[1:]
BEFORE = 16


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Anvil(AnvilOptions(genesis_seconds=words.START)) as anvil:
        made = bench_module.make(anvil, tmp_path)
        # An act costs the same gas wherever it comes: only its being sent at all is looked at here.
        anvil.rpc("anvil_setStorageAt", COUNTER, "0x0", f"0x{BEFORE:064x}")
        anvil.rpc("anvil_mine", hex(12))
        yield made
        made.journal.close()


def test_15_a_plan_made_because_another_failed_falls_when_that_succeeds(bench: Bench) -> None:
    """The first act reverted, so it was decided anew; then the chain has it succeed: the second must not happen too."""
    rival = bench.anvil.rpc("eth_accounts")[0]
    offer = {"from": rival, "to": CLAIM, "maxFeePerGas": hex(10**12), "maxPriorityFeePerGas": hex(10**11)}
    bench.venue.target = CLAIM
    bench.node.after = lambda name: bench.anvil.rpc("eth_sendTransaction", offer) if name == "send" else None
    assert isinstance(bench.submit(*bench.open(ACT, lifetime_seconds=10_000)), Failed)
    bench.node.after = lambda _name: None
    bench.venue.target, bench.mine = COUNTER, False
    second, plan = bench.open((Collect((8,)),), number=2, lifetime_seconds=10_000)
    assert isinstance(bench.submit(second, plan), Pending)
    reorganise(bench, 3)
    bench.anvil.rpc("anvil_dropAllTransactions")
    bench.mine = True
    recovered(bench)
    assert isinstance(bench.settle(), Failed)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (BEFORE, 2, 0)
    with bench.journal.reading() as query:
        assert sorted(act.state for act in queries.acts(query)) == ["done", "failed"]


def test_15_finished_plans_fall_with_the_one_that_they_were_built_on(bench: Bench) -> None:
    """Both were done; the first has expired and is taken back, so the second is not sent on its own."""
    assert isinstance(bench.submit(*bench.open(ACT, lifetime_seconds=50)), Done)
    assert isinstance(bench.submit(*bench.open((Collect((8,)),), number=2, lifetime_seconds=5_000)), Done)
    reorganise(bench, 6)
    bench.anvil.mine(bench.time() + 200)
    recovered(bench)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (BEFORE, 2, 0)
    with bench.journal.reading() as query:
        assert [act.state for act in queries.acts(query)] == ["failed", "failed"]
        assert queries.pending_transactions(query) == []


def test_15_another_chain_is_no_reorganisation(bench: Bench) -> None:
    """The strategy's file now names another chain, which never held what was sent: the books stay as they are."""
    submission, plan = bench.open(ACT)
    assert isinstance(bench.submit(submission, plan), Done)
    with Anvil(AnvilOptions(chain_id=99, genesis_seconds=words.START)) as other:
        other.rpc("anvil_mine", hex(40))
        moved = replace(bench, anvil=other, node=bench_module.FailingNode(HttpNode([other.url])))
        assert moved.executor(99).recover(STRATEGY) is None
        (step,) = bench.journal.transactions.steps(submission.plan_id)
        assert step.state == "DONE" and moved.node.sent == []


@pytest.mark.parametrize("what", ["chain", "key"])
def test_15_what_is_out_is_not_judged_by_another_chain_or_key(bench: Bench, tmp_path: Path, what: str) -> None:
    """Another key's or another chain's count of transactions says nothing of a nonce: it is not lost."""
    bench.mine = False
    submission, plan = bench.open(ACT)
    assert isinstance(bench.submit(submission, plan), Pending)
    (before,) = bench.journal.transactions.steps(submission.plan_id)
    if what == "key":
        keystore.create(tmp_path / "other.json", "x", scrypt_work=2)
        other = replace(bench, signer=keystore.load(tmp_path / "other.json", "x"))
        bench.anvil.rpc("anvil_setNonce", other.signer.address, "0x9")
        executor = other.executor()
    else:
        executor = bench.executor(99)
    with pytest.raises(ConfigError, match="put them back"):
        executor.settle(submission)
    assert bench.journal.transactions.steps(submission.plan_id) == (before,)
    bench.mine = True
    assert isinstance(bench.settle(), Done)


def test_15_the_books_follow_lines_that_were_written_anew(bench: Bench) -> None:
    """The line of what was undone and that of what came instead have the same place in the ledger, not the same sum."""
    subject = Subject(STRATEGY, bench_module.CHAIN_ID, bench.signer.address, words.POOL, bench.signer.address)
    log = bench.journal.reconciliations
    assert isinstance(bench.submit(*bench.open(ACT, lifetime_seconds=10_000)), Done)
    before = log.books(subject).balances[NATIVE]
    reorganise(bench, 1)
    bench.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    bench.mine = False
    bench.node.after = lambda name: bench.anvil.mine() if name == "send" else None
    recovered(bench)
    after = log.books(subject).balances[NATIVE]
    assert after != before and bench.ledger_difference_wei() == 0
    assert after == int(bench.anvil.rpc("eth_getBalance", bench.signer.address, "latest"), 16)

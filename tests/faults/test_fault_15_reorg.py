"""Row 15: a reorganisation takes transactions out of the chain, or changes their receipts, at any depth and step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.errors import TransientError
from keeper.model.outcome import Done, Failed, Pending
from keeper.model.plan import Collect
from keeper.world.journal import queries
from keeper.world.protocols import Node
from tests.world import words
from tests.world.executors import bench as bench_module
from tests.world.executors.bench import STEPS, STRATEGY, Bench

ACT = STEPS[1:]
# Every depth in the soak, these in each run; on the real contracts see the file beside this one.
IN_EACH_RUN = (1, 2, 3, 4, 5, 8, 16, 32, 63, 64)
DEEPEST = 64
DEPTHS = [
    depth if depth in IN_EACH_RUN else pytest.param(depth, marks=pytest.mark.soak) for depth in range(1, DEEPEST + 1)
]


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with Anvil(AnvilOptions(genesis_seconds=words.START)) as running:
        yield running


@pytest.fixture
def bench(anvil: Anvil, tmp_path: Path) -> Iterator[Bench]:
    snapshot = anvil.snapshot()
    made = bench_module.make(anvil, tmp_path)
    anvil.rpc("anvil_mine", hex(DEEPEST + 2))  # what anvil was told to set is undone with the block it was set in
    yield made
    made.journal.close()
    anvil.revert(snapshot)


def reorganise(bench: Bench, depth: int) -> None:
    """The last ``depth`` blocks are replaced by empty ones; what they held is gone from chain and pool."""
    bench.anvil.rpc("anvil_reorg", depth, [])


def recovered(bench: Bench) -> None:
    """What the next cycle does first."""
    for _ in range(5):
        outcome = bench.executor().recover(STRATEGY)
        if outcome is None:
            return
    raise AssertionError(outcome)


def same_as_never_undone(bench: Bench) -> None:
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 2, 0)
    assert bench.journal.memory(STRATEGY).open is None
    with bench.journal.reading() as query:
        assert queries.pending_transactions(query) == []
        assert [act.state for act in queries.acts(query)] == ["done"]


@pytest.mark.parametrize("depth", DEPTHS)
def test_15_a_finished_plan_is_undone_and_finished_again(bench: Bench, depth: int) -> None:
    submission, plan = bench.open(lifetime_seconds=10_000)
    assert isinstance(bench.submit(submission, plan), Done)
    first = [
        tuple(each.transaction.attempts)
        for each in bench.journal.transactions.steps(submission.plan_id)
        if each.transaction
    ]
    for _ in range(max(0, depth - 5)):
        bench.anvil.mine()
    reorganise(bench, depth)
    bench.restart()
    recovered(bench)
    same_as_never_undone(bench)
    again = [
        tuple(each.transaction.attempts)
        for each in bench.journal.transactions.steps(submission.plan_id)
        if each.transaction
    ]
    assert [tried[0].raw for tried in again] == [tried[0].raw for tried in first]  # the very same bytes
    recovered(bench)
    same_as_never_undone(bench)


@pytest.mark.parametrize("depth", DEPTHS)
def test_15_a_plan_is_undone_in_the_middle(bench: Bench, depth: int) -> None:
    """The approval is final; the chain forgets it while the act is on its way."""
    submission, plan = bench.open(lifetime_seconds=10_000)
    looks = 0

    def hook(name: str) -> None:
        nonlocal looks
        looks += name == "send"
        if looks == 2 and name == "send":
            bench.node.after = lambda _name: None
            reorganise(bench, min(depth, 3))
            bench.mine = False

    bench.node.after = hook
    assert isinstance(bench.submit(submission, plan), Pending)
    bench.mine = True
    for _ in range(max(0, depth - 3)):
        bench.anvil.mine()
    bench.restart()
    recovered(bench)
    assert isinstance(bench.settle(), Done)
    same_as_never_undone(bench)


@pytest.mark.parametrize("depth", [1, 2, 7, 64])
def test_15_an_undone_plan_that_has_expired_is_taken_back(bench: Bench, depth: int) -> None:
    submission, plan = bench.open(lifetime_seconds=300)
    assert isinstance(bench.submit(submission, plan), Done)
    reorganise(bench, depth + 2)
    bench.anvil.mine(bench.time() + 1_000)
    recovered(bench)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (0, 2, 0)
    with bench.journal.reading() as query:
        assert queries.pending_transactions(query) == []
        (act,) = queries.acts(query)
    assert act.state == "failed" and "reorganisation" in act.note
    assert isinstance(bench.submit(*bench.open(ACT, number=2)), Done)


def test_15_a_later_plan_falls_with_the_one_it_was_built_on(bench: Bench) -> None:
    """The first plan cannot be brought back; what was signed after it is taken back too, never sent on its own."""
    assert isinstance(bench.submit(*bench.open(ACT, lifetime_seconds=50)), Done)
    bench.mine = False
    second, plan = bench.open((Collect((8,)),), number=2, lifetime_seconds=5_000)
    assert isinstance(bench.submit(second, plan), Pending)
    reorganise(bench, 3)
    bench.anvil.rpc("anvil_dropAllTransactions")
    bench.anvil.mine(bench.time() + 200)
    bench.mine = True
    recovered(bench)
    assert isinstance(bench.settle(), Failed)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (0, 2, 0)


@dataclass
class _Behind:
    """A node one block short of the transaction that was seen in it."""

    inner: Node
    bench: Bench

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        (mined,) = self.bench.journal.transactions.recent_final(STRATEGY, bench_module.CHAIN_ID, 100)
        assert mined.block_number is not None
        return [hex(mined.block_number - 1), *[None for _ in requests[1:]]]

    def request(self, method: str, params: Sequence[Any]) -> Any:
        return self.inner.request(method, params)

    def send_raw_transaction(self, raw: bytes) -> str:
        raise AssertionError(f"{len(raw)} bytes sent on a lagging node's word")


def test_15_a_lagging_node_is_no_reorganisation(bench: Bench) -> None:
    assert isinstance(bench.submit(*bench.open(ACT)), Done)
    inner = bench.node.inner

    bench.node.inner = _Behind(inner, bench)
    with pytest.raises(TransientError, match="lags behind"):
        bench.executor().recover(STRATEGY)
    bench.node.inner = inner
    recovered(bench)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 1, 0)

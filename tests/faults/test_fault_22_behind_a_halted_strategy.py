"""Row 22: strategies share a key. Behind a nonce that a halted one has out nothing can be mined: nothing is signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.errors import TransientError
from keeper.model.outcome import Done, Pending
from tests.world import words
from tests.world.executors import bench as bench_module
from tests.world.executors.bench import STEPS, STRATEGY, Bench

ACT = STEPS[1:]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Anvil(AnvilOptions(genesis_seconds=words.START)) as anvil:
        made = bench_module.make(anvil, tmp_path)
        yield made
        made.journal.close()


@pytest.mark.parametrize("mined_meanwhile", [False, True])
def test_22_nothing_is_signed_behind_a_halted_strategys_nonce(bench: Bench, mined_meanwhile: bool) -> None:
    """It would wait in the pool for good, and bump and cancel there; the sentence says whom to resume. Once the chain
    has taken the nonce, nobody has to be resumed for others to go on."""
    bench.mine = False
    assert isinstance(bench.submit(*bench.open(ACT)), Pending)
    bench.journal.set_state(STRATEGY, "halted", "somebody must look", 0)
    bench.anvil.rpc("anvil_dropAllTransactions")
    bench.mine = True
    if mined_meanwhile:
        bench.node.inner.send_raw_transaction(bench.node.sent[0])
        bench.anvil.mine()
    sent = len(bench.node.sent)
    other, plan = bench.open(ACT, number=2, strategy="other")
    if not mined_meanwhile:
        with pytest.raises(TransientError, match=f"nonce 0 .*{STRATEGY}.* halted.*keeper resume {STRATEGY}"):
            bench.submit(other, plan)
        assert len(bench.node.sent) == sent
        bench.journal.resume(STRATEGY, "looked", 0)
        assert isinstance(bench.settle(), Done)
        assert isinstance(bench.settle("other"), Done)
    else:
        assert isinstance(bench.submit(other, plan), Done)
    assert (bench.count(), bench.nonce()) == (2, 2)

"""Taking an account's delegation back, through everything that can go wrong; and the keeper beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from keeper.chainlab.anvil import Anvil
from keeper.chainlab.deploy_account import delegate_of
from keeper.errors import HaltedError, RpcError, TransientError
from keeper.known_safe import BATCH_ACCOUNT
from keeper.model.outcome import Done, Pending
from keeper.world.chain.fees import Fees
from keeper.world.chain.send_state import Patience
from keeper.world.chain.undelegating import Undelegated, Waiting, undelegate
from keeper.world.journal import tables
from keeper.world.signers.decoding import decode_signed
from tests.world.executors.bench import CHAIN_ID, STRATEGY, Bench, Killed, made, run_and_kill_at
from tests.world.executors.test_atomic import BATCH, expected, replaced
from tests.world.executors.test_wallet import at
from tests.world.unpoliced import sign_anything

NOBODY = "0x" + 40 * "0"


@pytest.fixture
def bench(anvil: Anvil, tmp_path: Path) -> Iterator[Bench]:
    """A keeper that has done one batch: its account is delegated."""
    snapshot = anvil.snapshot()
    bench = delegated(anvil, tmp_path)
    yield bench
    bench.journal.close()
    anvil.revert(snapshot)


def delegated(anvil: Anvil, folder: Path) -> Bench:
    bench = made(anvil, folder)
    assert isinstance(bench.submit(*bench.open(BATCH)), Done)
    bench.node.sent.clear()
    return bench


def taken_back(bench: Bench, ceiling_wei: int | None = None, most_tip_wei: int | None = None) -> Undelegated:
    """As the command does it."""

    def sign(nonce: int, caps: Fees, gas: int) -> bytes:
        return sign_anything(bench.signer, {
            "type": 4, "delegate": NOBODY, "chainId": CHAIN_ID, "nonce": nonce, "to": bench.signer.address, "value": 0,
            "data": b"", "gas": gas, "maxFeePerGas": caps.max_fee_wei,
            "maxPriorityFeePerGas": caps.max_priority_fee_wei,
        })  # fmt: skip

    patience = Patience(1, bench.bump_after_seconds, ceiling_wei, most_tip_wei=most_tip_wei)
    waiting = Waiting(bench.pause, lambda: bench.clock, 1.0, 10.0)
    return undelegate(bench.node, bench.journal.transactions, sign, bench.signer.address, CHAIN_ID, patience, waiting)


def runs(bench: Bench) -> str | None:
    return delegate_of(bench.anvil.rpc, bench.signer.address)


def test_it_is_taken_back_and_the_next_batch_delegates_anew(bench: Bench) -> None:
    assert runs(bench) == BATCH_ACCOUNT.address
    result = taken_back(bench)
    assert result.delegate == BATCH_ACCOUNT.address and result.transaction_hash is not None
    assert runs(bench) is None
    assert (bench.nonce(), expected(bench), bench.ledger_difference_wei()) == (4, 4, 0)
    assert bench.executor().recover(STRATEGY) is None
    assert isinstance(bench.submit(*bench.open(BATCH, number=2)), Done)
    assert [raw[0] for raw in bench.node.sent] == [4, 4]
    assert (bench.count(), bench.nonce(), expected(bench), bench.ledger_difference_wei()) == (4, 6, 6, 0)


def test_there_is_nothing_to_take_back_twice(bench: Bench) -> None:
    taken_back(bench)
    assert taken_back(bench) == Undelegated(None, None)
    assert (len(bench.node.sent), bench.nonce()) == (1, 4)


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_every_boundary_it_is_gone_on_with(anvil: Anvil, tmp_path_factory: Any, stride: int) -> None:
    """Meanwhile the keeper signs nothing, and takes no nonce for a stranger's. Each third boundary in every run."""
    boundary = 0
    while True:
        snapshot = anvil.snapshot()
        bench = delegated(anvil, tmp_path_factory.mktemp("boundary"))
        survived = run_and_kill_at(bench, boundary, lambda: taken_back(bench))  # noqa: B023
        bench.restart()
        out = bench.journal.transactions.undelegations.live(CHAIN_ID, bench.signer.address)
        if out is not None:
            assert expected(bench) == 4, boundary
            with pytest.raises(TransientError, match="keeper wallet undelegate"):
                bench.executor().recover(STRATEGY)
        taken_back(bench)
        assert runs(bench) is None, boundary
        assert (bench.nonce(), expected(bench), bench.ledger_difference_wei()) == (4, 4, 0), boundary
        assert bench.executor().recover(STRATEGY) is None
        bench.journal.close()
        anvil.revert(snapshot)
        if survived:
            break
        boundary += stride
    assert boundary >= 15


def test_not_while_another_transaction_is_out(bench: Bench) -> None:
    bench.mine = False
    assert isinstance(bench.submit(*bench.open(BATCH, number=2)), Pending)
    with pytest.raises(TransientError, match=f"nonce 2 .* is out for strategy {STRATEGY}"):
        taken_back(bench)
    bench.mine = True
    assert isinstance(bench.settle(), Done)
    assert taken_back(bench).transaction_hash is not None
    assert (bench.nonce(), bench.ledger_difference_wei()) == (5, 0)


def test_not_above_the_ceiling(bench: Bench) -> None:
    with pytest.raises(TransientError, match="above the ceiling"):
        taken_back(bench, ceiling_wei=1)
    assert bench.node.sent == [] and runs(bench) is not None


def test_without_gas_money_nothing_is_signed(bench: Bench) -> None:
    bench.anvil.set_balance(bench.signer.address, 10**9)
    with pytest.raises(TransientError, match="send it native coin first"):
        taken_back(bench)
    assert bench.node.sent == [] and expected(bench) == 2
    bench.anvil.set_balance(bench.signer.address, 10**18)
    assert taken_back(bench).transaction_hash is not None


def test_a_tip_that_only_the_node_thinks_usual_is_cut(bench: Bench) -> None:
    inner = bench.node.inner

    class Greedy:
        """Keeps no history of fees, and advises a tip that is all that the account has."""

        def request(self, method: str, params: Any) -> Any:
            return hex(10**15) if method == "eth_maxPriorityFeePerGas" else inner.request(method, params)

        def batch(self, requests: Any) -> list[Any]:
            if requests[0][0] == "eth_feeHistory":
                raise RpcError("not here")
            return inner.batch(requests)

        def send_raw_transaction(self, raw: bytes) -> str:
            return inner.send_raw_transaction(raw)

    bench.node.inner = Greedy()
    assert taken_back(bench, most_tip_wei=10**9).transaction_hash is not None
    (sent,) = set(bench.node.sent)
    assert 0 < decode_signed(sent).unsigned.max_priority_fee_wei < 10**9


def test_stuck_it_is_offered_more(bench: Bench) -> None:
    bench.mine, bench.bump_after_seconds = False, 2
    with pytest.raises(TransientError, match="goes on with it"):
        taken_back(bench)
    bench.anvil.rpc("anvil_dropAllTransactions")
    bench.anvil.mine(bench.time() + 60)
    bench.mine = True
    assert taken_back(bench).transaction_hash is not None
    assert len(set(bench.node.sent)) > 1 and {raw[0] for raw in bench.node.sent} == {4}
    assert (bench.nonce(), expected(bench), bench.ledger_difference_wei()) == (4, 4, 0)


def test_a_strangers_nonce_is_said(bench: Bench) -> None:
    bench.node.before = at("send", Killed())
    with pytest.raises(Killed):
        taken_back(bench)
    bench.restart()
    foreign = replaced(b"") | {"nonce": 2}
    bench.anvil.rpc("eth_sendRawTransaction", "0x" + sign_anything(bench.signer, foreign).hex())
    bench.anvil.mine()
    with pytest.raises(HaltedError, match=r"nonce 2 .* is not in the journal"):
        taken_back(bench)
    assert (bench.nonce(), expected(bench)) == (3, 2)  # one more than the journal knows of: the reconciler halts


@pytest.mark.parametrize("depth", [1, 3])
def test_a_reorganisation_brings_the_delegation_back(bench: Bench, depth: int) -> None:
    for _ in range(3):
        bench.anvil.mine()
    taken_back(bench)
    for _ in range(depth - 1):
        bench.anvil.mine()
    bench.anvil.rpc("anvil_reorg", depth, [])
    assert runs(bench) is not None and bench.nonce() == 2
    with pytest.raises(TransientError, match="keeper wallet undelegate"):
        bench.executor().recover(STRATEGY)
    sent = list(bench.node.sent)
    taken_back(bench)
    assert runs(bench) is None and set(bench.node.sent) == set(sent)
    assert (bench.nonce(), expected(bench), bench.ledger_difference_wei()) == (4, 4, 0)


def test_a_halted_key_signs_nothing_here_either(bench: Bench) -> None:
    key = {"chain_id": CHAIN_ID, "address": bench.signer.address.lower(), "state": "halted"}
    with bench.journal._engine.begin() as connection:
        connection.execute(insert(tables.signers).values(key | {"reason": "a stranger signs with it"}))
    with pytest.raises(HaltedError, match="is halted: a stranger signs with it"):
        taken_back(bench)
    assert bench.node.sent == [] and delegate_of(bench.anvil.rpc, bench.signer.address) is not None

"""The wallet executor on a real chain, with everything that can go wrong between a decision and its receipt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.errors import FatalError, HaltedError, RpcError, TransientError
from keeper.model.outcome import Done, Failed, Pending
from keeper.world.chain.node import HttpNode
from keeper.world.journal import queries
from tests.world.executors import bench as bench_module
from tests.world.executors.bench import CLAIM, STEPS, STRATEGY, Bench, Killed, run_and_kill_at
from tests.world.unpoliced import sign_anything

ACT = STEPS[1:]


def at(name: str, error: BaseException) -> Callable[[str], None]:
    """Raise at the first exchange of that name, and only then."""
    left = [error]

    def hook(seen: str) -> None:
        if seen == name and left:
            raise left.pop()

    return hook


def states(bench: Bench, plan_id: int) -> list[tuple[str, str | None]]:
    steps = bench.journal.transactions.steps(plan_id)
    return [(step.state, step.transaction.state if step.transaction else None) for step in steps]


def test_the_steps_are_mined_in_order_and_booked_to_the_wei(bench: Bench) -> None:
    submission, plan = bench.open()
    outcome = bench.submit(submission, plan)
    assert isinstance(outcome, Done)
    assert [entry.kind for entry in outcome.effects.entries] == ["gas", "withdrawal", "gas"]
    assert states(bench, submission.plan_id) == [("DONE", "FINAL_OK"), ("DONE", "FINAL_OK")]
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 2, 0)
    (act,) = bench.journal.memory(STRATEGY).recent
    assert act.action == "compound" and act.cost_quote > 0


def test_killed_before_the_bytes_leave(bench: Bench) -> None:
    submission, plan = bench.open(ACT)
    bench.node.before = at("send", Killed())
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    signed = bench.node.sent
    assert states(bench, submission.plan_id) == [("READY", "SIGNED")]
    bench.restart()
    assert isinstance(bench.settle(), Done)
    assert bench.node.sent == signed  # the very same bytes
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 1, 0)


@pytest.mark.parametrize("mined", [False, True])
def test_the_reply_is_lost_after_the_node_accepted(bench: Bench, mined: bool) -> None:
    submission, plan = bench.open(ACT)
    bench.node.after = at("send", Killed())
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    if mined:
        bench.anvil.mine()
    bench.restart()
    assert isinstance(bench.settle(), Done)
    assert bench.node.sent == []  # the node knows it: there is nothing to send again
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 1, 0)


def test_no_answer_to_a_send_is_not_a_failure(bench: Bench) -> None:
    bench.node.after = at("send", TransientError("timed out"))
    assert isinstance(bench.submit(*bench.open(ACT)), Done)
    assert (len(bench.node.sent), bench.count(), bench.nonce()) == (1, 1, 1)


def test_killed_at_every_boundary_ends_as_if_it_had_not_been(plain_anvil: Anvil, tmp_path_factory: Any) -> None:
    """Before and after every exchange and every commit: two transactions, one act, a ledger right to the wei."""
    boundary = 0
    while True:
        snapshot = plain_anvil.snapshot()
        bench = bench_module.make(plain_anvil, tmp_path_factory.mktemp("boundary"))
        submission, plan = bench.open()
        survived = run_and_kill_at(bench, boundary, partial(bench.submit, submission, plan))
        bench.restart()
        if bench.journal.memory(STRATEGY).open is not None:
            assert isinstance(bench.settle(), Done), boundary
        assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 2, 0), boundary
        assert bench.journal.memory(STRATEGY).open is None
        assert len(bench.journal.memory(STRATEGY).recent) == 1
        with bench.journal.reading() as query:
            assert queries.pending_transactions(query) == []
        bench.journal.close()
        plain_anvil.revert(snapshot)
        if survived:
            break
        boundary += 1
    assert boundary >= 30


def test_a_failing_simulation_sends_nothing(bench: Bench) -> None:
    bench.venue.target = CLAIM
    bench.anvil.rpc("anvil_setStorageAt", CLAIM, "0x0", "0x" + "1".rjust(64, "0"))
    submission, plan = bench.open(ACT)
    outcome = bench.submit(submission, plan)
    assert isinstance(outcome, Failed) and "collect: simulation failed" in outcome.reason
    assert (bench.node.sent, bench.nonce()) == ([], 0)
    assert bench.journal.memory(STRATEGY).open is None and bench.journal.memory(STRATEGY).recent == ()


def test_a_revert_on_the_chain_is_booked_with_its_gas(bench: Bench) -> None:
    bench.venue.target = CLAIM
    rival = bench.anvil.rpc("eth_accounts")[0]
    offer = {"from": rival, "to": CLAIM, "maxFeePerGas": hex(10**12), "maxPriorityFeePerGas": hex(10**11)}

    def rival_first(name: str) -> None:
        if name == "send":
            bench.anvil.rpc("eth_sendTransaction", offer)

    bench.node.after = rival_first
    submission, plan = bench.open(ACT)
    outcome = bench.submit(submission, plan)
    assert isinstance(outcome, Failed) and outcome.reason.endswith("reverted")
    assert states(bench, submission.plan_id) == [("FAILED", "FINAL_REVERTED")]
    assert (bench.nonce(), bench.ledger_difference_wei()) == (1, 0)
    (act,) = bench.journal.memory(STRATEGY).recent  # a failure that cost gas counts against the day's limits
    assert act.cost_quote > 0


def test_a_nonce_used_by_another_halts(bench: Bench) -> None:
    submission, plan = bench.open(ACT)
    bench.node.before = at("send", Killed())
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    bench.restart()
    foreign = {"type": 2, "chainId": 31337, "nonce": 0, "to": bench.signer.address, "value": 5, "data": b"",
               "gas": 21_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}  # fmt: skip
    bench.anvil.rpc("eth_sendRawTransaction", "0x" + sign_anything(bench.signer, foreign).hex())
    bench.anvil.mine()
    with pytest.raises(HaltedError, match=r"nonce 0 .* is not in the journal"):
        bench.settle()
    memory = bench.journal.memory(STRATEGY)
    assert (memory.state, memory.open) == ("halted", None) and "signs with this key" in memory.state_reason
    assert (bench.node.sent, bench.count()) == ([], 0)


def test_an_expired_transaction_is_taken_back(bench: Bench) -> None:
    submission, plan = bench.open(ACT, lifetime_seconds=100)
    bench.node.before = at("send", Killed())
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    original = bench.node.sent[0]
    bench.restart()
    bench.anvil.mine(bench.time() + 101)
    bench.mine = False  # neither original nor self-send is mined yet
    assert isinstance(bench.settle(), Pending)
    assert states(bench, submission.plan_id) == [("READY", "CANCELLING")]
    (cancellation,) = bench.node.sent
    bench.restart()
    bench.mine = True
    outcome = bench.settle()
    assert isinstance(outcome, Failed) and "expired" in outcome.reason
    assert original != cancellation and original not in bench.node.sent
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (0, 1, 0)
    assert isinstance(bench.submit(*bench.open(ACT, number=2)), Done)


def test_nothing_new_is_sent_after_the_deadline(bench: Bench) -> None:
    submission, plan = bench.open(lifetime_seconds=100)
    calls = 0

    def second_simulation(name: str) -> None:
        nonlocal calls
        calls += name == "eth_call"
        if calls == 2:
            raise Killed

    bench.node.before = second_simulation
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    assert states(bench, submission.plan_id) == [("DONE", "FINAL_OK"), ("READY", None)]
    bench.restart()
    bench.anvil.mine(bench.time() + 101)
    outcome = bench.settle()
    assert isinstance(outcome, Failed) and "deadline has passed" in outcome.reason
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (0, 1, 0)


def test_gas_above_the_ceiling_waits(bench: Bench) -> None:
    bench.max_fee_wei = 10**9
    outcome = bench.submit(*bench.open(ACT))
    assert isinstance(outcome, Failed) and "above the ceiling" in outcome.reason
    assert bench.node.sent == []


def test_another_chain_is_never_signed_for(bench: Bench) -> None:
    submission, plan = bench.open(ACT)
    ours = bench.node.inner
    with Anvil(AnvilOptions(chain_id=1)) as other:
        bench.node.inner = HttpNode([other.url], retries=0)
        with pytest.raises(FatalError, match="on chain 1, the strategy on 31337"):
            bench.submit(submission, plan)
    bench.node.inner = ours
    assert states(bench, submission.plan_id) == [("READY", None)] and bench.node.sent == []


def test_what_is_not_mined_in_time_stays_open_until_it_is(bench: Bench) -> None:
    bench.mine = False
    assert isinstance(bench.submit(*bench.open(ACT)), Pending)
    other = bench.submit(*bench.open(ACT, strategy="another"))  # same key: it takes the next nonce
    assert isinstance(other, Pending)
    with bench.journal.reading() as query:
        assert [(each.nonce, each.state) for each in queries.pending_transactions(query)] == [
            (0, "BROADCAST"), (1, "BROADCAST"),
        ]  # fmt: skip
    bench.anvil.mine()
    assert isinstance(bench.settle(), Done) and isinstance(bench.settle("another"), Done)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (2, 2, 0)


def test_a_receipt_counts_once_it_is_deep_enough(bench: Bench) -> None:
    bench.confirmations = 4
    before = int(bench.anvil.rpc("eth_blockNumber"), 16)
    assert isinstance(bench.submit(*bench.open(ACT)), Done)
    assert int(bench.anvil.rpc("eth_blockNumber"), 16) == before + 4


def test_a_refusal_by_the_node_is_told_and_tried_again(bench: Bench) -> None:
    bench.node.before = at("send", RpcError("txpool is full", code=-32000))
    outcome = bench.submit(*bench.open(ACT))
    assert isinstance(outcome, Pending) and "txpool is full" in outcome.note
    assert isinstance(bench.settle(), Done)
    assert (len(set(bench.node.sent)), bench.count(), bench.nonce()) == (1, 1, 1)


def test_a_node_that_fails_before_the_signature_leaves_the_plan_open(bench: Bench) -> None:
    bench.node.before = at("eth_call", TransientError("no answer"))
    submission, plan = bench.open(ACT)
    with pytest.raises(TransientError):
        bench.submit(submission, plan)
    assert states(bench, submission.plan_id) == [("READY", None)]
    assert isinstance(bench.settle(), Done)

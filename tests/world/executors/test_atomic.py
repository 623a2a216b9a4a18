"""One transaction for a whole plan, from a key whose account is delegated by it (EIP-7702): two nonces at once, through
everything that can go wrong between a signature and its receipt."""

from __future__ import annotations

from typing import Any

import pytest

from keeper.chainlab.anvil import Anvil
from keeper.chainlab.deploy_account import delegate_of
from keeper.errors import HaltedError, TransientError
from keeper.known_safe import BATCH_ACCOUNT
from keeper.model.outcome import Done, Failed, Pending
from keeper.model.plan import Batch, Collect, Mint, MintRange
from keeper.world.chain import delegation
from keeper.world.journal import queries
from keeper.world.journal.books import Subject
from tests.world import words
from tests.world.executors import bench as bench_module
from tests.world.executors.bench import CHAIN_ID, STRATEGY, Bench, Killed, made, run_and_kill_at
from tests.world.executors.test_wallet import at, states
from tests.world.unpoliced import sign_anything

BATCH = (Batch((Collect((7,)), Collect((8,)))),)
SINGLE = (Collect((7,)),)


@pytest.fixture
def bench(undelegated: Bench) -> Bench:
    return undelegated


def nonces(bench: Bench) -> list[tuple[int, int, str]]:
    with bench.journal.reading() as query:
        return [(row[0], row[1], row[2]) for row in query("SELECT nonce, nonces, state FROM transactions ORDER BY id")]


def delegated(bench: Bench) -> bool:
    return delegate_of(bench.anvil.rpc, bench.signer.address) == BATCH_ACCOUNT.address


def expected(bench: Bench) -> int:
    """How many transactions of the key the reconciler knows of."""
    subject = Subject(STRATEGY, CHAIN_ID, bench.signer.address, words.USDC.address, bench.signer.address)
    highest = bench.journal.reconciliations.books(subject).signer.highest_nonce
    return 0 if highest is None else highest + 1


def recovered(bench: Bench) -> None:
    for _ in range(5):
        if bench.executor().recover(STRATEGY) is None:
            return
    raise AssertionError("not recovered")


def replaced(transaction: bytes) -> dict[str, Any]:
    """A stranger's use of the same nonce."""
    return {"type": 2, "chainId": CHAIN_ID, "nonce": 0, "to": "0x" + "0d" * 20, "value": 5, "data": transaction,
            "gas": 60_000, "maxFeePerGas": 10**12, "maxPriorityFeePerGas": 10**11}  # fmt: skip


def test_the_first_batch_delegates_and_the_next_ones_are_plain(bench: Bench) -> None:
    assert isinstance(bench.submit(*bench.open(BATCH)), Done)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (2, 2, 0)
    assert delegated(bench) and nonces(bench) == [(0, 2, "FINAL_OK")] and expected(bench) == 2
    assert isinstance(bench.submit(*bench.open(BATCH, number=2)), Done)
    assert isinstance(bench.submit(*bench.open(SINGLE, number=3)), Done)
    assert [raw[0] for raw in bench.node.sent] == [4, 2, 2]
    assert nonces(bench)[1:] == [(2, 1, "FINAL_OK"), (3, 1, "FINAL_OK")]
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei(), expected(bench)) == (5, 4, 0, 4)


def test_a_single_step_delegates_nothing(bench: Bench) -> None:
    assert isinstance(bench.submit(*bench.open(SINGLE)), Done)
    assert (bench.count(), bench.nonce(), delegated(bench)) == (1, 1, False)


def test_its_gas_covers_the_authorization(bench: Bench) -> None:
    """The limit without its margin is already enough: the chain takes the authorization's price in advance."""
    bench.submit(*bench.open(BATCH))
    bench.submit(*bench.open(BATCH, number=2))
    first, second = (
        bench.journal.transactions.steps(plan)[0].transaction.attempts[0].gas_limit  # type: ignore[union-attr]
        for plan in (1, 2)
    )
    fresh_slot = 17_100 * 5 // 4  # the counter's first write costs so much more
    assert first - second >= delegation.AUTHORIZATION_GAS * 5 // 4 + fresh_slot - 10_000


@pytest.mark.parametrize("stride", [2, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_every_boundary_ends_as_if_it_had_not_been(anvil: Anvil, tmp_path_factory: Any, stride: int) -> None:
    """Before and after every exchange and every commit; each second of them in every run, which is one side of each."""
    boundary = 0
    while True:
        snapshot = anvil.snapshot()
        bench = made(anvil, tmp_path_factory.mktemp("boundary"))
        submission, plan = bench.open(BATCH)
        survived = run_and_kill_at(bench, boundary, lambda: bench.submit(submission, plan))  # noqa: B023
        bench.restart()
        if bench.journal.memory(STRATEGY).open is not None:
            assert isinstance(bench.settle(), Done), boundary
        assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (2, 2, 0), boundary
        assert nonces(bench) == [(0, 2, "FINAL_OK")] and expected(bench) == 2, boundary
        bench.journal.close()
        anvil.revert(snapshot)
        if survived:
            break
        boundary += stride
    assert boundary >= 20


@pytest.mark.parametrize("mined", [False, True])
def test_the_reply_is_lost_after_the_node_accepted(bench: Bench, mined: bool) -> None:
    submission, plan = bench.open(BATCH)
    bench.node.after = at("send", Killed())
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    assert expected(bench) == 2
    if mined:
        bench.anvil.mine()
    bench.restart()
    assert isinstance(bench.settle(), Done)
    assert bench.node.sent == []
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (2, 2, 0)


def test_a_replacement_is_the_same_call_with_the_same_authorization(bench: Bench) -> None:
    bench.mine, bench.bump_after_seconds = False, 2
    assert isinstance(bench.submit(*bench.open(BATCH)), Pending)
    bench.anvil.rpc("anvil_dropAllTransactions")
    bench.anvil.mine(bench.time() + 60)
    assert isinstance(bench.settle(), Pending)
    first, *others = dict.fromkeys(bench.node.sent)
    assert others and {raw[0] for raw in (first, *others)} == {4}
    bench.mine = True
    assert isinstance(bench.settle(), Done)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (2, 2, 0)
    assert delegated(bench) and expected(bench) == 2


def test_a_bump_stays_of_its_type_where_the_account_is_delegated_meanwhile(bench: Bench) -> None:
    bench.mine, bench.bump_after_seconds = False, 2
    assert isinstance(bench.submit(*bench.open(BATCH)), Pending)
    bench.anvil.rpc("anvil_dropAllTransactions")
    code = "0x" + delegation.delegation_code(BATCH_ACCOUNT.address).hex()
    bench.anvil.rpc("anvil_setCode", bench.signer.address, code)
    bench.anvil.mine(bench.time() + 60)
    assert isinstance(bench.settle(), Pending)
    assert {raw[0] for raw in bench.node.sent} == {4} and len(set(bench.node.sent)) > 1


def test_an_expired_one_is_taken_back_by_a_plain_self_send(bench: Bench) -> None:
    """Which takes one nonce: the next transaction has the one that the authorization was for."""
    bench.mine = False
    submission, plan = bench.open(BATCH, lifetime_seconds=60)
    assert isinstance(bench.submit(submission, plan), Pending)
    bench.anvil.rpc("anvil_dropAllTransactions")
    bench.anvil.mine(bench.time() + 100)
    bench.mine = True
    outcome = bench.settle()
    assert isinstance(outcome, Failed) and "took back its nonce" in outcome.reason
    assert [raw[0] for raw in dict.fromkeys(bench.node.sent)] == [4, 2]
    assert nonces(bench) == [(0, 1, "CANCELLED")] and not delegated(bench)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei(), expected(bench)) == (0, 1, 0, 1)
    assert isinstance(bench.submit(*bench.open(BATCH, number=2)), Done)
    assert nonces(bench)[1] == (1, 2, "FINAL_OK") and (bench.nonce(), expected(bench)) == (3, 3)


def test_a_later_one_is_taken_back_from_an_account_that_runs_code(bench: Bench) -> None:
    assert isinstance(bench.submit(*bench.open(BATCH)), Done)
    bench.mine = False
    assert isinstance(bench.submit(*bench.open(BATCH, number=2, lifetime_seconds=60)), Pending)
    bench.anvil.rpc("anvil_dropAllTransactions")
    bench.anvil.mine(bench.time() + 100)
    bench.mine = True
    outcome = bench.settle()
    assert isinstance(outcome, Failed) and "took back its nonce" in outcome.reason
    assert nonces(bench)[1] == (2, 1, "CANCELLED") and delegated(bench)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei(), expected(bench)) == (2, 3, 0, 3)


def test_a_reverted_one_has_used_both_nonces_and_stays_delegated(bench: Bench) -> None:
    bench.venue.target = bench_module.CLAIM
    rival = bench.anvil.rpc("eth_accounts")[0]
    offer = {"from": rival, "to": bench_module.CLAIM, "maxFeePerGas": hex(10**12), "maxPriorityFeePerGas": hex(10**11)}
    bench.node.after = lambda name: bench.anvil.rpc("eth_sendTransaction", offer) if name == "send" else None
    submission, plan = bench.open((Batch((Collect((7,)),)),))
    outcome = bench.submit(submission, plan)
    assert isinstance(outcome, Failed) and outcome.reason.endswith("reverted")
    assert states(bench, submission.plan_id) == [("FAILED", "FINAL_REVERTED")]
    assert (bench.nonce(), bench.ledger_difference_wei(), expected(bench)) == (2, 0, 2) and delegated(bench)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_reorganisation_undoes_the_delegation_too(bench: Bench, depth: int) -> None:
    assert isinstance(bench.submit(*bench.open(BATCH, lifetime_seconds=10_000)), Done)
    sent = list(bench.node.sent)
    for _ in range(depth - 1):
        bench.anvil.mine()
    bench.anvil.rpc("anvil_reorg", depth, [])
    assert not delegated(bench)
    bench.restart()
    recovered(bench)
    assert bench.node.sent == sent and delegated(bench)
    assert nonces(bench) == [(0, 2, "FINAL_OK")]
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei(), expected(bench)) == (2, 2, 0, 2)
    recovered(bench)
    assert (bench.count(), bench.nonce()) == (2, 2)


def test_what_was_sent_after_it_waits_for_it_again(bench: Bench) -> None:
    """Both are undone and the first has expired: taking one of its two nonces would leave the second stuck."""
    assert isinstance(bench.submit(*bench.open(BATCH, lifetime_seconds=200)), Done)
    assert isinstance(bench.submit(*bench.open(BATCH, number=2, lifetime_seconds=200)), Done)
    bench.anvil.rpc("anvil_reorg", 3, [])
    assert not delegated(bench)
    bench.restart()
    bench.anvil.mine(bench.time() + 1_000)
    recovered(bench)
    assert [each[:2] for each in nonces(bench)] == [(0, 2), (2, 1)] and delegated(bench)
    assert (bench.nonce(), bench.ledger_difference_wei(), expected(bench)) == (3, 0, 3)
    with bench.journal.reading() as query:
        assert queries.pending_transactions(query) == []


def test_no_other_nonce_is_given_while_it_is_out(bench: Bench) -> None:
    bench.mine = False
    assert isinstance(bench.submit(*bench.open(BATCH)), Pending)
    with pytest.raises(TransientError, match="only one transaction is out at a time"):
        bench.submit(*bench.open(SINGLE, strategy="another"))
    bench.delegate = None  # a strategy of the same key in mode wallet waits as well: which nonce is next is not known
    with pytest.raises(TransientError, match="only one transaction is out at a time"):
        bench.settle("another")
    assert nonces(bench) == [(0, 2, "BROADCAST")]
    bench.delegate, bench.mine = BATCH_ACCOUNT.address, True
    assert isinstance(bench.settle(), Done) and isinstance(bench.settle("another"), Done)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (3, 3, 0)


def test_a_stranger_at_its_nonce_halts(bench: Bench) -> None:
    submission, plan = bench.open(BATCH)
    bench.node.before = at("send", Killed())
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    bench.restart()
    bench.anvil.rpc("eth_sendRawTransaction", "0x" + sign_anything(bench.signer, replaced(b"")).hex())
    bench.anvil.mine()
    with pytest.raises(HaltedError, match=r"nonce 0 .* is not in the journal"):
        bench.settle()
    assert nonces(bench) == [(0, 1, "LOST_NONCE")] and expected(bench) == bench.nonce() == 1
    assert (bench.node.sent, bench.count()) == ([], 0)


def test_a_batch_that_ran_no_code_is_not_done(bench: Bench) -> None:
    """The delegation is gone when it is mined: a call of a plain account succeeds, and did nothing."""
    assert isinstance(bench.submit(*bench.open(BATCH)), Done)

    def taken_back(name: str) -> None:
        if name == "send":
            bench.anvil.rpc("anvil_setCode", bench.signer.address, "0x")

    bench.node.after = taken_back
    outcome = bench.submit(*bench.open(BATCH, number=2))
    assert isinstance(outcome, Failed) and "ran no code" in outcome.reason
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (2, 3, 0)


def test_a_failing_batch_is_never_signed(bench: Bench) -> None:
    bench.venue.target = bench_module.CLAIM
    outcome = bench.submit(*bench.open(BATCH))  # the second claim reverts
    assert isinstance(outcome, Failed) and "simulation failed" in outcome.reason
    assert (bench.node.sent, bench.nonce()) == ([], 0)


def test_an_exit_asked_for_meanwhile_lets_no_batch_invest(bench: Bench) -> None:
    mint = Mint((MintRange(-60, 60, 1, 1, 0, 0, 1_000_000),), -60, 60)
    step = Batch((*BATCH[0].steps, mint))
    submission, plan = bench.open((step,))
    bench.journal.set_state(STRATEGY, "exiting", "by hand", 0)
    outcome = bench.submit(submission, plan)
    assert isinstance(outcome, Failed) and "the strategy is exiting" in outcome.reason
    assert bench.nonce() == 0

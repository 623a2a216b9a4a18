"""Row 26: a Safe's nonce goes to somebody else, a proposal is never signed, or is executed when its time is over."""

from __future__ import annotations

import pytest

from keeper.errors import RehearsalFailedError, RpcError
from keeper.model.safe import rejection
from keeper.world.executors.safe import SafeExecutor
from keeper.world.safe.hashing import safe_tx_hash
from tests.faults.site import CHAIN_ID
from tests.faults.treasury import Treasury, whale_away
from tests.faults.treasury_keeper import Keeper

NOTHING = {0}


def expire(keeper: Keeper) -> None:
    keeper.treasury.passes(86_400 + 60)


def test_26_enter_and_rebalance_to_the_wei(keeper: Keeper, treasury: Treasury) -> None:
    assert keeper.carried_out().kind == "done"
    entered = keeper.act()
    assert entered.state == "FINAL" and entered.nonce == 0 and set(keeper.difference().values()) == NOTHING
    whale_away(treasury)
    assert keeper.carried_out(1, 2).kind == "done"
    moved = keeper.act()
    assert moved.id > entered.id and moved.nonce == 1
    assert moved.transaction.operation == 1, "exit, swap and mint in one transaction"
    assert set(keeper.difference().values()) == NOTHING
    assert treasury.allowances() == NOTHING
    (held,) = keeper.journal.memory("treasury").held
    lower, upper = treasury.position(held.token_id)
    assert (held.lower_tick, held.upper_tick) == (lower, upper)
    assert keeper.cycle().kind == "held"


def test_26_a_rival_takes_the_nonce(keeper: Keeper, treasury: Treasury) -> None:
    first = keeper.proposed()
    treasury.rival(first.nonce)
    outcome = keeper.cycle()
    assert outcome.kind == "failed" and "nonce 0 of the Safe went to another transaction" in outcome.reason
    assert keeper.act().state == "REPLACED"
    assert keeper.carried_out().kind == "done"
    again = keeper.act()
    assert (again.nonce, again.state) == (1, "FINAL") and again.hash != first.hash
    assert set(keeper.difference().values()) == NOTHING


def test_26_what_others_have_queued_is_not_overtaken(keeper: Keeper, treasury: Treasury) -> None:
    treasury.queue_of_others(0)
    treasury.queue_of_others(1)
    proposal = keeper.proposed()
    assert proposal.nonce == 2
    outcome = keeper.cycle()
    assert outcome.kind == "pending" and "nonces 0 to 1 come before it" in outcome.note


def test_26_never_signed(keeper: Keeper, treasury: Treasury) -> None:
    first = keeper.proposed()
    assert first.nonce == treasury.nonce()
    expire(keeper)
    outcome = keeper.cycle()
    assert outcome.kind == "failed" and "not executed before its deadline" in outcome.reason
    act, rejecting = keeper.proposals()
    assert (act.state, rejecting.kind, rejecting.state) == ("EXPIRED", "rejection", "PROPOSED")
    assert rejecting.transaction == rejection(CHAIN_ID, treasury.safe.lower(), first.nonce)
    assert treasury.service.board.proposals[rejecting.hash].trusted
    assert keeper.proposed().nonce == first.nonce, "the same nonce: at most one of them can be executed"
    assert [each.kind for each in keeper.proposals()] == ["act", "rejection", "act"]


def test_26_the_rejection_is_proposed_once_for_a_nonce(keeper: Keeper) -> None:
    for _ in range(2):
        keeper.proposed()
        expire(keeper)
        assert keeper.cycle().kind == "failed"
    assert [each.kind for each in keeper.proposals()] == ["act", "rejection", "act"]


def test_26_the_rejection_is_executed(keeper: Keeper, treasury: Treasury) -> None:
    keeper.proposed()
    expire(keeper)
    keeper.cycle()
    rejecting = keeper.proposals()[1]
    second = keeper.proposed()
    treasury.executes_it(rejecting.transaction, 0, 2)
    outcome = keeper.cycle()
    assert outcome.kind == "failed" and "went to the rejection of it" in outcome.reason
    third = keeper.proposed()
    states = {each.id: each.state for each in keeper.proposals()}
    assert states[second.id] == "REJECTED" and third.nonce == 1
    assert sorted(states.values()) == ["FINAL", "PROPOSED", "REJECTED", "REJECTED"]


def test_26_signed_and_executed_late(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    treasury.confirms(proposal, 0, 1)
    expire(keeper)
    with pytest.raises(RpcError, match="reverted"):
        treasury.executes_it(proposal.transaction, 0, 1)
    assert treasury.nonce() == 0, "a reverted execution uses no nonce"
    assert keeper.cycle().kind == "failed"
    assert keeper.act().state == "EXPIRED" and set(keeper.difference().values()) == NOTHING
    assert keeper.carried_out().kind == "done"
    assert keeper.act().nonce == 0


def test_26_the_deadline_passes_while_ready(keeper: Keeper, treasury: Treasury) -> None:
    treasury.confirms(keeper.proposed(), 0, 1)
    keeper.cycle()
    assert keeper.act().state == "READY"
    expire(keeper)
    assert keeper.cycle().kind == "failed"
    assert keeper.act().state == "EXPIRED"


def test_26_it_has_expired_when_a_final_block_says_so(treasury: Treasury) -> None:
    treasury.confirmations = 5
    with treasury.at_work() as keeper:
        keeper.proposed()
        expire(keeper)
        outcome = keeper.cycle()
        assert outcome.kind == "pending" and "its deadline has passed" in outcome.note
        treasury.mine(5)
        assert keeper.cycle().kind == "failed"


def test_26_executed_is_not_final(treasury: Treasury) -> None:
    treasury.confirmations = 4
    with treasury.at_work() as keeper:
        proposal = keeper.proposed()
        treasury.confirms(proposal, 0, 1)
        treasury.executes_it(proposal.transaction, 0, 1)
        outcome = keeper.cycle()
        assert outcome.kind == "pending" and "not 4 blocks deep yet" in outcome.note
        assert keeper.act().state == "EXECUTED" and keeper.act().transaction_hash
        treasury.mine(3)
        assert keeper.cycle().kind == "done" and set(keeper.difference().values()) == NOTHING


def test_26_what_is_not_bound_to_the_deadline_counts_though_late(keeper: Keeper, treasury: Treasury) -> None:
    """Collecting fees has no deadline inside: executed after it expired, it is booked all the same."""
    assert keeper.carried_out().kind == "done"
    treasury.leaves_an_allowance()
    tidy = keeper.proposed()
    assert safe_tx_hash(tidy.transaction).hex() == tidy.hash[2:] and tidy.transaction.operation == 0
    expire(keeper)
    assert keeper.cycle().kind == "failed" and keeper.act().state == "EXPIRED"
    treasury.executes_it(tidy.transaction, 0, 1)
    keeper.cycle()
    assert next(each for each in keeper.proposals() if each.hash == tidy.hash).state == "FINAL"
    assert treasury.allowances() == NOTHING and set(keeper.difference().values()) == NOTHING


def test_26_the_executor_s_gas_is_a_cost_of_the_plan(keeper: Keeper) -> None:
    keeper.carried_out()
    execution = keeper.act().execution
    assert execution is not None and execution.gas_wei > 0
    with keeper.journal.reading() as query:
        ((cost,),) = query("SELECT cost_quote FROM plans WHERE state = 'done'")
        ((paid,),) = query("SELECT gas_wei FROM proposals WHERE state = 'FINAL'")
        assert query("SELECT 1 FROM ledger WHERE kind = 'gas'") == [], "it is not the Safe's own money"
    assert int(paid) == execution.gas_wei and int(cost) > 0


def test_26_told_to_leave_the_proposal_is_taken_back(keeper: Keeper, treasury: Treasury) -> None:
    assert keeper.carried_out().kind == "done"
    whale_away(treasury)
    rebalance = keeper.proposed()
    keeper.journal.set_state("treasury", "exiting", "asked", 0)
    outcome = keeper.cycle()
    assert outcome.kind == "failed" and "taken back" in outcome.reason
    treasury.mine()
    leaving = keeper.proposed()
    assert leaving.nonce == rebalance.nonce, "only one of the two can be executed"
    treasury.confirms(leaving, 0, 1)
    treasury.executes_it(leaving.transaction, 0, 1)
    assert keeper.cycle().kind == "done"
    assert keeper.journal.memory("treasury").held == () and set(keeper.difference().values()) == NOTHING
    assert keeper.journal.memory("treasury").state == "exited"


def test_26_owners_move_money_and_are_not_halted(keeper: Keeper, treasury: Treasury) -> None:
    assert keeper.carried_out().kind == "done"
    treasury.pays_out(treasury.owners.addresses[0])
    assert keeper.cycle().kind == "held"
    assert set(keeper.difference().values()) == NOTHING
    assert any(kind == "withdrawal" for kind, _ in keeper.events())
    assert keeper.runner.state() == "running"


def test_26_what_would_fail_inside_is_named(keeper: Keeper, treasury: Treasury) -> None:
    """The Safe itself says no more than GS013."""
    proposal = keeper.proposed()
    executor = keeper.runner._hands.executor
    assert isinstance(executor, SafeExecutor)
    proposer, sight = executor._proposer, executor._look()
    (stored,) = keeper.journal.transactions.steps(1)
    terms = stored.step, proposal.deadline_timestamp, proposal.transaction
    assert "token0" in proposer.rehearse(*terms, sight)
    whale_away(treasury)
    named = r"then (swap|mint): simulation failed: (Too little|Price slippage)"
    with pytest.raises(RehearsalFailedError, match=named):
        proposer.rehearse(*terms, executor._look())

"""What the keeper's key does by itself for a Safe: executes what is signed, or approves a hash on chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.errors import ConfigError
from keeper.world.journal import decisions
from tests.faults.treasury import Treasury, make_treasury, whale_away
from tests.faults.treasury_keeper import Keeper
from tests.policy.desk import Warm
from tests.safe.transaction_service import TransactionService

NOTHING = {0}


def made(world: Warm, tmp_path: Path, service: TransactionService, **how: object) -> Treasury:
    return make_treasury(world, tmp_path / "own", service, **how)  # type: ignore[arg-type]


def gas_of_key(treasury: Treasury) -> int:
    return 10**19 - int(treasury.rpc("eth_getBalance", treasury.key, "latest"), 16)


def cost_of(keeper: Keeper, plan_id: int, *gas_wei: int) -> int:
    """What a plan with a swap has cost, where so much gas was paid for it; raw quote units."""
    with keeper.journal.reading() as query:
        ((decision_id,),) = query("SELECT decision_id FROM plans WHERE id = ?", (plan_id,))
        decision = decisions.bare_decision(query, decision_id)
    planned = decision.plan.cost
    price = decision.observation.gas.native_price
    return price.quote_amount_rounding_up(sum(gas_wei)) + planned.swap_fee_quote + planned.price_impact_quote


def test_26_threshold_one_and_an_owner_s_key(world: Warm, tmp_path: Path, service: TransactionService) -> None:
    treasury = made(world, tmp_path, service, threshold=1, key_is_owner=True)
    with treasury.at_work() as keeper:
        assert keeper.cycle().kind == "done", "proposed, executed and booked in one turn"
        entered = keeper.act()
        assert entered.state == "FINAL" and entered.execution is not None
        assert set(keeper.difference().values()) == NOTHING
        assert entered.execution.gas_wei == gas_of_key(treasury), "paid by the key, and counted once"
        whale_away(treasury)
        assert keeper.cycle().kind == "done"
        assert (keeper.act().nonce, treasury.nonce()) == (1, 2)
        assert set(keeper.difference().values()) == NOTHING and treasury.allowances() == NOTHING
        with keeper.journal.reading() as query:
            assert query("SELECT DISTINCT state FROM transactions") == [("FINAL_OK",)]


def test_26_told_never_to_execute(world: Warm, tmp_path: Path, service: TransactionService) -> None:
    treasury = made(world, tmp_path, service, threshold=1, key_is_owner=True)
    treasury.executes = "never"
    with treasury.at_work() as keeper:
        outcome = keeper.cycle()
        assert outcome.kind == "pending" and "1 of 1 owners have signed" in outcome.note
        assert keeper.act().state == "READY" and gas_of_key(treasury) == 0


def test_26_it_always_pays_for_the_execution(treasury: Treasury) -> None:
    treasury.executes = "always"
    with treasury.at_work() as keeper:
        proposal = keeper.proposed()
        treasury.confirms(proposal, 0)
        assert keeper.cycle().kind == "pending" and gas_of_key(treasury) == 0
        treasury.confirms(proposal, 2)
        assert keeper.cycle().kind == "done"
        assert set(keeper.difference().values()) == NOTHING and gas_of_key(treasury) > 0


def test_26_a_paused_strategy_executes_nothing(treasury: Treasury) -> None:
    treasury.executes = "always"
    with treasury.at_work() as keeper:
        treasury.confirms(keeper.proposed(), 0, 1)
        keeper.journal.set_state("treasury", "paused", "asked", 0)
        assert keeper.cycle().kind == "pending" and gas_of_key(treasury) == 0
        keeper.journal.resume("treasury", "", 0)
        assert keeper.cycle().kind == "done"


def test_26_somebody_executes_before_the_key_does(treasury: Treasury) -> None:
    """Its own transaction would revert: it is not sent, or reverts and changes nothing."""
    treasury.executes = "always"
    with treasury.at_work() as keeper:
        proposal = keeper.proposed()
        treasury.confirms(proposal, 0, 1)
        treasury.executes_it(proposal.transaction, 0, 1)
        assert keeper.cycle().kind == "done" and gas_of_key(treasury) == 0


def test_26_what_would_revert_now_is_not_sent(treasury: Treasury) -> None:
    treasury.executes = "always"
    with treasury.at_work() as keeper:
        proposal = keeper.proposed()
        treasury.confirms(proposal, 0, 1)
        whale_away(treasury, 3_000)  # out of every bound that the batch holds
        outcome = keeper.cycle()
        assert outcome.kind == "pending" and "not executed: " in outcome.note and gas_of_key(treasury) == 0


def test_26_an_owner_s_key_approves_on_chain(world: Warm, tmp_path: Path, service: TransactionService) -> None:
    treasury = made(world, tmp_path, service, key_is_owner=True)
    treasury.approves_on_chain = True
    with treasury.at_work() as keeper:
        outcome = keeper.cycle()
        assert outcome.kind == "pending" and "1 of 2 owners have signed" in outcome.note
        proposal = keeper.act()
        assert proposal.signature is None and service.board.proposals == {}, "nothing leaves but the approval"
        treasury.approves(proposal.hash, 1)
        assert "2 of 2 owners" in str(keeper.cycle())
        assert keeper.act().state == "READY"
        treasury.executes_approved(proposal.transaction, treasury.key, treasury.owners.addresses[1])
        assert keeper.cycle().kind == "done" and set(keeper.difference().values()) == NOTHING
        executed = keeper.act().execution
        with keeper.journal.reading() as query:
            ((plan_id, cost),) = query("SELECT id, cost_quote FROM plans")
        assert executed is not None and cost_of(keeper, plan_id, executed.gas_wei, gas_of_key(treasury)) == int(cost)


def test_26_on_chain_only_an_owner_may_propose(treasury: Treasury) -> None:
    treasury.approves_on_chain = True
    with treasury.at_work() as keeper, pytest.raises(ConfigError, match="is not an owner of the Safe"):
        keeper.cycle()


def test_26_without_a_service_and_threshold_one(world: Warm, tmp_path: Path, service: TransactionService) -> None:
    treasury = made(world, tmp_path, service, threshold=1, key_is_owner=True)
    treasury.approves_on_chain = True
    with treasury.at_work() as keeper:
        assert keeper.cycle().kind == "done" and service.asked == []


def test_26_owners_may_approve_on_chain_though_there_is_a_service(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    treasury.approves(proposal.hash, 0)
    treasury.confirms(proposal, 1)
    assert "2 of 2 owners" in str(keeper.cycle())


def test_26_the_key_s_execution_is_taken_back(treasury: Treasury) -> None:
    treasury.executes = "always"
    with treasury.at_work() as keeper:
        proposal = keeper.proposed()
        treasury.confirms(proposal, 0, 1)
        before = treasury.rpc("evm_snapshot")
        assert keeper.cycle().kind == "done"
        treasury.rpc("evm_revert", before)
        treasury.mine(2)
        for _ in range(3):
            outcome = keeper.cycle()
            if outcome.kind == "held":
                break
        assert outcome.kind == "held" and keeper.act().state == "FINAL"
        assert set(keeper.difference().values()) == NOTHING
        with keeper.journal.reading() as query:
            assert query("SELECT count(*) FROM transactions") == [(1,)]


def test_26_killed_between_sending_and_booking(treasury: Treasury, monkeypatch: pytest.MonkeyPatch) -> None:
    from keeper.world.journal.transactions import TransactionLog

    treasury.executes = "always"
    with treasury.at_work() as keeper:
        treasury.confirms(keeper.proposed(), 0, 1)
        monkeypatch.setattr(TransactionLog, "record_ending", _die)
        with pytest.raises(KeyboardInterrupt):
            keeper.cycle()
        monkeypatch.undo()
    with treasury.at_work() as keeper:
        assert keeper.cycle().kind == "done" and set(keeper.difference().values()) == NOTHING
        with keeper.journal.reading() as query:
            assert query("SELECT state FROM transactions") == [("FINAL_OK",)]


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_26_overtaken_while_its_own_is_stuck(treasury: Treasury, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's execution is ours by its hash: the key's own would only revert, and its nonce is taken back."""
    treasury.executes = "always"
    with treasury.at_work() as keeper:
        proposal = keeper.proposed()
        treasury.confirms(proposal, 0, 1)
        treasury.rpc("evm_setAutomine", False)
        monkeypatch.setattr(Treasury, "mine", lambda self: self.rpc("anvil_dropAllTransactions"))
        assert keeper.cycle().kind == "pending"
        monkeypatch.undo()
        treasury.rpc("anvil_dropAllTransactions")
        treasury.rpc("evm_setAutomine", True)
        treasury.executes_it(proposal.transaction, 0, 1)
        assert keeper.cycle().kind == "done"
        assert keeper.act().state == "FINAL" and set(keeper.difference().values()) == NOTHING
        with keeper.journal.reading() as query:
            assert query("SELECT state FROM transactions") == [("CANCELLED",)], "taken back, not paid for twice"
            assert query("SELECT cancels FROM attempts ORDER BY id")[-1] == (True,)
            paid = [int(wei) for (wei,) in query("SELECT gas_wei FROM proposals WHERE state = 'FINAL'")]
            ((plan_id, cost),) = query("SELECT id, cost_quote FROM plans")
        assert 0 < gas_of_key(treasury) <= 21_000 * 10**11 and keeper.runner.state() == "running"
        assert cost_of(keeper, plan_id, *paid, gas_of_key(treasury)) == int(cost), "both are costs of the plan"


def test_26_the_only_owner_s_signature_is_not_a_delegate_s_to_pay_for(
    world: Warm, tmp_path: Path, service: TransactionService
) -> None:
    """auto: the key pays where its own signature is enough, and that is never so for a delegate."""
    treasury = made(world, tmp_path, service, threshold=1)
    with treasury.at_work() as keeper:
        treasury.confirms(keeper.proposed(), 0)
        assert keeper.cycle().kind == "pending" and gas_of_key(treasury) == 0
        assert keeper.act().state == "READY"

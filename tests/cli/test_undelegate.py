"""``keeper wallet undelegate`` on a real chain."""

from __future__ import annotations

from keeper.chainlab.deploy_account import delegate_of, place_batch_account
from keeper.chainlab.lab import Lab
from tests.cli.operator import Operator, watched


def test_it_is_taken_back_and_the_keeper_goes_on(operator: Operator, lab: Lab) -> None:
    rpc, owner = lab.anvil.rpc, operator.address
    delegate = place_batch_account(rpc)
    operator.rewrite("keeper.yaml", "{mode: wallet}", "{mode: atomic}\njournal: sqlite:///atomic.db")
    watched(lab, operator.folder / "atomic.db", "atomic")
    entered = operator.keeper("once", "eth", "--json")
    assert entered.code == 0 and entered.json["outcomes"]["eth"]["kind"] == "done", entered.out + entered.err
    assert delegate_of(rpc, owner) == delegate
    answer = operator.keeper("wallet", "undelegate", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["delegate"] == delegate and answer.json["address"] == owner
    receipt = rpc("eth_getTransactionReceipt", answer.json["transaction"])
    assert (receipt["status"], receipt["type"]) == ("0x1", "0x4") and delegate_of(rpc, owner) is None
    again = operator.keeper("wallet", "undelegate")
    assert again.code == 0 and "nothing to take back" in again.out
    after = operator.keeper("once", "eth", "--json")  # its nonces and its gas are in the books
    assert after.code == 0 and after.json["outcomes"]["eth"]["kind"] == "held", after.out + after.err


def test_what_cannot_be_meant_is_said(operator: Operator) -> None:
    unknown = operator.keeper("wallet", "undelegate", "--chain", "lokal")
    assert unknown.code == 2 and "local" in unknown.err
    operator.rewrite("keeper.yaml", "{mode: wallet}", "{mode: dry}")
    dry = operator.keeper("wallet", "undelegate")
    assert dry.code == 2 and "signs nothing" in dry.err

"""The ledger is the wallet's, to the wei, whatever comes in or goes out beside the keeper."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.chainlab.calls import call_data
from keeper.errors import HaltedError
from keeper.model.ledger import NATIVE
from keeper.model.outcome import Held
from keeper.world.chain.evidence import ChainEvidence
from tests.faults.strangers import as_owner, events, is_exact, ledger, send
from tests.policy.desk import NAME, Warm, at_desk


def test_a_token_deposit_is_booked_with_its_log(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()
    sent = send(
        desk, warm.deployment.deployer, warm.deployment.quote, call_data("mint(address,uint256)", desk.owner, 77)
    )
    desk.cycle()
    (line,) = [each for each in ledger(desk) if each.transaction_hash == sent["transactionHash"]]
    assert (line.kind, line.amount, line.log_index) == ("deposit", 77, int(sent["logs"][0]["logIndex"], 16))
    assert line.block_number == int(sent["blockNumber"], 16) and is_exact(desk)
    desk.cycle()
    assert is_exact(desk) and len(events(desk, "deposit")) == 1


def test_what_logs_do_not_show_is_a_line_that_says_so(
    warm: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()
    send(desk, warm.whale, desk.owner, "0x", value_wei=12_345)
    send(desk, warm.deployment.deployer, warm.deployment.base, call_data("mint(address,uint256)", desk.owner, 99))
    monkeypatch.setattr(ChainEvidence, "transfers", lambda *_arguments: ())
    desk.cycle()
    number = desk.last_decision().observation.block.number
    lines = {each.token: each for each in ledger(desk) if each.transaction_hash.startswith("reconciled at block")}
    assert lines[NATIVE].amount == 12_345 and lines[warm.deployment.base.lower()].amount == 99
    assert all(each.transaction_hash.startswith(f"reconciled at block {number} 0x") for each in lines.values())
    assert is_exact(desk)


@pytest.mark.parametrize("comes_in_too", [False, True])
def test_what_is_taken_halts_until_a_person_has_looked(warm: Warm, tmp_path: Path, comes_in_too: bool) -> None:
    """Also when more came in meanwhile than was taken."""
    desk = at_desk(warm, tmp_path, split=(0, 1), swap={"route": "none"})
    desk.cycle()
    desk.journal.set_state(NAME, "paused", "", 0)
    desk.run()
    quote = warm.deployment.quote
    send(desk, warm.deployment.deployer, quote, call_data("mint(address,uint256)", desk.owner, 40))
    desk.cycle()
    if comes_in_too:
        send(desk, warm.deployment.deployer, quote, call_data("mint(address,uint256)", desk.owner, 900))
    taken = as_owner(desk, quote, "transfer(address,uint256)", warm.whale, 30)
    for _ in range(2):
        with pytest.raises(HaltedError, match=r"differ without a transaction of the keeper, and logs show 0\.000030"):
            desk.cycle()
        desk.journal.set_state(NAME, "paused", "", 0)
    assert desk.journal.resume(NAME, "", 0).differences
    desk.journal.set_state(NAME, "paused", "", 0)
    desk.cycle()
    kinds = {each.kind: each.amount for each in ledger(desk) if each.transaction_hash == taken["transactionHash"]}
    assert kinds == {"withdrawal": -30} and is_exact(desk)
    as_owner(desk, quote, "transfer(address,uint256)", warm.whale, 1)
    with pytest.raises(HaltedError):
        desk.cycle()  # one resume forgives once


def test_gas_beyond_the_receipts_is_gas_and_more_than_that_is_not(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    assert desk.cycle().kind == "done"
    paid = -sum(each.amount for each in ledger(desk) if each.kind == "gas")
    held = int(warm.anvil.rpc("eth_getBalance", desk.owner, "latest"), 16)
    warm.anvil.set_balance(desk.owner, held - paid)  # as an operator's fee that no receipt shows
    warm.anvil.mine()
    desk.run()
    assert is_exact(desk) and desk.journal.memory(NAME).state == "running"
    held = int(warm.anvil.rpc("eth_getBalance", desk.owner, "latest"), 16)
    warm.anvil.set_balance(desk.owner, held - 1)
    warm.anvil.mine()
    with pytest.raises(HaltedError, match="native coin"):
        desk.cycle()


def test_an_allowance_without_limit_is_told(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()
    as_owner(desk, warm.deployment.quote, "approve(address,uint256)", warm.deployment.swap_router, 2**256 - 1)
    acts = desk.run()
    (said,) = events(desk, "unlimited_allowance")
    assert warm.deployment.quote.lower() in said.lower() and acts == ["approve"]
    assert all(each.amount == 0 for each in desk.observe().wallet.allowances)


def test_nothing_is_asked_of_the_node_beside_the_observation_when_the_books_close(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()
    assert isinstance(desk.cycle(), Held)
    asked: list[str] = []
    node = desk.venue.multicall.node
    ask = node._ask  # type: ignore[attr-defined]
    node._ask = lambda body, *rest, **named: (asked.append(body[:40]), ask(body, *rest, **named))[1]  # type: ignore[attr-defined,func-returns-value]
    desk.cycle()
    assert len(asked) == 2

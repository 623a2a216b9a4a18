"""Row 26: owners, threshold, modules, guard, fallback handler or code of a Safe change: nothing more is proposed."""

from __future__ import annotations

from typing import Any

import pytest

from keeper.errors import ConfigError, HaltedError
from keeper.world.safe.contract import GUARD_SLOT, SINGLETON_SLOT
from tests.faults.treasury import Treasury
from tests.faults.treasury_keeper import Keeper
from tests.policy.desk import Warm
from tests.safe.transaction_service import TransactionService

STRANGER = "0x" + "ab" * 20


def add_owner(treasury: Treasury) -> None:
    treasury.by_itself("addOwnerWithThreshold(address,uint256)", STRANGER, 2)


def change_threshold(treasury: Treasury) -> None:
    treasury.by_itself("changeThreshold(uint256)", 1)


def add_module(treasury: Treasury) -> None:
    treasury.by_itself("enableModule(address)", STRANGER)


def set_handler(treasury: Treasury) -> None:
    treasury.by_itself("setFallbackHandler(address)", STRANGER)


def _store(treasury: Treasury, slot: str, address: str) -> None:
    treasury.rpc("anvil_setStorageAt", treasury.safe, hex(int(slot, 16)), "0x" + address[2:].rjust(64, "0"))
    treasury.mine()


def set_guard(treasury: Treasury) -> None:
    _store(treasury, GUARD_SLOT, STRANGER)


def other_singleton(treasury: Treasury) -> None:
    code = treasury.rpc("eth_getCode", treasury.singleton(), "latest")
    treasury.rpc("anvil_setCode", STRANGER, code)
    _store(treasury, SINGLETON_SLOT, STRANGER)


def other_multisend(treasury: Treasury) -> None:
    treasury.rpc("anvil_setCode", treasury.multisend(), "0x00")
    treasury.mine()


CHANGES: dict[str, tuple[Any, str]] = {
    "owner": (add_owner, f"owner {STRANGER} was added"),
    "threshold": (change_threshold, "its threshold was 2, now it is 1"),
    "module": (add_module, f"module {STRANGER} was added"),
    "handler": (set_handler, f"now it is {STRANGER}"),
    "guard": (set_guard, f"its guard was none, now it is {STRANGER}"),
    "singleton": (other_singleton, f"now it is {STRANGER}"),
    "multisend": (other_multisend, "its code of MultiSendCallOnly was"),
}


OFTEN = ("owner", "module", "guard")


@pytest.mark.parametrize(
    "change", [pytest.param(each, marks=() if each in OFTEN else pytest.mark.soak) for each in CHANGES]
)
def test_26_a_change_halts_and_a_person_accepts_it(keeper: Keeper, treasury: Treasury, change: str) -> None:
    assert keeper.cycle().kind == "pending"
    before = len(treasury.service.asked)
    alter, sentence = CHANGES[change]
    alter(treasury)
    for _ in range(2):
        with pytest.raises(HaltedError, match="is not what it was") as caught:
            keeper.cycle()
        assert sentence in str(caught.value) and "`keeper resume treasury`" in str(caught.value)
    assert [each for each in treasury.service.asked[before:] if each.method == "POST"] == []
    keeper.runner.halt(str(caught.value))
    forgiven = keeper.journal.resume("treasury", "", 0)
    assert forgiven.safe == treasury.safe.lower()
    if change == "multisend":  # accepted, and still no contract that carries out a batch
        return
    assert keeper.cycle().kind == "pending"


def test_26_a_resume_accepts_what_was_seen_and_no_more(keeper: Keeper, treasury: Treasury) -> None:
    keeper.cycle()
    change_threshold(treasury)
    with pytest.raises(HaltedError):
        keeper.cycle()
    add_module(treasury)  # between the halt and the resume
    keeper.journal.resume("treasury", "", 0)
    with pytest.raises(HaltedError, match=r"module .* was added"):
        keeper.cycle()


def test_26_an_owner_is_removed_after_he_signed(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    treasury.confirms(proposal, 0, 1)
    keeper.cycle()
    assert keeper.act().confirmations == 2
    # The list of a Safe begins with the owner that was named first; after him comes the one to be removed.
    first, second = treasury.owners.addresses[:2]
    treasury.by_itself("removeOwner(address,address,uint256)", first, second, 2)
    with pytest.raises(HaltedError, match=f"owner {second.lower()} was removed"):
        keeper.cycle()
    keeper.journal.resume("treasury", "", 0)
    outcome = keeper.cycle()
    assert outcome.kind == "pending" and "1 of 2 owners have signed" in outcome.note
    assert (keeper.act().state, keeper.act().confirmations) == ("PROPOSED", 1)


def test_26_what_is_dangerous_at_first_sight_is_told(treasury: Treasury) -> None:
    add_module(treasury)
    with treasury.at_work() as keeper:
        assert keeper.cycle().kind == "pending"
        told = dict(keeper.events())
    assert "can move everything in it without its owners" in told["safe_modules"]


def test_26_a_key_that_may_not_propose(world: Warm, service: TransactionService, treasury: Treasury) -> None:
    service.board.delegates.clear()
    with treasury.at_work() as keeper:
        with pytest.raises(ConfigError, match=r"neither an owner of the Safe .* nor a delegate of one"):
            keeper.cycle()
        assert keeper.proposals() == ()
        treasury.delegates()
        assert keeper.cycle().kind == "pending"
    del world


def test_26_a_delegate_of_a_former_owner_may_not_propose(service: TransactionService, treasury: Treasury) -> None:
    service.board.delegates[0]["delegator"] = STRANGER
    with treasury.at_work() as keeper, pytest.raises(ConfigError, match="nor a delegate of one"):
        keeper.cycle()


def test_26_no_safe_at_the_address(world: Warm, service: TransactionService, treasury: Treasury) -> None:
    treasury.safe = "0x" + "cd" * 20
    with pytest.raises(ConfigError, match="is not a Safe that can be used"), treasury.at_work():
        pytest.fail("there is nothing to work for")
    del world, service


def test_26_the_wrong_multisend(treasury: Treasury) -> None:
    other_multisend(treasury)
    with treasury.at_work() as keeper, pytest.raises(ConfigError, match="is not Safe's MultiSendCallOnly"):
        keeper.cycle()

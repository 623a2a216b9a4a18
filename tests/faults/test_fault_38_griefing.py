"""Row 38: what any stranger can do to a wallet for next to nothing must not stop its keeper."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.chainlab.calls import call_data
from keeper.errors import HaltedError
from tests.faults.strangers import as_owner, is_exact, ledger, send
from tests.policy.desk import NAME, Warm, at_desk

NOTHING = "transferFrom(address,address,uint256)"


@pytest.mark.parametrize("gift", [0, 1])
def test_38_transfers_of_nothing_do_not_halt(warm: Warm, tmp_path: Path, gift: int) -> None:
    """Most tokens let anybody move nothing out of any wallet, which looks like the owner's transfer; with a grain of
    dust besides, the wallet differs from the ledger just then."""
    desk = at_desk(warm, tmp_path, limits={"cooldown_minutes": 0})
    assert desk.run()[-1] == "mint"
    token = warm.deployment.token0
    if gift:
        send(desk, warm.whale, token, call_data("transfer(address,uint256)", desk.owner, gift))
    send(desk, warm.whale, token, call_data(NOTHING, desk.owner, warm.whale, 0))
    as_owner(desk, token, "transfer(address,uint256)", desk.owner, 5)  # to itself: nothing moved either
    desk.cycle()
    assert desk.journal.memory(NAME).state == "running" and is_exact(desk)


@pytest.mark.parametrize("what", ["token", "native"])
def test_38_a_deposit_that_a_reorganisation_takes_back_is_no_loss(warm: Warm, tmp_path: Path, what: str) -> None:
    """It was booked as soon as it was seen: when its block goes it goes too, and comes again when it is mined again."""
    desk = at_desk(warm, tmp_path, limits={"cooldown_minutes": 0})
    assert desk.run()[-1] == "mint"
    desk.cycle()
    assert is_exact(desk)
    gift = call_data("transfer(address,uint256)", desk.owner, 7)
    target, data, value_wei = (warm.deployment.token0, gift, 0) if what == "token" else (desk.owner, "0x", 7)
    send(desk, warm.whale, target, data, value_wei)
    desk.cycle()
    assert is_exact(desk) and desk.journal.memory(NAME).state == "running"
    booked = len(ledger(desk))
    warm.anvil.rpc("anvil_reorg", 1, [])
    desk.cycle()
    assert is_exact(desk) and desk.journal.memory(NAME).state == "running"
    assert len(ledger(desk)) == booked - 1
    send(desk, warm.whale, target, data, value_wei)
    desk.cycle()
    assert is_exact(desk) and len(ledger(desk)) == booked


def test_38_a_loss_is_not_taken_for_a_deposit_that_was_taken_back(warm: Warm, tmp_path: Path) -> None:
    """The deposit stands: what is missing afterwards was moved by somebody, however alike the amounts are."""
    desk = at_desk(warm, tmp_path, limits={"cooldown_minutes": 0})
    assert desk.run()[-1] == "mint"
    token = warm.deployment.token0
    send(desk, warm.whale, token, call_data("transfer(address,uint256)", desk.owner, 7))
    desk.cycle()
    as_owner(desk, token, "transfer(address,uint256)", warm.whale, 7)
    with pytest.raises(HaltedError, match="without a transaction of the keeper"):
        desk.cycle()

"""Row 38: what any stranger can do to a wallet for next to nothing must not stop its keeper."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.chainlab.calls import call_data
from tests.faults.strangers import as_owner, is_exact, send
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

"""Row 36: gas money runs out: told before, and what is kept for the way out is spent on nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.errors import HaltedError
from keeper.model.outcome import Held
from tests.faults.strangers import events, is_exact
from tests.policy.desk import NAME, Desk, Warm, at_desk

RESERVE_WEI = 5 * 10**16


def drained_to(desk: Desk, wei: int) -> None:
    """Somebody takes gas money; the operator has seen it."""
    desk.warm.anvil.set_balance(desk.owner, wei)
    desk.warm.anvil.mine()
    with pytest.raises(HaltedError, match="native coin"):
        desk.cycle()
    desk.journal.resume(NAME, "known", 0)


def test_36_an_alert_comes_before_and_the_reserve_is_for_the_exit(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path, limits={"cooldown_minutes": 0, "gas_reserve_native": "0.05"})
    desk.run()
    assert events(desk, "gas_low") == []
    drained_to(desk, 2 * RESERVE_WEI - 1)
    for _ in range(3):
        desk.cycle()
    (said,) = events(desk, "gas_low")
    assert "0.05" in said and desk.owner in said
    assert "gas_money" not in desk.codes(), "told while there is still enough"
    drained_to(desk, RESERVE_WEI)
    desk.whale_moves(desk.tick + 900)
    sent = len(desk.receipts())
    assert isinstance(desk.cycle(), Held) and "gas_money" in desk.codes()
    assert len(desk.receipts()) == sent
    desk.journal.set_state(NAME, "exiting", "", 0)
    assert desk.run()[0] == "exit" and desk.observe().positions == () and is_exact(desk)

"""Gas money runs out: told while there is some, acts stop at the reserve, and the reserve is there for the way out."""

from __future__ import annotations

from pathlib import Path

from keeper.model.outcome import Done, Held
from tests.faults.at_work import AtWork, at_work
from tests.policy.desk import NAME, Warm

RESERVE_WEI = 5 * 10**16


def left_with(fleet: AtWork, native_wei: int) -> None:
    """The wallet holds so much, and the operator knows why: unexplained it would halt."""
    fleet.desk.warm.anvil.set_balance(fleet.desk.owner, native_wei)
    fleet.desk.journal.resume(NAME, "known", 0)


def test_36_told_before_and_once_each_time(warm: Warm, tmp_path: Path) -> None:
    fleet, daemon = at_work(warm, tmp_path, split=(1, 0))
    daemon._take_turn(NAME)
    assert fleet.events("gas_low") == []
    for left_wei in (2 * RESERVE_WEI - 1, RESERVE_WEI, 2 * RESERVE_WEI, 2 * RESERVE_WEI - 1):
        left_with(fleet, left_wei)
        for _ in range(2):
            fleet.desk.wait(60)
            daemon._take_turn(NAME)
    told = fleet.events("gas_low")
    assert len(told) == 2 and "0.100000 of native coin left" in told[0] and "reserve of 0.05" in told[0]


def test_36_acts_stop_at_the_reserve_and_the_exit_may_use_it(warm: Warm, tmp_path: Path) -> None:
    fleet, _daemon = at_work(warm, tmp_path, split=(1, 0))
    assert isinstance(fleet.cycle(), Done)
    before = fleet.transactions()
    left_with(fleet, RESERVE_WEI)
    held = fleet.cycle()
    assert isinstance(held, Held) and [each.code for each in held.objections] == ["gas_money"]
    assert fleet.transactions() == before and fleet.native_wei() == RESERVE_WEI
    left_with(fleet, 10**18)
    fleet.desk.wait(60)
    assert isinstance(fleet.cycle(), Done) and fleet.desk.observe().positions
    left_with(fleet, RESERVE_WEI)
    fleet.desk.journal.set_state(NAME, "exiting", "", 0)
    fleet.desk.wait(60)
    assert isinstance(fleet.cycle(), Done) and fleet.desk.observe().positions == ()
    assert 0 < fleet.native_wei() < RESERVE_WEI

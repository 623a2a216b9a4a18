"""Row 25: a rollup's sequencer is down and comes back: hold, then a time of grace in which only the way out is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.errors import TransientError
from keeper.world.chain.head_rules import HeadRules
from tests.faults.strangers import with_eyes
from tests.faults.test_fault_23_bad_heads import chain_time
from tests.policy.desk import NAME, Warm, at_desk

RULES = HeadRules(120, 300)


def test_25_nothing_but_an_exit_until_the_grace_is_over(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    now = [chain_time(desk)]
    desk = with_eyes(desk, head_rules=RULES, wall_clock=lambda: float(now[0]))
    assert desk.run()[-1] == "mint"
    now[0] = chain_time(desk) + 900
    with pytest.raises(TransientError, match="900 s old"):
        desk.cycle()
    now[0] += 1
    warm.anvil.mine(now[0])
    desk.whale_swap(desk.tick + 300)  # they all come back at once
    now[0] = chain_time(desk)
    desk.cycle()
    assert desk.codes() == ["sequencer_grace"]
    desk.journal.set_state(NAME, "exiting", "", 0)
    desk.cycle()
    assert "sequencer_grace" not in desk.codes(), "the exit waits for a sound price alone"
    desk.journal.set_state(NAME, "running", "", 0)
    now[0] += 300
    warm.anvil.mine(now[0])
    desk.cycle()
    assert "sequencer_grace" not in desk.codes()


def test_25_the_way_out_is_open_in_the_grace(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    now = [chain_time(desk)]
    desk = with_eyes(desk, head_rules=RULES, wall_clock=lambda: float(now[0]))
    desk.run()
    now[0] = chain_time(desk) + 600
    with pytest.raises(TransientError):
        desk.cycle()
    warm.anvil.mine(now[0])
    desk.cycle()
    assert desk.codes() == ["sequencer_grace"]
    desk.journal.set_state(NAME, "exiting", "", 0)
    assert desk.run()[:1] == ["exit"] and desk.observe().positions == ()

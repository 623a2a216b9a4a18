"""Row 23: a head that is frozen, old, from the future, block 0, or jumps back. The rules by table: test_head_rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keeper.errors import TransientError
from keeper.world.chain.head_rules import HeadRules
from keeper.world.chain.node import HttpNode
from tests.faults.strangers import LyingNode, with_eyes
from tests.policy.desk import CHAIN_ID, Desk, Warm, at_desk


def chain_time(desk: Desk) -> int:
    return int(desk.warm.anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def test_23_a_frozen_head_holds_before_anything_is_decided(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    clock = [float(chain_time(desk))]
    desk = with_eyes(desk, head_rules=HeadRules(120), wall_clock=lambda: clock[0])
    clock[0] += 121
    with pytest.raises(TransientError, match="121 s old, more than 120 s"):
        desk.cycle()
    with desk.journal.reading() as query:
        assert query("SELECT count(*) FROM decisions") == [(0,)]
    warm.anvil.mine(int(clock[0]))
    assert desk.cycle().kind == "done"


@pytest.mark.parametrize(
    ("field", "change", "words"),
    [
        ("number", lambda _value: 0, "block 0"),
        ("timestamp", lambda value: value + 3_601, "s in the future"),
        ("number", lambda value: value - 80, "went back from block"),
        ("timestamp", lambda value: value - 86_400, "not in order"),
    ],
)
def test_23_a_rewritten_head_is_rejected(warm: Warm, tmp_path: Path, field: str, change: Any, words: str) -> None:
    desk = at_desk(warm, tmp_path)
    lying = [False]

    def lie(method: str, answer: Any) -> Any:
        if method != "eth_getBlockByNumber" or not lying[0]:
            return answer
        return answer | {field: hex(change(int(answer[field], 16)))}

    node = LyingNode(HttpNode([warm.anvil.url], chain_id=CHAIN_ID), lie)
    desk = with_eyes(desk, node, head_rules=HeadRules(600), wall_clock=lambda: float(chain_time(desk)))
    desk.cycle()
    desk.wait(12)
    sent = len(desk.receipts())
    lying[0] = True
    with pytest.raises(TransientError, match=words):
        desk.cycle()
    assert len(desk.receipts()) == sent
    lying[0] = False
    assert desk.cycle().kind == "done", "an honest head is taken again at once"

"""Row 12: the reply is lost after the node accepted the transaction. Same nonce, receipts first, no second mint."""

from __future__ import annotations

from collections import Counter

import pytest

from keeper.model.outcome import Done, Pending
from tests.faults import invariants
from tests.faults.node_faults import drop_reply, drop_request, frozen_at, hung
from tests.faults.proxy import Exchange, Fault
from tests.faults.scenes import besieged, carries
from tests.faults.site import Site

SEND = "eth_sendRawTransaction"
EVERY_TRY = 5  # how often the node's client tries: only then does the sender learn of it


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("exit", drop_reply),
        ("swap", drop_reply),
        ("mint", drop_reply),
        ("mint", drop_request),
        pytest.param("mint", hung(1.0), marks=pytest.mark.soak),
        pytest.param("exit", drop_request, marks=pytest.mark.soak),
        pytest.param("swap", hung(1.0), marks=pytest.mark.soak),
    ],
)
def test_12_a_reply_lost_at_one_step(site: Site, kind: str, fault: Fault) -> None:
    """Whether the bytes arrived cannot be known; the same ones are tried again, and nothing else is signed."""
    before = len(site.evidence().attempts)
    with besieged(site) as scene:
        rule = scene.node.on(SEND, fault, times=EVERY_TRY, when=carries(kind))
        outcomes = scene.keeper.until_held()
        assert rule.struck == EVERY_TRY
        assert sum(isinstance(each, Done) for each in outcomes) == 3
        seen = scene.evidence()
        assert invariants.resting(seen, broadcast=scene.broadcast()) == []
        assert [each.kind for each in seen.attempts[before:]].count(kind) == 1
        assert len(seen.held) == 1


def test_12_every_reply_to_every_send_is_lost(site: Site) -> None:
    with besieged(site) as scene:
        rule = scene.node.on(SEND, drop_reply)
        scene.keeper.until_held()
        seen = scene.evidence()
        assert rule.struck >= 6 * EVERY_TRY
        assert invariants.resting(seen, broadcast=scene.broadcast()) == []
        times = Counter((each.nonce, each.cancels) for each in seen.attempts)
        assert set(times.values()) == {1} and len(seen.held) == 1


def test_12_a_mint_whose_receipt_stays_hidden_is_not_made_again(site: Site) -> None:
    """The node took the mint, lost its reply and then served old blocks only: the plan stays open until it is seen."""
    with besieged(site) as scene:
        for _ in range(2):
            assert isinstance(scene.keeper.cycle(), Done)

        def lose_and_freeze(exchange: Exchange) -> None:
            head = int(exchange.node.ask("eth_blockNumber"), 16)
            exchange.reply()
            exchange.node.ask("evm_mine")
            exchange.node.on("*", frozen_at(head))
            scene.patience.mining = False  # or the chain would soon forget the state at that block
            exchange.hang_up()

        lost = scene.node.on(SEND, Fault("lost, then frozen", exchange=lose_and_freeze), times=1, when=carries("mint"))
        signed = len(scene.evidence().attempts)
        assert isinstance(scene.keeper.cycle(), Pending) and lost.struck == 1
        assert isinstance(scene.keeper.cycle(), Pending)
        fresh = scene.evidence().attempts[signed:]
        assert [each.kind for each in fresh if each.nonce == fresh[-1].nonce][:1] == ["mint"]
        assert all(not each.cancels for each in fresh)
        scene.node.calm()
        scene.patience.mining = True
        scene.keeper.until_held()
        seen = scene.evidence()
        assert invariants.resting(seen, broadcast=scene.broadcast()) == []
        assert len(seen.held) == 1

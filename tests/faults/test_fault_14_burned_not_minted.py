"""Row 14: burned, not minted. Idle funds are the next observation: fresh quote and guards; a mint that always fails is
tried within bounds, then held and told; and the money is all there, always."""

from __future__ import annotations

import pytest

from keeper.model.outcome import Done, Failed
from keeper.model.plan import Swap
from tests.faults import invariants
from tests.faults.node_faults import refuse
from tests.faults.scenes import besieged, carries, last_decision
from tests.faults.site import Site, at_work, passes, whale_moves
from tests.policy.desk import Warm

HOURS = 4
MOST_TRIES = 9  # at once three times, then after 5, 10, 20, 40, 80 minutes


@pytest.fixture
def burned(site: Site) -> Site:
    """Its position is burned, and the keeper that was to go on is gone."""
    with at_work(site) as keeper:
        assert isinstance(keeper.cycle(), Done)
        assert last_decision(keeper).plan.next_steps[-1].kind == "exit"
    seen = site.evidence()
    assert seen.held == {} and seen.recorded == ()
    return site


def test_14_idle_funds_are_the_next_observation(burned: Site, world: Warm) -> None:
    """Between burn and mint the price goes elsewhere: what follows is quoted at the new price, not the old plan's."""
    whale_moves(world, -300)
    with at_work(burned) as keeper:
        assert keeper.journal.memory(keeper.runner.strategy.name).in_transition
        keeper.until_held()
        with keeper.journal.reading() as query:
            rows = query("SELECT body FROM steps WHERE kind = 'swap' ORDER BY id")
        assert len(rows) >= 2
    seen = burned.evidence()
    assert invariants.resting(seen) == []
    assert len(seen.held) == 1


def test_14_the_guards_hold_for_idle_funds_too(burned: Site, world: Warm) -> None:
    """The price is pushed between burn and mint: nothing is swapped or minted until it has come back."""
    with at_work(burned) as keeper:
        before = burned.evidence().count
        tick = _push(world, 250)
        assert keeper.cycle().kind == "held"
        assert "spot_far_from_twap" in {each.code for each in last_decision(keeper).verdict.objections}
        assert burned.evidence().count == before
        _push(world, tick)
        passes(world, 1_900)
        keeper.until_held()
    seen = burned.evidence()
    assert invariants.resting(seen) == [] and len(seen.held) == 1


def test_14_a_mint_that_always_fails_is_bounded_and_told(burned: Site, world: Warm) -> None:
    """No simulation lets the mint through for hours: few tries, little gas, the reason on record, funds untouched."""
    with besieged(burned) as scene:
        first = scene.keeper.cycle()
        assert isinstance(first, Done)
        swapped = scene.last_decision().plan.next_steps[-1]
        assert isinstance(swapped, Swap)
        funds = _tokens(burned)
        sent = scene.evidence().count
        for method in ("eth_call", "eth_estimateGas", "eth_simulateV1"):
            scene.node.on(method, refuse("execution reverted: no mint today", 3), when=carries("mint"))
        tries, told = 0, set[str]()
        for _ in range(HOURS * 4):
            tries += isinstance(scene.keeper.cycle(), Failed)
            told |= scene.codes()
            passes(world, 900)
        assert 5 <= tries <= MOST_TRIES
        assert "keeps_failing" in told
        seen = scene.evidence()
        assert seen.count - sent <= 4 * tries  # its approvals, and taking them back
        assert _tokens(burned) == funds and seen.held == {}
        assert invariants.i4_passes_the_policy(seen) + invariants.i3_no_nonce_gap(seen) == []
        scene.node.calm()
        passes(world, 86_400)
        for _ in range(4):  # a day later the history is fresh again
            scene.keeper.cycle()
        scene.keeper.until_held()
        assert invariants.resting(scene.evidence()) == [] and len(scene.evidence().held) == 1


def _tokens(site: Site) -> dict[str, int]:
    return {token: amount for token, amount in site.evidence().balances.items() if token != "native"}


def _push(warm: Warm, ticks: int) -> int:
    """In one block, with no time for the means; returns what pushes it back."""
    whale_moves(warm, ticks, blocks=1, settle_seconds=1)
    return -ticks

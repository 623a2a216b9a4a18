"""Row 21: the base fee is twenty times as high, and stays there. Rebalances wait; exits have a budget of their own."""

from __future__ import annotations

from dataclasses import replace

from keeper.model.outcome import Done
from tests.faults import invariants
from tests.faults.scenes import Hostile, besieged
from tests.faults.site import Site

GWEI = 10**9
ORDINARY_WEI = GWEI // 10
DEAR_WEI = 20 * ORDINARY_WEI
TURNS = 3


def limited(site: Site, **limits: str) -> Site:
    """With a ceiling of 2.5 gwei, tip included: between the ordinary price and the dear one."""
    return replace(
        site, settings=site.settings | {"limits": site.settings["limits"] | {"max_gas_gwei": "2.5"} | limits}
    )


def at_price(scene: Hostile, wei: int) -> None:
    """From now on every block has that base fee."""
    scene.patience.base_fee_wei = wei
    scene.patience.mine()


def test_21_rebalances_wait_until_gas_is_cheap_again(site: Site) -> None:
    with besieged(limited(site)) as scene:
        at_price(scene, DEAR_WEI)
        before = scene.evidence()
        for _ in range(TURNS):
            assert scene.keeper.cycle().kind == "held"
            assert "gas_price" in scene.codes()
            scene.patience.mine()
        assert scene.node.sent == []
        assert len(scene.evidence().attempts) == len(before.attempts)
        at_price(scene, ORDINARY_WEI)
        scene.keeper.until_held()
        seen = scene.evidence()
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1


def test_21_the_operators_exit_goes_at_the_dear_price(site: Site) -> None:
    """The ceiling of rebalances does not lock anybody in."""
    with besieged(limited(site)) as scene:
        at_price(scene, DEAR_WEI)
        scene.set_state("exiting")
        assert isinstance(scene.keeper.cycle(), Done)
        seen = scene.evidence()
        assert seen.held == {} and seen.attempts[-1].max_fee_wei >= DEAR_WEI
        scene.keeper.until_held()
        assert invariants.resting(scene.evidence(), broadcast=scene.broadcast()) == []


def test_21_an_exit_keeps_to_its_own_ceiling(site: Site) -> None:
    """Above what the operator allows for the way out nothing is signed; below it the exit goes."""
    with besieged(limited(site, max_exit_gas_gwei="4")) as scene:
        at_price(scene, 3 * DEAR_WEI)
        scene.set_state("exiting")
        for _ in range(TURNS):
            scene.keeper.cycle()
            scene.patience.mine()
        assert scene.node.sent == []
        at_price(scene, DEAR_WEI)
        for _ in range(60):
            if not scene.evidence().held:
                break
            scene.keeper.cycle()
            scene.patience.block_seconds = 60
            scene.patience.mine()
        seen = scene.evidence()
        assert seen.held == {} and seen.attempts[-1].max_fee_wei <= 4 * GWEI
        assert invariants.i5_fees_rise_within_caps(seen.attempts, 4 * GWEI) == []


def test_21_the_jump_comes_while_a_rebalance_is_under_way(site: Site) -> None:
    """Signed at the old price, then out of the market: no bump passes the ceiling, nothing is done twice, and when gas
    is cheap again all of it comes to its end."""
    with besieged(limited(site), block_seconds=12) as scene:
        at_price(scene, ORDINARY_WEI)
        assert isinstance(scene.keeper.cycle(), Done)  # the exit
        held_back = len(scene.evidence().attempts)
        scene.patience.base_fee_wei = DEAR_WEI  # the next block is dear: what was just signed does not get in
        for _ in range(TURNS):
            scene.keeper.cycle()
        fresh = scene.evidence().attempts[held_back:]
        assert fresh, "it was meant to be signed at the old price"
        ceiling_wei = int(2.5 * GWEI)
        assert all(each.max_fee_wei <= ceiling_wei or each.cancels for each in fresh)
        at_price(scene, ORDINARY_WEI)
        scene.keeper.until_held()
        seen = scene.evidence()
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1

"""Row 22: what the signing policy allows for gas bounds what is offered. A bump that it would refuse is not asked for:
the transaction is left as it is and its nonce taken back in time, and nothing halts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.model.outcome import Failed
from tests.faults import invariants
from tests.faults.held_pool import HeldPool
from tests.faults.scenes import besieged
from tests.faults.site import Site

GWEI = 10**9
MOST_TIP_WEI = 1_200_000_000
MOST_GAS_WEI = 10**15


def test_22_bumps_end_below_what_the_policy_allows_as_a_tip(site: Site) -> None:
    signing = {"max_priority_fee_gwei": "1.2"}
    with besieged(replace(site, settings=site.settings | {"signing": signing}), block_seconds=60) as scene:
        pool = HeldPool(scene.node, lambda signed, _times: not carries_exit(signed.data))
        for _ in range(3):
            scene.keeper.cycle()
        fresh = [each for each in scene.evidence().attempts if each.nonce == scene.evidence().attempts[-1].nonce]
        assert any(each.cancels for each in fresh), "there was no room left to take the nonce back"
        assert all(each.max_priority_fee_wei <= MOST_TIP_WEI for each in fresh)
        scene.node.calm()
        pool.release()
        scene.keeper.until_held()
        assert invariants.resting(scene.evidence(), broadcast=scene.broadcast()) == []


@pytest.mark.soak
def test_22_a_dear_market_is_waited_out_within_the_policys_gas_money(site: Site) -> None:
    """The base fee rises out of what one transaction may cost while a swap is on its way, and before another."""
    signing = {"max_gas_native_per_transaction": "0.001"}
    with besieged(replace(site, settings=site.settings | {"signing": signing}), block_seconds=12) as scene:
        assert scene.keeper.cycle().kind == "done"  # the exit
        before = len(scene.evidence().attempts)
        scene.patience.base_fee_wei = 20 * GWEI
        scene.keeper.cycle()
        scene.patience.mine()
        for each in scene.evidence().attempts[before:]:
            if not each.cancels:
                assert each.max_fee_wei * each.gas_limit <= MOST_GAS_WEI
        refused = [each.reason for each in scene.keeper.outcomes if isinstance(each, Failed)]
        scene.patience.base_fee_wei = GWEI // 10
        scene.patience.mine()
        scene.keeper.until_held()
        seen = scene.evidence()
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1
        assert scene.keeper.runner.state() == "running", refused


def carries_exit(data: bytes) -> bool:
    return "0c49ccbe" in data.hex()

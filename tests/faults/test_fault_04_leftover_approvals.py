"""Row 4: no approval is larger than its act, none is left when the keeper rests, and none was ever without a limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.model.outcome import Done
from tests.faults import node_faults, token_pack
from tests.faults.evidence import Evidence
from tests.faults.scenes import besieged, carries, opened
from tests.faults.signed_bytes import read_signed
from tests.faults.site import Site, at_work, whale_moves
from tests.policy.desk import Warm

APPROVE, SET_FOR_ALL = "095ea7b3", "a22cb465"


def allowances(seen: Evidence) -> set[int]:
    return set(seen.allowances.values())


def approved(seen: Evidence) -> list[int]:
    """The amounts of every approval that was ever signed, oldest first."""
    data = [read_signed(each.raw).data.hex() for each in seen.attempts]
    assert not [each for each in data if each.startswith(SET_FOR_ALL)]
    return [int(each[72:136], 16) for each in data if each.startswith(APPROVE)]


def test_04_a_whole_rebalance_leaves_no_allowance_and_none_was_unlimited(site: Site) -> None:
    with at_work(site) as keeper:
        keeper.until_held()
    seen = site.evidence()
    assert allowances(seen) == {0}
    given = [each for each in approved(seen) if each]
    assert given and max(given) < 1 << 96, "each is what its act takes"


def test_04_what_an_act_leaves_over_is_taken_back(site: Site) -> None:
    """The approval is mined, the act that was to use it never comes to be: the next turns take it back."""
    with besieged(site) as hostile:
        hostile.node.on("eth_estimateGas", node_faults.refuse("execution reverted", 3), when=carries("mint"))
        simulated = node_faults.refuse("the method does not exist", -32601)
        hostile.node.on("eth_simulateV1", simulated)
        hostile.node.on("eth_call", node_faults.refuse("execution reverted", 3), when=carries("mint"))
        for _ in range(6):
            if hostile.keeper.cycle().kind == "failed":
                break
        assert allowances(site.evidence()) != {0}, "the approvals of the mint that failed"
        hostile.set_state("exiting")
        hostile.keeper.until_held()
    seen = site.evidence()
    assert allowances(seen) == {0} and 0 in approved(seen)


@pytest.mark.parametrize("side", ["base", "quote"])
def test_04_tokens_that_ask_for_zero_first_are_served(world: Warm, tmp_path: Path, side: str) -> None:
    """As USDT: nothing is returned, and an allowance that is not zero cannot be changed but to zero."""
    token = getattr(world.deployment, side)
    token_pack.turn(world.anvil.rpc, token, "NothingReturning")
    site = opened(world, tmp_path)
    whale_moves(world, 700)
    stale = 12_345
    _approve_as_owner(world, site, token, stale)
    with at_work(site) as keeper:
        assert any(isinstance(each, Done) for each in keeper.until_held())
    seen = site.evidence()
    assert allowances(seen) == {0} and len(seen.held) == 1


def _approve_as_owner(world: Warm, site: Site, token: str, amount: int) -> None:
    """A left-over from before, as the contract's storage has it: nobody signed for it with the keeper's key."""
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    rpc, router = world.anvil.rpc, site.contracts["router"]
    for slot in range(8):
        inner = keccak(encode(["address", "uint256"], [site.owner, slot]))
        place = "0x" + keccak(encode(["address", "bytes32"], [router, inner])).hex()
        before = rpc("eth_getStorageAt", token, place, "latest")
        rpc("anvil_setStorageAt", token, place, "0x" + amount.to_bytes(32, "big").hex())
        if (token.lower(), router.lower()) in site.evidence().allowances and _allowance(site, token, router) == amount:
            return
        rpc("anvil_setStorageAt", token, place, before)
    raise AssertionError("the allowances of this token are somewhere else")


def _allowance(site: Site, token: str, spender: str) -> int:
    return site.evidence().allowances[(token.lower(), spender.lower())]

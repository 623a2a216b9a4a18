"""Tokens that keep a part, move by themselves, lie or call back: refused at the start; where an operator allows one all
the same, the rehearsal still stops what would lose."""

from __future__ import annotations

import time

import pytest

from keeper.chainlab.calls import create, transact
from keeper.errors import RehearsalFailedError
from keeper.model.plan import Approve, Mint, MintRange, Swap
from keeper.world.chain.node import HttpNode
from keeper.world.chain.rehearsal import PlainRehearsal, SimulatedRehearsal, Stage
from keeper.world.chain.simulation import Simulator
from keeper.world.v3.token_check import TokenVerdict, examine_token
from keeper.world.venues.uniswap_v3 import UniswapV3, build
from tests.conftest import Chain
from tests.faults import token_pack
from tests.faults.blind import CannotSimulate
from tests.faults.token_pack import HARMLESS, MISCHIEF, HostilePool
from tests.world.conftest import FAR_DEADLINE, contracts_of

ONE = 10**18
PHRASES = {
    "FeeOnTransfer": "instead of",
    "RebasingByTime": "change by themselves within 30 days",
    "RebasingByReport": "answers sharesOf(address)",
    "RebasingByCall": "its code has rebase(uint256,int256)",
    "FalseReturning": "neither true nor nothing",
    "Hooked": "calls the sender's or the recipient's code",
    "BrokenBalance": "its balanceOf fails",
    "HugeReturning": "returns 100000 bytes",
    "GasBurner": "gas",
}
SEEN_BY_CODE = ("RebasingByReport", "RebasingByCall")


def examine(chain: Chain, pool: HostilePool) -> TokenVerdict:
    return examine_token(Simulator(HttpNode([chain.anvil.url])), pool.token, (pool.pool,))


def hostile_pool(chain: Chain, kind: str) -> HostilePool:
    rpc = chain.anvil.rpc
    return token_pack.make_pool(rpc, chain.deployment, token_pack.deploy_token(rpc, kind))


@pytest.mark.parametrize("kind", MISCHIEF)
def test_10_is_refused(chain: Chain, kind: str) -> None:
    pool = hostile_pool(chain, kind)
    if kind not in SEEN_BY_CODE:
        assert examine(chain, pool).state == "plain", "while it behaves there is nothing to see"
    token_pack.arm(chain.anvil.rpc, pool.token, MISCHIEF[kind])
    verdict = examine(chain, pool)
    assert verdict.state == "refused" and PHRASES[kind] in "; ".join(verdict.reasons), verdict


def test_10_a_fee_of_one_basis_point_is_seen(chain: Chain) -> None:
    pool = hostile_pool(chain, "FeeOnTransfer")
    token_pack.arm(chain.anvil.rpc, pool.token, 1)
    assert examine(chain, pool).state == "refused"


@pytest.mark.parametrize("kind", HARMLESS)
def test_10_plain_ones_pass_and_the_issuers_powers_are_told(chain: Chain, kind: str) -> None:
    verdict = examine(chain, hostile_pool(chain, kind))
    assert (verdict.state, verdict.reasons) == ("plain", ())
    told = {
        "Plain": (),
        "NothingReturning": ("an approval must go to zero before it is changed", "its transfer returns nothing"),
        "Pausable": ("its issuer's code has pause()", "its issuer's code has paused()"),
        "Blacklisting": ("its issuer's code has blacklist(address)", "its issuer's code has isBlacklisted(address)"),
    }
    assert verdict.notes == told[kind]


@pytest.mark.parametrize("kind", token_pack.KNOWN)
@pytest.mark.parametrize("through_proxy", [False, True])
def test_10_the_manners_of_well_known_tokens_are_no_reason(chain: Chain, kind: str, through_proxy: bool) -> None:
    """Also with as little in the pool as a token of six decimals may have."""
    rpc, deployment = chain.anvil.rpc, chain.deployment
    token = create(rpc, deployment.deployer, token_pack.compiled()[kind].creation_code)
    token = token_pack.create_proxy(rpc, token) if through_proxy else token
    simulator = Simulator(HttpNode([chain.anvil.url]))
    for amount in (100, 10**24):
        transact(rpc, deployment.deployer, token, "mint(address,uint256)", deployment.pool, amount)
        verdict = examine_token(simulator, token, (deployment.pool,))
        assert (verdict.state, verdict.reasons) == ("plain", ()), amount


def test_10_a_fee_that_was_none_is_seen_once_it_is_taken(chain: Chain) -> None:
    rpc, deployment = chain.anvil.rpc, chain.deployment
    token = create(rpc, deployment.deployer, token_pack.compiled()["CouldTakeAFee"].creation_code)
    transact(rpc, deployment.deployer, token, "mint(address,uint256)", deployment.pool, 10**12)
    for slot, value in ((3, 10), (4, 10**6)):  # basisPointsRate, maximumFee
        rpc("anvil_setStorageAt", token, hex(slot), f"0x{value:064x}")
    verdict = examine_token(Simulator(HttpNode([chain.anvil.url])), token, (deployment.pool,))
    assert verdict.state == "refused" and "instead of" in verdict.reasons[0]


def test_10_behind_a_proxy_the_code_is_looked_through_too(chain: Chain) -> None:
    rpc = chain.anvil.rpc
    proxy = token_pack.create_proxy(rpc, token_pack.deploy_token(rpc, "RebasingByCall"))
    transact(rpc, chain.deployment.deployer, proxy, "mint(address,uint256)", chain.deployment.pool, ONE)
    verdict = examine_token(Simulator(HttpNode([chain.anvil.url])), proxy, (chain.deployment.pool,))
    assert verdict.state == "refused" and "rebase(uint256,int256)" in verdict.reasons[0]
    assert "it is a proxy: its owner can replace its code" in verdict.notes


def test_10_the_demos_tokens_are_plain_and_it_is_quick(chain: Chain) -> None:
    deployment, rpc = chain.deployment, chain.anvil.rpc
    simulator = Simulator(HttpNode([chain.anvil.url]))
    for token in (deployment.token0, deployment.token1):
        transact(rpc, deployment.deployer, token, "mint(address,uint256)", deployment.pool, 1_000)
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            assert examine_token(simulator, token, (deployment.pool,)) == TokenVerdict(token, "plain")
            seconds.append(time.perf_counter() - start)
        assert min(seconds) < 0.1


def test_10_what_cannot_be_tried_is_unknown_not_plain(chain: Chain) -> None:
    pool = hostile_pool(chain, "Plain")
    blind = CannotSimulate(HttpNode([chain.anvil.url]))
    assert examine_token(Simulator(blind), pool.token, (pool.pool,)).state == "unknown"
    nobody = examine_token(Simulator(HttpNode([chain.anvil.url])), pool.token, ("0x" + "77" * 20,))
    assert nobody.state == "unknown" and "nobody known holds any" in nobody.reasons[0]


def rehearsal(chain: Chain, venue: UniswapV3, owner: str) -> SimulatedRehearsal:
    stage = Stage(owner, venue.pool.token0.address, venue.pool.token1.address, venue.contracts)
    return SimulatedRehearsal(Simulator(HttpNode([chain.anvil.url])), stage)


def at_the_pool(chain: Chain, kind: str) -> tuple[HostilePool, UniswapV3, str]:
    """A pool of the kind, and an owner with both tokens who has approved everything."""
    pool, rpc = hostile_pool(chain, kind), chain.anvil.rpc
    venue = build(HttpNode([chain.anvil.url]), contracts_of(chain.deployment), pool.pool)
    owner = str(rpc("eth_accounts")[3])
    for token in (pool.token, pool.plain):
        transact(rpc, chain.deployment.deployer, token, "mint(address,uint256)", owner, 10 * ONE)
        for spender in (chain.deployment.swap_router, chain.deployment.position_manager):
            transact(rpc, owner, token, "approve(address,uint256)", spender, 10 * ONE)
    return pool, venue, owner


def swap(venue: UniswapV3, pool: HostilePool, *, selling_hostile: bool) -> Swap:
    zero_for_one = (venue.pool.token0.address == pool.token) == selling_hostile
    return Swap(zero_for_one, ONE, ONE * 997 // 1000, ONE, 0)


def test_10_an_allowed_token_with_a_fee_still_cannot_lose_in_a_swap(chain: Chain) -> None:
    pool, venue, owner = at_the_pool(chain, "FeeOnTransfer")
    buying, rehearse = swap(venue, pool, selling_hostile=False), rehearsal(chain, venue, owner)
    call = venue.call(buying, owner, FAR_DEADLINE)
    assert "simulated, as the plan says" in rehearse.rehearse(buying, call).seen
    token_pack.arm(chain.anvil.rpc, pool.token, MISCHIEF["FeeOnTransfer"])
    assert PlainRehearsal(HttpNode([chain.anvil.url]), owner).gas_units(buying, call) > 0, "the call itself succeeds"
    with pytest.raises(RehearsalFailedError, match=r"would come, where at least 997000000000000000 must"):
        rehearse.gas_units(buying, call)
    selling = swap(venue, pool, selling_hostile=True)
    with pytest.raises(RehearsalFailedError, match="simulation failed: IIA"):
        rehearse.gas_units(selling, venue.call(selling, owner, FAR_DEADLINE))


@pytest.mark.parametrize("kind", ["FeeOnTransfer", "FalseReturning", "BrokenBalance"])
def test_10_an_allowed_hostile_token_is_not_minted_with(chain: Chain, kind: str) -> None:
    _pool, venue, owner = at_the_pool(chain, kind)
    step = Mint((MintRange(-600, 600, ONE, ONE, ONE * 99 // 100, ONE * 99 // 100, 1_000_000),), -600, 600)
    call, rehearse = venue.call(step, owner, FAR_DEADLINE), rehearsal(chain, venue, owner)
    assert "position NFTs +1" in rehearse.rehearse(step, call).seen
    token_pack.arm(chain.anvil.rpc, _pool.token, MISCHIEF[kind])
    with pytest.raises(RehearsalFailedError):
        rehearse.gas_units(step, call)


def test_10_an_approval_that_does_not_take_is_seen(chain: Chain) -> None:
    """USDT's rule: over an allowance that is not zero it reverts; here at the rehearsal, not on the chain."""
    pool, venue, owner = at_the_pool(chain, "NothingReturning")
    over, zero = Approve(pool.token, "router", 7), Approve(pool.token, "router", 0)
    rehearse = rehearsal(chain, venue, owner)
    with pytest.raises(RehearsalFailedError, match="to zero first"):
        rehearse.gas_units(over, venue.call(over, owner, FAR_DEADLINE))
    assert "allowance 0" in rehearse.rehearse(zero, venue.call(zero, owner, FAR_DEADLINE)).seen
    with pytest.raises(RehearsalFailedError, match="the allowance would be 0 afterwards, not 8"):
        rehearse.gas_units(Approve(pool.token, "router", 8), venue.call(zero, owner, FAR_DEADLINE))

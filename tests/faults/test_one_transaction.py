"""A rebalance in one transaction from a key, on the real contracts, with the real signing policy in front of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keeper.assembly_atomic import atomic_account
from keeper.chainlab.deploy import slot0
from keeper.chainlab.deploy_account import delegate_of, delegation_code
from keeper.errors import ConfigError, HaltedError
from keeper.known_safe import BATCH_ACCOUNT
from keeper.model.outcome import Done, Failed
from keeper.model.plan import Swap
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.settings import StrategySettings
from keeper.world.chain.node import HttpNode
from keeper.world.signers import keystore
from keeper.world.venues.uniswap_v3 import build as build_venue
from tests.faults import invariants
from tests.faults.evidence import Evidence, reading
from tests.faults.held_pool import HeldPool
from tests.faults.scenes import AWAY_TICKS, besieged, left_behind
from tests.faults.signed_bytes import read_signed
from tests.faults.site import CHAIN_ID, PASSWORD, Patience, Site, at_work, make_site, passes, whale_moves
from tests.policy.desk import WHALE_MONEY, Warm
from tests.world.conftest import FAR_DEADLINE
from tests.world.unpoliced import sign_anything

BATCH = "34fcd5be"


@pytest.fixture(scope="module", name="behind")
def make_behind(traded: Warm, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A keeper in mode atomic whose price has left its range. Its journal is never written: use ``site``."""
    return left_behind(traded, tmp_path_factory.mktemp("behind"), mode="atomic")


def gas_used(site: Site) -> list[int]:
    """Of every transaction that the journal has a receipt of, in order."""
    with reading(site.journal_file) as query:
        rows = query("SELECT receipt FROM transactions WHERE receipt IS NOT NULL ORDER BY id")
    return [int(json.loads(zlib.decompress(row[0]))["gasUsed"], 16) for row in rows]


def runs(site: Site) -> str | None:
    return delegate_of(site.rpc, site.owner)


def in_order(seen: Evidence) -> list[tuple[str, int, int]]:
    """Of each attempt: the step, its nonce, its type."""
    return [(each.kind, each.nonce, each.raw[0]) for each in seen.attempts]


def test_enter_and_rebalance_are_one_transaction_each(world: Warm, tmp_path: Path) -> None:
    """To the wei, with no allowance left, and for less gas than the same in plain transactions."""
    used: dict[str, list[int]] = {}
    for mode in ("wallet", "atomic"):
        mark = world.anvil.snapshot()
        site = make_site(world, tmp_path / mode, mode=mode)
        with at_work(site) as keeper:
            keeper.until_held()
            whale_moves(world, AWAY_TICKS)
            keeper.until_held()
            seen = site.evidence()
            assert invariants.resting(seen) == [] and len(seen.held) == 1
            used[mode] = gas_used(site)
            if mode == "atomic":
                assert in_order(seen) == [("batch", 0, 4), ("batch", 2, 2)]
                assert runs(site) == BATCH_ACCOUNT.address
        world.anvil.revert(mark)
    entering, rebalancing = sum(used["wallet"][:5]), sum(used["wallet"][5:])
    assert len(used["wallet"]) == 11
    assert used["atomic"][0] < entering and used["atomic"][1] < rebalancing
    print(f"gas of enter and rebalance: wallet {entering} + {rebalancing}, in one {used['atomic']}")  # noqa: T201 - figures to quote


@dataclass
class Outrun(Patience):
    """A whale moves the price by ``ticks`` in front of us, in the very block that our transaction goes into."""

    warm: Warm | None = None
    ticks: int = 0

    def mine(self) -> None:
        if self.ticks and self.warm is not None:
            whale_is_first(self.warm, self.site, self.ticks)
            self.ticks = 0
        super().mine()


def whale_is_first(warm: Warm, site: Site, ticks: int) -> None:
    """In the pool with the highest tip; whoever calls this mines."""
    rpc, now = warm.anvil.rpc, slot0(warm.anvil.rpc, warm.deployment.pool)[1]
    venue = build_venue(HttpNode((site.anvil_url,), chain_id=CHAIN_ID), warm.contracts, site.pool)
    call = venue.call(
        Swap(ticks < 0, WHALE_MONEY // 10**4, 0, 0, sqrt_price_at_tick(now + ticks)), warm.whale, FAR_DEADLINE
    )
    offer = {"maxPriorityFeePerGas": hex(10**12), "maxFeePerGas": hex(2 * 10**12), "gas": hex(8_000_000)}
    rpc("eth_sendTransaction", {"from": warm.whale, "to": call.to, "data": "0x" + call.data.hex(), **offer})


@pytest.mark.parametrize("ticks", [-400, 400])
def test_a_price_that_ran_away_before_it_reverts_and_loses_nothing(site: Site, world: Warm, ticks: int) -> None:
    """Beyond the drift that its amounts are certain for: all of it is undone, its gas is all that it cost."""
    before = site.evidence()
    with at_work(site, patience=Outrun(site, warm=world, ticks=ticks)) as keeper:
        outcome = keeper.cycle()
        assert isinstance(outcome, Failed) and outcome.reason.endswith("reverted"), outcome
        after = site.evidence()
        assert after.held == before.held and invariants.resting(after) == []
        assert {t: a for t, a in after.balances.items() if t != "native"} == {
            t: a for t, a in before.balances.items() if t != "native"
        }
        passes(world, 7_200)  # the means catch up
        keeper.until_held()
        seen = site.evidence()
        assert invariants.resting(seen) == [] and len(seen.held) == 1


def test_a_price_that_ran_away_before_the_signature_is_refused(site: Site, world: Warm) -> None:
    before = site.evidence()

    class Moved(HttpNode):
        """The price moves between the decision and its rehearsal, once."""

        left = 1

        def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
            if self.left and requests[0][0] == "eth_simulateV1":
                self.left = 0
                whale_is_first(world, site, -400)
                site.mine()
            return super().batch(requests)

    with at_work(site, node=Moved((site.url,), chain_id=CHAIN_ID)) as keeper:
        outcome = keeper.cycle()
    assert isinstance(outcome, Failed), outcome
    assert "simulation" in outcome.reason or "would" in outcome.reason
    after = site.evidence()
    assert (after.count, after.balances, after.attempts) == (before.count, before.balances, before.attempts)


@pytest.mark.parametrize("depth", [1, 3])
def test_the_entering_is_undone_by_a_reorganisation(world: Warm, tmp_path: Path, depth: int) -> None:
    site = make_site(world, tmp_path / "site", mode="atomic")
    world.anvil.rpc("anvil_mine", hex(8))  # what was set up stays
    with at_work(site) as keeper:
        keeper.until_held()
        done = site.evidence()
        for _ in range(depth - 1):
            site.mine()
        site.rpc("anvil_reorg", depth, [])
        assert runs(site) is None and not site.evidence().held
        keeper.until_held()
    seen = site.evidence()
    assert invariants.resting(seen) == [] and runs(site) == BATCH_ACCOUNT.address
    assert invariants.i11_replay_is_direct(seen, done) == []
    assert in_order(seen) == [("batch", 0, 4)]


@pytest.mark.soak
def test_a_stuck_one_is_replaced_by_the_same_at_its_nonce(world: Warm, tmp_path: Path) -> None:
    site = make_site(world, tmp_path / "site", mode="atomic")
    with besieged(site, block_seconds=12) as scene:
        pool = HeldPool(scene.node, lambda _signed, times: times == 3, refusals=2)
        scene.keeper.until_held()
        tries = [read_signed(each.raw) for each in scene.evidence().attempts]
        assert len(tries) >= 4 and pool.refused.count("replacement transaction underpriced") == 2
        assert len({(each.to, each.data, each.nonce, each.authorizations) for each in tries}) == 1
        assert {each.raw[0] for each in scene.evidence().attempts} == {4}
        assert invariants.resting(scene.evidence(), broadcast=scene.broadcast()) == []


def test_an_expired_one_is_taken_back_and_done_anew(world: Warm, tmp_path: Path) -> None:
    site = make_site(world, tmp_path / "site", mode="atomic")
    with besieged(site, block_seconds=60) as scene:
        pool = HeldPool(scene.node, lambda signed, _times: signed.data[:4].hex() != BATCH)
        for _ in range(8):
            scene.keeper.cycle()
            if any(each.cancels for each in scene.evidence().attempts):
                break
        scene.node.calm()
        pool.release()
        scene.keeper.until_held()
        seen = scene.evidence()
        first = [each for each in seen.attempts if each.nonce == 0]
        assert first[0].raw[0] == 4 and first[-1].cancels and first[-1].raw[0] == 2
        assert [(each.nonce, each.taken) for each in seen.mined] == [(0, 1), (1, 2)]
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1


def test_another_code_at_the_batch_account_halts_before_a_signature(site: Site) -> None:
    code = site.rpc("eth_getCode", BATCH_ACCOUNT.address, "latest")
    before = site.evidence().attempts
    with at_work(site) as keeper:
        site.rpc("anvil_setCode", BATCH_ACCOUNT.address, code + "00")
        with pytest.raises(HaltedError, match=r"the code of the batch account .* is not the one that is known"):
            keeper.cycle()
        assert site.evidence().attempts == before
        site.rpc("anvil_setCode", BATCH_ACCOUNT.address, code)
        site.mine()
        assert isinstance(keeper.cycle(), Done | Failed)


def test_an_account_that_somebody_else_delegated_halts(site: Site) -> None:
    stranger = "0x" + "ab" * 20
    site.rpc("anvil_setCode", stranger, site.rpc("eth_getCode", BATCH_ACCOUNT.address, "latest"))
    site.rpc("anvil_setCode", site.owner, delegation_code(stranger))
    before = site.evidence().attempts
    with at_work(site) as keeper, pytest.raises(HaltedError, match="somebody else delegated it"):
        keeper.cycle()
    assert site.evidence().attempts == before


def test_a_stranger_beside_it_is_still_seen(site: Site) -> None:
    """Two nonces of one transaction are ours; the next one that nobody wrote down is not."""
    key = keystore.load(Path(site.folder) / "key.json", PASSWORD)
    foreign = {"type": 2, "chainId": CHAIN_ID, "nonce": 2, "to": site.owner, "value": 0, "data": b"", "gas": 60_000,
               "maxFeePerGas": 10**12, "maxPriorityFeePerGas": 10**9}  # fmt: skip
    with at_work(site) as keeper:
        keeper.runner._hands.reconciler.reconcile(keeper.runner._hands.observer.observe())
        site.rpc("eth_sendRawTransaction", "0x" + sign_anything(key, foreign).hex())
        site.mine()
        with pytest.raises(HaltedError, match=r"counts 3 transactions .* the journal knows of 2"):
            keeper.cycle()


def test_a_chain_without_the_batch_account_needs_another_mode(behind: Site, world: Warm) -> None:
    world.anvil.rpc("anvil_setCode", BATCH_ACCOUNT.address, "0x")
    node = HttpNode((behind.url,), chain_id=CHAIN_ID)
    settings = StrategySettings.model_validate(behind.settings)
    with pytest.raises(ConfigError, match=r"needs the batch account .* set execution.mode to wallet"):
        atomic_account(node, settings)
    idle = StrategySettings.model_validate(behind.settings | {"swap": {"route": "none"}})
    assert atomic_account(node, idle) == "multicall"
    with pytest.raises(ConfigError, match="0xABaB"):
        atomic_account(node, idle, "0x" + "ab" * 20)

"""One transaction without the known batch account, with an operator's own contract, and where none is signed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address

from keeper.assembly import dry_executor, open_hands
from keeper.assembly_atomic import atomic_executor
from keeper.errors import HaltedError
from keeper.known_safe import BATCH_ACCOUNT
from keeper.policy.settings import StrategySettings
from keeper.world.chain.node import HttpNode
from keeper.world.journal.opening import open_journal
from keeper.world.protocols import Executor
from keeper.world.signers import keystore
from keeper.world.venues.uniswap_v3 import build as build_venue
from tests.faults import invariants
from tests.faults.scenes import AWAY_TICKS
from tests.faults.site import CHAIN_ID, PASSWORD, Site, at_work, make_site, whale_moves
from tests.faults.test_one_transaction import runs
from tests.policy.desk import Warm, journal_that_knows


def test_an_operators_own_batch_contract_is_pinned_at_first_sight(world: Warm, tmp_path: Path) -> None:
    """Its code is not known in advance: a change of it halts, as with every other contract."""
    site = make_site(world, tmp_path / "site", mode="atomic")
    code = site.rpc("eth_getCode", BATCH_ACCOUNT.address, "latest")
    own = to_checksum_address("0x" + "cd" * 20)
    site.rpc("anvil_setCode", own, code)
    with own_contract(site, own) as executor:
        watched = executor._sender._rehearsal._pins  # type: ignore[attr-defined]
        watched.check()
        site.rpc("anvil_setCode", own, code + "00")
        with pytest.raises(HaltedError, match="the code of delegate 0xcdcd"):
            watched.check()
        site.rpc("anvil_setCode", own, code)
        watched.check()


@contextmanager
def own_contract(site: Site, contract: str) -> Iterator[Executor]:
    """The executor of a keeper whose operator named that contract."""
    journal = open_journal(site.journal_url, site.mode)
    key, node = keystore.load(Path(site.folder) / "key.json", PASSWORD), HttpNode((site.url,), chain_id=CHAIN_ID)
    settings, venue = (
        StrategySettings.model_validate(site.settings),
        build_venue(node, site.access.contracts, site.pool),
    )
    yield atomic_executor(site.access, settings, journal, key, delegate=contract)(node, venue)
    journal.close()


def test_without_swaps_the_position_manager_does_it_all(world: Warm, tmp_path: Path) -> None:
    """No batch contract on the chain, and none needed: exit and mint go through its multicall."""
    site = make_site(world, tmp_path / "site", mode="atomic", split=(1, 1), swap={"route": "none"})
    world.anvil.rpc("anvil_setCode", BATCH_ACCOUNT.address, "0x")
    with at_work(site) as keeper:
        keeper.until_held()
        whale_moves(world, AWAY_TICKS)
        keeper.until_held()
    seen = site.evidence()
    assert {each.raw[0] for each in seen.attempts} == {2} and runs(site) is None
    assert "batch" in {each.kind for each in seen.attempts}
    assert invariants.resting(seen) == []


def test_a_dry_run_tries_the_whole_batch(world: Warm, tmp_path: Path) -> None:
    """Nothing is delegated and nothing signed: the simulation takes the delegation as given."""
    site = make_site(world, tmp_path / "site", mode="atomic")
    settings = StrategySettings.model_validate(site.settings)
    with at_work(replace(site)) as keeper:
        journal = journal_that_knows(world, tmp_path / "dry.db", "dry")
        hands = open_hands(
            site.access, settings, journal, dry_executor(site.owner, delegate=BATCH_ACCOUNT.address),
            owner=site.owner, account="delegated",
        )  # fmt: skip
        runner = type(keeper.runner)(keeper.runner.strategy, hands, journal)
        outcome = runner.run_once()
        journal.close()
    assert outcome.kind == "simulated", outcome
    assert "batch would succeed" in outcome.report and runs(site) is None and site.evidence().count == 0

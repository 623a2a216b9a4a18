"""Row 21: a limit on spending is reached, by a dear gas market or by much to do. It is waited for; nothing halts for
it, what is out stays looked after, and the way out is open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper.model.outcome import Done, Failed
from tests.faults import invariants
from tests.faults.scenes import Hostile, besieged
from tests.faults.site import Site, at_work, make_site, passes
from tests.policy.desk import Warm

GWEI = 10**9
HOUR_SECONDS = 3_600


def limited(site: Site, **signing: Any) -> Site:
    return replace(site, settings=site.settings | {"signing": signing})


@pytest.mark.parametrize(
    ("signing", "named"),
    [
        ({"max_transactions_per_hour": 1}, "max_transactions_per_hour"),
        ({"max_gas_native_per_hour": "0.00001"}, "max_gas_native_per_hour"),
        ({"max_gas_native_per_day": "0.00001"}, "max_gas_native_per_day"),
        ({"max_swapped_quote_per_transaction": 1}, "max_swapped_quote_per_transaction"),
        ({"max_swapped_quote_per_hour": 1}, "max_swapped_quote_per_hour"),
        ({"max_gas_units": 50_000}, "max_gas_units"),
    ],
)
def test_21_what_a_limit_forbids_waits_and_says_which(
    world: Warm, tmp_path: Path, signing: dict[str, Any], named: str
) -> None:
    site = limited(make_site(world, tmp_path / "site", split=(1, 0)), **signing)
    with at_work(site) as keeper:
        outcome = keeper.cycle()  # the swap that comes before the first mint, with its approval
        while isinstance(outcome, Done):
            outcome = keeper.cycle()
        assert isinstance(outcome, Failed) and f"signing.{named}" in outcome.reason, outcome
        assert keeper.runner.state() == "running"


def test_21_after_an_hour_it_goes_on(world: Warm, tmp_path: Path) -> None:
    site = limited(make_site(world, tmp_path / "site"), max_transactions_per_hour=3)
    with at_work(site) as keeper:
        for _ in range(12):
            keeper.cycle()
            passes(world, HOUR_SECONDS // 2)
        seen = site.evidence()
        assert len(seen.held) == 1 and keeper.runner.state() == "running"
        assert invariants.resting(seen, broadcast={each.hash for each in seen.attempts}) == []


def market(scene: Hostile, wei: int) -> None:
    scene.patience.base_fee_wei = wei


def test_21_a_bump_beyond_the_limit_is_not_signed_and_what_is_out_is_settled(site: Site) -> None:
    """Signed within the limit; then gas is so dear that what would replace it is beyond it."""
    tight = limited(site, max_gas_native_per_transaction="0.004", max_gas_native_per_exit="0.004")
    with besieged(tight, block_seconds=40) as scene:
        market(scene, GWEI // 10)
        scene.patience.mine()
        market(scene, 20 * GWEI)
        outcome = scene.keeper.cycle()  # to the deadline and past it: the nonce is taken back, within the same limit
        assert isinstance(outcome, Failed) and "took back its nonce" in outcome.reason, outcome
        assert scene.keeper.runner.state() == "running"
        market(scene, GWEI // 10)
        scene.patience.mine()
        scene.keeper.until_held()
        seen = scene.evidence()
        assert invariants.resting(seen, broadcast=scene.broadcast()) == [] and len(seen.held) == 1
        assert max(each.max_fee_wei for each in seen.attempts if each.cancels) > 20 * GWEI
        assert all(each.gas_limit * each.max_fee_wei <= 4 * 10**15 for each in seen.attempts)

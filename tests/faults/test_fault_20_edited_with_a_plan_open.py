"""Row 20: settings that are edited while a plan is open. What was planned by the old ones is not begun any more, what
is out is settled, and the strategy goes on by the new ones without a halt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keeper.model.outcome import Done, Failed, Pending
from tests.faults import invariants
from tests.faults.site import Patience, Site, at_work

EDITS: dict[str, dict[str, Any]] = {
    "slippage": {"limits": {"cooldown_minutes": 0, "max_slippage_bps": 8}},
    "capital": {"capital": {"max_quote": "20000"}},
    "deviation": {"limits": {"cooldown_minutes": 0, "max_twap_deviation_ticks": 20}},
    "mean": {"limits": {"cooldown_minutes": 0, "twap_seconds": 900}},
    "lifetime": {"limits": {"cooldown_minutes": 0, "plan_lifetime_seconds": 60}},
    "gas": {"signing": {"max_gas_native_per_transaction": "0.1"}},
}

USUAL = ("capital", "mean")


@pytest.mark.parametrize(
    "edit", [*USUAL, *(pytest.param(edit, marks=pytest.mark.soak) for edit in EDITS if edit not in USUAL)]
)
def test_20_a_plan_of_other_settings_is_closed_and_made_anew(site: Site, edit: str) -> None:
    with at_work(site) as keeper:
        assert isinstance(keeper.cycle(), Done)  # the exit
    with at_work(site, patience=Patience(site, mining=False)) as keeper:
        waiting = keeper.cycle()
        assert isinstance(waiting, Pending), waiting  # the swap's approval is out, the swap is not signed
        assert site.evidence().attempts[-1].kind == "approve"
    edited = replace(site, settings=site.settings | EDITS[edit])
    with at_work(edited) as keeper:
        closed = keeper.cycle()
        assert isinstance(closed, Failed) and "settings were edited after" in closed.reason, closed
        assert site.evidence().attempts[-1].kind == "approve"
        keeper.until_held()
    seen = site.evidence()
    assert invariants.resting(seen, broadcast={each.hash for each in seen.attempts}) == [] and len(seen.held) == 1


def test_20_what_is_out_is_replaced_though_plans_may_live_shorter_now(site: Site) -> None:
    """A replacement has the deadline of what it replaces."""
    with at_work(site, patience=Patience(site, mining=False)) as keeper:
        assert isinstance(keeper.cycle(), Pending)  # the exit is out
    for each in site.evidence().attempts:
        site.rpc("anvil_dropTransaction", each.hash)
    edited = replace(site, settings=site.settings | EDITS["lifetime"])
    patience = Patience(site, block_seconds=40, base_fee_wei=20 * 10**9)
    patience.mine()
    with at_work(edited, patience=patience) as keeper:
        done = keeper.cycle()
        assert isinstance(done, Done)
        head_seconds = int(site.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        assert head_seconds < done.submission.deadline_timestamp - 300, "and at once, not when the deadline was near"
        last = site.evidence().attempts[-1]
        assert last.kind == "exit" and last.max_fee_wei > 20 * 10**9 and not last.cancels, "it was replaced"

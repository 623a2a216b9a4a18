"""Row 29: the machine's clock jumps. Deciding and signing go by the chain's time, waiting by a monotonic one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from keeper.model.outcome import Done
from tests.faults import invariants
from tests.faults.site import Patience, Site, at_work
from tests.policy.desk import Warm

DAY_SECONDS = 86_400
BASE_FEE_WEI = 10**8


def rebalanced(site: Site, on_pause: Callable[[], None] = lambda: None) -> list[str]:
    """The hashes of everything that a whole rebalance signs; signatures are deterministic, so they tell all."""

    class Told(Patience):
        def pause(self, seconds: float) -> None:
            on_pause()
            super().pause(seconds)

    site.rpc("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE_WEI))  # putting the chain back does not put that back
    site.mine()
    with at_work(site, patience=Told(site)) as keeper:
        outcomes = keeper.until_held()
        assert sum(isinstance(each, Done) for each in outcomes) == 3
    seen = site.evidence()
    assert invariants.resting(seen) == [] and len(seen.held) == 1
    return [each.hash for each in seen.attempts]


@pytest.mark.parametrize(
    ("moment", "jump_seconds"),
    [
        ("before", DAY_SECONDS),
        ("before", -40 * 365 * DAY_SECONDS),
        ("mid-transaction", DAY_SECONDS),
        ("mid-transaction", -DAY_SECONDS),
    ],
)
def test_29_the_machines_clock_decides_nothing(
    site: Site, world: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_seconds: int, moment: str
) -> None:
    """With the clock a day off, before or while a transaction is waited for, the very same bytes are signed."""
    snapshot = world.anvil.snapshot()
    undisturbed = rebalanced(site.copied_to(tmp_path / "undisturbed"))
    world.anvil.revert(snapshot)
    true = time.time

    def jump() -> None:
        monkeypatch.setattr(time, "time", lambda: true() + jump_seconds)

    if moment == "before":
        jump()
        jumped = rebalanced(site.copied_to(tmp_path / "jumped"))
    else:
        jumped = rebalanced(site.copied_to(tmp_path / "jumped"), jump)
    assert jumped == undisturbed


def test_29_waiting_ends_by_the_monotonic_clock(site: Site) -> None:
    """Nothing is mined and the chain's clock stands still: the wait is over all the same, the plan still open."""
    patience = Patience(site, mining=False)
    with at_work(site, patience=patience) as keeper:
        assert keeper.cycle().kind == "pending"
        assert 30 <= patience.seconds <= 3_600
        patience.mining = True
        keeper.until_held()
    assert invariants.resting(site.evidence()) == []

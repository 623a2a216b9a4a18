"""Row 13 for a keeper that does everything in one transaction: killed while its type-4 transaction enters, and while
its next one rebalances. (Each boundary of the sender is in ``tests/world/executors/test_atomic.py`` in every run.)"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import invariants
from tests.faults.evidence import fingerprint, reading
from tests.faults.killing import Reaper, reaper
from tests.faults.scenes import AWAY_TICKS
from tests.faults.site import Site, make_site, whale_moves
from tests.policy.desk import Warm

pytestmark = pytest.mark.soak
_EFFECTS = ("signature", "attempts", "eth_sendRawTransaction", "block", "eth_getTransactionReceipt", "ledger")


@dataclass
class Scene:
    warm: Warm
    site: Site
    reaper: Reaper
    snapshot: str
    folder: Path
    cases: int = 0

    def again(self) -> Site:
        self.warm.anvil.revert(self.snapshot)
        self.snapshot = self.warm.anvil.snapshot()
        self.cases += 1
        return self.site.copied_to(self.folder / str(self.cases))

    def violations(self, site: Site) -> list[str]:
        """After recovery, then after a second recovery on top of it."""
        wrong = invariants.resting(site.evidence())
        before, count = _print(site), site.evidence().count
        assert self.reaper.live(site).outcomes == ("held",)
        return [*wrong, *invariants.i10_nothing_changes_twice(before, _print(site), (count, site.evidence().count))]


def _print(site: Site) -> object:
    with reading(site.journal_file) as query:
        return fingerprint(query)


@pytest.fixture(params=["enter", "rebalance"])
def scene(request: pytest.FixtureRequest, world: Warm, tmp_path: Path) -> Iterator[Scene]:
    site = make_site(world, tmp_path / "site", mode="atomic")
    with reaper() as server:
        snapshot = world.anvil.snapshot()
        server.live(site.copied_to(tmp_path / "compiling"), compiling=True)
        world.anvil.revert(snapshot)
        if request.param == "rebalance":
            assert server.live(site).outcomes == ("done", "held")
            whale_moves(world, AWAY_TICKS)
        yield Scene(world, site, server, world.anvil.snapshot(), tmp_path)


def test_13_killed_at_each_boundary_of_one_transaction(scene: Scene) -> None:
    undisturbed = scene.again()
    life = scene.reaper.live(undisturbed)
    assert life.outcomes == ("done", "held"), life
    end = undisturbed.evidence()
    boundaries = [name for name, _ in life.trail if any(part in name for part in _EFFECTS)]
    assert len(boundaries) >= 15
    wrong: list[str] = []
    for boundary in boundaries:
        site = scene.again()
        assert scene.reaper.live(site, at=boundary).status == "killed", f"{boundary} was not reached"
        recovered = scene.reaper.live(site)
        found = scene.violations(site)
        seen = site.evidence()
        if recovered.outcomes[-1:] != ("held",) or len(seen.attempts) != len(end.attempts):
            found.append(f"recovery did {recovered.outcomes} {recovered.reasons} {recovered.error}")
        wrong += [f"killed {boundary}: {each}" for each in found]
    assert wrong == []
    print(f"{len(boundaries)} boundaries, 0 violations")  # noqa: T201 - a figure to quote

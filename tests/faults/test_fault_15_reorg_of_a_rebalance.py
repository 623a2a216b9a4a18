"""Row 15 on the real contracts: the chain is reorganised at each depth during each step of a rebalance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import invariants
from tests.faults.evidence import Evidence, reading, signed
from tests.faults.scenes import left_behind
from tests.faults.site import Patience, Site, at_work, passes
from tests.policy.desk import Warm

STEPS = ("exit", "approve", "swap", "approve", "approve", "mint")
ROOM_BLOCKS = 70  # what was set up stays


@dataclass
class Reorganised(Patience):
    """After the step numbered ``at`` is in a block, the last ``depth`` blocks are replaced, once."""

    at: int = -1
    depth: int = 0
    earlier: int = 0

    def pause(self, seconds: float) -> None:
        before = self._sent()
        super().pause(seconds)
        if self.at >= 0 and before == self.at + 1:
            self.site.rpc("anvil_reorg", self.depth, [])
            self.at = -1

    def _sent(self) -> int:
        with reading(self.site.journal_file) as query:
            return len(signed(query)) - self.earlier


@dataclass
class Scene:
    warm: Warm
    site: Site
    folder: Path
    marks: list[str]
    direct: Evidence | None = None
    cases: int = 0

    def again(self) -> Site:
        self.warm.anvil.revert(self.marks.pop())
        self.marks.append(self.warm.anvil.snapshot())
        self.cases += 1
        copy = self.site.copied_to(self.folder / str(self.cases))
        passes(self.warm, self.cases)  # anvil confuses the states of blocks that it has had before, so these are new
        copy.rpc("anvil_mine", hex(ROOM_BLOCKS))
        return copy

    def end(self, at: int, depth: int) -> Evidence:
        """How a rebalance ends that is reorganised during that step."""
        site = self.again()
        patience = Reorganised(site, at=at, depth=depth, earlier=len(site.evidence().attempts))
        with at_work(site, patience=patience) as keeper:
            keeper.until_held()
            keeper.until_held()
        assert patience.at == -1, keeper.deferred
        return site.evidence()


@pytest.fixture(scope="module", name="scene")
def make_scene(traded: Warm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("reorganised")
    site = left_behind(traded, folder)
    scene = Scene(traded, site, folder, [traded.anvil.snapshot()])
    scene.direct = scene.end(-1, 0)
    assert tuple(each.kind for each in scene.direct.attempts)[-len(STEPS) :] == STEPS
    yield scene


def violations(scene: Scene, at: int, depth: int) -> list[str]:
    assert scene.direct is not None
    seen = scene.end(at, depth)
    wrong = [*invariants.resting(seen), *invariants.i11_replay_is_direct(seen, scene.direct)]
    return [f"depth {depth} during {STEPS[at]} ({at}): {each}" for each in wrong]


@pytest.mark.parametrize("at", range(len(STEPS)))
def test_15_a_rebalance_is_reorganised_during_each_step(scene: Scene, at: int) -> None:
    assert [each for depth in (1, 64) for each in violations(scene, at, depth)] == []


@pytest.mark.soak
@pytest.mark.parametrize("at", range(len(STEPS)))
def test_15_a_rebalance_is_reorganised_at_each_depth_during_each_step(scene: Scene, at: int) -> None:
    assert [each for depth in range(1, 65) for each in violations(scene, at, depth)] == []
    print(f"64 depths during step {at} ({STEPS[at]}), 0 violations")  # noqa: T201 - a figure to quote

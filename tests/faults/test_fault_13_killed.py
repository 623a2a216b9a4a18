"""Row 13: kill −9 anywhere between sign, commit, send, record and receipt, and whatever else lies around them.

A keeper rebalances on the real contracts in a process of its own and is killed at one boundary; another takes over
from what is on disk and on the chain. What must hold then is in ``invariants.py``.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import invariants
from tests.faults.evidence import Evidence, fingerprint, reading
from tests.faults.killing import Life, Reaper, live_freshly, reaper
from tests.faults.site import Site, make_site, passes, whale_moves
from tests.policy.desk import Warm

RESTART_SECONDS = 5.0
LEAST_BOUNDARIES = 30
READS_BETWEEN = 60  # of the boundaries without an effect every so many-th is covered in the default run
KILLS = int(os.environ.get("KEEPER_RANDOM_KILLS", "1000"))
# What may lie idle more or less than undisturbed: 0.2 % of what was brought in.
_DUST_PARTS = 500
_REBALANCE_STEPS = 6
_EFFECTS = ("commit of", "signature", "eth_sendRawTransaction", "block", "eth_getTransactionReceipt")
_HARMLESS = ("commit of nothing", "commit of samples", "tape_blocks", "at begin", "before eth_blockNumber")


@dataclass
class Scene:
    """A keeper whose price has left its range, and how its rebalance goes when nobody disturbs it."""

    warm: Warm
    site: Site
    reaper: Reaper
    snapshot: str
    undisturbed: Life
    end: Evidence
    dust: dict[str, int]
    folder: Path
    cases: int = 0

    def again(self) -> Site:
        """Everything as it was when the price had left, the journal in a folder of its own."""
        self.warm.anvil.revert(self.snapshot)
        self.snapshot = self.warm.anvil.snapshot()
        self.cases += 1
        return self.site.copied_to(self.folder / str(self.cases))

    def boundaries(self) -> list[str]:
        return [name for name, _ in self.undisturbed.trail]

    def kinds(self) -> list[str]:
        """The steps of the rebalance, in the order in which they were signed."""
        return [each.kind for each in self.end.attempts][-_REBALANCE_STEPS:]

    def by_step(self) -> list[tuple[int, str]]:
        """Each boundary with the number of the step that is under way, or comes next."""
        found, step = [], 0
        for name in self.boundaries():
            found.append((min(step, _REBALANCE_STEPS - 1), name))
            step += name.startswith("after commit of ledger") and "transactions" in name
        return found

    def chosen(self) -> list[str]:
        """Of each step but the later approvals: the commit of its signed bytes and both sides of their sending. Of the
        other effects every sixth, and some of the rest, evenly; the soak has them all."""
        told = self.by_step()
        kinds = self.kinds()
        again = {number for number, kind in enumerate(kinds) if kind == "approve" and "approve" in kinds[:number]}
        # The moment before most effects is the one after the exchange before it.
        effects = [name for number, name in told if _matters(name) and _tells(name) and number not in again]
        telling = {name for name in effects if _signs(name) or "eth_sendRaw" in name}
        quiet = [name for _, name in told if not _matters(name)]
        kept = telling | {*effects[::6]} | {*quiet[::READS_BETWEEN]}
        return [name for _, name in told if name in kept]

    def sends(self, kind: str) -> list[str]:
        """The boundaries right after the commit of that step's signed bytes, and after they were handed over."""
        after = [name for number, name in self.by_step() if self.kinds()[number] == kind]
        return [name for name in after if name.startswith("after eth_sendRaw") or _signs(name)]

    def violations(self, site: Site) -> list[str]:
        """After recovery, then after a second recovery on top of it."""
        seen = site.evidence()
        wrong = [*invariants.resting(seen), *invariants.i9_same_end(seen, self.end, self.dust)]
        with reading(site.journal_file) as query:
            before = fingerprint(query)
        second = self.reaper.live(site)
        if second.outcomes != ("held",):
            wrong.append(f"I10: a second recovery did {second.outcomes} {second.error}")
        with reading(site.journal_file) as query:
            after = fingerprint(query)
        return [*wrong, *invariants.i10_nothing_changes_twice(before, after, (seen.count, site.evidence().count))]


def _signs(name: str) -> bool:
    return name.startswith("after commit of") and "attempts" in name


def _tells(name: str) -> bool:
    return name.startswith("after") or "signature" in name or "eth_sendRawTransaction" in name


def _matters(name: str) -> bool:
    return any(part in name for part in _EFFECTS) and not any(part in name for part in _HARMLESS)


@pytest.fixture(scope="module", name="scene")
def make_scene(traded: Warm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("killed")
    site = make_site(traded, folder / "site")
    brought = {token: amount for token, amount in site.evidence().balances.items() if token != "native"}
    with reaper() as server:
        snapshot = traded.anvil.snapshot()
        server.live(site.copied_to(folder / "compiling"), compiling=True)
        traded.anvil.revert(snapshot)
        assert server.live(site).outcomes == ("done", "done", "held")  # it opens a position
        whale_moves(traded, 700)
        snapshot = traded.anvil.snapshot()
        calm = site.copied_to(folder / "calm")
        undisturbed = server.live(calm)
        end = calm.evidence()
        dust = {token: max(amount, end.balances[token]) // _DUST_PARTS for token, amount in brought.items()}
        scene = Scene(traded, site, server, snapshot, undisturbed, end, dust, folder)
        yield scene


def test_13_undisturbed_it_is_a_whole_rebalance(scene: Scene) -> None:
    """Exit, swap with its approval, mint with two: what all the killing is about."""
    assert scene.undisturbed.outcomes == ("done", "done", "done", "held"), scene.undisturbed
    assert scene.kinds() == ["exit", "approve", "swap", "approve", "approve", "mint"]
    assert invariants.resting(scene.end) == []
    assert len(scene.chosen()) >= LEAST_BOUNDARIES
    repeated = [name for name, times in Counter(scene.boundaries()).items() if times > 1]
    assert repeated == []


def test_13_killed_at_each_boundary(scene: Scene) -> None:
    """Killed once at each boundary that was chosen; the restart settles what is open and ends like the undisturbed."""
    wrong: list[str] = []
    slowest_seconds = 0.0
    for boundary in scene.chosen():
        site = scene.again()
        assert scene.reaper.live(site, at=boundary).status == "killed", f"{boundary} was not reached"
        recovered = scene.reaper.live(site)
        slowest_seconds = max(slowest_seconds, recovered.seconds)
        found = scene.violations(site)
        if recovered.outcomes[-1:] != ("held",) or "pending" in recovered.outcomes:
            found.append(f"recovery did {recovered.outcomes} {recovered.reasons} {recovered.error}")
        wrong += [f"killed {boundary}: {each}" for each in found]
    assert wrong == []
    assert slowest_seconds <= RESTART_SECONDS
    print(f"{len(scene.chosen())} boundaries, 0 violations, slowest whole recovery {slowest_seconds:.2f} s")  # noqa: T201 - a figure to quote


@pytest.mark.parametrize("kind", [pytest.param("exit", marks=pytest.mark.soak), "mint"])
def test_13_a_fresh_process_is_safe_within_five_seconds(scene: Scene, kind: str) -> None:
    """The whole way from nothing: interpreter, imports, journal, chain, the end of what was open. By default killed
    at the mint, the last send of all; the soak adds the exit, the first."""
    site = scene.again()
    assert scene.reaper.live(site, at=scene.sends(kind)[-1]).status == "killed"
    life, safe_after_seconds = live_freshly(site)
    assert life.outcomes[-1] == "held", life
    assert safe_after_seconds <= RESTART_SECONDS
    assert scene.violations(site) == []
    print(f"a fresh process was safe after {safe_after_seconds:.2f} s")  # noqa: T201 - a figure to quote


WAITS = ["the plan has expired", "the node has forgotten", "mined meanwhile"]
# Every wait and every kind of step, the plan's end at the first and at the last of them.
LATE = [(WAITS[0], "exit"), (WAITS[0], "mint"), (WAITS[1], "swap"), (WAITS[2], "mint")]


@pytest.mark.parametrize(
    ("wait", "kind"),
    [
        pytest.param(wait, kind, marks=() if (wait, kind) in LATE else pytest.mark.soak)
        for wait in WAITS
        for kind in ("exit", "swap", "mint")
    ],
)
def test_13_the_restart_comes_late(scene: Scene, wait: str, kind: str) -> None:
    """Killed around a send; before the restart hours pass, or the node loses its pool, or all of it is mined. By
    default each wait and each kind of step once at least; the soak has every pair."""
    wrong: list[str] = []
    for boundary in scene.sends(kind):
        site = scene.again()
        assert scene.reaper.live(site, at=boundary).status == "killed"
        if wait != "mined meanwhile":
            scene.warm.anvil.rpc("anvil_dropAllTransactions")
        passes(scene.warm, 7_200 if wait == "the plan has expired" else 1)
        recovered = scene.reaper.live(site)
        found = scene.violations(site)
        if recovered.outcomes[-1:] != ("held",):
            found.append(f"recovery did {recovered.outcomes} {recovered.reasons} {recovered.error}")
        wrong += [f"killed {boundary}, {wait}: {each}" for each in found]
    assert wrong == []


@pytest.mark.soak
def test_13_killed_everywhere(scene: Scene) -> None:
    """Every single boundary, reads included."""
    for boundary in scene.boundaries():
        site = scene.again()
        assert scene.reaper.live(site, at=boundary).status == "killed", f"{boundary} was not reached"
        assert scene.reaper.live(site).outcomes[-1:] == ("held",), boundary
        assert scene.violations(site) == [], boundary
    print(f"{len(scene.boundaries())} boundaries, 0 violations")  # noqa: T201 - a figure to quote


@pytest.mark.soak
def test_13_killed_at_random_moments(scene: Scene) -> None:
    """By the clock, from outside, uniformly over the length of a rebalance: at no boundary that anyone thought of."""
    dice = random.Random(int(os.environ.get("KEEPER_KILL_SEED", "13")))
    length_seconds = scene.undisturbed.seconds
    fates: Counter[str] = Counter()
    wrong: list[str] = []
    slowest_seconds = 0.0
    for number in range(2 * KILLS):  # a life that ends before its moment does not count
        if fates["killed"] == KILLS:
            break
        site = scene.again()
        moment = dice.uniform(0, length_seconds)
        life = scene.reaper.live(site, kill_after_seconds=moment)
        fates[life.status] += 1
        if life.status == "exited":  # the machine is faster now: the moments to come lie within a life of now
            length_seconds = life.seconds
        recovered = scene.reaper.live(site)
        slowest_seconds = max(slowest_seconds, recovered.seconds)
        found = scene.violations(site)
        if recovered.outcomes[-1:] != ("held",):
            found.append(f"recovery did {recovered.outcomes} {recovered.reasons} {recovered.error}")
        wrong += [f"killed after {moment:.4f} s ({number}): {each}" for each in found]
    told = f"{dict(fates)}, {len(wrong)} violations, slowest whole recovery {slowest_seconds:.2f} s"
    print(told)  # noqa: T201 - a figure to quote
    assert wrong == []
    assert fates["killed"] == KILLS

"""Proof that decisions do not depend on what comes after them: the same tape, cut off, gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from keeper.backtest.run import run_backtest
from keeper.backtest.settings import BacktestSettings
from keeper.errors import ConfigError
from keeper.model import canonical
from keeper.model.decision import Decision

FEWEST_DECISIONS = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """The first decision that was another where the future was missing. ``whole`` and ``cut`` are its canonical
    forms (None: not made)."""

    timestamp: int
    whole: Decision | None
    cut: Decision | None


@dataclass(frozen=True, slots=True)
class Cut:
    """One place where the tape was cut off: how many decisions were compared, and the first that differs."""

    until_timestamp: int
    decisions: int
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class LookaheadCheck:
    """What came of all the cuts."""

    decisions: int
    cuts: tuple[Cut, ...]

    @property
    def passed(self) -> bool:
        return all(cut.difference is None for cut in self.cuts)


def check_lookahead(settings: BacktestSettings, cuts: int, progress: Callable[[float, str], None]) -> LookaheadCheck:
    """Run the whole tape, then the tape cut off at ``cuts`` moments spread over its decisions.

    All decisions up to a cut must be the same, byte for byte, in both runs.

    Raises:
        ConfigError: the tape has too few decisions to cut between, or cannot be used.
    """
    runs = cuts + 1
    whole = run_backtest(settings, lambda done, what: progress(done / runs, f"the whole tape, {what}")).run.decisions
    if len(whole) < FEWEST_DECISIONS + cuts:
        raise ConfigError(
            f"{len(whole)} decisions are too few to cut the tape {cuts} times between them; take a longer part of it",
            path=str(settings.data),
        )
    found = []
    for number, until in enumerate(_moments(whole, cuts)):
        part = replace(settings, known_until=until)

        def told(done: float, what: str, number: int = number) -> None:
            progress((number + 1 + done) / runs, f"cut {number + 1} of {cuts}, {what}")

        cut = run_backtest(part, told).run
        assert cut.closing is not None
        # Blocks are known up to the last recorded one, and at the very end there may be no time left to decide.
        found.append(compare(cut.closing.block.timestamp, whole, cut.decisions))
    if not any(cut.decisions for cut in found):
        raise ConfigError(
            "the pool traded so seldom that no cut leaves a decision to compare, and nothing is proved; "
            "take a longer part of it",
            path=str(settings.data),
        )
    return LookaheadCheck(len(whole), tuple(found))


def compare(until: int, whole: Sequence[Decision], cut: Sequence[Decision]) -> Cut:
    """Decisions before the moment, in order."""
    known = [each for each in whole if each.observation.block.timestamp < until]
    there = [each for each in cut if each.observation.block.timestamp < until]
    for index in range(max(len(known), len(there))):
        first = known[index] if index < len(known) else None
        second = there[index] if index < len(there) else None
        if first is None or second is None or canonical.encode(first) != canonical.encode(second):
            at = next(each for each in (first, second) if each is not None)
            return Cut(until, len(known), Difference(at.observation.block.timestamp, first, second))
    return Cut(until, len(known), None)


def _moments(decisions: Sequence[Decision], cuts: int) -> list[int]:
    """Times of decisions, evenly spread, the last one left out: after it nothing is cut off."""
    count = len(decisions) - 1
    places = [max(1, (number + 1) * count // (cuts + 1)) for number in range(cuts)]
    return sorted({decisions[place].observation.block.timestamp for place in places})

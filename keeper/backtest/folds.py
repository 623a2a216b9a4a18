"""Cutting a span of time into what is learnt from and what is judged on, with a gap between that nobody looks at."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.errors import ConfigError

DAY_SECONDS = 86_400
SHORTEST_SECONDS = 2 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Fold:
    """Parameters are chosen on the training window and judged on the test window, which begins an embargo after its
    end: nothing that a label of the one saw lies in the other. UNIX seconds; an end is where the window stops."""

    train_from: int
    train_to: int
    test_from: int
    test_to: int


def walk_forward(from_timestamp: int, to_timestamp: int, folds: int, embargo_seconds: int) -> tuple[Fold, ...]:
    """The second half of the span in ``folds`` test windows of equal length; each is judged by what all the time before
    it (less the embargo) had taught: an anchored walk forward.

    Raises:
        ConfigError: the span is too short for it.
    """
    return _cut(from_timestamp, to_timestamp, (from_timestamp + to_timestamp) // 2, folds, embargo_seconds)


def hold_out(from_timestamp: int, to_timestamp: int, embargo_seconds: int) -> tuple[Fold, ...]:
    """One fold: the last third of the span is kept back. ConfigError where the span is too short."""
    start = from_timestamp + (to_timestamp - from_timestamp) * 2 // 3
    return _cut(from_timestamp, to_timestamp, start, 1, embargo_seconds)


def _cut(begin: int, end: int, first_test: int, count: int, embargo_seconds: int) -> tuple[Fold, ...]:
    length = (end - first_test) // count
    folds = tuple(
        Fold(begin, start - embargo_seconds, start, min(start + length, end))
        for start in range(first_test, first_test + length * count, max(length, 1))
    )
    shortest = min((min(f.train_to - f.train_from, f.test_to - f.test_from) for f in folds), default=0)
    if len(folds) != count or shortest < SHORTEST_SECONDS:
        days = (end - begin) / DAY_SECONDS
        raise ConfigError(
            f"{days:.1f} days are too few for {count} out-of-sample {'window' if count == 1 else 'windows'} with an "
            f"embargo of {embargo_seconds / DAY_SECONDS:.1f} days: each window needs two days; "
            "take more data, fewer folds or a shorter embargo"
        )
    return folds

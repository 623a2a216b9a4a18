"""The hourly grid."""

from __future__ import annotations

from dataclasses import replace

from keeper.model import canonical
from keeper.model.observation import Bar, Sample
from keeper.world.history import HOUR_SECONDS as HOUR
from keeper.world.history import HourlyGrid, hour_at_or_after


def at(*timestamps: int) -> list[Sample]:
    return [Sample(timestamp, 2**96 + timestamp, 0, 0) for timestamp in timestamps]


def times(grid: HourlyGrid, now: int) -> list[int]:
    return [sample.timestamp for sample in grid.history(now).samples]


def test_an_hour_has_its_last_sample_and_a_gap_stays_a_gap() -> None:
    grid = HourlyGrid(10)
    grid.add(at(100, HOUR - 1, HOUR + 1, 2 * HOUR, 3 * HOUR + 1, 5 * HOUR - 7))
    assert times(grid, 5 * HOUR + 10) == [HOUR - 1, 2 * HOUR, 3 * HOUR + 1, 5 * HOUR - 7]
    assert grid.missing(5 * HOUR + 10) == [hour * HOUR for hour in (-4, -3, -2, -1, 0, 3)]


def test_what_comes_after_the_last_full_hour_waits_for_it() -> None:
    grid = HourlyGrid(10)
    grid.add(at(HOUR, HOUR + 5))
    assert times(grid, HOUR + 5) == [HOUR]
    grid.add(at(2 * HOUR - 1))
    assert times(grid, 2 * HOUR - 1) == [HOUR]
    assert times(grid, 2 * HOUR) == [HOUR, 2 * HOUR - 1]
    grid.add(at(2 * HOUR))  # the full hour's own block replaces what was the last before it
    assert times(grid, 2 * HOUR) == [HOUR, 2 * HOUR]


def test_only_the_latest_hours_are_kept_and_the_digest_names_them() -> None:
    grid = HourlyGrid(3)
    grid.add(at(*(hour * HOUR for hour in range(10))))
    history = grid.history(9 * HOUR + 1)
    assert [sample.timestamp for sample in history.samples] == [7 * HOUR, 8 * HOUR, 9 * HOUR]
    assert (history.digest, history.sample_seconds) == (canonical.digest(history.samples), HOUR)
    assert grid.history(9 * HOUR + 99) is history
    assert grid.history(10 * HOUR).digest != history.digest


def test_order_of_arrival_does_not_matter() -> None:
    samples = at(*range(0, 5 * HOUR, 700))
    forward, backward = HourlyGrid(10), HourlyGrid(10)
    forward.add(samples)
    backward.add(reversed(samples))
    assert forward.history(5 * HOUR) == backward.history(5 * HOUR)


def test_the_hour_of_a_timestamp() -> None:
    assert [hour_at_or_after(t) for t in (0, 1, HOUR, HOUR + 1)] == [0, HOUR, HOUR, 2 * HOUR]


def test_a_bar_is_not_lost_to_the_same_sample_without_one() -> None:
    grid = HourlyGrid(10)
    (plain,) = at(HOUR)
    barred = replace(plain, bar=Bar(1, 2, 3, 4, 5))
    grid.add([plain])
    first = grid.history(HOUR)
    grid.add([barred])
    assert grid.history(HOUR).samples == (barred,)
    assert grid.history(HOUR).digest != first.digest
    grid.add([plain])
    assert grid.at(HOUR) == barred
    newer = replace(barred, sqrt_price_x96=9)
    grid.add([newer])
    assert grid.at(HOUR) == newer
    assert grid.at(2 * HOUR) is None

"""What neighbours say of each other: the same as worked out anew, whatever histories came before."""

from __future__ import annotations

import random
from itertools import pairwise

from keeper.model.observation import Sample
from keeper.policy.columns import Columns
from keeper.policy.rolling import Neighbours


def sample(hour: int, price: int = 1) -> Sample:
    return Sample(hour * 3_600, price, None, None)


def test_any_history_after_any_other() -> None:
    """Windows that roll, grow, shrink, jump, and hold another sample of the same moment."""
    chance = random.Random(3)
    first, second = ([sample(hour, chance.randrange(1, 9)) for hour in range(80)] for _ in range(2))
    kept = Neighbours(lambda before, after: (before.sqrt_price_x96, after.sqrt_price_x96, after.timestamp))
    rows = Columns(lambda before, after: (before.sqrt_price_x96, after.sqrt_price_x96, after.timestamp))
    for _ in range(400):
        source, start = chance.choice((first, second)), chance.randrange(70)
        window = source[start : start + chance.randrange(30)]
        if window and chance.random() < 0.3:
            window[chance.randrange(len(window))] = sample(window[0].timestamp // 3_600, 77)
        samples = tuple(window)
        expected = [(a.sqrt_price_x96, b.sqrt_price_x96, b.timestamp) for a, b in pairwise(samples)]
        assert list(kept.values(samples)) == expected
        assert rows.rows(samples).tolist() == [list(map(float, each)) for each in expected]


def test_an_hour_later_one_pair_is_new() -> None:
    asked: list[int] = []

    def of(_before: Sample, after: Sample) -> int:
        asked.append(after.timestamp // 3_600)
        return after.timestamp

    samples = [sample(hour) for hour in range(101)]
    kept = Neighbours(of)
    kept.values(tuple(samples[:100]))
    asked.clear()
    kept.values(tuple(samples[1:101]))
    assert asked == [100]

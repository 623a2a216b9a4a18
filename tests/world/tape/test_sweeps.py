"""Sweeps against the model of ``keeper.world.tape.sweeps`` carried out move by move in plain Python."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from keeper.world.tape.paths import PricePath
from keeper.world.tape.sweeps import Recentring, Sweep, sweep
from tests.world.tape.recentring_twin import slowly, tokens


def a_path(seed: int, points: int, wild: bool = False) -> PricePath:
    rng = np.random.default_rng(seed)
    steps = rng.standard_t(3, points) * (3e-3 if wild else 3e-4)
    return PricePath(np.exp(np.cumsum(steps) / 2) * 1.7e4, 1_700_000_000 + np.cumsum(rng.integers(0, 30, points)))


def some(seed: int, count: int) -> list[Recentring]:
    rng = np.random.default_rng(seed)
    width, trigger = np.exp(rng.uniform(-7.5, -1.5, (2, count))), np.exp(rng.uniform(-0.8, 0.8, (2, count)))
    below, above = width.tolist()
    watch_below, watch_above = (width * trigger).tolist()
    reset_costs, swap_costs = rng.choice((0, 1e-4), count).tolist(), rng.choice((0, 5e-4), count).tolist()
    cooldowns = rng.choice((0, 1, 300, 20_000), count).tolist()
    columns = zip(below, above, watch_below, watch_above, reset_costs, swap_costs, cooldowns, strict=True)
    return [Recentring(0.01, 0.02, math.inf, math.inf), *(Recentring(*row) for row in columns)]


def compare(
    path: PricePath, strategies: list[Recentring], found: Sweep, spacing: int, latency: int, inverted: bool
) -> int:
    """Every figure of every strategy within 1e-9; the number of resets."""
    assert path.seconds is not None
    roots = (1 / path.sqrt_price if inverted else path.sqrt_price).tolist()
    seconds = path.seconds.tolist()
    rate = 500 / 999_500
    factors = (rate, rate * 0.75) if inverted else (rate * 0.75, rate)
    for place, strategy in enumerate(strategies):
        life, values = slowly(roots, seconds, strategy, factors, spacing, latency)
        assert found.resets[place] == life.resets, strategy
        for name in ("fees", "lvr", "costs", "swapped", "value_end", "hodl_end"):
            assert getattr(found, name)[place] == pytest.approx(getattr(life, name), rel=1e-9, abs=1e-12), name
        share = life.inside_seconds / (seconds[-1] - seconds[0])
        assert found.in_range_share[place] == pytest.approx(share, rel=1e-12)
        assert found.values[place].tolist() == pytest.approx([values[at] for at in SAMPLES], rel=1e-9)
        gained = found.hedged_alpha[place] + life.directional
        assert found.value_end[place] - 1 == pytest.approx(gained, rel=1e-9, abs=1e-11), "the identity of the model"
    return int(found.resets.sum())


SAMPLES = [0, 1, 2, 15, 16, 17, 500, 1_023, 1_024, 2_400]


@pytest.mark.parametrize(
    ("seed", "spacing", "latency", "inverted", "wild"),
    [(1, 0, 0, False, False), (2, 10, 0, True, False), (3, 0, 60, True, True), (4, 60, 7, False, True)],
)
def test_it_equals_the_model_move_by_move(seed: int, spacing: int, latency: int, inverted: bool, wild: bool) -> None:
    path, strategies = a_path(seed, 2_401, wild), some(seed + 20, 40)
    found = sweep(
        path, strategies, 500, fee_protocol=(4, 0), quote_is_token0=inverted, tick_spacing=spacing,
        latency_seconds=latency, value_at=SAMPLES,
    )  # fmt: skip
    assert compare(path, strategies, found, spacing, latency, inverted) > 500
    assert (found.in_range_share < 0.9).any() and (found.resets == 0).any()


def test_threads_change_nothing() -> None:
    path, strategies = a_path(5, 3_000), some(6, 100)
    one, two = (sweep(path, strategies, 3_000, value_at=[7, 2_000], threads=threads) for threads in (1, 2))
    for name in Sweep.__dataclass_fields__:
        assert (getattr(one, name) == getattr(two, name)).all(), name


def test_a_range_that_is_never_left_is_held() -> None:
    path = a_path(7, 70_000)
    wide = Recentring(5.0, 5.0, math.inf, math.inf)
    found = sweep(replace(path, seconds=None), [wide], 500)
    assert found.resets.tolist() == [0] and found.in_range_share.tolist() == [1.0] and found.costs.tolist() == [0.0]
    low, high = path.sqrt_price[0] * math.exp(-2.5), path.sqrt_price[0] * math.exp(2.5)
    start, end = (
        base * root**2 + quote for root in path.sqrt_price[[0, -1]] for base, quote in [tokens(root, low, high)]
    )
    assert found.value_end[0] == pytest.approx(end / start + found.fees[0], rel=1e-11)
    moves = np.diff(path.sqrt_price)
    paid = np.where(moves > 0, moves, -moves * path.sqrt_price[1:] / path.sqrt_price[:-1])
    assert found.fees[0] == pytest.approx(paid.sum() * 500 / 999_500 / start, rel=1e-11)


def test_mistakes_are_named() -> None:
    path, good = a_path(8, 10), Recentring(0.1, 0.1, 0.1, 0.1)
    for kept, words in (
        ({"width_below": 0.0}, "widths"),
        ({"trigger_above": -1.0}, "triggers"),
        ({"reset_cost": 1.0}, "costs"),
        ({"cooldown_seconds": -1}, "cooldown"),
    ):
        with pytest.raises(ValueError, match=words):
            replace(good, **kept)
    for asked, words in (
        ({"value_at": [3, 3]}, "value_at must rise"),
        ({"value_at": [10]}, "points 0 to 9"),
        ({"threads": 0}, "at least one thread"),
        ({"latency_seconds": -1}, "not be negative"),
    ):
        with pytest.raises(ValueError, match=words):
            sweep(path, [good], 500, **asked)
    with pytest.raises(ValueError, match="at least two points"):
        sweep(PricePath(np.ones(1)), [good], 500)
    assert not len(sweep(path, [], 500).fees)

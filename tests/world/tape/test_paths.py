"""Fees from a price path against the contract's integers, and the ways of summing against one another."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from keeper.model.full_math import Q128
from keeper.model.liquidity import amount0_delta, amount1_delta
from keeper.model.ticks import MAX_TICK, MIN_TICK, sqrt_price_at_tick, tick_at_sqrt_price
from keeper.world.tape import paths
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent
from keeper.world.tape.paths import PricePath, fees_per_liquidity, floats_of_limbs, lp_fee_factors
from tests.shared_data import shared_file
from tests.world.tape.exact_growth import SPACING, lived


@pytest.mark.parametrize(
    ("seed", "fee_pips", "fee_protocol"), [(1, 500, (0, 0)), (2, 3_000, (4, 10)), (3, 10_000, (0, 5))]
)
def test_thousands_of_ranges_are_within_1e_7_of_the_contracts_integers(
    seed: int, fee_pips: int, fee_protocol: tuple[int, int]
) -> None:
    pool, prices, _ = lived(seed, fee_pips, fee_protocol, 700)
    rng = random.Random(seed + 10)
    ranges = [sorted(rng.sample(pool.ticks, 2)) for _ in range(1_500)]
    ranges += [[tick, tick + SPACING] for tick in pool.ticks[:-1]]
    lower, upper = [each[0] for each in ranges], [each[1] for each in ranges]
    fees = fees_per_liquidity(PricePath.of_x96(prices), lower, upper, fee_pips, fee_protocol=fee_protocol)
    seen = touched = 0
    for place, (low, high) in enumerate(ranges):
        for token in (0, 1):
            exact = pool.inside(low, high, token) / Q128
            touched += exact > 0
            # The absolute part is a thousandth of a raw unit at this liquidity: only for ranges hardly touched.
            assert fees[token][place] == pytest.approx(exact, rel=1e-7, abs=1e-21), (low, high, token)
            seen += 1
    assert seen == 2 * len(ranges) and 0.5 * seen < touched < seen, "some ranges must be touched, some never"
    tick = tick_at_sqrt_price(prices[0])
    assert any(low <= tick < high for low, high in ranges) and any(high <= tick for _, high in ranges)


def test_a_fees_share_is_cut_by_own_liquidity() -> None:
    _, prices, liquidity = lived(4, 500, (0, 0), 300)
    path = PricePath.of_x96(prices, liquidity=liquidity)
    ranges = [(194_000, 196_000), (194_900, 195_100), (195_000, 195_010)]
    lower, upper = [each[0] for each in ranges], [each[1] for each in ranges]
    own = [10**15, 10**18, 10**19]
    found = fees_per_liquidity(path, lower, upper, 500, own_liquidity=own)
    wanted = np.zeros((2, 3))
    points = [price / 2**96 for price in prices]
    for place in range(3):
        low, high = (sqrt_price_at_tick(tick) / 2**96 for tick in ranges[place])
        for before, after, others in zip(points, points[1:], liquidity[1:], strict=False):
            start, end = min(max(before, low), high), min(max(after, low), high)
            share = others / (others + own[place])
            wanted[0, place] += share * max(1 / end - 1 / start, 0) * 500 / 999_500
            wanted[1, place] += share * max(end - start, 0) * 500 / 999_500
    assert found[0] == pytest.approx(wanted[0], rel=1e-10) and found[1] == pytest.approx(wanted[1], rel=1e-10)
    alone = fees_per_liquidity(path, lower, upper, 500, own_liquidity=0)
    whole = fees_per_liquidity(path, lower, upper, 500)
    assert alone[0] == pytest.approx(whole[0], rel=1e-12) and alone[1] == pytest.approx(whole[1], rel=1e-12)
    nobody = PricePath(path.sqrt_price, liquidity=np.zeros(len(path)))
    assert not fees_per_liquidity(nobody, lower, upper, 500, own_liquidity=1)[1].any()


def test_the_real_day_swap_by_swap() -> None:
    """Each swap of the day within unchanged liquidity: fee growth from the recorded integers. What remains beside 1e-7
    is the contract's rounding to whole raw units, of USDC's six decimals above all."""
    rows = [row for row in real_day() if row["event"] in ("SWAP", "MINT", "BURN")]
    exact: list[tuple[int, int, int]] = []  # token, fee, liquidity
    prices: list[int] = []
    starts: list[int] = []
    for before, row in pairwise(rows):
        if before["event"] != "SWAP" or row["event"] != "SWAP" or before["liquidity"] != row["liquidity"]:
            continue
        start, end, liquidity = (
            int(each) for each in (before["sqrt_price_x96"], row["sqrt_price_x96"], row["liquidity"])
        )
        if end < start:
            exact.append((0, int(row["amount0"]) - amount0_delta(end, start, liquidity, round_up=True), liquidity))
        elif end > start:
            exact.append((1, int(row["amount1"]) - amount1_delta(start, end, liquidity, round_up=True), liquidity))
        if end != start:
            starts.append(len(prices))
            prices += [start, end]
    assert len(exact) > 2_500
    first = np.array(starts)
    everywhere = [MIN_TICK] * len(first), [MAX_TICK] * len(first)
    found = fees_per_liquidity(PricePath.of_x96(prices), *everywhere, 500, from_index=first, to_index=first + 1)
    total, wanted = [0.0, 0.0], [0.0, 0.0]
    for place, (token, fee, liquidity) in enumerate(exact):
        assert found[token][place] * liquidity == pytest.approx(fee, rel=1e-7, abs=2), place
        assert found[1 - token][place] == 0
        total[token], wanted[token] = total[token] + found[token][place] * liquidity, wanted[token] + fee
    assert total[0] == pytest.approx(wanted[0], rel=1e-7, abs=len(exact)) and total[1] == pytest.approx(
        wanted[1], rel=1e-9
    )


def real_day() -> list[dict[str, Any]]:
    file = shared_file("events/polygon_usdc_weth_005_20220105.parquet")
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(file).to_pylist()
    return rows


def random_path(seed: int, points: int) -> PricePath:
    steps = np.random.default_rng(seed).standard_t(3, points) * 2e-4
    return PricePath(np.exp(np.cumsum(steps)) * 1.7e4)


@pytest.mark.parametrize("window", [(0, None), (137, 1_111), (2_999, 2_999)])
def test_summing_by_cells_and_by_range_agree(window: tuple[int, int | None], monkeypatch: pytest.MonkeyPatch) -> None:
    path = random_path(5, 3_000)
    centre = round(2 * math.log(1.7e4) / math.log(1.0001))
    rng = np.random.default_rng(6)
    lower = centre + rng.integers(-900, 800, 400)
    upper = lower + rng.integers(1, 900, 400)
    start, stop = window
    cells = fees_per_liquidity(path, lower, upper, 500, from_index=start, to_index=stop)
    monkeypatch.setattr(paths, "_FEW_RANGES", 10_000)
    ranges = fees_per_liquidity(path, lower, upper, 500, from_index=start, to_index=stop)
    for token in (0, 1):
        assert cells[token] == pytest.approx(ranges[token], rel=1e-9)
        assert ((cells[token] == 0) == (ranges[token] == 0)).all()
        assert bool(cells[token].any()) == (window[0] < 2_999)


def test_windows_of_single_ranges_and_parts_of_a_path_add_up() -> None:
    path = random_path(7, 5_000)
    centre = round(2 * math.log(1.7e4) / math.log(1.0001))
    lower, upper = [centre - 200, centre - 50, centre + 10], [centre + 100, centre + 50, centre + 400]
    starts, stops = np.array([0, 100, 2_000]), np.array([5_000 - 1, 3_001, 2_003])
    found = fees_per_liquidity(path, lower, upper, 3_000, from_index=starts, to_index=stops)
    for place in range(3):
        part = PricePath(path.sqrt_price[starts[place] : stops[place] + 1])
        alone = fees_per_liquidity(part, lower[place : place + 1], upper[place : place + 1], 3_000)
        assert found[0][place] == pytest.approx(alone[0][0], rel=1e-12)
        assert found[1][place] == pytest.approx(alone[1][0], rel=1e-12)
    halves = [
        fees_per_liquidity(path, lower, upper, 3_000, from_index=first, to_index=last)[1]
        for first, last in ((0, 2_222), (2_222, 4_999))
    ]
    assert halves[0] + halves[1] == pytest.approx(fees_per_liquidity(path, lower, upper, 3_000)[1], rel=1e-12)


def test_points_of_a_tape() -> None:
    prices = [79228162514264337593543950336, (1 << 160) - 1, 4295128740, 1287023799018574070893171027089208]
    rows = [TapeEvent(EventKind.INITIALIZE, 1, 10, 0, sqrt_price_x96=prices[0])]
    rows += [
        TapeEvent(EventKind.SWAP, 2 + place, 20 + place, place, 5, -5, price, 7 << (40 * place), 3)
        for place, price in enumerate(prices[1:])
    ]
    rows.insert(2, TapeEvent(EventKind.MINT, 2, 20, 9, 1, 1, liquidity=9, lower_tick=-10, upper_tick=10, owner="0xa"))
    path = PricePath.of_events(EventBatch.of(rows))
    assert path.sqrt_price == pytest.approx([price / 2**96 for price in prices], rel=3e-16)
    assert path.seconds is not None and path.seconds.tolist() == [10, 20, 21, 22]
    assert path.liquidity is not None and path.liquidity.tolist() == [0.0, 7.0, 7.0 * 2**40, 7.0 * 2**80]
    on = PricePath.of_events(EventBatch.of(rows[3:]), after=PricePath.of_events(EventBatch.of(rows[:3])))
    assert on.sqrt_price.tolist() == path.sqrt_price[1:].tolist()
    assert on.seconds is not None and on.seconds.tolist() == [20, 21, 22]
    assert PricePath.of_x96(prices).sqrt_price.tolist() == [price / 2**96 for price in prices]
    assert floats_of_limbs(EventBatch.of(rows).liquidity)[4] == float(7 << 80)


def test_mistakes_are_named() -> None:
    good = PricePath(np.array([1.0, 1.1, 1.05]))
    for columns, words in (
        ((np.array([]),), "at least one point"),
        ((np.array([1.0, np.nan]),), "not positive and finite"),
        ((np.array([1.0, 0.0]),), "not positive and finite"),
        ((np.array([1.0, 2.0]), np.array([1])), "2 prices and 1 seconds"),
        ((np.array([1.0, 2.0]), np.array([2, 1])), "time falls at point 1"),
        ((np.array([1.0, 2.0]), None, np.array([1.0, -1.0])), "liquidity of the path is negative"),
    ):
        with pytest.raises(ValueError, match=words):
            PricePath(*columns)
    usual: dict[str, Any] = {"lower_ticks": [0], "upper_ticks": [10], "fee_pips": 500}
    for kept, words in (
        ({"lower_ticks": [10], "upper_ticks": [10]}, "upper tick above"),
        ({"lower_ticks": [1, 2], "upper_ticks": [10]}, "upper tick above"),
        ({"to_index": 3}, "points 0 to 2"),
        ({"from_index": 2, "to_index": 1}, "points 0 to 2"),
        ({"own_liquidity": 5}, "needs a path with liquidity"),
        ({"fee_pips": 1_000_000}, "outside"),
        ({"fee_protocol": (3, 0)}, "0 or 4 to 10"),
    ):
        with pytest.raises(ValueError, match=words):
            fees_per_liquidity(good, **(usual | kept))
    assert lp_fee_factors(500, (4, 0)) == pytest.approx((0.75 * 500 / 999_500, 500 / 999_500))

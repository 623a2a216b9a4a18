from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from keeper.backtest.made_bars import generate_bars, write_bars
from keeper.errors import ConfigError
from keeper.model.full_math import Q128
from keeper.model.observation import Sample
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.history import HourlyGrid
from keeper.world.tape.bar_market import BarMarket
from keeper.world.tape.opening import open_tape
from keeper.world.tape.tape import BarTape
from tests.world.tape.market_tapes import POOL, START, Bar, bar_tape, growth

LIQUIDITY = 10**18


def bar(minute: int, *ticks: int, in_0: int = 0, in_1: int = 0, liquidity: int = LIQUIDITY) -> Bar:
    """Ticks: open, close, low, high."""
    opened, closed, low, high = ticks
    return START + 60 * minute, opened, closed, low, high, in_0, in_1, in_0 // 2, -in_1 // 3, liquidity


def flat(minute: int, tick: int, in_0: int = 0, in_1: int = 0) -> Bar:
    return bar(minute, tick, tick, tick, tick, in_0=in_0, in_1=in_1)


def random_bars(seed: int, minutes: int) -> list[Bar]:
    dice = random.Random(seed)
    tick, bars = 200_000, list[Bar]()
    for minute in range(minutes):
        opened, closed = tick + dice.randint(-4, 4), tick + dice.randint(-30, 30)
        low, high = min(opened, closed) - dice.randint(0, 9), max(opened, closed) + dice.randint(0, 9)
        busy = dice.random() < 0.9
        if not busy:
            opened = closed = low = high = tick
        paid = (dice.randrange(10**12), dice.randrange(10**21)) if busy else (0, 0)
        liquidity = dice.randrange(10**17, 10**19)
        bars.append((START + 60 * minute, opened, closed, low, high, *paid, -paid[0] // 2, paid[1] // 3, liquidity))
        tick = closed
    return bars


def fee(paid: int) -> int:
    """0.05 %, rounded up as the contract does."""
    return -(-paid * 500 // 1_000_000)


def test_without_liquidity_of_ours_growth_is_that_of_the_recorded_fees() -> None:
    bars = random_bars(1, 300)
    market = BarMarket(bar_tape(bars), POOL, 137)
    market.advance_to_time(market.end.timestamp)
    before = [bars[0][9], *(each[9] for each in bars[:-1])]
    means = [(here[9] + last) // 2 for here, last in zip(bars, before, strict=True)]
    assert growth(market.state()) == tuple(
        sum((fee(each[side]) << 128) // mean for each, mean in zip(bars, means, strict=True)) for side in (5, 6)
    )


def test_our_liquidity_dilutes_the_recorded_flow() -> None:
    bars = [flat(0, 10), *(flat(minute, 10, in_0=10**9, in_1=10**15 + 1) for minute in range(1, 4))]
    market = BarMarket(bar_tape(bars), POOL, 137)
    ours = market.add(0, 20, LIQUIDITY // 4)
    outside = market.add(20, 40, LIQUIDITY // 4)
    market.advance_to_time(market.end.timestamp)
    per_bar = [(fee(paid) << 128) // (LIQUIDITY + LIQUIDITY // 4) for paid in (10**9, 10**15 + 1)]
    assert growth(market.state()) == (3 * per_bar[0], 3 * per_bar[1])
    found = {each.key: (each.owed_0, each.owed_1) for each in market.own()}
    assert found[ours] == tuple(3 * each * (LIQUIDITY // 4) // Q128 for each in per_bar)
    assert found[outside] == (0, 0)


def test_the_protocol_takes_its_part_of_the_fee_first() -> None:
    bars = [flat(0, 10), flat(1, 10, in_0=10**9 + 1, in_1=10**15 + 7)]
    market = BarMarket(bar_tape(bars), POOL, 137, fee_protocol=4 + 16 * 10)
    market.advance_to_time(market.end.timestamp)
    fees = fee(10**9 + 1), fee(10**15 + 7)
    left = fees[0] - fees[0] // 4, fees[1] - fees[1] // 10
    assert growth(market.state()) == tuple((each << 128) // LIQUIDITY for each in left)
    assert market.state().fee_protocol == 164


def test_what_everybody_gets_is_the_fee() -> None:
    bars = random_bars(2, 200)
    market, widths = BarMarket(bar_tape(bars), POOL, 137), (10, 20, 50, 300, 5_000)
    keys = {market.add(200_000 - width, 200_000 + width, LIQUIDITY // 7): width for width in widths}
    key = next(iter(keys))
    given = [0, 0]
    for minute in range(1, 200):
        # Of each bar the growth goes to those in range: others' share is found from a market of one range more.
        before = growth(market.state())
        market.advance_to_time(START + 60 * (minute + 1))
        after = growth(market.state())
        mean = (bars[minute][9] + bars[minute - 1][9]) // 2
        given = [have + (new - old) * mean for have, old, new in zip(given, before, after, strict=True)]
    owed = [sum(side) for side in zip(*((each.owed_0, each.owed_1) for each in market.own()), strict=True)]
    fees = [sum(fee(each[side]) for each in bars[1:]) for side in (5, 6)]
    for others, ours, total in zip(given, owed, fees, strict=True):
        assert 0 <= total - (others // Q128 + ours) <= 200 * 8, (others // Q128, ours, total)
    assert {each.key for each in market.own()} == set(keys) and key in keys
    assert all(owed)


def test_a_leg_is_shared_by_what_it_moves_within_a_range() -> None:
    # Up from 0 to 100 with token1 paid: a range over the lower 40 ticks has its part of the move of sqrt P.
    bars = [flat(0, 0), bar(1, 0, 100, 0, 100, in_1=10**18)]
    market = BarMarket(bar_tape(bars), POOL, 137)
    key = market.add(-500, 40, 10)
    market.add(40, 600, 10)
    market.advance_to_time(market.end.timestamp)
    # The rest of the path (open to low, and back from nowhere) has no length.
    root = [sqrt_price_at_tick(tick) for tick in (0, 40, 100)]
    part = fee(10**18) * (root[1] - root[0]) // (root[2] - root[0])
    state = {tick.tick: tick for tick in market.state().ticks}
    assert state[40].fee_growth_outside_1_x128 == (part << 128) // (LIQUIDITY + 10)
    assert state[40].fee_growth_outside_0_x128 == 0
    assert (
        next(each for each in market.own() if each.key == key).owed_1 == (part << 128) // (LIQUIDITY + 10) * 10 // Q128
    )


def test_token0_is_paid_on_the_way_down_and_what_has_no_way_falls_on_all_of_it() -> None:
    falls = [flat(0, 100), bar(1, 100, 0, 0, 100, in_0=10**16, in_1=10**18)]
    market = BarMarket(bar_tape(falls), POOL, 137)
    market.add(-600, 40, 10)
    market.add(40, 600, 10)
    market.advance_to_time(market.end.timestamp)
    edge = next(tick for tick in market.state().ticks if tick.tick == 40)
    total = growth(market.state())
    # The price ends below 40: what was earned above is outside.
    inverse = [1 / sqrt_price_at_tick(tick) for tick in (0, 40, 100)]
    root = [sqrt_price_at_tick(tick) for tick in (0, 40, 100)]
    assert edge.fee_growth_outside_0_x128 / total[0] == pytest.approx(
        (inverse[1] - inverse[2]) / (inverse[0] - inverse[2]), rel=1e-9
    )
    assert edge.fee_growth_outside_1_x128 / total[1] == pytest.approx(
        (root[2] - root[1]) / (root[2] - root[0]), rel=1e-9
    )


def test_the_path_goes_to_the_nearer_end_of_the_way_first() -> None:
    # Rising: open, low, high, close. Twenty up, ten down before and five after: thirds of the way down lie below 0.
    bars = [flat(0, 0), bar(1, 0, 5, -10, 10, in_0=10**16, in_1=10**18)]
    market = BarMarket(bar_tape(bars), POOL, 137)
    market.add(-600, 0, 10)
    market.add(0, 600, 10)
    market.advance_to_time(market.end.timestamp)
    edge = next(tick for tick in market.state().ticks if tick.tick == 0)
    total = growth(market.state())
    assert edge.fee_growth_outside_0_x128 / total[0] == pytest.approx(10 / 15, rel=1e-3)
    assert edge.fee_growth_outside_1_x128 / total[1] == pytest.approx(10 / 20, rel=1e-3)


def test_steps_without_a_bar_leave_the_price_and_give_nothing() -> None:
    bars = [flat(0, 0, in_0=10**9), bar(30, 50, 60, 50, 60, in_1=10**18), flat(31, 60)]
    market = BarMarket(bar_tape(bars), POOL, 137)
    key = market.add(0, 50, LIQUIDITY)
    market.advance_to_time(START + 30 * 60)
    assert (market.state().tick, growth(market.state())[1]) == (0, 0)
    market.advance_to_time(market.end.timestamp)
    assert market.state().tick == 60
    # The way from 0 to 50 was not gone in this bar: nobody knows what was paid on it.
    assert next(each for each in market.own() if each.key == key).owed_1 == 0


def test_the_next_bar_with_swaps_sets_the_price_back() -> None:
    bars = [flat(0, 0), flat(1, 0), flat(2, 0, in_0=10**9), flat(3, 0, in_0=10**9)]
    market = BarMarket(bar_tape(bars), POOL, 137)
    before = market.state()
    result = market.swap(False, 10**16, sqrt_price_at_tick(5_000))
    assert result.amount1 == 10**16 and result.sqrt_price_x96 > before.sqrt_price_x96
    assert (market.state().sqrt_price_x96, market.state().tick) == (result.sqrt_price_x96, result.tick)
    market.advance_to_time(START + 120)
    assert market.state().tick == result.tick > 0, "a bar without swaps moves nothing"
    moved = market.twap(60)
    assert moved is not None and moved.mean_tick == result.tick
    market.advance_to_time(START + 240)
    assert market.state().tick == 0
    mean = market.twap(180)
    assert mean is not None and mean.mean_tick == result.tick * 120 // 180


def test_a_mean_tick_is_rounded_down_and_reaches_no_further_than_the_tape() -> None:
    bars = [flat(0, -10), *(bar(minute, -10 - minute, -10 - minute, -10 - minute, -9) for minute in range(1, 6))]
    market = BarMarket(bar_tape(bars), POOL, 137)
    assert market.twap(60) is None
    market.advance_to_time(START + 60 * 6)
    mean = market.twap(120)  # a minute at -13 and one at -14
    assert mean is not None and (mean.window_seconds, mean.mean_tick) == (120, -14)
    mean = market.twap(240)
    assert mean is not None and mean.mean_tick == math.floor(-(11 + 12 + 13 + 14) / 4)
    assert market.twap(301) is None and market.twap(300) is not None


def test_hours_are_those_that_a_grid_of_a_live_journal_holds() -> None:
    bars = random_bars(3, 60 * 30)
    prior = [Sample(START - 3_600 * back, 10**33 + back, None, None) for back in range(40, -1, -1)]
    market = BarMarket(bar_tape(bars), POOL, 137, prior=prior)
    market.advance_to_time(START + 3_600 * 3)
    first = market.history(24)
    assert market.history(24) is first
    market.advance_to_time(START + 3_600 * 4 - 2)
    assert market.history(24) is first
    market.advance_to_time(START + 3_600 * 29 + 60)
    for hours in (6, 24, 60):
        history = market.history(hours)
        grid = HourlyGrid(hours)
        grid.add((*prior, *(sample for sample in market.history(100).samples if sample.timestamp > START)))
        assert history == grid.history(market.now.timestamp)
    last = history.samples[-1]
    within = bars[60 * 28 : 60 * 29]
    ends = [bars[60 * 28 - 1][2]]
    assert last.bar is not None and last.timestamp == START + 3_600 * 29
    assert last.bar.low_tick == min(*ends, *(each[3] for each in within))
    assert last.bar.high_tick == max(*ends, *(each[4] for each in within))
    assert last.bar.volume_0 == sum(2 * each[5] - each[7] for each in within)
    assert last.bar.volume_1 == sum(2 * each[6] - each[8] for each in within)
    assert last.bar.swaps == sum(each[5] > 0 for each in within)
    assert last.sqrt_price_x96 == sqrt_price_at_tick(within[-1][2])


def test_an_hour_of_which_nothing_is_known_has_no_sample() -> None:
    bars = [*(flat(minute, 0, in_0=10**9) for minute in range(60)), *(flat(minute, 7) for minute in range(180, 241))]
    market = BarMarket(bar_tape(bars), POOL, 137)
    market.advance_to_time(START + 3_600 * 4)
    assert [sample.timestamp - START for sample in market.history(24).samples] == [3_600, 14_400]


@pytest.mark.parametrize("minutes", [61, 90, 150, 239])
def test_nothing_is_seen_before_it_is_over(minutes: int) -> None:
    bars = random_bars(4, 300)
    seen = []
    for tape in (bar_tape(bars), bar_tape(bars[:minutes])):
        market = BarMarket(tape, POOL, 137)
        market.advance_to_time(START + 600)
        key = market.add(199_900, 200_100, 10**17)
        market.advance_to_time(START + 60 * minutes)
        market.swap(True, 10**8, sqrt_price_at_tick(190_000))
        market.take_fees(key)
        seen.append(repr((market.now, market.state(), market.own(), market.history(24), market.twap(1_800))))
    assert seen[0] == seen[1]
    market = BarMarket(bar_tape(bars), POOL, 137)
    market.advance_to_time(START + 60 * minutes - 1)
    assert market.state().tick == bars[minutes - 2][2], "the bar counts when it is over"


def test_however_it_is_stepped_the_figures_are_the_same() -> None:
    bars = random_bars(5, 200)
    seen = []
    for step in (2, 60, 180, 3_600):
        market = BarMarket(bar_tape(bars), POOL, 137)
        market.add(199_900, 200_100, 10**17)
        market.add(200_100, 200_400, 10**18)
        while market.now != market.end:
            market.advance_blocks(min(step // 2, market.end.block_number - market.now.block_number))
        seen.append((market.state(), market.own(), market.history(5)))
    assert seen[0] == seen[1] == seen[2] == seen[3]


def test_it_stops_where_the_price_leaves_a_stretch() -> None:
    bars = [*(flat(minute, 0, in_0=1) for minute in range(5)), bar(5, 3, 9, 3, 9, in_1=1), bar(6, 0, 0, 0, 0, in_0=1)]
    market = BarMarket(bar_tape(bars), POOL, 137)
    low, high = sqrt_price_at_tick(-5), sqrt_price_at_tick(8)
    assert not market.advance_until_outside(START + 300, low, high)
    assert market.now.timestamp == START + 300
    assert market.advance_until_outside(START + 420, low, high)
    assert (market.now.timestamp, market.state().tick) == (START + 360, 9)
    assert market.advance_until_outside(START + 420, low, high) and market.now.timestamp == START + 360
    assert not market.advance_until_outside(START + 420, low, sqrt_price_at_tick(9))


def test_blocks_are_counted_from_1970_and_end_with_the_tape() -> None:
    market = BarMarket(bar_tape([flat(minute, 0) for minute in range(10)]), POOL, 137, block_seconds=12)
    assert (market.begin.timestamp, market.end.timestamp) == (START + 60, START + 600)
    assert market.now.block_number * 12 == market.now.timestamp
    names = {market.block_hash}
    market.advance_blocks(3)
    assert market.now.timestamp == START + 96
    names.add(market.block_hash)
    assert len(names) == 2 and all(len(name) == 66 for name in names)
    with pytest.raises(ValueError, match="backwards"):
        market.advance_to_time(START + 60)
    with pytest.raises(ConfigError, match="the tape ends 8 blocks before"):
        market.advance_blocks(50)
    market.advance_to_time(START + 10**6)
    assert market.now == market.end


def made(days: int, folder: Path) -> BarTape:
    file = folder / "made.parquet"
    write_bars(generate_bars(days, 7), file)
    tape = open_tape(file)
    assert tape.kind == "bars"
    return tape


def test_made_bars_are_a_tape_like_any_other(tmp_path: Path) -> None:
    tape = made(2, tmp_path)
    assert (len(tape.columns), tape.step_seconds, tape.defects) == (2_880, 60, ())
    market = BarMarket(tape, POOL, 137)
    market.advance_to_time(market.end.timestamp)
    assert len(market.history(48).samples) == 48
    again = made(2, tmp_path)
    assert again.digest == tape.digest
    with pytest.raises(ValueError, match="a day"):
        generate_bars(0, 7)


def test_an_hour_is_known_whenever_in_it_one_has_looked() -> None:
    """The minutes after the half hour are missing: what was before them is the hour's, looked at then or not."""
    minutes = [minute for minute in range(200) if minute not in range(90, 130)]
    bars = [flat(minute, 10 + minute, in_0=10**9) for minute in minutes]
    seen = []
    for looks in ((), (91, 100, 119), (125,)):
        market = BarMarket(bar_tape(bars), POOL, 137)
        for minute in looks:
            market.advance_to_time(START + 60 * minute)
        market.advance_to_time(market.end.timestamp)
        seen.append(market.history(24))
    assert seen[0] == seen[1] == seen[2]
    assert [sample.timestamp - START for sample in seen[0].samples] == [3_600, 7_200, 10_800]

"""A book is found again from the swaps that crossed it, and what cannot be known is said, not guessed.

The events are a real pool's, so the book that must be found is known.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from keeper.errors import ConfigError
from keeper.model.swap import swap
from keeper.model.ticks import MAX_TICK, MIN_TICK, sqrt_price_at_tick
from keeper.world.tape.crossing import PoolPoint, replay, walk
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.tape.tick_book import LOGS_MISSING, SEED, KnownOpening, Reconstruction, infer_book, reconstruct
from keeper.world.tape.tick_book_live import LiveBook
from keeper.world.tape.tick_book_rows import PlainEvents, TapeRows, other_interval
from tests.world.tape.made_tape import MadeTape, RecordedPool

LOW, HIGH = 193_800, 194_060
BASE = 1_700_000_000_000_000_000


def made(levels: dict[int, int], start: int = 193_925) -> RecordedPool:
    """A tape that begins in a pool with this liquidity from each tick up."""
    pool = RecordedPool(start)
    pool.levels(levels, HIGH)
    pool.forget()
    return pool


def many_levels(rng: Random) -> dict[int, int]:
    return {tick: rng.randrange(1, 4) * BASE + rng.randrange(10**12) for tick in range(LOW, HIGH, 10)}


def found(pool: RecordedPool) -> Reconstruction:
    return reconstruct(pool.events, pool.fee_pips, pool.spacing)


def found_nets(result: Reconstruction) -> dict[int, int]:
    return {tick: net for tick, net, _ in result.opening}


def within(nets: dict[int, int], result: Reconstruction) -> dict[int, int]:
    return {tick: net for tick, net in nets.items() if result.known_lower < tick <= result.known_upper}


@pytest.mark.parametrize("seed", range(2))
def test_the_whole_book_is_found_where_swaps_ended_everywhere(seed: int) -> None:
    """Swaps of every manner with mints and burns between: every net, and every amount to the unit."""
    rng = Random(seed)
    pool = made(many_levels(rng))
    opening = pool.nets
    pool.wander(rng, 250, LOW + 10, HIGH - 10)
    result = found(pool)
    assert [(each.index, each.why) for each in result.undetermined] == [
        (next(index for index, event in enumerate(pool.events) if event.kind is EventKind.SWAP), SEED)
    ]
    assert result.swaps == 250 and result.worst_difference == 0
    assert (result.known_lower, result.known_upper) == (LOW + 10, HIGH - 11)
    assert found_nets(result) == within(opening, result)


@pytest.mark.parametrize("place", [193_930, 193_950, 193_970])
def test_one_tick_in_a_gap_is_placed_by_the_amounts(place: int) -> None:
    pool = made({LOW: 2 * BASE, place: 2 * BASE + 10**9})
    pool.visit(193_921, 193_975, 193_922)
    result = found(pool)
    assert found_nets(result) == {place: 10**9} and len(result.undetermined) == 1 and not result.book.unknown


def test_a_mint_of_the_day_inside_the_gap_is_reckoned_with() -> None:
    pool = made({LOW: 2 * BASE, 193_950: BASE})
    pool.visit(193_921, 193_975)
    pool.change(193_940, 193_960, BASE // 3)
    pool.visit(193_922)
    pool.change(193_940, 193_960, -(BASE // 3))
    pool.visit(193_976)
    result = found(pool)
    assert found_nets(result) == {193_950: -BASE} and [each.why for each in result.undetermined] == [SEED]


def test_two_ticks_in_a_gap_with_the_liquidity_between() -> None:
    pool = made({LOW: 2 * BASE, 193_940: 5 * BASE, 193_960: BASE})
    pool.visit(193_921, 193_975, 193_922)
    result = found(pool)
    nets = found_nets(result)
    assert set(nets) == {193_940, 193_960} and sum(nets.values()) == -BASE
    assert nets[193_940] == pytest.approx(3 * BASE, rel=1e-9)
    assert [each.why for each in result.undetermined] == [SEED] and result.worst_difference <= 1


@pytest.mark.parametrize(
    "levels",
    [
        {-120: BASE, 20: 2 * BASE, 30: 3 * BASE, 40: 5 * BASE},  # more unknowns than facts
        {-120: BASE, 20: 3 * BASE, 50: BASE},  # a wide low block or a narrow high one around the same middle
    ],
)
def test_what_amounts_cannot_tell_apart_stays_undetermined(levels: dict[int, int]) -> None:
    pool = RecordedPool(5)
    pool.levels(levels, 120)
    pool.forget()
    opening = pool.nets
    pool.visit(1, 65, 2, 7, 66, 3, 85, 67)
    result = found(pool)
    assert result.book.unknown == ((10, 60),)
    assert [each.index for each in result.undetermined] == [0, 1, 2, 4, 5, 6]
    assert all("10 to 60, where the book is not known" in each.why for each in result.undetermined[1:])
    assert sum(found_nets(result).values()) == sum(net for tick, net in opening.items() if 10 <= tick <= 60)


def test_a_gap_is_solved_once_its_neighbour_is() -> None:
    """The first swap passes two gaps; the second passes one of them alone."""
    pool = made({LOW: 2 * BASE, 193_940: 3 * BASE, 193_980: 5 * BASE})
    pool.visit(193_921, 193_995, 193_965, 193_922)
    assert found(pool).swaps == 4
    result = found(pool)
    assert found_nets(result) == {193_940: BASE, 193_980: 2 * BASE} and len(result.undetermined) == 1


def test_a_pool_followed_from_its_birth_has_no_seed() -> None:
    pool = RecordedPool(193_925)
    pool.levels(many_levels(Random(5)), HIGH)
    pool.wander(Random(5), 60, LOW, HIGH)
    result = found(pool)
    assert result.undetermined == () and result.opening == () and result.worst_difference == 0


def test_a_known_opening_has_no_seed_and_no_gap() -> None:
    pool = made({LOW: BASE, 193_940: 2 * BASE, 193_950: 3 * BASE, 193_960: 5 * BASE})
    state = pool.real.state()
    rows = tuple((tick, net, pool.book.gross[tick]) for tick, net in pool.nets.items())
    opening = KnownOpening(rows, PoolPoint(state.sqrt_price_x96, state.tick, state.liquidity))
    pool.visit(193_921, 193_975, 193_922)
    result = reconstruct(pool.events, 500, 10, opening)
    assert result.undetermined == () and result.worst_difference == 0 and result.opening == tuple(sorted(rows))


def test_logs_that_are_missing_are_named() -> None:
    rng = Random(8)
    pool = made(many_levels(rng))
    pool.visit(*(rng.randrange(LOW, HIGH) for _ in range(120)))
    del pool.events[60]
    result = found(pool)
    assert [each.index for each in result.undetermined] == [0, 60] and result.worst_difference == 0
    assert result.undetermined[1].why == LOGS_MISSING or "raw units off" in result.undetermined[1].why
    assert result.undetermined[1].block_number == pool.events[60].block_number


@pytest.mark.parametrize("error", [1, -1])
def test_a_net_off_by_one_is_seen(error: int) -> None:
    pool = made(many_levels(Random(3)))
    pool.wander(Random(3), 250, LOW, HIGH)
    book = infer_book(pool.events, 500, 10)
    rows = tuple((tick, net + (error if tick == 193_930 else 0), None) for tick, net, _ in book.opening)
    right = reconstruct(pool.events, 500, 10, KnownOpening(book.opening))
    wrong = reconstruct(pool.events, 500, 10, KnownOpening(rows))
    assert len(right.undetermined) == 1 and len(wrong.undetermined) > 3
    assert {each.why for each in wrong.undetermined} == {SEED, LOGS_MISSING}


def test_another_fee_is_seen() -> None:
    pool = made(many_levels(Random(4)))
    pool.wander(Random(4), 60, LOW, HIGH)
    assert len(reconstruct(pool.events, 400, 10).undetermined) == 60


def test_ticks_that_the_pool_cannot_have_are_refused() -> None:
    event = TapeEvent(EventKind.MINT, 7, 0, 3, liquidity=1, lower_tick=60, upper_tick=130)
    with pytest.raises(ConfigError, match="block 7, log 3: ticks 60 to 130 are no multiples of the tick spacing 60"):
        infer_book([event], 3_000, 60)


def test_the_rows_picked_from_columns_tell_the_same_book() -> None:
    for seed in range(3):
        rng = Random(seed)
        pool = made({LOW: 2 * BASE, 193_950: BASE, 194_000: 4 * BASE})
        pool.wander(rng, 40, 193_900, 194_010)
        rows = TapeRows(MadeTape(pool.events), other_interval(10))
        picked = list(rows)
        assert len(picked) <= len(pool.events)
        assert all(pool.events[index] == event for index, event, _ in picked)
        assert infer_book(PlainEvents(rows), 500, 10) == infer_book(pool.events, 500, 10)


def test_the_walk_is_the_swap_of_the_model_across_words_of_the_bitmap() -> None:
    """Which is proved equal to the contract: amounts, end, fees; also where nothing is initialized for many words."""
    rng = Random(11)
    for _ in range(150):
        spacing, fee_pips = rng.choice(((1, 100), (10, 500), (60, 3_000)))
        lowers = [rng.randrange(-3_000, 2_000) * spacing for _ in range(6)]
        book = LiveBook(spacing)
        for lower in lowers:
            liquidity, upper = rng.randrange(1, 10**20), lower + rng.randrange(1, 900) * spacing
            book.add(lower, liquidity, liquidity)
            book.add(upper, -liquidity, liquidity)
        rows = book.within(MIN_TICK, MAX_TICK)
        tick = rng.choice(lowers) + rng.randrange(spacing)
        active = sum(net for place, net, _ in rows if place <= tick)
        price, zero_for_one, down = sqrt_price_at_tick(tick), rng.random() < 0.5, rng.randrange(1, 2_000) * spacing
        limit = sqrt_price_at_tick(tick - down if zero_for_one else tick + down)
        amount = rng.choice((1 << 180, rng.randrange(1, 10**20), -rng.randrange(1, 10**20)))
        nets = [(place, net) for place, net, _ in rows]
        wanted = swap(price, tick, active, fee_pips, nets, zero_for_one, amount, limit, spacing)
        done = walk(book, PoolPoint(price, tick, active), amount, limit, fee_pips, zero_for_one=zero_for_one)
        assert (done.amount_0, done.amount_1) == (wanted.amount0, wanted.amount1)
        assert done.end == PoolPoint(wanted.sqrt_price_x96, wanted.tick, wanted.liquidity)
        assert sum(step.fee for step in done.steps) == wanted.fee_paid


def test_a_swap_that_moves_no_price_is_walked() -> None:
    """One raw unit paid: all of it is fee."""
    pool = made({LOW: BASE})
    pool.visit(193_921)
    pool.swap_amount(True, 1)
    before, event = pool.events[-2], pool.events[-1]
    assert event.sqrt_price_x96 == before.sqrt_price_x96 and event.amount_0 == 1
    point = PoolPoint(before.sqrt_price_x96, before.tick, before.liquidity)
    walked = replay(infer_book(pool.events, 500, 10).live(), point, event, 500, 10)
    assert walked is not None and walked.difference == 0 and walked.walk.steps[0].fee == 1
    assert replay(infer_book(pool.events, 500, 10).live(), point, replace(event, tick=event.tick + 1), 500, 10) is None

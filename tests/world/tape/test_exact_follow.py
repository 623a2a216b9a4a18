"""Following recorded events with own liquidity: against the slow follower in Python, and by what must be conserved."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest

from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK, MIN_SQRT_PRICE_X96, MIN_TICK, sqrt_price_at_tick
from keeper.world.tape.crossing import CrossingStep, PoolPoint, is_zero_for_one
from keeper.world.tape.crossing import replay as explained
from keeper.world.tape.event_market_fees import earn_step
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent
from keeper.world.tape.exact import ExactPool
from keeper.world.tape.exact_follow import Followed, follow
from keeper.world.tape.exact_own import OwnGrowth
from keeper.world.tape.own_ranges import OwnRanges

FEE_PIPS, SPACING = 3000, 60


@dataclass
class Net:
    """Net liquidity by tick, as a step of the slow follower asks for it."""

    nets: dict[int, int] = field(default_factory=dict)

    def move(self, event: TapeEvent) -> None:
        change = event.liquidity if event.kind is EventKind.MINT else -event.liquidity
        for tick, sign in ((event.lower_tick, 1), (event.upper_tick, -1)):
            self.nets[tick] = self.nets.get(tick, 0) + sign * change

    def next_within_word(self, tick: int, *, zero_for_one: bool) -> tuple[int, int | None]:
        compressed, live = tick // SPACING, [at for at, net in self.nets.items() if net]
        if zero_for_one:
            edge = (compressed >> 8 << 8) * SPACING
            at = max((each for each in live if edge <= each <= tick), default=None)
            return (max(edge, MIN_TICK), None) if at is None else (at, self.nets[at])
        edge = (compressed + 1 | 255) * SPACING
        at = min((each for each in live if tick < each <= edge), default=None)
        return (min(edge, MAX_TICK), None) if at is None else (at, self.nets[at])


def life(rng: Random, start_tick: int, events: int) -> tuple[ExactPool, list[TapeEvent]]:
    """A pool's random life and the log of it: no two ranges share an end, so that no tick's net is nought."""
    pool = ExactPool(FEE_PIPS, SPACING)
    log: list[TapeEvent] = []
    pool.initialize(sqrt_price_at_tick(start_tick) + 1)
    lowest = MIN_TICK // SPACING * SPACING + SPACING

    def note(kind: EventKind, **fields: Any) -> None:
        log.append(TapeEvent(kind, len(log), len(log), 0, **fields))

    def move(kind: EventKind, lower: int, upper: int, liquidity: int) -> None:
        act = pool.mint if kind is EventKind.MINT else pool.burn
        amount_0, amount_1 = act("other", lower, upper, liquidity)
        note(kind, amount_0=amount_0, amount_1=amount_1, lower_tick=lower, upper_tick=upper, liquidity=liquidity)

    note(EventKind.INITIALIZE, sqrt_price_x96=pool.sqrt_price_x96, tick=pool.tick)
    move(EventKind.MINT, lowest, -lowest, 10**18)
    for number in range(events):
        roll = rng.random()
        if roll < 0.15:
            centre = (pool.tick // SPACING + rng.randrange(-20, 20)) * SPACING
            width = rng.randrange(1, 12) * SPACING
            move(EventKind.MINT, centre, centre + width, rng.randrange(10**16, 10**19))
        elif roll < 0.2 and len(pool.initialized_ticks()) > 4:
            minted = rng.choice([event for event in log if event.kind is EventKind.MINT][1:])
            held = pool.position("other", minted.lower_tick, minted.upper_tick).liquidity
            if held:
                move(EventKind.BURN, minted.lower_tick, minted.upper_tick, rng.choice((held, held // 2 + 1)))
        elif roll < 0.22:
            pool.set_fee_protocol(4, 6)
            note(EventKind.SET_FEE_PROTOCOL, amount_1=4 + 16 * 6)
        elif roll < 0.24:
            pool.flash(0, 0, 10**12 + number, 77)
            note(EventKind.FLASH, amount_0=10**12 + number, amount_1=77)
        else:
            _swap(rng, pool, note)
    return pool, log


def _swap(rng: Random, pool: ExactPool, note: Any) -> None:
    zero_for_one, exact_input = rng.random() < 0.5, rng.random() < 0.6
    root, move = 1.0001 ** (pool.tick / 2), pool.liquidity * 10 ** rng.uniform(-6, -1.5)
    amount = int(move / root if zero_for_one == exact_input else move * root) + 2
    limit = MIN_SQRT_PRICE_X96 + 1 if zero_for_one else MAX_SQRT_PRICE_X96 - 1
    if rng.random() < 0.3:
        limit = sqrt_price_at_tick(pool.tick + (-1 if zero_for_one else 2) * rng.randrange(1, 200)) + 12_345
    try:
        done = pool.swap(zero_for_one, amount if exact_input else -amount, limit)
    except ArithmeticError:
        return
    if not done.amount0 and not done.amount1:
        return
    note(
        EventKind.SWAP,
        amount_0=done.amount0,
        amount_1=done.amount1,
        sqrt_price_x96=done.sqrt_price_x96,
        liquidity=done.liquidity,
        tick=done.tick,
    )


def slowly(log: list[TapeEvent], ranges: list[tuple[int, int, int]]) -> tuple[OwnRanges, list[tuple[int, int]]]:
    """Growth of all and inside each range by the follower in Python."""
    own, net, fee_protocol = OwnRanges(SPACING), Net(), 0
    for lower, upper, liquidity in ranges:
        own.add(lower, upper, liquidity)
    point = PoolPoint(log[0].sqrt_price_x96, log[0].tick, 0)
    for event in log[1:]:
        if event.kind is EventKind.SWAP:
            found = explained(net, point, event, FEE_PIPS, SPACING)
            assert found is not None
            assert found.difference == 0
            for step in found.walk.steps:
                earn_step(own, step, is_zero_for_one(point, event), fee_protocol)
            point = PoolPoint(event.sqrt_price_x96, event.tick, event.liquidity)
        elif event.kind in (EventKind.MINT, EventKind.BURN):
            net.move(event)
            if event.lower_tick <= point.tick < event.upper_tick:
                change = event.liquidity if event.kind is EventKind.MINT else -event.liquidity
                point = replace(point, liquidity=point.liquidity + change)
        elif event.kind is EventKind.SET_FEE_PROTOCOL:
            fee_protocol = event.amount_1
        else:
            for zero_for_one, paid in ((True, event.amount_0), (False, event.amount_1)):
                step = CrossingStep(point.sqrt_price_x96, point.sqrt_price_x96, point.tick, point.liquidity, paid)
                earn_step(own, step, zero_for_one, fee_protocol)
    return own, [own._inside(lower, upper) for lower, upper, _ in ranges]


@pytest.mark.parametrize("start_tick", [-200_000, 0, 700_000])
def test_growth_of_own_ranges_equals_the_slow_follower(start_tick: int) -> None:
    """At 700,000 the prices have more than 128 bits."""
    rng = Random(start_tick)
    pool, log = life(rng, start_tick, 250)
    middle = start_tick // SPACING * SPACING
    ranges = [(middle - width * SPACING, middle + width * SPACING, 10**18 * width) for width in (1, 2, 5, 40)]
    own, followed = OwnGrowth(ranges), ExactPool(FEE_PIPS, SPACING)
    batch = EventBatch.of(log)
    half = len(log) // 2
    parts = [follow(followed, part, own) for part in (batch.part(0, half), batch.part(half, len(log)))]
    slow, inside = slowly(log, ranges)
    assert [own.inside(index) for index in range(len(ranges))] == inside
    assert own.everywhere() == (slow.growth_0_x128, slow.growth_1_x128)
    assert sum(part.unexplained.count for part in parts) == 0
    assert all(part.refused.first is None for part in parts)
    assert sum(part.exact_input for part in parts) > 50
    assert sum(part.exact_output for part in parts) > 10
    assert sum(part.price_limit for part in parts) > 1
    assert_same_pool(followed, pool)


def assert_same_pool(one: ExactPool, other: ExactPool) -> None:
    for what in ("sqrt_price_x96", "tick", "liquidity", "fee_growth_global_x128", "protocol_fees", "initialized_ticks"):
        mine, theirs = getattr(one, what), getattr(other, what)
        assert (mine() if callable(mine) else mine) == (theirs() if callable(theirs) else theirs), what
    for tick in one.initialized_ticks():
        assert one.tick_info(tick) == other.tick_info(tick), tick


def _followed(log: list[TapeEvent]) -> tuple[Followed, ExactPool]:
    pool = ExactPool(FEE_PIPS, SPACING)
    return follow(pool, EventBatch.of(log)), pool


def test_what_the_record_cannot_be_is_counted_and_set_right() -> None:
    pool, log = life(Random(5), 0, 120)
    index = next(at for at, event in enumerate(log) if at > 60 and event.kind is EventKind.SWAP)
    log[index] = replace(log[index], amount_1=log[index].amount_1 + 5)
    found, followed = _followed(log)
    assert found.unexplained.count == 1
    assert found.unexplained.first == found.amount_1.first == index
    assert (found.tick.count, found.liquidity.count) == (0, 0)
    assert (followed.sqrt_price_x96, followed.tick, followed.liquidity) == (
        pool.sqrt_price_x96,
        pool.tick,
        pool.liquidity,
    )


def test_a_burn_that_the_book_cannot_have_seen_is_refused() -> None:
    _, log = life(Random(6), 0, 40)
    strange = TapeEvent(EventKind.BURN, 1, 1, 0, lower_tick=-6_000, upper_tick=-3_000, liquidity=10**30)
    found, _ = _followed([*log, strange])
    assert (found.refused.count, found.refused.first) == (1, len(log))


def test_a_pool_without_a_past_takes_its_point_from_the_first_swap() -> None:
    pool, log = life(Random(7), 0, 60)
    swaps = [event for event in log if event.kind is EventKind.SWAP][:1]
    _, followed = _followed(swaps)
    assert (followed.sqrt_price_x96, followed.tick) == (swaps[0].sqrt_price_x96, swaps[0].tick)
    assert followed.fee_growth_global_x128 == (0, 0)
    assert pool.fee_growth_global_x128 != (0, 0)

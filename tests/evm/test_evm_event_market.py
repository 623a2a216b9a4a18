"""The pool on a tape against the real one: the same past, and what ours does in it, to the wei and the last bit."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from keeper.model.fees import fee_growth_inside
from keeper.model.observation import PoolState
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_at_tick
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.tape.market_opening import open_market
from tests.evm.pool_world import RealPool
from tests.world.tape.market_tapes import POOL, START, event_tape, growth

TICK = 200_000
LIMITS = {True: MIN_SQRT_PRICE_X96 + 1, False: MAX_SQRT_PRICE_X96 - 1}


@dataclass(slots=True)
class Recorder:
    """A real pool and the tape of what was done with it, a block every two seconds."""

    pool: RealPool
    events: list[TapeEvent] = field(default_factory=list)
    block: int = 100

    def swap(self, zero_for_one: bool, amount: int, limit_x96: int) -> None:
        done = self.pool.swap(zero_for_one, amount, limit_x96)
        if done is not None and (done.amount0 or done.amount1):
            self._record(
                EventKind.SWAP, amount_0=done.amount0, amount_1=done.amount1,
                sqrt_price_x96=done.after.sqrt_price_x96, liquidity=done.after.liquidity, tick=done.after.tick,
            )  # fmt: skip

    def mint(self, lower: int, upper: int, liquidity: int) -> None:
        done = self.pool.mint(lower, upper, liquidity)
        assert done is not None
        self._record(EventKind.MINT, liquidity=liquidity, lower_tick=lower, upper_tick=upper, owner="0x01")

    def burn(self, lower: int, upper: int, liquidity: int) -> None:
        done = self.pool.burn(lower, upper, liquidity)
        assert done is not None
        self._record(EventKind.BURN, liquidity=liquidity, lower_tick=lower, upper_tick=upper, owner="0x01")

    def born(self) -> None:
        state = self.pool.state()
        self._record(EventKind.INITIALIZE, sqrt_price_x96=state.sqrt_price_x96, tick=state.tick)

    def _record(self, kind: EventKind, **what: object) -> None:
        self.block += 1
        moment = START + 2 * self.block
        self.events.append(TapeEvent(kind, self.block, moment, 0, **what))  # type: ignore[arg-type]


def lived(seed: int, fee_protocol: tuple[int, int], count: int) -> Recorder:
    """Swaps of every manner, mints and burns; afterwards liquidity stands over all."""
    dice = random.Random(seed)
    recorder = Recorder(RealPool(500, sqrt_price_at_tick(TICK) + 12_345, fee_protocol))
    recorder.born()
    recorder.mint(TICK - 40_000, TICK + 40_000, 10**18)
    held: list[tuple[int, int, int]] = []
    for _ in range(count):
        act = dice.random()
        if act < 0.2:
            lower = TICK + dice.randrange(-300, 290) * 10
            held.append((lower, lower + dice.randrange(1, 60) * 10, dice.randrange(10**15, 10**19)))
            recorder.mint(*held[-1])
        elif act < 0.3 and held:
            recorder.burn(*held.pop(dice.randrange(len(held))))
        else:
            zero_for_one = dice.random() < 0.5
            amount = dice.choice((1, 1, -1)) * dice.randrange(1, 10 ** dice.randrange(3, 14))
            limit = LIMITS[zero_for_one]
            if dice.random() < 0.3:
                state = recorder.pool.state()
                limit = sqrt_price_at_tick(state.tick + dice.randrange(10, 200) * (-1 if zero_for_one else 1))
                amount = 10**24
            recorder.swap(zero_for_one, amount if zero_for_one == (amount > 0) else amount * 10**9, limit)
    return recorder


def packed(fee_protocol: tuple[int, int]) -> int:
    return fee_protocol[0] + 16 * fee_protocol[1]


@pytest.mark.parametrize(("seed", "fee_protocol"), [(1, (0, 0)), (2, (4, 10)), (3, (0, 7))])
def test_a_pool_that_lives_through_its_tape_stands_where_the_real_one_does(
    seed: int, fee_protocol: tuple[int, int]
) -> None:
    recorder = lived(seed, fee_protocol, 150)
    market = open_market(event_tape(recorder.events), POOL, 1, fee_protocol=packed(fee_protocol))
    market.advance_to_time(market.end.timestamp)
    real, state = recorder.pool.state(), market.state()
    assert (state.sqrt_price_x96, state.tick, state.liquidity) == (real.sqrt_price_x96, real.tick, real.liquidity)
    assert growth(state) == real.fee_growth_global_x128
    assert market.now == market.end and min(growth(state)) > 0


def test_growth_within_a_range_is_what_the_real_pool_counts() -> None:
    """Ours is too little to dilute anything: what it earns per unit must be what the pool's own position earned."""
    ranges = [(TICK - 10, TICK + 10), (TICK - 200, TICK + 40), (TICK + 20, TICK + 900), (TICK - 3_000, TICK + 3_000)]
    recorder = Recorder(RealPool(500, sqrt_price_at_tick(TICK), (0, 0)))
    recorder.born()
    for lower, upper in ranges:
        recorder.mint(lower, upper, 10**18)
    begun = recorder.block
    dice = random.Random(9)
    for _ in range(120):
        zero_for_one = dice.random() < 0.5
        tick = TICK + dice.randrange(-1_000, 1_000)
        if (tick < recorder.pool.state().tick) == zero_for_one:
            recorder.swap(zero_for_one, 10**24, sqrt_price_at_tick(tick))
    market = open_market(event_tape(recorder.events), POOL, 1)
    market.advance_blocks(begun - market.now.block_number)
    for lower, upper in ranges:
        market.add(lower, upper, 1)
    before = [inside(market.state(), *each) for each in ranges]
    market.advance_to_time(market.end.timestamp)
    after = [inside(market.state(), *each) for each in ranges]
    for each, old, new in zip(ranges, before, after, strict=True):
        poked = recorder.pool.poke(*each)
        assert poked is not None
        for token in (0, 1):
            wanted = (poked.inside_after_x128[token] - poked.inside_last_x128[token]) % 2**256
            found = (new[token] - old[token]) % 2**256
            assert found == pytest.approx(wanted, rel=1e-15, abs=2**60) and wanted > 0


def inside(state: PoolState, lower: int, upper: int) -> tuple[int, int]:
    ticks = {tick.tick: tick for tick in state.ticks}
    low, high = ticks[lower], ticks[upper]
    return (
        fee_growth_inside(
            lower, upper, state.tick, state.fee_growth_global_0_x128,
            low.fee_growth_outside_0_x128, high.fee_growth_outside_0_x128,
        ),
        fee_growth_inside(
            lower, upper, state.tick, state.fee_growth_global_1_x128,
            low.fee_growth_outside_1_x128, high.fee_growth_outside_1_x128,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_what_ours_does_after_the_tape_is_what_the_contract_does(seed: int) -> None:
    """Ranges of ours beside others', swaps of ours through both, more and less liquidity, fees taken: all equal."""
    fee_protocol = ((0, 0), (5, 4))[seed % 2]
    recorder, dice = lived(20 + seed, fee_protocol, 30), random.Random(seed)
    real = recorder.pool
    market = open_market(event_tape(recorder.events), POOL, 1, fee_protocol=packed(fee_protocol))
    market.advance_to_time(market.end.timestamp)
    tick = market.state().tick // 10 * 10
    ranges = [(tick - 50, tick + 50), (tick + 10, tick + 80), (tick - 330, tick), (tick, tick + 70)]
    ranges = [each for each in ranges if real.poke(*each) is None]  # nobody else's: the driver is one owner
    keys = []
    for lower, upper in ranges:
        liquidity = dice.randrange(10**16, 10**19)
        assert real.mint(lower, upper, liquidity) is not None
        keys.append(market.add(lower, upper, liquidity))
    swaps, earned, principal = 0, 0, [(0, 0) for _ in ranges]  # what a burn pays out counts as owed in the contract
    for number in range(30):
        act, at = dice.random(), dice.randrange(len(ranges))
        key, (lower, upper) = keys[at], ranges[at]
        held = next((each.liquidity for each in market.own() if each.key == key), 0)
        if act < 0.2:
            assert real.mint(lower, upper, 10**17 + number) is not None
            market.increase(key, 10**17 + number)
        elif act < 0.4 and held:
            part = held if dice.random() < 0.5 else held // 3
            burnt = real.burn(lower, upper, part)
            assert burnt is not None
            principal[at] = principal[at][0] + burnt.amount0, principal[at][1] + burnt.amount1
            market.decrease(key, part)
        else:
            zero_for_one = dice.random() < 0.5
            limit = LIMITS[zero_for_one]
            if dice.random() < 0.4:  # stop at an end of a range, the price on the very tick
                ends = [end for each in ranges for end in each]
                there = [
                    end for end in ends if (sqrt_price_at_tick(end) < market.state().sqrt_price_x96) == zero_for_one
                ]
                limit = sqrt_price_at_tick(dice.choice(there)) if there else limit
                if limit == market.state().sqrt_price_x96:
                    continue
            amount = dice.randrange(1, 10**12) * (1 if zero_for_one else 10**9)
            wanted, found = real.swap(zero_for_one, amount, limit), market.swap(zero_for_one, amount, limit)
            assert wanted is not None and (found.amount0, found.amount1) == (wanted.amount0, wanted.amount1)
            swaps += 1
        state, there_now = market.state(), real.state()
        assert (state.sqrt_price_x96, state.tick) == (there_now.sqrt_price_x96, there_now.tick)
        assert (state.liquidity, growth(state)) == (there_now.liquidity, there_now.fee_growth_global_x128)
    for key, each, (principal_0, principal_1) in zip(keys, ranges, principal, strict=True):
        assert real.mint(*each, 1) is not None  # an emptied position does not say what it is owed
        market.increase(key, 1)
        poked = real.poke(*each)
        assert poked is not None
        owed = poked.tokens_owed_after[0] - principal_0, poked.tokens_owed_after[1] - principal_1
        assert market.take_fees(key) == owed
        assert market.take_fees(key) == (0, 0)
        earned += sum(owed)
    assert swaps > 5 and earned > 0

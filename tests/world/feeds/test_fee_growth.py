"""Fee growth worked out from swaps alone, against the real pool's own figures at every past hour."""

from __future__ import annotations

import pytest

from keeper.chainlab.calls import create
from keeper.chainlab.solidity import CompiledContract
from keeper.model.observation import PoolState
from keeper.model.plan import Swap
from keeper.model.price import Token
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.feeds.fee_growth import swap_growth
from keeper.world.feeds.hours import HOUR_SECONDS
from keeper.world.feeds.swaps import PoolSwap
from tests.world.conftest import Desk
from tests.world.feeds.conftest import Reel

LOWEST, HIGHEST = 4295128740, 1461446703485210103287273052203988822378723970341


def trade(desk: Desk, zero_for_one: bool, amount_in: int) -> None:
    desk.act(Swap(zero_for_one, amount_in, 0, 0, LOWEST if zero_for_one else HIGHEST))


def block_at(reel: Reel, timestamp: int) -> int:
    """The last block at or before a moment."""
    number = int(reel.desk.latest()["number"], 16)
    while int(reel.desk.chain.anvil.rpc("eth_getBlockByNumber", hex(number), False)["timestamp"], 16) > timestamp:
        number -= 1
    return number


def worst_error(reel: Reel, **settings: int) -> tuple[int, float]:
    """How many hours were worked out, and the largest difference to the chain's figures at those hours, as a part of
    what the pool has grown altogether: a new pool's first hours have no growth to compare with."""
    seen = reel.observer(reel.tape(), **settings).observe()
    whole = seen.pool.fee_growth_global_0_x128, seen.pool.fee_growth_global_1_x128
    worst, hours = 0.0, 0
    for sample in seen.history.samples:
        assert sample.timestamp % HOUR_SECONDS == 0
        chain = reel.growth_at(block_at(reel, sample.timestamp))
        made = sample.fee_growth_global_0_x128, sample.fee_growth_global_1_x128
        for mine, true, all_of_it in zip(made, chain, whole, strict=True):
            assert mine is not None
            off = min((mine - true) % 2**256, (true - mine) % 2**256)  # growth wraps, as the contract's own does
            worst = max(worst, off / all_of_it)
        hours += 1
    return hours, worst


def test_at_every_past_hour_it_is_the_chains(reel: Reel) -> None:
    reel.step(4 * 18 + 1)  # the chain keeps the states of its last hundred blocks or so
    hours, worst = worst_error(reel)
    assert hours >= 19
    assert worst <= 0


def test_with_swaps_of_every_size_and_liquidity_that_comes_and_goes(reel: Reel) -> None:
    desk = reel.desk
    desk.mint(3, 40)
    for round_ in range(9):
        reel.step(4)
        trade(desk, True, 3 * 10 ** (15 + round_ % 5))
        trade(desk, False, 7 * 10 ** (5 + round_ % 6))
        if round_ % 3 == 1:
            desk.mint(2 + round_)
        trade(desk, False, 3)
        trade(desk, True, 1)
    hours, worst = worst_error(reel)
    assert hours >= 9
    assert worst <= 3e-9  # long swaps through a book that is gone: about a raw unit of fee each


def test_the_protocols_part_is_taken_off_while_there_was_one(reel: Reel) -> None:
    reel.step(9)
    reel.transact("setFeeProtocol(uint8,uint8)", 4, 10)
    reel.step(9)
    reel.transact("setFeeProtocol(uint8,uint8)", 0, 7)
    reel.step(9)
    hours, worst = worst_error(reel)
    assert hours >= 6
    assert worst <= 1e-9


def test_flash_loans_pay_as_well(reel: Reel, contracts: dict[str, CompiledContract]) -> None:
    desk = reel.desk
    deployment, rpc = desk.deployment, desk.chain.anvil.rpc
    borrower = create(rpc, deployment.deployer, contracts["Flasher"].creation_code)
    for token in (deployment.token0, deployment.token1):
        reel.transact("mint(address,uint256)", borrower, 10**24, to=token)
    reel.step(9)
    reel.transact("flash(address,uint256,uint256)", deployment.pool, 10**20, 10**11, to=borrower)
    reel.step(9)
    hours, worst = worst_error(reel)
    assert hours >= 4
    assert worst <= 1e-9


def test_the_last_of_several_past_states_is_asked_for_nothing(reel: Reel) -> None:
    """Hours that were worked out once keep their figures, whatever is observed later."""
    reel.step(13)
    observer = reel.observer(reel.tape())
    early = {sample.timestamp: sample for sample in observer.observe().history.samples}
    reel.step(13)
    late = {sample.timestamp: sample for sample in observer.observe().history.samples}
    assert len(late) == len(early) + 3
    assert {timestamp: late[timestamp] for timestamp in early} == early


def pool(fee_pips: int = 500) -> PoolState:
    tokens = Token("0x" + "11" * 20, "A", 18), Token("0x" + "22" * 20, "B", 18)
    return PoolState("0x" + "33" * 20, *tokens, fee_pips, 10, 1 << 96, 0, 1, 0, 0, 0, 1, (), 0, 0)


def swap(amount_0: int, amount_1: int, tick: int, liquidity: int) -> PoolSwap:
    return PoolSwap(1, 0, "0x", 0, amount_0, amount_1, sqrt_price_at_tick(tick), liquidity, tick)


@pytest.mark.parametrize(
    "event",
    [
        swap(10**18, -(10**18), -600, 0),  # ended where there is no liquidity
        swap(10**18, -(10**18), -60_000, 10**24),  # so far for so little: the price fell through emptiness
        swap(10**18, -(10**18), 600, 10**24),  # token0 was paid, and the price rose
    ],
)
def test_what_an_event_cannot_tell_is_not_invented(event: PoolSwap) -> None:
    assert swap_growth(1 << 96, 10**24, event, pool(), 0) is None


def test_a_swap_of_nothing_adds_nothing() -> None:
    assert swap_growth(1 << 96, 10**24, swap(0, 0, 0, 10**24), pool(), 0) == (0, 0)

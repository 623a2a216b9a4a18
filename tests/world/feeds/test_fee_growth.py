"""Fee growth worked out from swaps alone, against the real pool's own figures at every past hour."""

from __future__ import annotations

from keeper.model.plan import Swap
from keeper.world.feeds.hours import HOUR_SECONDS
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
    """How many hours were worked out, and the largest relative difference to the chain's figures at those hours."""
    seen = reel.observer(reel.tape(), **settings).observe()
    worst, hours = 0.0, 0
    for sample in seen.history.samples:
        assert sample.timestamp % HOUR_SECONDS == 0
        chain = reel.growth_at(block_at(reel, sample.timestamp))
        made = sample.fee_growth_global_0_x128, sample.fee_growth_global_1_x128
        for mine, true in zip(made, chain, strict=True):
            assert mine is not None
            worst = max(worst, abs(mine - true) / true if true else float(mine > 0))
        hours += 1
    return hours, worst


def test_at_every_past_hour_it_is_the_chains(reel: Reel) -> None:
    reel.step(4 * 30 + 1)
    hours, worst = worst_error(reel)
    assert hours >= 31
    assert worst <= 1e-9

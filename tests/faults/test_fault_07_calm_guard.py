"""Row 7: the calm guard is an absolute difference of ticks, on both sides of zero and to the last tick there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.assembly import build_strategy
from keeper.model.observation import Observation, Twap
from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.policy.decide import decide
from keeper.policy.price_guards import short_twap_objection
from keeper.policy.settings import Limits
from tests.policy.world import memory, observation, settings

FAR = 5_000
TABLE = [
    # spot, mean, allowed, holds
    (0, 0, 1, False),
    (100, 0, 100, False),
    (101, 0, 100, True),
    (-100, 0, 100, False),
    (-101, 0, 100, True),
    (50, -50, 100, False),
    (50, -51, 100, True),
    (-50, 50, 100, False),
    (-51, 50, 100, True),
    (-200_000, -200_100, 100, False),
    (-200_000, -200_101, 100, True),
    (-200_100, -200_000, 100, False),
    (-200_101, -200_000, 100, True),
    (200_101, 200_000, 100, True),
    (200_000, 200_101, 100, True),
    (-1, 1, 2, False),
    (-1, 1, 1, True),
    (1, -1, 1, True),
    (MAX_TICK - 1, MAX_TICK - 101, 100, False),
    (MAX_TICK - 1, MAX_TICK - 102, 100, True),
    (MIN_TICK, MIN_TICK + 100, 100, False),
    (MIN_TICK, MIN_TICK + 101, 100, True),
    (MIN_TICK, MAX_TICK - 1, FAR, True),
    (MAX_TICK - 1, MIN_TICK, FAR, True),
    (FAR, 0, FAR, False),
    (-FAR - 1, 0, FAR, True),
]


def seen(spot: int, mean: int, *, twap_seconds: int = 600) -> Observation:
    calm = observation(tick=0)
    return replace(calm, pool=replace(calm.pool, tick=spot), twaps=(Twap(twap_seconds, mean),))


@pytest.mark.parametrize(("spot", "mean", "allowed", "holds"), TABLE)
def test_07_absolute_difference_of_ticks(spot: int, mean: int, allowed: int, holds: bool) -> None:
    objection = short_twap_objection(seen(spot, mean), Limits(max_twap_deviation_ticks=allowed))
    assert (objection is not None) is holds
    if objection is not None:
        figures = {figure.name: figure.value for figure in objection.figures}
        assert figures == {
            "deviation_ticks": max(spot, mean) - min(spot, mean),
            "allowed_ticks": allowed,
            "twap_mean_tick": mean,
            "spot_tick": spot,
            "twap_seconds": 600,
        }


@pytest.mark.parametrize("tick", [0, 200_000, -200_000, 59, -59, -60])
@pytest.mark.parametrize("away", [100, -100, 101, -101])
@pytest.mark.parametrize("quote_is_token0", [True, False])
def test_07_the_whole_decision_obeys_it(tick: int, away: int, quote_is_token0: bool) -> None:
    """An entry on a calm market, and the same with its mean a tick too far away."""
    strategy = build_strategy(settings(quote="token0" if quote_is_token0 else "token1", profit={"gate": "none"}))
    money = (10**18, 10**18)
    made = decide(
        strategy,
        observation(tick=tick, twap_tick=tick + away, balances=money, decimals=(18, 18),
                    quote_is_token0=quote_is_token0, pool_liquidity=10**24),
        memory(),
    )  # fmt: skip
    codes = [each.code for each in made.verdict.objections]
    assert ("spot_far_from_twap" in codes) is (abs(away) > 100)
    assert "spot_far_from_long_twap" not in codes


def test_07_the_mean_of_another_window_does_not_count() -> None:
    limits = Limits(twap_seconds=600)
    assert short_twap_objection(seen(500, 0, twap_seconds=1_800), limits) is None
    made = decide(
        build_strategy(settings(profit={"gate": "none"})),
        replace(observation(balances=(10**12, 10**20)), twaps=(Twap(1_800, 200_000),)),
        memory(),
    )
    assert [each.code for each in made.verdict.objections][:1] == ["twap_missing"], "no mean, no plan"

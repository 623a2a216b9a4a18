"""Is the price the market's: long mean, oracle, the pool's own memory, depth."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from keeper.model.liquidity import amounts_on_burn
from keeper.model.observation import MissingInput, Observation, OracleQuote, TickState, Twap
from keeper.model.price import Price
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy import price_guards
from keeper.policy.depth import depth_quote
from keeper.policy.ladder import LOG_TICK
from keeper.policy.settings import Limits, OracleSettings
from keeper.policy.valuation import value_in_quote
from tests.policy.world import NOW, observation

ORACLE = OracleSettings(feed="0x" + "55" * 20)


def codes(obs: Observation, oracle: OracleSettings | None = None, **limits: object) -> list[str]:
    return [each.code for each in price_guards.price_objections(obs, Limits.model_validate(limits), oracle)]


@pytest.mark.parametrize(
    ("spot", "mean", "holds"),
    [(300, 0, False), (301, 0, True), (-300, 0, False), (-301, 0, True), (-400_000, -400_301, True), (-150, 151, True)],
)
def test_spot_against_the_long_mean(spot: int, mean: int, holds: bool) -> None:
    obs = observation(tick=0)
    obs = replace(obs, pool=replace(obs.pool, tick=spot), twaps=(Twap(600, spot), Twap(1_800, mean)))
    assert (codes(obs) == ["spot_far_from_long_twap"]) is holds
    assert codes(obs, long_twap_seconds=None) == []


def test_a_long_mean_that_is_missing_holds_and_says_what_to_do() -> None:
    obs = replace(observation(tick=0), twaps=(Twap(600, 0),))
    found = list(price_guards.price_objections(obs, Limits(), None))
    assert [each.code for each in found] == ["long_twap_missing"] and "long_twap_seconds" in found[0].message


def quoted(obs: Observation, off_ticks: float, age_seconds: int = 60) -> Observation:
    """The oracle stands ``off_ticks`` below the pool's price, in the quote price."""
    pool = obs.pool
    price = Price.from_sqrt_price_x96(pool.sqrt_price_x96, pool.token0, pool.token1)
    oriented = price.invert() if obs.quote_is_token0 else price
    scale = 10**30
    less = round(scale / math.exp(off_ticks * LOG_TICK))
    at = Price(oriented.base, oriented.quote, oriented.numerator * less, oriented.denominator * scale)
    return replace(obs, oracle=OracleQuote("0xfeed", at, NOW - age_seconds))


@pytest.mark.parametrize("quote_is_token0", [True, False])
@pytest.mark.parametrize("tick", [200_000, -200_000, 0])
@pytest.mark.parametrize(("off", "holds"), [(149.9, False), (150.1, True), (-149.9, False), (-150.1, True)])
def test_spot_against_the_oracle(quote_is_token0: bool, tick: int, off: float, holds: bool) -> None:
    obs = quoted(observation(tick=tick, quote_is_token0=quote_is_token0, decimals=(6, 18)), off)
    assert (codes(obs, ORACLE) == ["spot_far_from_oracle"]) is holds
    assert obs.oracle is not None
    assert price_guards.oracle_distance_ticks(obs, obs.oracle) == pytest.approx(off, abs=1e-6)
    assert codes(obs) == []  # a strategy without an oracle is not asked for one


def test_an_oracle_that_is_stale_missing_or_ahead_of_time_holds() -> None:
    obs = observation()
    assert codes(quoted(obs, 0.0, 3_900), ORACLE) == []
    assert codes(quoted(obs, 0.0, 3_901), ORACLE) == ["oracle_stale"]
    assert codes(quoted(obs, 0.0, -1), ORACLE) == ["oracle_stale"]
    gone = replace(obs, missing=(MissingInput("oracle", "the sequencer is down"),))
    found = list(price_guards.price_objections(gone, Limits(), ORACLE))
    assert [each.code for each in found] == ["oracle_missing"] and "sequencer is down" in found[0].message


def test_a_pool_without_memory_is_refused() -> None:
    obs = observation()
    forgetful = replace(obs, pool=replace(obs.pool, observation_cardinality=1))
    assert codes(forgetful) == ["oracle_too_short"]
    assert codes(forgetful, min_oracle_cardinality=1) == []


@pytest.mark.parametrize("quote_is_token0", [True, False])
@pytest.mark.parametrize("tick", [-7, 60, 0, 59, -60, 119])
def test_depth_is_what_the_liquidity_pays_out(quote_is_token0: bool, tick: int) -> None:
    """Three bands of liquidity; each side summed by hand, band by band."""
    obs = observation(tick=tick, quote_is_token0=quote_is_token0, decimals=(18, 18))
    nets = {-6_000: 10**20, -120: 3 * 10**20, 180: -3 * 10**20, 6_000: -(10**20)}
    ticks = tuple(TickState(at, abs(net), net, 0, 0) for at, net in nets.items())
    pool = replace(obs.pool, ticks=ticks, liquidity=4 * 10**20, known_lower_tick=-6_000, known_upper_tick=6_000)
    below, above = depth_quote(replace(obs, pool=pool), 300)
    root = sqrt_price_at_tick

    def held(low: int, high: int, liquidity: int, side: int) -> int:
        return amounts_on_burn(root(tick), root(low), root(high), liquidity)[side]

    low_1 = held(-120, tick, 4 * 10**20, 1) + held(tick - 300, -120, 10**20, 1)
    high_0 = held(tick, 180, 4 * 10**20, 0) + held(180, tick + 300, 10**20, 0)
    assert below == pytest.approx(value_in_quote(0, low_1, root(tick), quote_is_token0), rel=1e-9)
    assert above == pytest.approx(value_in_quote(high_0, 0, root(tick), quote_is_token0), rel=1e-9)


def test_a_shallow_pool_is_refused_with_its_depth() -> None:
    obs = observation(pool_liquidity=10**15)
    depth = min(depth_quote(obs, 200))
    enough, too_much = depth / 10**6, (depth + 10**6) / 10**6
    assert codes(obs, min_depth_quote=str(enough)) == []
    assert codes(obs, min_depth_quote=str(too_much)) == ["too_shallow"]
    # Deep on one side alone is not deep.
    wall = replace(obs.pool, known_upper_tick=obs.pool.tick + 10)
    assert codes(replace(obs, pool=wall), min_depth_quote=str(enough)) == ["too_shallow"]

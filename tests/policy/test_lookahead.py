"""No look-ahead: cut the future off, or put rubbish in its place, and every decision stays the same, byte for byte."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some

from keeper.assembly import build_strategy
from keeper.model import canonical
from keeper.model.memory import RegimeMemory
from keeper.model.observation import Bar, Position, Sample, Twap
from keeper.model.ticks import tick_at_sqrt_price
from keeper.policy.decide import decide
from keeper.policy.strategy import Strategy
from keeper.world.history import HourlyGrid
from tests.policy.world import HOUR, NOW, held, memory, observation
from tests.policy.world import settings as strategy_settings

HOURS, GRID_HOURS = 1_000, 700
FIRST = NOW // HOUR * HOUR


@cache
def tape() -> tuple[Sample, ...]:
    """A thousand hours of a made-up pool, with bars and fees."""
    draw = np.random.default_rng(11)
    logs = np.cumsum(draw.standard_t(5, HOURS) * 0.6 / math.sqrt(365 * 24) / 2 / 1.3)
    samples, growth = [], 0
    for hour, log in enumerate(logs):
        root = int(2**96 * math.exp(float(log)))
        growth += int((0.2 + 0.1 * draw.random()) / (365 * 24) / 2 * 2**128)
        tick = tick_at_sqrt_price(root)
        bar = Bar(tick - int(draw.integers(1, 60)), tick + int(draw.integers(1, 60)), 10**20, 10**20, 9)
        samples.append(Sample(FIRST + hour * HOUR, root, growth, growth, bar))
    return tuple(samples)


@cache
def thinkers() -> tuple[Strategy, ...]:
    """Every forecaster and detector that looks at the past, and rules that use all of it."""
    members = ["ewma", {"kind": "garch", "min_returns": 200}, {"kind": "har", "week_days": 3, "month_days": 8,
               "min_days": 10}, "true_range", "range_based"]  # fmt: skip
    blend = {"kind": "blend", "members": members, "training_days": 10}
    return tuple(
        build_strategy(strategy_settings(quote="token1", forecaster=blend, **changes))
        for changes in (
            {"range": {"kind": "optimal"}, "regime": {"kind": "trend", "act": True}},
            {"range": {"kind": "bollinger"}, "regime": {"kind": "markov", "act": True}},
        )
    )


def decided(strategy: Strategy, known: tuple[Sample, ...], now: int, *, label: str) -> bytes:
    """The decision at ``now`` of an observer that has been told ``known``, whatever of it lies ahead."""
    grid = HourlyGrid(GRID_HOURS)
    grid.add(known)
    newest = next(each for each in reversed(tape()) if each.timestamp <= now)
    tick = tick_at_sqrt_price(newest.sqrt_price_x96)
    low = (tick // 60 - 20) * 60
    position = Position(7, low, low + 1_500, 10**18, 10**12, 10**12)
    seen = observation(tick=tick, quote_is_token0=False, decimals=(18, 18), pool_liquidity=10**24,
                       positions=(position,), balances=(10**15, 10**15))  # fmt: skip
    seen = replace(
        seen,
        block=replace(seen.block, timestamp=now),
        twaps=(Twap(600, tick), Twap(1_800, tick)),
        history=grid.history(now),
    )
    past = memory(held(position), regime=RegimeMemory(label, FIRST))  # type: ignore[arg-type]
    made = decide(strategy, seen, past)
    assert made.forecast.sigma_annual is not None, made.forecast.refusal
    return canonical.encode(made)


@given(
    hour=some.integers(GRID_HOURS, HOURS - 30),
    minute=some.integers(0, 59),
    which=some.integers(0, 1),
    rubbish=some.randoms(use_true_random=False),
    label=some.sampled_from(["positive", "negative", "neutral"]),
)
@settings(max_examples=25, deadline=None)
def test_the_future_changes_no_decision(hour: int, minute: int, which: int, rubbish: object, label: str) -> None:
    now = FIRST + hour * HOUR + minute * 60
    strategy = thinkers()[which]
    past = tuple(each for each in tape() if each.timestamp <= now)
    ahead = [each for each in tape() if each.timestamp > now]
    garbled = []
    for each in ahead:
        factor = rubbish.randint(1, 10**9)  # type: ignore[attr-defined]
        garbled.append(replace(each, sqrt_price_x96=each.sqrt_price_x96 * factor // 10**6 + 1,
                               fee_growth_global_0_x128=factor, bar=Bar(-factor, factor, 1, 1, 1)))  # fmt: skip
    alone = decided(strategy, past, now, label=label)
    assert decided(strategy, (*past, *ahead), now, label=label) == alone
    assert decided(strategy, (*garbled, *past), now, label=label) == alone

"""Bad input and failing plug-ins: the decision is to hold, with the reason; never a crash or an invented number."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from keeper.model import canonical
from keeper.model.decision import Decision, Figure, Forecast, Ladder, Regime, TargetRange
from keeper.model.memory import Memory, RegimeMemory
from keeper.model.observation import History, Observation, Position
from keeper.policy.decide import decide
from keeper.policy.forecasters import ewma
from keeper.policy.ranges import sigma
from keeper.policy.regimes import neutral
from keeper.policy.scene import NoRange
from keeper.policy.strategy import Detector, Forecaster, RangeRule, Strategy
from tests.policy.world import HOUR, NOW, held, history, memory, observation, settings

RICH = (20_000 * 10**6, 10**18)
FORECAST = Forecast("mine", 0.6, 0.02, 86_400, 100, None)


@dataclass(frozen=True)
class Says:
    """A forecaster, detector and rule that answers what it is given, or throws it."""

    answer: object

    def forecast(self, *_: object) -> Forecast:
        return self._say()  # type: ignore[return-value]

    def detect(self, *_: object) -> Regime:
        return self._say()  # type: ignore[return-value]

    def choose(self, *_: object) -> Ladder | NoRange:
        return self._say()  # type: ignore[return-value]

    def _say(self) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def run(
    obs: Observation,
    past: Memory | None = None,
    *,
    forecaster: Forecaster | None = None,
    detector: Detector | None = None,
    rule: RangeRule | None = None,
) -> Decision:
    made = decide(
        Strategy(
            "test",
            settings(),
            "d" * 64,
            forecaster or ewma.build(ewma.Settings()),
            detector or neutral.build(neutral.Settings()),
            rule or sigma.build(sigma.Settings()),
        ),
        obs,
        past or memory(),
    )
    canonical.encode(made)  # whatever came in, it can be journalled
    return made


def refused(made: Decision, code: str, words: str = "") -> None:
    found = [each.code for each in made.verdict.objections]
    assert found[0] == code, found
    assert words in made.verdict.objections[0].message
    assert made.verdict.action == "hold" and made.plan.steps == ()


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("no such number"),
        ZeroDivisionError(),
        RuntimeError("x"),
        replace(FORECAST, sigma_annual=math.nan),
        replace(FORECAST, standard_error=math.inf),
        replace(FORECAST, figures=(Figure("x", math.nan),)),
        replace(FORECAST, members=(replace(FORECAST, sigma_annual=math.inf),)),
        replace(FORECAST, sigma_annual=np.float64(0.6)),  # what the journal cannot keep
        None,
    ],
)
def test_a_forecaster_that_fails(answer: object) -> None:
    refused(run(observation(balances=RICH), forecaster=Says(answer)), "no_forecast", "forecaster")


@pytest.mark.parametrize("sigma_annual", [0.0, 5.0, 1e300, -0.5])
def test_a_volatility_of_nothing_or_five_hundred_per_cent(sigma_annual: float) -> None:
    wild = Says(replace(FORECAST, sigma_annual=sigma_annual))
    refused(run(observation(balances=RICH), forecaster=wild), "sigma_implausible")


def test_a_detector_that_fails_has_no_opinion() -> None:
    made = run(observation(balances=RICH), detector=Says(KeyError("state")))
    assert made.regime.label == "neutral" and "KeyError" in made.regime.reason
    assert made.verdict.action == "enter"  # a regime that may not act stands in nobody's way
    nan = Regime("mine", "positive", math.nan, 0.0, 0.0, 0)
    assert run(observation(balances=RICH), detector=Says(nan)).regime.label == "neutral"
    for odd in (None, replace(nan, label="up", probability_positive=1.0)):  # type: ignore[arg-type]
        assert run(observation(balances=RICH), detector=Says(odd)).regime.label == "neutral"
    since = run(observation(balances=RICH), memory(regime=RegimeMemory("neutral", 7)), detector=Says(nan))
    assert since.regime.since_timestamp == 7


def ladder(lower: int, upper: int, share_ppm: int = 1_000_000) -> Ladder:
    return Ladder("mine", (TargetRange(lower, upper, share_ppm),), lower, upper, "x")


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("x"),
        NoRange("not today"),
        ladder(200_040, 199_980),
        ladder(199_981, 200_040),
        ladder(199_980, 200_040, 999_999),
        replace(ladder(199_980, 200_040), figures=(Figure("g", math.nan),)),
        replace(ladder(199_980, 200_040), ranges=(TargetRange(np.int64(199_980), 200_040, 1_000_000),)),
        replace(ladder(199_980, 200_040), trigger_lower_tick=200_001),
        replace(ladder(199_980, 200_040), trigger_upper_tick=200_000),
        None,
    ],
)
def test_a_rule_that_fails_wants_no_range(answer: object) -> None:
    refused(run(observation(balances=RICH), rule=Says(answer)), "no_range")


def test_a_rule_that_wants_no_range_leaves_what_is_held_if_that_pays() -> None:
    position = Position(7, 198_900, 201_060, 10**16, 0, 0)
    made = run(observation(positions=(position,)), memory(held(position)), rule=Says(NoRange("not today")))
    assert made.verdict.action == "exit"
    assert [each.code for each in made.verdict.objections] == ["leaving_does_not_pay"]  # it still earns


def test_a_damaged_history() -> None:
    whole = history(tick=200_000).samples
    for samples in (
        (*whole, whole[-1]),
        (whole[1], whole[0], *whole[2:]),
        (*whole[:5], replace(whole[5], sqrt_price_x96=0), *whole[6:]),
        (*whole, replace(whole[-1], timestamp=NOW + 1)),
    ):
        refused(run(observation(balances=RICH, past=History("x", HOUR, samples))), "history_damaged")


def test_gaps_are_no_damage_but_too_little_is_said() -> None:
    whole = history(tick=200_000).samples
    gap = (*whole[:20], *whole[45:])
    assert run(observation(balances=RICH, past=History("x", HOUR, gap))).verdict.action == "enter"
    refused(run(observation(balances=RICH, past=History("x", HOUR, whole[-3:]))), "no_forecast", "3 price samples")
    refused(run(observation(balances=RICH, past=History("x", HOUR, ()))), "no_forecast", "0 price samples")


def test_a_price_that_never_moved() -> None:
    flat = tuple(replace(each, sqrt_price_x96=2**96) for each in history().samples)
    refused(run(observation(tick=0, balances=RICH, past=History("x", HOUR, flat))), "no_forecast", "not moved")


def test_a_pool_without_liquidity_or_at_its_end() -> None:
    obs = observation(balances=RICH)
    refused(run(replace(obs, pool=replace(obs.pool, liquidity=0))), "no_liquidity")
    refused(run(replace(obs, pool=replace(obs.pool, tick=-887_272))), "price_at_the_end")


def test_nothing_of_the_future_is_looked_at() -> None:
    """The observation's history ends at its block; a later clock only makes it old."""
    obs = observation(balances=RICH)
    later = replace(obs, block=replace(obs.block, timestamp=NOW + 100 * HOUR))
    refused(run(later), "no_forecast", "old")

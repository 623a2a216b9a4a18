"""What a plug-in may do wrong, turned into a reason to hold: it throws, or gives numbers that are none."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import get_args

from keeper.model import canonical
from keeper.model.decision import Figure, Forecast, Ladder, Objection, Regime
from keeper.model.memory import RegimeLabel, RegimeMemory
from keeper.model.observation import Observation, Sample
from keeper.policy.identity import ByIdentity
from keeper.policy.rolling import Neighbours
from keeper.policy.scene import NoRange, Scene
from keeper.policy.strategy import Detector, Forecaster, RangeRule

PPM = 1_000_000
LABELS = get_args(RegimeLabel)


def history_fault(observation: Observation) -> Objection | None:
    """Samples must be in order, each moment once, none later than the block, and have a price: else nothing is
    computed from them."""
    samples, now = observation.history.samples, observation.block.timestamp
    if samples and samples[-1].timestamp > now:
        figures = (Figure("timestamp", samples[-1].timestamp), Figure("block_timestamp", now))
        return Objection("history_damaged", "the price history knows of a time after the block", figures)
    return _fault(ByIdentity(samples))


@lru_cache(maxsize=64)
def _fault(samples: ByIdentity[tuple[Sample, ...]]) -> Objection | None:
    if all(_FOLLOWS.values(samples.value)) and all(each.sqrt_price_x96 > 0 for each in samples.value[:1]):
        return None
    for before, after in pairwise(samples.value):
        if after.timestamp <= before.timestamp:
            figures = (Figure("timestamp", after.timestamp), Figure("timestamp_before", before.timestamp))
            return Objection("history_damaged", "the price history is out of order or holds a moment twice", figures)
    for sample in samples.value:
        if sample.sqrt_price_x96 <= 0:
            return Objection(
                "history_damaged",
                "the price history holds a price of nothing",
                (Figure("timestamp", sample.timestamp),),
            )
    return None


def _follows(before: Sample, after: Sample) -> bool:
    return after.timestamp > before.timestamp and after.sqrt_price_x96 > 0


_FOLLOWS = Neighbours(_follows)


def forecast_soundly(forecaster: Forecaster, observation: Observation) -> Forecast:
    """The forecast, or a refusal that says what the forecaster did."""
    now, fault = observation.block.timestamp, history_fault(observation)
    if fault is not None:
        return Forecast(_name(forecaster), None, None, 0, len(observation.history.samples), fault.message)
    try:
        made = forecaster.forecast(observation.history, observation.implied, now)
    except Exception as error:  # noqa: BLE001 - a plug-in may be anybody's: the decision is to hold, with the reason
        return Forecast(_name(forecaster), None, None, 0, 0, _failure("the forecaster", error))
    if not isinstance(made, Forecast):
        return Forecast(_name(forecaster), None, None, 0, 0, "the forecaster gave no forecast")
    if _can_be_kept(made):
        return made
    return Forecast(made.kind, None, None, made.horizon_seconds, made.samples, "the forecaster gave no finite number")


def detect_soundly(
    detector: Detector, observation: Observation, forecast: Forecast, memory: RegimeMemory | None
) -> Regime:
    """The regime; neutral, with the reason, where the detector fails."""
    now_timestamp, fault = observation.block.timestamp, history_fault(observation)
    if fault is not None:
        return _no_regime(_name(detector), memory, now_timestamp, fault.message)
    try:
        made = detector.detect(observation.history, forecast, memory, now_timestamp)
    except Exception as error:  # noqa: BLE001 - as above: no opinion, and why
        return _no_regime(_name(detector), memory, now_timestamp, _failure("the detector", error))
    if not isinstance(made, Regime) or made.label not in LABELS:
        return _no_regime(_name(detector), memory, now_timestamp, "the detector gave no regime")
    if _can_be_kept(made):
        return made
    return _no_regime(made.kind, memory, now_timestamp, "the detector gave no finite number")


def choose_soundly(rule: RangeRule, scene: Scene) -> Ladder | NoRange:
    """The rule's ladder if it can be placed, or why not."""
    try:
        made = rule.choose(scene)
    except Exception as error:  # noqa: BLE001 - as above: no range, and why
        return NoRange(_failure("the range rule", error))
    if not isinstance(made, Ladder | NoRange):
        return NoRange("the range rule gave no range")
    if not _can_be_kept(made):
        return NoRange("the range rule gave no finite number")
    return made if isinstance(made, NoRange) else _placeable(made, scene)


def _placeable(ladder: Ladder, scene: Scene) -> Ladder | NoRange:
    spacing = scene.observation.pool.tick_spacing
    for each in ladder.ranges:
        if each.lower_tick >= each.upper_tick or each.lower_tick % spacing or each.upper_tick % spacing:
            figures = (Figure("lower_tick", each.lower_tick), Figure("upper_tick", each.upper_tick))
            return NoRange("the range rule gave a range that no pool of this spacing can hold", figures)
    if sum(each.share_ppm for each in ladder.ranges) != PPM:
        return NoRange("the shares of the range rule's ranges do not sum to one")
    if not ladder.trigger_lower_tick <= scene.observation.pool.tick < ladder.trigger_upper_tick:
        # It would be left as soon as it is there, again and again.
        ends = (
            Figure("trigger_lower_tick", ladder.trigger_lower_tick),
            Figure("trigger_upper_tick", ladder.trigger_upper_tick),
        )
        return NoRange("the triggers of the range rule do not hold the price", ends)
    return ladder


def _no_regime(kind: str, memory: RegimeMemory | None, now_timestamp: int, reason: str) -> Regime:
    since = memory.since_timestamp if memory is not None and memory.label == "neutral" else now_timestamp
    return Regime(kind, "neutral", 0.0, 0.0, 1.0, since, reason)


def _can_be_kept(made: Forecast | Regime | Ladder | NoRange) -> bool:
    """Every number is finite and Python's own (a number of numpy's has no canonical form): the journal takes it."""
    try:
        canonical.plain(made)
    except (TypeError, ValueError):
        return False
    return True


def _failure(who: str, error: Exception) -> str:
    return f"{who} failed: {type(error).__name__}: {error}"


def _name(plugin: object) -> str:
    return type(plugin).__name__.lower()

"""A label is entered, held and left as the settings say, and `since` changes with the label alone."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from keeper.model.memory import RegimeLabel, RegimeMemory
from keeper.policy.signals.hysteresis import HysteresisSettings, Probabilities, answer, no_opinion, probabilities

NOW = 1_800_000_000
HOUR = 3_600
SETTINGS = HysteresisSettings(confirm_bars=3, min_hours=24)

# (held label or none, hours since, probability of positive at the last bars, label expected)
CASES: list[tuple[RegimeLabel | None, float, tuple[float, ...], RegimeLabel]] = [
    (None, 0, (0.7, 0.7, 0.7), "positive"),
    (None, 0, (0.5, 0.7, 0.7), "neutral"),  # two bars confirm nothing
    (None, 0, (0.0, 0.6, 0.6, 0.6), "positive"),  # at the threshold, and older bars do not count
    ("neutral", 24, (0.7, 0.7, 0.7), "positive"),
    ("neutral", 23.9, (0.7, 0.7, 0.7), "neutral"),  # too soon
    ("positive", 100, (0.5, 0.5, 0.5), "positive"),  # between leaving and entering
    ("positive", 100, (0.3, 0.3, 0.41), "positive"),
    ("positive", 100, (0.4, 0.4, 0.4), "positive"),  # left below the threshold, not at it
    ("positive", 100, (0.39, 0.3, 0.2), "neutral"),
    ("positive", 23, (0.39, 0.3, 0.2), "positive"),
    ("positive", 24, (0.0, 0.0, 0.0), "neutral"),
]


@pytest.mark.parametrize(("label", "hours", "path", "expected"), CASES)
@pytest.mark.parametrize("mirrored", [False, True])
def test_label(
    label: RegimeLabel | None, hours: float, path: tuple[float, ...], expected: RegimeLabel, mirrored: bool
) -> None:
    def side(each: RegimeLabel) -> RegimeLabel:
        return {"positive": "negative", "negative": "positive", "neutral": "neutral"}[each] if mirrored else each  # type: ignore[return-value]

    memory = None if label is None else RegimeMemory(side(label), NOW - round(hours * HOUR))
    recent = [probabilities(0.0, p) if mirrored else probabilities(p, 0.0) for p in path]
    found = answer("test", recent, memory, NOW, SETTINGS, "why")
    assert found.label == side(expected)
    kept = memory is not None and found.label == memory.label
    assert found.since_timestamp == (memory.since_timestamp if kept and memory else NOW)
    assert found.reason.startswith("why; ")
    assert found.probability_positive + found.probability_negative + found.probability_neutral == 1.0


def test_one_trend_turns_into_the_other() -> None:
    memory = RegimeMemory("positive", NOW - 48 * HOUR)
    found = answer("test", [probabilities(0.1, 0.8)] * 3, memory, NOW, SETTINGS, "why")
    assert (found.label, found.since_timestamp) == ("negative", NOW)


def test_no_opinion_takes_effect_at_once() -> None:
    assert no_opinion("test", "why", RegimeMemory("positive", NOW - HOUR), NOW).since_timestamp == NOW
    calm = no_opinion("test", "why", RegimeMemory("neutral", NOW - HOUR), NOW)
    assert (calm.label, calm.since_timestamp, calm.probability_neutral) == ("neutral", NOW - HOUR, 1.0)
    assert no_opinion("test", "why", None, NOW).since_timestamp == NOW


def test_probabilities_are_rounded_and_whole() -> None:
    found = probabilities(1 / 3, 1 / 3)
    assert found == Probabilities(0.333333333, 0.333333333, 0.333333334)
    assert probabilities(1.0, 0.0).neutral == 0.0 and probabilities(1 - 1e-12, 1e-12).neutral == 0.0
    for wrong in ((-0.1, 0.5), (0.6, 0.6), (float("nan"), 0.5), (0.5, float("inf"))):
        with pytest.raises(ValueError, match="not probabilities"):
            probabilities(*wrong)


def test_leaving_lies_below_entering() -> None:
    with pytest.raises(ValidationError, match="must not be above"):
        HysteresisSettings(enter_probability=0.6, leave_probability=0.7)

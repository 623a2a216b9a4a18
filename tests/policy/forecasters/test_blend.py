"""A blend by hand, what it goes without, and weights that follow what members were worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from keeper.model.decision import Forecast
from keeper.model.observation import History, ImpliedQuote
from keeper.policy.forecasters import blend
from keeper.policy.volatility.past import Past, usable_past
from keeper.policy.volatility.training import _trained, realized_variance, trained_weights
from tests.policy.forecasters.walks import DAY, HOUR, NOW, from_logs, quote, walk


def figures(found: Forecast) -> dict[str, Any]:
    return {figure.name: figure.value for figure in found.figures}


@dataclass(frozen=True)
class Says:
    """A member that always says the same; from ``silent_before`` on only."""

    sigma: float | None
    error: float = 0.1
    silent_before: int = 0

    def forecast(self, _history: History, _implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast:
        if self.sigma is None:
            raise ZeroDivisionError("of zero")
        if now_timestamp < self.silent_before:
            return Forecast("says", None, None, DAY, 0, "too early")
        return Forecast("says", self.sigma, self.error, DAY, 1, None)


def asked(**values: Any) -> blend.Settings:
    """As it is written in a strategy."""
    return blend.Settings.model_validate(values)


def of(*members: Says, weights: Any = "equal") -> blend.Blend:
    return blend.Blend(blend.Settings(weights=weights), members, tuple(f"m{i}" for i in range(len(members))))


def test_equal_weights_by_hand() -> None:
    found = of(Says(0.4), Says(0.8)).forecast(walk(hours=50), (), NOW)
    sigma = math.sqrt((0.16 + 0.64) / 2)
    assert found.sigma_annual == pytest.approx(sigma)
    error = (math.hypot(0.1, sigma - 0.4) + math.hypot(0.1, 0.8 - sigma)) / 2
    assert found.standard_error == pytest.approx(error)
    assert [member.sigma_annual for member in found.members] == [0.4, 0.8]
    assert "went_without" not in figures(found)


def test_a_member_that_raises_has_refused() -> None:
    found = of(Says(None), Says(0.8)).forecast(walk(hours=50), (), NOW)
    assert found.sigma_annual == pytest.approx(0.8)
    assert figures(found)["went_without"] == "m0" and figures(found)["weight_m1"] == 1
    assert found.members[0].refusal == "it failed: of zero"

    class Breaks(Says):
        def forecast(self, *_: object) -> Forecast:
            raise RuntimeError("not one of ours")

    for weights in ("equal", "fitted"):
        found = of(Breaks(0.1), Says(0.8), Says(0.8), weights=weights).forecast(walk(hours=90 * 24), (), NOW)
        assert found.sigma_annual == pytest.approx(0.8) and figures(found)["went_without"] == "m0"


def test_it_refuses_only_when_none_answers() -> None:
    found = of(Says(None), Says(None)).forecast(walk(hours=50), (), NOW)
    assert found.sigma_annual is None and len(found.members) == 2
    assert found.refusal == "no member has a forecast (m0: it failed: of zero; m1: it failed: of zero)"
    rule = blend.build(asked(members=("har", "implied")))
    found = rule.forecast(History("x", HOUR, ()), (quote(0.5),), NOW)  # prices fail, options are there
    assert found.sigma_annual == pytest.approx(0.5) and figures(found)["went_without"] == "har"


def test_the_better_member_gets_the_weight() -> None:
    past = walk(0.6, hours=1_000)
    found = of(Says(0.6), Says(1.2), weights="fitted").forecast(past, (), NOW)
    assert figures(found)["training_forecasts"] >= 20
    assert figures(found)["weight_m0"] > 0.6
    assert figures(found)["weight_m0"] + figures(found)["weight_m1"] == pytest.approx(1)


@dataclass(frozen=True)
class Peeks:
    """Answers only where it is shown a sample later than the moment it is asked at."""

    def forecast(self, history: History, _implied: Sequence[ImpliedQuote], now_timestamp: int) -> Forecast:
        later = [sample for sample in history.samples if sample.timestamp > now_timestamp]
        return Forecast("peeks", 0.6 if later else None, 0.1, DAY, 1, None if later else "nothing to peek at")


def test_a_member_in_training_is_shown_nothing_later() -> None:
    rule = blend.Blend(asked(weights="fitted"), (Peeks(), Says(0.6), Says(1.2)), ("peeks", "m1", "m2"))
    found = rule.forecast(walk(0.6, hours=1_000), (), NOW)
    past = usable_past(walk(0.6, hours=1_000), NOW, 2)
    assert isinstance(past, Past)
    weights, trained = trained_weights(rule.members, past, DAY, 168 * HOUR, 30)
    assert trained >= 20 and weights[0] == pytest.approx(1 / 3)  # never answered, so it was never scored
    assert figures(found)["went_without"] == "peeks"


def test_a_member_without_past_forecasts_keeps_an_equal_share() -> None:
    past = walk(0.6, hours=1_000)
    found = of(Says(0.6), Says(1.2), Says(0.7, silent_before=NOW), weights="fitted").forecast(past, (), NOW)
    assert figures(found)["weight_m2"] == pytest.approx(1 / 3)
    assert figures(found)["weight_m0"] > 0.4 > figures(found)["weight_m1"]


def test_a_short_past_leaves_equal_weights() -> None:
    found = of(Says(0.6), Says(1.2), weights="fitted").forecast(walk(hours=200), (), NOW)
    assert figures(found)["training_forecasts"] == 0 and figures(found)["weight_m0"] == 0.5


def test_weights_stay_from_one_boundary_to_the_next() -> None:
    past = walk(0.6, hours=1_300, wobble=0.5)
    rule = of(Says(0.5), Says(0.9), weights="fitted")
    seen = set()
    fitted = _trained.cache_info().misses
    for hour in range(0, 168, 12):
        samples = past.samples[hour : 1_001 + hour]
        found = rule.forecast(History("x", HOUR, samples), (), samples[-1].timestamp)
        seen.add(figures(found)["weight_m0"])
    assert _trained.cache_info().misses - fitted == 2
    assert len(seen) == 2  # one Thursday midnight of 1970's weeks is crossed


def test_real_members_are_trained_and_all_shown() -> None:
    trained_weights.cache_clear()
    rule = blend.build(asked(members=("ewma", {"kind": "ewma", "half_life_hours": 6}, "range_based")))
    found = rule.forecast(walk(hours=900, wobble=0.4), (), NOW)
    assert [member.kind for member in found.members] == ["ewma", "ewma", "range_based"]
    known = figures(found)
    assert {"weight_ewma", "weight_ewma_2", "weight_range_based"} <= known.keys()
    assert known["training_forecasts"] >= 20 and found.sigma_annual is not None
    inside = [member.sigma_annual or 0 for member in found.members]
    assert min(inside) <= found.sigma_annual <= max(inside)


def test_realized_variance_begins_at_the_origin() -> None:
    logs = [0.0, 0.5, 0.51, 0.53, 0.9]
    samples = from_logs(logs).samples
    found = realized_variance(samples, samples[1].timestamp, samples[3].timestamp)
    assert found == pytest.approx((0.01**2 + 0.02**2) / 2 * 365 * 24, rel=1e-5)
    assert np.isnan(realized_variance(samples, samples[1].timestamp, samples[1].timestamp + 8 * HOUR))
    assert np.isnan(realized_variance(samples[2:], samples[1].timestamp, samples[3].timestamp))


def test_settings_say_what_is_wrong() -> None:
    with pytest.raises(ValidationError, match="drop its horizon_hours"):
        asked(members=({"kind": "ewma", "horizon_hours": 48},))
    with pytest.raises(ValidationError, match="a member is one of ewma, garch, har, implied, range_based, true_range"):
        asked(members=("blend",))
    with pytest.raises(ValidationError, match="half_life_hours"):
        asked(members=({"kind": "ewma", "half_life_hours": 0},))
    with pytest.raises(ValidationError, match="from 1 to 12 members, not 0"):
        asked(members=())


def test_settings_come_back_from_what_was_written_down() -> None:
    wanted = asked(horizon_hours=48.0, members=("har", {"kind": "garch", "model": "gjr"}))
    again = blend.Settings.model_validate(wanted.model_dump(mode="json"))
    assert again == wanted and blend.build(again) == blend.build(wanted)
    assert [member.settings.horizon_hours for member in blend.build(again).members] == [48.0, 48.0]  # type: ignore[attr-defined]

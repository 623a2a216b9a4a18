"""The optimal rule: it asks the renewal objective the right question, and places the answer the right way round."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper.model.decision import Ladder
from keeper.policy.ladder import LOG_TICK
from keeper.policy.ranges import optimal
from keeper.policy.scene import Carry, Scene, Stance
from tests.policy.ranges.worlds import at, quote_distances, ticks, triggers
from tests.policy.world import carry, scene

VECTORS = json.loads((Path(__file__).resolve().parents[1] / "method_vectors.json").read_text())["optimum"]
ORDERS = pytest.mark.parametrize("quote_is_token0", [False, True])
ASKED = ("asked_below_log", "asked_above_log", "asked_trigger_below_log", "asked_trigger_above_log")


def place(asked: Scene, **changes: Any) -> Ladder:
    chosen = optimal.build(optimal.Settings(**changes)).choose(asked)
    assert isinstance(chosen, Ladder)
    return chosen


def figure(ladder: Ladder, name: str) -> Any:
    return next(each.value for each in ladder.figures if each.name == name)


def pays(sigma: float, phi: float) -> Carry:
    """A carry whose φ_used is ``phi``."""
    made = carry(sigma, phi)
    assert made.phi_used_annual == pytest.approx(phi)
    return made


def vector_scene(vector: dict[str, Any], *, quote_is_token0: bool) -> tuple[Scene, dict[str, Any]]:
    """The scene and the settings that ask what the vector asks."""
    given = vector["inputs"]
    mu = given["mu"]
    stance = Stance("neutral" if given["symmetric"] else "positive" if mu > 0 else "negative", 0.5, "view")
    asked = scene(
        at(1_234, 1, quote_is_token0=quote_is_token0),
        carry=pays(given["sigma"], given["phi"]),
        stance=stance,
        gas_fraction=given["gas"],
        swap_cost=given["swap_cost"],
        dilution=given["q"],
    )
    settings = {
        "risk_aversion": given["risk_aversion"],
        "target_weight": given["w_star"],
        "drift_pct_per_year": abs(mu) * 100 / 0.5,
        "min_width_pct": 100 * math.expm1(given["bound_min"]),
        "max_width_pct": 100 * math.expm1(given["bound_max"]),
    }
    return asked, settings


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"sigma {vector['inputs']['sigma']}")
@ORDERS
def test_the_optimum_of_the_method(vector: dict[str, Any], quote_is_token0: bool) -> None:
    asked, settings = vector_scene(vector, quote_is_token0=quote_is_token0)
    chosen = place(asked, **settings)
    wanted = vector["outputs"]
    best = wanted["g_per_year"]
    # Neighbouring distances earn nearly the same: the gain must be there, and distances near those of the vector.
    assert figure(chosen, "asked_g_per_year") >= best - 1e-3 * abs(best)
    for name, key in zip(ASKED, ("a", "b", "trigger_lower", "trigger_upper"), strict=True):
        assert figure(chosen, name) == pytest.approx(wanted[key], rel=0.02), name
    ((below, above),) = quote_distances(chosen, asked.observation)
    assert below == pytest.approx(wanted["a"], rel=0.02, abs=2 * LOG_TICK)
    assert above == pytest.approx(wanted["b"], rel=0.02, abs=2 * LOG_TICK)
    low, high = (abs(each - 1_234) * LOG_TICK for each in triggers(chosen))
    if quote_is_token0:
        low, high = high, low
    assert low == pytest.approx(wanted["trigger_lower"], rel=0.02, abs=2 * LOG_TICK)
    assert high == pytest.approx(wanted["trigger_upper"], rel=0.02, abs=2 * LOG_TICK)


def test_neutral_is_alike_on_both_sides_and_the_floor_is_named() -> None:
    rich = scene(at(0, 1), carry=pays(0.6, 0.3))
    chosen = place(rich)
    assert ticks(chosen) == [(-296, 296)]  # ln 1.03 / ln 1.0001
    assert triggers(chosen)[0] == -triggers(chosen)[1] and triggers(chosen)[1] > 296
    assert chosen.reason.endswith("the width is your floor")
    assert "below: floor, above: floor" in figure(chosen, "at_your_bounds")
    assert figure(chosen, "mu_annual") == 0.0


def test_a_poor_pool_wants_a_wide_range_up_to_the_ceiling() -> None:
    poor = scene(at(0, 1), carry=pays(0.6, 0.09))
    chosen = place(poor, max_width_pct=50)
    assert ticks(chosen) == [(-4055, 4055)]  # ln 1.5 / ln 1.0001
    assert chosen.reason.endswith("the width is your ceiling")


@ORDERS
def test_a_bull_has_its_room_above_in_the_quote_price(quote_is_token0: bool) -> None:
    seen = at(-77, 10, quote_is_token0=quote_is_token0)
    distances = {}
    for label in ("positive", "negative"):
        asked = scene(seen, carry=pays(0.6, 0.094), stance=Stance(label, 0.8, "regime"))
        chosen = place(asked, drift_pct_per_year=50)
        assert figure(chosen, "mu_annual") == pytest.approx(0.4 if label == "positive" else -0.4)
        ((distances[label]),) = quote_distances(chosen, seen)
    assert distances["positive"][1] > 2 * distances["positive"][0]
    assert distances["negative"][0] > 2 * distances["negative"][1]


def test_no_trigger_is_closer_than_one_spacing() -> None:
    asked = scene(at(30, 200), carry=pays(0.05, 1.0))
    chosen = place(asked, min_width_pct=0.01)
    assert ticks(chosen) == [(0, 200)] and triggers(chosen)[0] <= 0 and triggers(chosen)[1] >= 200


def test_g_is_the_sum_of_its_terms_on_the_ticks_where_it_stands() -> None:
    asked = scene(at(0, 60), carry=pays(0.6, 0.12), stance=Stance("positive", 1.0, "view"))
    chosen = place(asked)
    gains = figure(chosen, "fee_per_year") + figure(chosen, "drift_per_year")
    losses = [figure(chosen, f"{name}_per_year") for name in ("lvr", "risk", "gas", "swap")]
    assert figure(chosen, "g_per_year") == pytest.approx(gains - sum(losses), rel=1e-9)
    assert figure(chosen, "placed_above_log") == pytest.approx(chosen.ranges[0].upper_tick * LOG_TICK)
    assert figure(chosen, "placed_above_log") != figure(chosen, "asked_above_log")
    assert 0 < figure(chosen, "in_range_share") <= 1 and figure(chosen, "cycle_days") > 0


def test_dearer_moves_put_the_trigger_further_out() -> None:
    cheap, dear = (place(replace(scene(at(0, 1), carry=pays(0.6, 0.15)), gas_fraction=gas)) for gas in (0.0001, 0.01))
    assert triggers(dear)[1] > triggers(cheap)[1]


def test_the_same_question_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = scene(at(0, 10), carry=pays(0.61234, 0.2))
    first = place(asked)
    monkeypatch.setattr(optimal, "optimum", None)
    assert place(asked) == first


@ORDERS
@pytest.mark.parametrize("stance", [Stance("positive", 0.0, "regime"), Stance("negative", 0.0, "regime")])
def test_a_stance_without_strength_is_as_symmetric_as_neutral(stance: Stance, quote_is_token0: bool) -> None:
    """Neutral is μ = 0 with equal sides; a label that is kept against its odds expects no more than that."""
    seen = scene(at(1_234, 1, quote_is_token0=quote_is_token0), carry=pays(0.6, 0.12))
    wide = {"min_width_pct": 0.5, "max_width_pct": 400.0}
    plain = place(seen, **wide)
    leaning = place(replace(seen, stance=stance), **wide)
    assert (ticks(leaning), triggers(leaning)) == (ticks(plain), triggers(plain))

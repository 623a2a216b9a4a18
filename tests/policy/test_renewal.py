"""The renewal objective against its vectors, its closed forms and a plain-Python twin."""

from __future__ import annotations

import json
import math
import os
from itertools import product
from pathlib import Path
from typing import Any

import numba.core.caching
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper.policy.renewal import (
    Bounds,
    Renewal,
    SearchLimits,
    Terms,
    capital_factor,
    optimum,
    renewal,
    value,
    weight,
)
from keeper.policy.renewal_kernel import carry_per_year, compiled, weight_at
from tests.policy.renewal_twin import chance_up, expected, twin_carry, twin_value, twin_weight

VECTORS: dict[str, Any] = json.loads(
    Path(os.environ.get("KEEPER_METHOD_VECTORS") or Path(__file__).with_name("method_vectors.json")).read_text("utf-8")
)
DISTANCE = st.floats(1e-3, 1.0)


def vector_terms(inputs: dict[str, float]) -> Terms:
    return Terms(
        sigma_annual=inputs["sigma"], mu_annual=inputs["mu"], phi_annual=inputs["phi"], q=inputs["q"],
        gas=inputs["gas"], swap_cost=inputs["swap_cost"], target_weight=inputs["w_star"],
        risk_aversion=inputs["risk_aversion"], delay_years=inputs["delay"],
    )  # fmt: skip


def vector_bounds(inputs: dict[str, float]) -> Bounds:
    return Bounds(inputs["a"], inputs["b"], inputs["trigger_lower"], inputs["trigger_upper"])


def driftless(sigma: float = 0.6, ratio: float = 1.3, gas: float = 1e-4, swap_cost: float = 2e-3) -> Terms:
    """m = 0 and no own dilution, where closed forms exist; ``ratio`` is ρ."""
    return Terms(
        sigma_annual=sigma, mu_annual=sigma**2 / 2, phi_annual=ratio * sigma**2 / 4, gas=gas, swap_cost=swap_cost,
        risk_aversion=0.0,
    )  # fmt: skip


def total_of(found: Renewal) -> float:
    gains = found.fee_per_year + found.drift_per_year
    return gains - found.lvr_per_year - found.risk_per_year - found.gas_per_year - found.swap_per_year


@pytest.mark.parametrize("vector", VECTORS["objective"], ids=str)
def test_objective_vectors(vector: dict[str, Any]) -> None:
    found = renewal(vector_terms(vector["inputs"]), vector_bounds(vector["inputs"]))
    got = {
        "p_up": found.p_up, "E_tau_years": found.cycle_years, "T_in_years": found.in_range_years,
        "I_L": found.time_weighted_l, "I_w": found.i_w, "I_w2": found.i_w2, "g_per_year": found.g_per_year,
    }  # fmt: skip
    assert got == pytest.approx(vector["outputs"], rel=1e-6)
    assert total_of(found) == pytest.approx(found.g_per_year, rel=1e-12)
    searched = carry_per_year(vector_terms(vector["inputs"]).packed(), *list(vector["inputs"].values())[:4])
    assert searched == pytest.approx(found.g_per_year, rel=1e-12), "a stale cache, or two objectives"


@examples(max_examples=60, deadline=None)
@given(
    a=DISTANCE, b=DISTANCE, low=DISTANCE, high=DISTANCE, sigma=st.floats(0.3, 1.5), mu=st.floats(-0.8, 0.8),
    q=st.floats(0, 0.01), delay=st.floats(0, 0.1), w_star=st.floats(0, 1), risk=st.floats(0, 2),
)  # fmt: skip
def test_objective_equals_its_plain_twin(
    a: float, b: float, low: float, high: float, sigma: float, mu: float, q: float, delay: float, w_star: float,
    risk: float,
) -> None:  # fmt: skip
    terms = Terms(sigma, mu, sigma**2 / 3, q, 3e-4, 2e-3, w_star, risk, delay)
    bounds = Bounds(a, b, low, high)
    found = renewal(terms, bounds)
    scale = found.fee_per_year + found.lvr_per_year + abs(found.drift_per_year) + found.risk_per_year
    assert abs(found.g_per_year - twin_carry(terms, bounds, panels=24)) <= 1e-7 * scale


def test_a_start_away_from_the_centre() -> None:
    """From x the same cycle takes what the Green's function from x says, and ends above as often."""
    terms, bounds = vector_terms(VECTORS["objective"][3]["inputs"]), Bounds(0.1, 0.2, 0.3, 0.15)
    for start in (-0.25, -0.1, -0.02, 0.08, 0.149):
        found = renewal(terms, bounds, start=start)
        years = expected(terms, -0.3, 0.15, start, [-0.1, 0.2], lambda _: 1.0, 8)
        inside = expected(terms, -0.3, 0.15, start, [-0.1, 0.2], lambda y: float(-0.1 <= y <= 0.2), 8)
        assert found.p_up == pytest.approx(chance_up(terms, -0.3, 0.15, start), rel=1e-9)
        assert found.cycle_years == pytest.approx(years, rel=1e-8)
        assert found.in_range_years == pytest.approx(inside, rel=1e-8)


@pytest.mark.parametrize(("a", "t"), [(0.03, 0.03), (0.03, 0.05), (0.1, 0.2), (0.3, 0.3), (0.02, 1.5)])
def test_times_without_drift_are_exact(a: float, t: float) -> None:
    terms = driftless()
    variance = terms.sigma_annual**2
    found = renewal(terms, Bounds(a, a, t, t))
    assert found.cycle_years == pytest.approx(t * t / variance, rel=1e-12)
    assert found.in_range_years == pytest.approx((2 * a * t - a * a) / variance, rel=1e-12)
    assert found.p_up == pytest.approx(0.5, rel=1e-12)
    assert renewal(terms, Bounds(a, a, t, 2 * t)).cycle_years == pytest.approx(2 * t * t / variance, rel=1e-12)


@pytest.mark.parametrize(("a", "off"), [(0.03, 0.008), (0.1, 0.025), (0.3, 0.07)])
@pytest.mark.parametrize("stretch", [1.0, 1.5])
def test_carry_without_drift_is_the_closed_form_to_first_order(a: float, off: float, stretch: float) -> None:
    """The closed form is off by no more than its own statement, and by no less than a tenth of it: it is first order,
    and an objective that met it exactly would have been replaced by it."""
    terms, t = driftless(), stretch * a
    variance = terms.sigma_annual**2
    net, cost = terms.phi_annual - variance / 4, terms.gas + terms.swap_cost / 2
    found = renewal(terms, Bounds(a, a, t, t))
    carry = found.g_per_year + found.gas_per_year + found.swap_per_year - found.drift_per_year
    first_order = net * (2 * t - a) / t**2
    assert 0.1 * off < abs(first_order / carry - 1) < 1.1 * off
    assert found.gas_per_year + found.swap_per_year == pytest.approx(cost * variance / t**2, rel=1e-9)


def test_the_best_edge_trigger() -> None:
    """a* = 2cσ²/N and g* = N²/(4cσ²) for a trigger at the edge."""
    terms = driftless(gas=3e-4)
    variance = terms.sigma_annual**2
    net, cost = terms.phi_annual - variance / 4, terms.gas + terms.swap_cost / 2
    wanted = 2 * cost * variance / net
    carry, best = max(
        (renewal(terms, Bounds(a, a, a, a)).g_per_year, a) for a in (wanted * 1.02**step for step in range(-40, 41))
    )
    assert best == pytest.approx(wanted, rel=0.05)
    assert carry == pytest.approx(net**2 / (4 * cost * variance), rel=0.03)


@pytest.mark.parametrize(("ratio", "gas"), list(product((1.1, 1.5, 2.5), (2e-5, 1e-3))))
def test_an_inner_trigger_never_pays_when_neutral(ratio: float, gas: float) -> None:
    """Of all symmetric ranges with a trigger inside the edge, none earns what the best one with a trigger outside does:
    on a grid, and by the search."""
    terms = driftless(ratio=ratio, gas=gas)
    grid = [0.01 * 1.15**step for step in range(40)]
    inner = max(renewal(terms, Bounds(a, a, t, t)).g_per_year for a in grid for t in grid if t < a)
    outer = max(renewal(terms, Bounds(a, a, t, t)).g_per_year for a in grid for t in grid if t >= a)
    assert inner < outer
    best = optimum(terms, SearchLimits(0.01, 2.5, 0.01, 2.5, symmetric=True))
    assert best.bounds.trigger_upper >= best.bounds.a
    assert best.renewal.g_per_year >= outer * (1 - 1e-3)


@pytest.mark.parametrize(
    ("price", "low", "high", "amplification"),
    [(1, 0.8, 1.2, 10.38), (1, 0.9, 1.1, 20.44), (1, 0.98, 1.02, 100.49), (1, 0.99, 1.01, 200.49)]
    + [(1.079, 1.063, 1.15, 51.54)]
    + [(1, 1 / r, r, x) for r, x in [(1.005, 401.5), (1.01, 201.5), (1.05, 41.5), (1.1, 21.5), (1.2, 11.48)]]
    + [(1, 1 / 2, 2, 3.41), (1, 1 / 10, 10, 1.46)],
)
def test_liquidity_amplification_is_twice_the_inverse_of_h(
    price: float, low: float, high: float, amplification: float
) -> None:
    # 1.46 at r = 10 is printed in the table with one figure of its last digit truncated or rounded.
    assert 2 / capital_factor(math.log(price / low), math.log(high / price)) == pytest.approx(amplification, abs=0.03)


@examples(max_examples=100, deadline=None)
@given(a=st.floats(1e-4, 4), b=st.floats(1e-4, 4), x=st.floats(-5, 5))
def test_value_weight_and_delta(a: float, b: float, x: float) -> None:
    """v and w are their formulas, dv/dx = w·v everywhere, and the kernel's weight is the same."""
    rounding = 1e-11 / min(a, b)
    assert value(a, b, x) == pytest.approx(twin_value(a, b, x), rel=rounding)
    assert weight(a, b, x) == pytest.approx(twin_weight(a, b, x), abs=rounding)
    assert weight_at(a, b, x) == pytest.approx(weight(a, b, x), abs=1e-14)
    assert 0.0 <= weight(a, b, x) <= 1.0
    step = 1e-3 * min(a, b)
    slope = (value(a, b, x + step) - value(a, b, x - step)) / (2 * step)
    if min(abs(x + a), abs(x - b)) > step:
        assert slope == pytest.approx(weight(a, b, x) * value(a, b, x), abs=1e-5 * value(a, b, x))
    assert value(a, b, 0.0) == pytest.approx(capital_factor(a, b), rel=1e-12)


EXTREMES = list(product((1e-3, 0.03, 0.7, 10.0), (-5.0, -1e-9, 0.0, 0.4, 5.0), (1e-4, 0.05, 4.0), (1e-4, 0.3, 4.0)))


@pytest.mark.parametrize(("sigma", "mu", "low", "high"), EXTREMES, ids=str)
def test_no_overflow_and_no_lost_layer(sigma: float, mu: float, low: float, high: float) -> None:
    """However strong the drift: probabilities, times and carry are finite, and E τ is the martingale's."""
    terms = Terms(sigma, mu, sigma**2 / 3, 1e-4, 1e-4, 1e-3)
    for a in (1e-4, 0.05, 4.0):
        found = renewal(terms, Bounds(a, 0.5 * a, low, high))
        assert all(math.isfinite(number) for number in (found.g_per_year, found.i_w, found.i_w2, found.swap_per_year))
        assert 0.0 <= found.p_up <= 1.0
        assert 0.0 <= found.in_range_years <= found.cycle_years * (1 + 1e-12)
        m = mu - sigma**2 / 2
        if abs(m) / sigma**2 * (low + high) > 0.5:
            # Optional stopping: E[X_τ] = m·E[τ].
            mean_exit = found.p_up * high - (1 - found.p_up) * low
            assert found.cycle_years == pytest.approx(mean_exit / m, rel=1e-5)


def test_vanishing_drift_is_a_limit() -> None:
    """Through θ = 0 nothing jumps, whichever form the kernel takes."""
    bounds = Bounds(0.1, 0.2, 0.15, 0.3)
    exact = renewal(Terms(0.6, 0.18, 0.12, risk_aversion=1.0), bounds)
    for nudge in (1e-16, 1e-14, 1e-12, 1e-10, -1e-12, -1e-10):
        near = renewal(Terms(0.6, 0.18 + nudge, 0.12, risk_aversion=1.0), bounds)
        assert near.g_per_year == pytest.approx(exact.g_per_year, rel=1e-8)
        assert near.cycle_years == pytest.approx(exact.cycle_years, rel=1e-8)


NAN, INF = math.nan, math.inf
GOOD = Bounds(0.1, 0.1, 0.1, 0.1)


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: Terms(0.0, 0.0, 0.1), "sigma_annual must lie in"),
        (lambda: Terms(NAN, 0.0, 0.1), "sigma_annual must be a finite number"),
        (lambda: Terms(INF, 0.0, 0.1), "sigma_annual must be a finite number"),
        (lambda: Terms(0.5, NAN, 0.1), "mu_annual must be a finite number"),
        (lambda: Terms(0.5, 1e9, 0.1), "mu_annual must lie within"),
        (lambda: Terms(0.5, 0.0, -INF), "phi_annual must be a finite number"),
        (lambda: Terms(0.5, 0.0, 0.1, gas=-1e-9), "gas must not be negative"),
        (lambda: Terms(0.5, 0.0, 0.1, q=-1.0), "q must not be negative"),
        (lambda: Terms(0.5, 0.0, 0.1, delay_years=-1.0), "delay_years must not be negative"),
        (lambda: Bounds(0.0, 0.1, 0.1, 0.1), "a must be a log distance"),
        (lambda: Bounds(0.1, NAN, 0.1, 0.1), "b must be a log distance"),
        (lambda: Bounds(0.1, 0.1, -0.1, 0.1), "trigger_lower must be a log distance"),
        (lambda: Bounds(0.1, 0.1, 0.1, INF), "trigger_upper must be a log distance"),
        (lambda: SearchLimits(0.2, 0.1, 0.1, 0.2), "min_range 0.2 lies above max_range 0.1"),
        (lambda: SearchLimits(0.1, 0.2, 0.3, 0.2), "min_trigger 0.3 lies above max_trigger 0.2"),
        (lambda: SearchLimits(0.0, 0.2, 0.1, 0.2), "min_range must be a log distance"),
        (lambda: weight(0.1, 0.1, NAN), "x must be a finite number"),
        (lambda: weight(-0.1, 0.1, 0.0), "a must be a log distance"),
        (lambda: value(0.1, 0.1, 1e4), "x must be a log distance within"),
        (lambda: renewal(Terms(0.5, 0.0, 0.1), GOOD, start=0.1), "start 0.1 must lie between -0.1 and 0.1"),
        (lambda: renewal(Terms(0.5, 0.0, 0.1), GOOD, start=NAN), "start nan must lie between"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(attempt: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        attempt()


def _doubled(number: float) -> float:
    return 2.0 * number


def test_without_a_folder_for_the_cache_it_compiles_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [])
    assert compiled("f8(f8)")(_doubled)(4.0) == 8.0


def test_a_plan_is_the_same_bytes_every_time() -> None:
    terms, limits = Terms(0.7, 0.1, 0.15, 1e-4, 1e-4, 1e-3), SearchLimits(0.03, 1.5, 0.03, 1.5)
    assert repr(optimum(terms, limits)) == repr(optimum(terms, limits))

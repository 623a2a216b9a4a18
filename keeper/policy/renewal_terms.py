"""What the renewal objective is asked about, and what it answers: terms, distances and their judgement.

Distances are logarithms of the price of the base token in the quote token; times are years; rates are a fraction of the
position's capital V at its centre per year.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

MIN_DISTANCE, MAX_DISTANCE = 1e-6, 20.0
MIN_SIGMA, MAX_SIGMA = 1e-5, 100.0
MAX_MU = 1_000.0
_NEVER_NEGATIVE = ("q", "gas", "swap_cost", "risk_aversion", "delay_years")


@dataclass(frozen=True, slots=True)
class Terms:
    """The market and the costs. ``q`` own dilution V/(L√S), ``gas`` γ (fraction of V a move), ``swap_cost`` s (fraction
    of what is swapped), ``target_weight`` w* (share in the base token), ``risk_aversion`` λ (0: hedged alpha, 1: log
    growth in quote), ``delay_years`` idle time a move costs. ValueError where a figure cannot be used."""

    sigma_annual: float
    mu_annual: float
    phi_annual: float
    q: float = 0.0
    gas: float = 0.0
    swap_cost: float = 0.0
    target_weight: float = 0.5
    risk_aversion: float = 1.0
    delay_years: float = 0.0

    def __post_init__(self) -> None:
        _finite(self)
        if not MIN_SIGMA <= self.sigma_annual <= MAX_SIGMA:
            raise ValueError(f"sigma_annual must lie in [{MIN_SIGMA:g}, {MAX_SIGMA:g}]: {self.sigma_annual}")
        if abs(self.mu_annual) > MAX_MU:
            raise ValueError(f"mu_annual must lie within ±{MAX_MU:g}: {self.mu_annual}")
        for name in _NEVER_NEGATIVE:
            if getattr(self, name) < 0.0:
                raise ValueError(f"{name} must not be negative: {getattr(self, name)}")

    def packed(self) -> tuple[float, float, float, float, float, float, float, float, float]:
        """The fields in their order, as the kernel takes them."""
        return (
            float(self.sigma_annual), float(self.mu_annual), float(self.phi_annual), float(self.q), float(self.gas),
            float(self.swap_cost), float(self.target_weight), float(self.risk_aversion), float(self.delay_years),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bounds:
    """Range [−a, b] around the centre; moved when the price leaves (−trigger_lower, trigger_upper). ValueError where a
    distance is not positive, or beyond any price."""

    a: float
    b: float
    trigger_lower: float
    trigger_upper: float

    def __post_init__(self) -> None:
        for name in ("a", "b", "trigger_lower", "trigger_upper"):
            check_distance(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Where the best distances are looked for. ``symmetric``: a = b and equal triggers. ValueError where a limit is no
    distance or a minimum lies above its maximum."""

    min_range: float
    max_range: float
    min_trigger: float
    max_trigger: float
    symmetric: bool = False

    def __post_init__(self) -> None:
        for name in ("min_range", "max_range", "min_trigger", "max_trigger"):
            check_distance(name, getattr(self, name))
        for kind, low, high in (
            ("range", self.min_range, self.max_range),
            ("trigger", self.min_trigger, self.max_trigger),
        ):
            if low > high:
                raise ValueError(f"min_{kind} {low} lies above max_{kind} {high}")


@dataclass(frozen=True, slots=True)
class Renewal:
    """One cycle from its start until a trigger, and what it earns.

    ``p_up`` chance to leave upwards; ``cycle_years`` E[τ]; ``in_range_years`` T_in; ``time_weighted_l`` I_L; ``i_w``,
    ``i_w2`` ∫(w − w*) and its square; ``cost_up``, ``cost_down`` c_edge as a fraction of V. The terms of g, per year:
    g = fee − lvr + drift − risk − gas − swap. ``capital_factor`` h = V/(L√S) of the range.
    """

    p_up: float
    cycle_years: float
    in_range_years: float
    time_weighted_l: float
    i_w: float
    i_w2: float
    g_per_year: float
    cost_up: float
    cost_down: float
    fee_per_year: float
    lvr_per_year: float
    drift_per_year: float
    risk_per_year: float
    gas_per_year: float
    swap_per_year: float
    capital_factor: float


@dataclass(frozen=True, slots=True)
class AtLimit:
    """For each distance: ``"floor"``, ``"ceiling"`` or ``""`` where the search was free."""

    a: str
    b: str
    trigger_lower: str
    trigger_upper: str


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best distances, what they earn, which of them the limits decided, and how often the objective was asked."""

    bounds: Bounds
    renewal: Renewal
    at_limit: AtLimit
    evaluations: int


def check_distance(name: str, distance: float) -> None:
    """ValueError unless ``distance`` is a usable log distance."""
    if not MIN_DISTANCE <= distance <= MAX_DISTANCE:  # false for NaN as well
        raise ValueError(f"{name} must be a log distance in [{MIN_DISTANCE:g}, {MAX_DISTANCE:g}]: {distance}")


def check_finite(name: str, number: float) -> None:
    """ValueError for NaN and the infinities."""
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number: {number}")


def _finite(terms: Terms) -> None:
    for field in fields(terms):
        check_finite(field.name, getattr(terms, field.name))

"""The integrals of a cycle against simulated paths, each within the error that the simulation itself reports."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from keeper.policy.renewal import Bounds, Terms, renewal

STANDARD_ERRORS = 4.5

CASES = [
    pytest.param(Terms(0.6, 0.0, 0.12), Bounds(0.1, 0.1, 0.15, 0.15), 0.0, id="neutral"),
    pytest.param(Terms(0.8, 0.7, 0.2), Bounds(0.05, 0.3, 0.12, 0.35), 0.0, id="rising"),
    pytest.param(Terms(0.4, -0.6, 0.05), Bounds(0.2, 0.1, 0.15, 0.08), 0.05, id="falling-inner-trigger"),
    pytest.param(Terms(0.9, 0.2, 0.3), Bounds(0.03, 0.03, 0.2, 0.4), -0.1, id="starts-below-the-range"),
]


@dataclass(frozen=True, slots=True)
class Sample:
    """Mean and standard error of each figure over the paths."""

    mean: dict[str, float]
    error: dict[str, float]


def simulated(terms: Terms, bounds: Bounds, start: float, paths: int, steps_a_cycle: int, seed: int) -> Sample:
    """Walk ln S in steps of E[τ]/``steps_a_cycle`` until it leaves the triggers; a Brownian bridge decides whether it
    left between two steps. ``hedged`` is the position's gain less that of its own delta: minus LVR, by its definition
    and not by its formula."""
    chance = np.random.default_rng(seed)
    step = renewal(terms, bounds, start=start).cycle_years / steps_a_cycle
    sigma, drift = terms.sigma_annual, terms.mu_annual - terms.sigma_annual**2 / 2
    low, high = -bounds.trigger_lower, bounds.trigger_upper
    names = ("up", "years", "inside", "level", "hedged")
    out = {name: np.zeros(paths) for name in names}
    alive, x = np.arange(paths), np.full(paths, start)
    while alive.size:
        moved = x + drift * step + sigma * math.sqrt(step) * chance.standard_normal(alive.size)
        spread = sigma**2 * step
        missed_high = np.exp(-2 * np.maximum(high - x, 0) * np.maximum(high - moved, 0) / spread)
        missed_low = np.exp(-2 * np.maximum(x - low, 0) * np.maximum(moved - low, 0) / spread)
        draw = chance.random(alive.size)
        above, below = draw < missed_high, draw > 1 - missed_low
        ended = above | below
        lasted = np.where(ended, 0.5 * step, step)
        held = (x >= -bounds.a) & (x <= bounds.b)
        out["years"][alive] += lasted
        out["inside"][alive] += lasted * held
        out["level"][alive] += lasted * held * np.exp(x / 2)
        reached = np.where(above, high, np.where(below, low, moved))
        out["hedged"][alive] += _hedged_gain(bounds, x, reached)
        out["up"][alive[above & ~below]] = 1.0
        alive, x = alive[~ended], moved[~ended]
    root = math.sqrt(paths)
    return Sample(
        {name: float(row.mean()) for name, row in out.items()},
        {name: float(row.std(ddof=1)) / root for name, row in out.items()},
    )


def _hedged_gain(bounds: Bounds, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Change of v(x) less delta·change of price, per L·√S; delta = (1/√S − 1/√S_b), held at its value at x."""
    root_low, root_high = math.exp(-bounds.a / 2), math.exp(bounds.b / 2)

    def worth(z: np.ndarray) -> np.ndarray:
        root = np.clip(np.exp(z / 2), root_low, root_high)
        held: np.ndarray = (root - root_low) + np.exp(z) * (1 / root - 1 / root_high)
        return held

    delta = 1 / np.clip(np.exp(x / 2), root_low, root_high) - 1 / root_high
    gain: np.ndarray = worth(y) - worth(x) - delta * (np.exp(y) - np.exp(x))
    return gain


def agree(terms: Terms, bounds: Bounds, start: float, paths: int, steps_a_cycle: int, seed: int) -> None:
    found = renewal(terms, bounds, start=start)
    sample = simulated(terms, bounds, start, paths, steps_a_cycle, seed)
    lvr = 0.25 * terms.sigma_annual**2 * found.time_weighted_l
    exact = {
        "up": found.p_up, "years": found.cycle_years, "inside": found.in_range_years, "level": found.time_weighted_l,
        "hedged": -lvr,
    }  # fmt: skip
    for name, figure in exact.items():
        # One step's length is what stepping in time leaves uncertain at the exit and at the edges.
        grain = abs(figure) / steps_a_cycle
        away = abs(sample.mean[name] - figure)
        assert away <= STANDARD_ERRORS * sample.error[name] + grain, (name, figure, sample.mean[name])
        assert sample.error[name] < 0.1 * abs(figure), f"{name}: too few paths to say anything"


@pytest.mark.parametrize(("terms", "bounds", "start"), CASES)
def test_short_simulation_agrees(terms: Terms, bounds: Bounds, start: float) -> None:
    agree(terms, bounds, start, paths=3_000, steps_a_cycle=400, seed=20)


@pytest.mark.soak
@pytest.mark.parametrize(("terms", "bounds", "start"), CASES)
def test_long_simulation_agrees(terms: Terms, bounds: Bounds, start: float) -> None:
    agree(terms, bounds, start, paths=100_000, steps_a_cycle=2_000, seed=21)

"""The climb of `arch`'s own fit, bit for bit, in half the time.

Most of `arch`'s fit goes into scipy's general machinery for numerical derivatives, of constraints above all, which are
linear. Here the same differences are taken with the same steps in the same order by a few lines, so that the climb
goes through the same points to the same end: journals that were decided upon either are made again to the last bit. A
test holds one against the other.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_STEP = float(np.sqrt(np.finfo(float).eps))  # scipy's own for SLSQP


@dataclass(frozen=True, slots=True)
class Climbed:
    """Where a climb ended. ``covariance`` is robust (Bollerslev & Wooldridge), worked out when asked for."""

    params: dict[str, float]
    log_likelihood: float
    converged: bool
    covariance: Callable[[], Vector]


def climb(described: Any, start: Sequence[float] | None) -> Climbed:
    """What ``described.fit`` (an ``arch`` model with mean zero) ends in, from ``start`` or from its own place."""
    from scipy.optimize import minimize

    scene = _Scene(described, start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        end = minimize(
            scene.loss, scene.start, method="SLSQP", jac=scene.slope, bounds=scene.bounds,
            constraints=scene.constraints(), options={"disp": False},
        )  # fmt: skip
    params = np.asarray(end.x, dtype=float)
    names = [str(name) for name in described._all_parameter_names()]
    return Climbed(
        params=dict(zip(names, map(float, params), strict=True)),
        log_likelihood=-1.0 * float(end.fun),
        converged=end.status == 0,
        # Column by column, as arch's data frame holds it: the order of a product's sums follows it to the last bit.
        covariance=lambda: np.asfortranarray(described.compute_param_cov(params, scene.backcast), dtype=float),
    )


class _Scene:
    """Steps 1 to 4 of ``ARCHModel.fit`` for a model whose mean has no parameters."""

    def __init__(self, described: Any, start: Sequence[float] | None) -> None:
        volatility, distribution = described.volatility, described.distribution
        described._adjust_sample(None, None)
        residuals = described.resids(described.starting_values())
        self.backcast = volatility.backcast(residuals)
        place = volatility.starting_values(residuals)
        limits = volatility.variance_bounds(residuals)
        sigma2 = np.zeros(residuals.shape[0])
        volatility.compute_variance(place, residuals, sigma2, self.backcast, limits)
        standard = residuals / np.sqrt(sigma2)
        own = np.hstack([place, distribution.starting_values(standard)])
        self.bounds = [*volatility.bounds(residuals), *distribution.bounds(standard)]
        self._rows, self._values = _stacked(volatility.constraints(), distribution.constraints())
        self._lower, self._upper = (np.array([each[at] for each in self.bounds], dtype=float) for at in (0, 1))
        self._is_bounded = bool(np.isfinite(self._lower).any() or np.isfinite(self._upper).any())
        self.start = own if start is None or not self._holds(np.array(start)) else np.array(start, dtype=float)
        self._likelihood = described._loglikelihood
        self._given = sigma2, self.backcast, limits
        self._near: tuple[bytes, list[Vector], Vector] | None = None

    def _holds(self, place: Vector) -> bool:
        inside = bool(((self._lower <= place) & (place <= self._upper)).all())
        return inside and bool((self._rows.dot(place) - self._values >= 0).all())

    def loss(self, place: Vector) -> float:
        return float(self._likelihood(place, *self._given))

    def slope(self, place: Vector) -> Vector:
        """Forward differences of the loss."""
        here, (moved, steps) = self.loss(place), self._moved(place)
        return np.array([(self.loss(each) - here) / step for each, step in zip(moved, steps, strict=True)])

    def constraints(self) -> list[dict[str, Any]]:
        """``rows · place ≥ values``, each with its forward differences."""
        return [self._constraint(row, value) for row, value in zip(self._rows, self._values, strict=True)]

    def _constraint(self, row: Vector, value: float) -> dict[str, Any]:
        def room(place: Vector) -> Any:
            return np.dot(row, place) - value

        def slope(place: Vector) -> Vector:
            inside = np.clip(place, self._lower, self._upper)
            here, (moved, steps) = room(inside), self._moved(inside)
            return np.array([(room(each) - here) / step for each, step in zip(moved, steps, strict=True)])

        return {"type": "ineq", "fun": room, "jac": slope}

    def _moved(self, place: Vector) -> tuple[list[Vector], Vector]:
        """The place with each coordinate a step on, and how far that really is: of a binary step the last bits go."""
        key = place.tobytes()
        if self._near is None or self._near[0] != key:
            steps = self._steps(place)
            moved = []
            for at in range(len(place)):
                other = place.copy()
                other[at] = place[at] + steps[at]
                moved.append(other)
            self._near = key, moved, (place + steps) - place
        return self._near[1], self._near[2]

    def _steps(self, place: Vector) -> Vector:
        """A step forward, backward where there is no room, as ``scipy.optimize`` chooses."""
        sign = np.where(place >= 0, 1.0, -1.0)
        steps = np.where((place + _STEP) - place == 0, _STEP * sign * np.maximum(1.0, np.abs(place)), _STEP)
        if not self._is_bounded:
            return steps
        below, above = place - self._lower, self._upper - place
        beyond = (place + steps < self._lower) | (place + steps > self._upper)
        fitting = np.abs(steps) <= np.maximum(below, above)
        chosen = np.where(beyond & fitting, -steps, steps)
        chosen = np.where((above >= below) & ~fitting, above, chosen)
        return np.where((above < below) & ~fitting, -below, chosen)


def _stacked(*parts: tuple[Vector, Vector]) -> tuple[Vector, Vector]:
    """The constraints of volatility and distribution as one, in that order."""
    parts = tuple(part for part in parts if len(part[0]))  # the normal has nothing to constrain
    width = sum(rows.shape[1] for rows, _ in parts)
    total = np.zeros((sum(rows.shape[0] for rows, _ in parts), width))
    at = left = 0
    for rows, _ in parts:
        total[at : at + rows.shape[0], left : left + rows.shape[1]] = rows
        at, left = at + rows.shape[0], left + rows.shape[1]
    return total, np.hstack([values for _, values in parts])

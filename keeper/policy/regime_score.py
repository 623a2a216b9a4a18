"""What a regime detector is worth: Δ net alpha after costs against always neutral. Never its accuracy.

A label counts by what acting on it earned. Two placebos tell skill from luck: the same runs of labels in shuffled order
(as many days in the market, about as many switches, no knowledge of when), and the same labels too late. Chance comes
from a generator with a given seed: the same arguments give the same score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keeper.model.memory import RegimeLabel

LABELS: tuple[RegimeLabel, ...] = ("negative", "neutral", "positive")
NEUTRAL = LABELS.index("neutral")

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Payoffs:
    """Net alpha of each period (fraction of capital) while taking each stance, before the cost of switching.

    A label known at the end of period t − 1 is paid by period t: the caller aligns them so.
    """

    negative: tuple[float, ...]
    neutral: tuple[float, ...]
    positive: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Shuffled:
    """Gains of the same runs of labels in random order; ``p_value``: the share, the real one included, as good."""

    count: int
    mean: float
    upper_95: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Lagged:
    """The gain of the same labels so many periods too late."""

    periods: int
    gain: float


@dataclass(frozen=True, slots=True)
class Cell:
    """Periods in which ``said`` was acted upon and ``best`` would have paid most; ``regret`` is what that cost."""

    said: RegimeLabel
    best: RegimeLabel
    periods: int
    regret: float


@dataclass(frozen=True, slots=True)
class RegimeScore:
    """``gain`` and its parts are sums over all periods, fractions of capital; ``gain`` = ``gross_gain`` − ``costs``.

    ``lower`` and ``upper`` bound the gain by a circular block bootstrap at ``level``.
    """

    periods: int
    switches: int
    gross_gain: float
    costs: float
    gain: float
    lower: float
    upper: float
    level: float
    shuffled: Shuffled
    lagged: tuple[Lagged, ...]
    confusion: tuple[Cell, ...]

    @property
    def is_significant(self) -> bool:
        """Above zero with its whole interval, and better than 95 % of the shuffled orders."""
        return self.lower > 0 and self.shuffled.p_value < 0.05


def score(
    labels: Sequence[RegimeLabel],
    payoffs: Payoffs,
    switch_cost: float,
    *,
    seed: int = 1,
    shuffles: int = 500,
    resamples: int = 1_000,
    block: int | None = None,
    lags: Sequence[int] = (1, 3, 7),
    level: float = 0.9,
) -> RegimeScore:
    """Score labels, one for each period. ``switch_cost`` (fraction of capital) is paid at every change of stance, the
    first one from neutral included. ``block`` is that of the bootstrap, in periods; n^(1/3) times two unless given.

    ValueError where lengths differ, a figure is not finite, or there are fewer than ten periods.
    """
    codes, table = _codes(labels), _table(payoffs, len(labels))
    if not (math.isfinite(switch_cost) and switch_cost >= 0):
        raise ValueError("the cost of a switch is not a number from zero up")
    gains = _gains(codes, table, switch_cost)
    switches = _switches(codes)
    total = math.fsum(gains)
    random = np.random.default_rng(seed)
    length = max(1, round(2 * len(codes) ** (1 / 3))) if block is None else max(1, min(block, len(codes)))
    lower, upper = _interval(gains, random, resamples, length, level)
    return RegimeScore(
        periods=len(codes),
        switches=switches,
        gross_gain=math.fsum(_gains(codes, table, 0.0)),
        costs=switch_cost * switches,
        gain=total,
        lower=lower,
        upper=upper,
        level=level,
        shuffled=_shuffled(codes, table, switch_cost, total, random, shuffles),
        lagged=tuple(Lagged(lag, math.fsum(_gains(_late(codes, lag), table, switch_cost))) for lag in lags),
        confusion=_confusion(codes, table),
    )


def _codes(labels: Sequence[RegimeLabel]) -> Codes:
    if len(labels) < 10:
        raise ValueError(f"{len(labels)} periods are too few to score, 10 needed")
    return np.array([LABELS.index(label) for label in labels], dtype=np.intp)


def _table(payoffs: Payoffs, periods: int) -> Floats:
    columns = (payoffs.negative, payoffs.neutral, payoffs.positive)
    if any(len(column) != periods for column in columns):
        raise ValueError(f"{periods} labels need {periods} payoffs for each stance")
    table = np.array(columns, dtype=np.float64)
    if not np.isfinite(table).all():
        raise ValueError("a payoff is not finite")
    return table


def _gains(codes: Codes, table: Floats, switch_cost: float) -> Floats:
    """What each period brought above always neutral."""
    paid = table[codes, np.arange(len(codes))] - table[NEUTRAL]
    changed = np.diff(codes, prepend=NEUTRAL) != 0
    result: Floats = paid - switch_cost * changed
    return result


def _switches(codes: Codes) -> int:
    return int(np.count_nonzero(np.diff(codes, prepend=NEUTRAL)))


def _late(codes: Codes, lag: int) -> Codes:
    """The labels ``lag`` periods too late, neutral until the first."""
    if lag < 0:
        raise ValueError("a lag is a number of periods from zero up")
    shift = min(lag, len(codes))
    return np.concatenate([np.full(shift, NEUTRAL, dtype=np.intp), codes[: len(codes) - shift]])


def _shuffled(
    codes: Codes, table: Floats, switch_cost: float, actual: float, random: np.random.Generator, count: int
) -> Shuffled:
    """Runs stay whole: single labels in random order would switch more often, and lose by that alone."""
    runs = np.split(codes, np.flatnonzero(np.diff(codes)) + 1)
    found = np.array(
        [
            _gains(np.concatenate([runs[i] for i in random.permutation(len(runs))]), table, switch_cost).sum()
            for _ in range(count)
        ]
    )
    as_good = int((found >= actual - 1e-12).sum())
    return Shuffled(count, float(found.mean()), float(np.quantile(found, 0.95)), (1 + as_good) / (1 + count))


def _interval(
    gains: Floats, random: np.random.Generator, resamples: int, block: int, level: float
) -> tuple[float, float]:
    """Politis & Romano's circular block bootstrap of the sum, percentile bounds."""
    periods = len(gains)
    starts = random.integers(0, periods, size=(resamples, -(-periods // block)))
    index = (starts[:, :, None] + np.arange(block)) % periods
    sums = gains[index.reshape(resamples, -1)[:, :periods]].sum(axis=1)
    bounds = np.quantile(sums, [(1 - level) / 2, (1 + level) / 2])
    return float(bounds[0]), float(bounds[1])


def _confusion(codes: Codes, table: Floats) -> tuple[Cell, ...]:
    """Nine cells. Where neutral pays as much as the best, neutral is best."""
    best = np.where(table[NEUTRAL] >= table.max(axis=0), NEUTRAL, table.argmax(axis=0))
    regret = table.max(axis=0) - table[codes, np.arange(len(codes))]
    cells = []
    for said, label in enumerate(LABELS):
        for right, other in enumerate(LABELS):
            mask = (codes == said) & (best == right)
            cells.append(Cell(label, other, int(mask.sum()), math.fsum(regret[mask])))
    return tuple(cells)


def directional_payoffs(returns: Sequence[float], tilt: float) -> Payoffs:
    """What leaning into the price alone pays: ``tilt`` more (or less) of the capital in the base token than neutral.

    ``returns``: of the base token in the quote token, one for each period that a label acts in. Fees, and the loss to
    arbitrage, are taken to be alike for all stances: the study on the tape has them, this has not.
    """
    up = tuple(tilt * value for value in returns)
    return Payoffs(tuple(-value for value in up), (0.0,) * len(up), up)

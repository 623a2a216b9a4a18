"""What acting on a regime detector would have been worth: Δ net alpha after costs against always neutral.

The asymmetric rule runs over hourly prices (the model stands in ``regime_study_kernel``), once with the detector's
labels, once neutral. Δ is the difference of what the two were worth, all costs paid; its part without direction (fees −
LVR − costs) stands beside it. Placebos have the detector's habits and none of its knowledge: its runs of labels in
another order, labels by chance that last as long, and its own labels too late.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keeper.backtest import regime_study_labels as labels
from keeper.backtest.bootstrap import Interval, Scheme, interval_of_sum
from keeper.backtest.hourly_prices import HourlyPrices
from keeper.backtest.regime_study_labels import Progress, Stances
from keeper.errors import ConfigError
from keeper.model.memory import RegimeLabel
from keeper.policy.regime_score import Cell, Payoffs, score

HOURS_PER_YEAR, DAY_HOURS = 8_766, 24
LEAST_JUDGED_DAYS = 60
LATE_DAYS = (1, 3, 7)
_NAMES: tuple[RegimeLabel, ...] = ("negative", "neutral", "positive")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StudyModel:
    """The asymmetric rule's own defaults, and the market it is put into.

    ``fee_over_lvr``: ρ, the fees of a full range over its loss to arbitrage across the whole file. ``swap_bps``: pool
    fee and impact, of what is swapped; ``gas_bps`` of the capital, at each reset.
    """

    c: float = 1.5
    horizon_days: float = 7.0
    skew_pct: float = 70.0
    min_width_pct: float = 3.0
    max_width_pct: float = 80.0
    cooldown_hours: float = 24.0
    sigma_half_life_hours: float = 72.0
    fee_over_lvr: float = 1.0
    swap_bps: float = 7.0
    gas_bps: float = 1.0

    def packed(self, closes: Floats) -> Floats:
        moves = np.abs(np.diff(np.log(closes)))
        return np.array(
            [
                self.c * math.sqrt(self.horizon_days / 365),
                self.skew_pct / 100,
                math.log1p(self.min_width_pct / 100),
                math.log1p(self.max_width_pct / 100),
                # Over the file, κ·Σ|Δx|/2 = ρ·Σ(Δx)²/4 for a full range (per unit of L·√p).
                self.fee_over_lvr * float((moves**2).sum()) / (2 * float(moves.sum())),
                self.gas_bps / 10_000,
                self.swap_bps / 10_000,
                self.cooldown_hours,
            ]
        )


@dataclass(frozen=True, slots=True)
class Placebo:
    """Δ of so many placebos, % a year; ``p_value``: the share of them, the detector included, that did as well."""

    count: int
    mean_pct: float
    upper_95_pct: float
    p_value: float


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """One detector. Per cent of the capital a year unless said otherwise; ``interval`` 90 %, of Δ."""

    detector: str
    days: float
    trend_share_pct: float
    switches: int
    delta_pct: float
    interval: Interval
    delta_alpha_pct: float
    alpha_interval: Interval
    extra_costs_pct: float
    shuffled: Placebo | None
    by_chance: Placebo | None
    late_pct: tuple[float, ...]
    confusion: tuple[Cell, ...]

    @property
    def helps(self) -> bool:
        """Above zero with its whole interval, and better than 95 % of either placebo."""
        placebos = [each for each in (self.shuffled, self.by_chance) if each is not None]
        return self.interval.lower > 0 and bool(placebos) and all(each.p_value < 0.05 for each in placebos)


@dataclass(frozen=True, slots=True)
class RegimeStudy:
    """Of one price file. ``neutral_*``: what the rule itself brought there, always neutral, % a year."""

    name: str
    model: StudyModel
    first_hour: int
    last_hour: int
    neutral_total_pct: float
    neutral_alpha_pct: float
    rows: tuple[DetectorRow, ...]


def run_regime_study(
    prices: HourlyPrices,
    weights: Path | None = None,
    *,
    model: StudyModel | None = None,
    only: Sequence[str] = (),
    placebos: int = 200,
    scheme: Scheme | None = None,
    progress: Progress = lambda _done, _what: None,
) -> RegimeStudy:
    """Every detector on the hours after its warm-up. ``only`` names the detectors to be asked; all unless given.

    ConfigError: too few hours, or none that a learned model had not been trained on.
    """
    model, scheme = model or StudyModel(), scheme or Scheme()
    market = _market(prices, model)
    rows = []
    for name, detector in labels.detectors(weights).items():
        if only and name not in only:
            continue
        first = labels.first_unseen_hour(detector, prices)
        if (len(prices.closes) - first) / DAY_HOURS < LEAST_JUDGED_DAYS:
            raise ConfigError(
                f"{prices.name} has fewer than {LEAST_JUDGED_DAYS} days of prices that {name} can be judged by; give a "
                "longer file, or weights that were trained on an earlier part"
            )
        stances = labels.stances_of(detector, prices, progress)
        progress(0.95, f"placebos of {name}")
        rows.append(_row(name, market, stances, first, placebos, scheme))
    size, first = len(prices.closes), labels.HISTORY_HOURS
    for name, stance in (("always positive", 1), ("always negative", -1)):
        rows.append(_row(name, market, np.full(size, stance, dtype=np.int8), first, 0, scheme))
    neutral = market.run(np.zeros(size, dtype=np.int8), first)
    scale = 100 * HOURS_PER_YEAR / len(neutral.logs)
    return RegimeStudy(
        prices.name,
        model,
        prices.hours[first],
        prices.hours[-1],
        scale * float(neutral.logs.sum()),
        scale * float(neutral.alphas.sum()),
        tuple(rows),
    )


@dataclass(frozen=True, slots=True)
class _Path:
    """Hour by hour: log return of the worth, hedged alpha and costs over the worth."""

    logs: Floats
    alphas: Floats
    costs: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Market:
    """Prices, and the volatility known at each of them."""

    closes: Floats
    sigmas: Floats
    packed: Floats

    def run(self, stances: Stances, first: int) -> _Path:
        """From the hour ``first`` on."""
        from keeper.backtest.regime_study_kernel import simulate

        out = np.empty((len(self.closes) - first, 6))
        simulate(self.closes[first:], np.ascontiguousarray(stances[first:]), self.sigmas[first:], self.packed, out)
        worth, hours = out[:, 0], out[1:]
        alphas = (hours[:, 1] - hours[:, 2] - hours[:, 3]) / worth[:-1]
        return _Path(np.diff(np.log(worth)), alphas, hours[:, 3] / worth[:-1])


def _market(prices: HourlyPrices, model: StudyModel) -> _Market:
    closes = np.asarray(prices.closes)
    return _Market(closes, hourly_sigmas(closes, model.sigma_half_life_hours), model.packed(closes))


def hourly_sigmas(closes: Floats, half_life_hours: float) -> Floats:
    """Per year, from the hours up to each: an exponential mean of squared log returns, begun with the first day's."""
    squares = np.diff(np.log(closes), prepend=math.log(closes[0])) ** 2
    keep, mean = 0.5 ** (1 / half_life_hours), float(squares[1 : DAY_HOURS + 1].mean())
    found = np.empty(len(squares))
    for hour, square in enumerate(squares.tolist()):
        mean = mean if hour <= DAY_HOURS else keep * mean + (1 - keep) * square
        found[hour] = mean
    result: Floats = np.sqrt(found * HOURS_PER_YEAR)
    return result


def _row(name: str, market: _Market, stances: Stances, first: int, placebos: int, scheme: Scheme) -> DetectorRow:
    neutral, own = market.run(np.zeros_like(stances), first), market.run(stances, first)
    scale = 100 * HOURS_PER_YEAR / len(own.logs)

    def delta(judged: Stances) -> float:
        """Of stances from the hour ``first`` on, those before it neutral: nothing acts there."""
        full = np.concatenate([np.zeros(first, dtype=np.int8), judged])
        return scale * float((market.run(full, first).logs - neutral.logs).sum())

    judged = stances[first:]
    actual = delta(judged)

    def placebo(make: Callable[[Stances, np.random.Generator], Stances], seed: int) -> Placebo | None:
        if not placebos:
            return None
        random = np.random.default_rng(seed)
        found = np.array([delta(make(judged, random)) for _ in range(placebos)])
        as_good = int((found >= actual - 1e-9).sum())
        return Placebo(placebos, float(found.mean()), float(np.quantile(found, 0.95)), (1 + as_good) / (1 + placebos))

    return DetectorRow(
        detector=name,
        days=len(own.logs) / DAY_HOURS,
        trend_share_pct=100 * float((judged != 0).mean()),
        switches=int(np.count_nonzero(np.diff(judged))),
        delta_pct=actual,
        interval=_interval(own.logs - neutral.logs, scale, scheme),
        delta_alpha_pct=scale * float((own.alphas - neutral.alphas).sum()),
        alpha_interval=_interval(own.alphas - neutral.alphas, scale, scheme),
        extra_costs_pct=scale * float((own.costs - neutral.costs).sum()),
        shuffled=placebo(labels.shuffled, scheme.seed),
        by_chance=placebo(labels.persistent, scheme.seed + 1),
        late_pct=tuple(delta(labels.late(judged, DAY_HOURS * days)) for days in LATE_DAYS) if placebos else (),
        confusion=_confusion(market, judged, first, neutral),
    )


def judged(name: str, prices: HourlyPrices, stances: Stances, model: StudyModel, scheme: Scheme) -> DetectorRow:
    """Stances of the caller's own, hour by hour, without placebos. None may be known later than it acts."""
    return _row(name, _market(prices, model), stances, labels.HISTORY_HOURS, 0, scheme)


def _interval(hourly: Floats, scale: float, scheme: Scheme) -> Interval:
    days = len(hourly) // DAY_HOURS
    found = interval_of_sum(scale * hourly[: days * DAY_HOURS].reshape(days, DAY_HOURS).sum(axis=1), scheme)
    return found


def _confusion(market: _Market, judged: Stances, first: int, neutral: _Path) -> tuple[Cell, ...]:
    """Day by day: the stance that was taken at its start against the one that would have paid most, as always-so runs
    of the rule were paid that day. ``regret``: what the difference summed to, a fraction of the capital."""
    days = len(neutral.logs) // DAY_HOURS
    size = len(market.closes)

    def daily(path: _Path) -> tuple[float, ...]:
        return tuple(path.logs[: days * DAY_HOURS].reshape(days, DAY_HOURS).sum(axis=1).tolist())

    down, up = (market.run(np.full(size, stance, dtype=np.int8), first) for stance in (-1, 1))
    said = [_NAMES[int(stance) + 1] for stance in judged[: days * DAY_HOURS : DAY_HOURS]]
    return score(said, Payoffs(daily(down), daily(neutral), daily(up)), 0.0, shuffles=1, resamples=1).confusion

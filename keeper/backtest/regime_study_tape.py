"""The regime detectors in the real backtest: the asymmetric rule on a tape, acting on their labels, against neutral.

Everything is as in ``keeper backtest`` but the detector: fills, own dilution, costs, limits. The placebos are given to
the same cycle as detectors that say what they were told to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keeper.assembly_settings import varied
from keeper.backtest import regime_study_labels as labels
from keeper.backtest.bootstrap import Intervals, Scheme, differences
from keeper.backtest.methods import chosen, settings_of
from keeper.backtest.metrics import Daily, Metrics, daily, deposited_return, metrics, steps_of
from keeper.backtest.regime_study_labels import HOUR_SECONDS, STANCES, Progress, Stances
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.workers import processes
from keeper.model.decision import Forecast, Regime
from keeper.model.memory import RegimeLabel, RegimeMemory
from keeper.model.observation import History
from keeper.policy.settings import StrategySettings
from keeper.policy.signals.hysteresis import since

PLACEBOS = 10
LATE_DAYS = (1, 3)
_LABELS: dict[int, RegimeLabel] = {stance: label for label, stance in STANCES.items()}


@dataclass(frozen=True, slots=True)
class Told:
    """Implements ``Detector``: says what it was told, hour by hour from ``from_timestamp`` on; neutral otherwise."""

    from_timestamp: int
    stances: tuple[int, ...]

    def detect(self, history: History, forecast: Forecast, memory: RegimeMemory | None, now_timestamp: int) -> Regime:  # noqa: ARG002
        hour = (now_timestamp - self.from_timestamp) // HOUR_SECONDS
        label = _LABELS[self.stances[hour]] if 0 <= hour < len(self.stances) else "neutral"
        up, down, flat = (float(label == each) for each in ("positive", "negative", "neutral"))
        return Regime("told", label, up, down, flat, since(label, memory, now_timestamp), "as it was told")


@dataclass(frozen=True, slots=True)
class TapeRow:
    """One detector (or constant stance) on the tape. ``delta_*``: less always neutral, per cent of the capital over the
    whole period; ``p_value``: the share of its placebos, itself included, that did as well; None: it never spoke."""

    detector: str
    trend_share_pct: float
    metrics: Metrics
    delta_total_pct: float
    delta_alpha_pct: float
    intervals: Intervals | None
    placebos_pct: tuple[float, ...]
    late_pct: tuple[float, ...]

    @property
    def p_value(self) -> float | None:
        if not self.placebos_pct:
            return None
        as_good = sum(each >= self.delta_total_pct - 1e-9 for each in self.placebos_pct)
        return (1 + as_good) / (1 + len(self.placebos_pct))


@dataclass(frozen=True, slots=True)
class TapeStudy:
    pool_label: str
    days: float
    neutral: Metrics
    rows: tuple[TapeRow, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    pool_label: str
    metrics: Metrics
    daily: Daily
    from_timestamp: int
    said: tuple[int, ...]


def run_tape_study(
    settings: BacktestSettings,
    weights: Path | None = None,
    *,
    only: Sequence[str] = (),
    placebos: int = PLACEBOS,
    workers: int = 1,
    scheme: Scheme | None = None,
    progress: Progress = lambda _done, _what: None,
) -> TapeStudy:
    """Every detector on the tape of a backtest, whose strategy gives capital, forecaster and limits.

    Raises:
        ConfigError: what the backtest would refuse, or weights that cannot be used.
    """
    neutral = replace(settings, strategy=settings_of(chosen(["das-neutral"])[0], settings.strategy), journal=None)
    asked = {
        name: _acting(neutral, values, artifacts)
        for name, (values, artifacts) in _detectors(weights).items()
        if not only or name in only
    }
    for name, view in (("always positive", "bullish"), ("always negative", "bearish")):
        asked[name] = replace(neutral, strategy=varied(neutral.strategy, {"view": view}))
    with processes(_answer, workers) as pool:

        def run(jobs: list[BacktestSettings], what: str) -> list[_Answer]:
            found: list[_Answer] = []
            while len(found) < len(jobs):
                progress(len(found) / len(jobs), what)
                found += pool.map(jobs[len(found) : len(found) + pool.slots])
            return found

        base, *answers = run([neutral, *asked.values()], "detectors on the tape")
        made = {
            name: _scripts(neutral, answer, placebos, (scheme or Scheme()).seed)
            for name, answer in zip(asked, answers, strict=True)
        }
        scripted = run([job for jobs in made.values() for job in jobs], "placebos on the tape")
    rows, at = [], 0
    for (name, jobs), answer in zip(made.items(), answers, strict=True):
        rows.append(_row(name, base, answer, scripted[at : at + len(jobs)], scheme or Scheme()))
        at += len(jobs)
    return TapeStudy(base.pool_label, base.metrics.days, base.metrics, tuple(rows))


def _detectors(weights: Path | None) -> dict[str, tuple[dict[str, Any], dict[str, bytes]]]:
    found: dict[str, tuple[dict[str, Any], dict[str, bytes]]] = {
        "trend": ({"kind": "trend"}, {}),
        "markov": ({"kind": "markov"}, {}),
    }
    if weights is not None:
        labels.detectors(weights)  # refuses what is no model
        body = weights.read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        found["lstm"] = ({"kind": "lstm", "weights": weights.name, "weights_sha256": digest}, {digest: body})
    return found


def _acting(neutral: BacktestSettings, regime: dict[str, Any], artifacts: dict[str, bytes]) -> BacktestSettings:
    strategy: StrategySettings = varied(neutral.strategy, {"regime": {**regime, "act": True}})
    return replace(neutral, strategy=strategy, artifacts=artifacts)


def _scripts(neutral: BacktestSettings, answer: _Answer, placebos: int, seed: int) -> list[BacktestSettings]:
    """Placebos of what was said: half in another order, half by chance; then the same too late. None of silence."""
    said = np.array(answer.said, dtype=np.int8)
    if not placebos or len(set(answer.said)) < 2:
        return []
    random = np.random.default_rng(seed)
    makers: list[Callable[[Stances], Stances]] = [
        *[lambda told: labels.shuffled(told, random)] * (placebos - placebos // 2),
        *[lambda told: labels.persistent(told, random)] * (placebos // 2),
        *[lambda told, days=days: labels.late(told, 24 * days) for days in LATE_DAYS],
    ]
    strategy = varied(neutral.strategy, {"regime": {"kind": "trend", "act": True}})
    return [
        replace(
            neutral,
            strategy=strategy,
            detector=Told(answer.from_timestamp, tuple(int(each) for each in make(said))),
        )
        for make in makers
    ]


def _answer(settings: BacktestSettings) -> _Answer:
    """A function at the top of a module: worker processes find it by name."""
    from keeper.backtest.run import run_backtest

    result = run_backtest(settings)
    observations = result.run.observations
    steps = steps_of(observations, result.series)
    first = observations[0].block.timestamp
    hours = (observations[-1].block.timestamp - first) // HOUR_SECONDS + 1
    said, at = [0] * hours, {}
    for decision in result.run.decisions:
        at[(decision.observation.block.timestamp - first) // HOUR_SECONDS] = STANCES[decision.regime.label]
    for hour in range(hours):
        said[hour] = at.get(hour, said[hour - 1] if hour else 0)
    return _Answer(result.pool_label, metrics(steps, *deposited_return(observations)), daily(steps), first, tuple(said))


def _row(name: str, base: _Answer, answer: _Answer, scripted: Sequence[_Answer], scheme: Scheme) -> TapeRow:
    def delta(other: _Answer) -> float:
        return other.metrics.total_pct - base.metrics.total_pct

    days = min(len(answer.daily), len(base.daily))
    own, neutral = (Daily(each.log_returns[:days], each.alphas[:days]) for each in (answer.daily, base.daily))
    late = scripted[len(scripted) - len(LATE_DAYS) :] if scripted else ()
    return TapeRow(
        detector=name,
        trend_share_pct=100 * float(np.mean(np.array(answer.said) != 0)),
        metrics=answer.metrics,
        delta_total_pct=delta(answer),
        delta_alpha_pct=answer.metrics.alpha_pct - base.metrics.alpha_pct,
        intervals=differences(own, neutral, scheme),
        placebos_pct=tuple(delta(each) for each in scripted[: len(scripted) - len(late)]),
        late_pct=tuple(delta(each) for each in late),
    )

"""A whole search from settings to verdict: its windows, its space, and what its findings were worth out of sample."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from keeper.assembly_settings import completed
from keeper.backtest.bootstrap import LEAST_DAYS, Scheme, interval_of_sum
from keeper.backtest.evaluate import Objective
from keeper.backtest.folds import DAY_SECONDS, hold_out, walk_forward
from keeper.backtest.opening import open_past
from keeper.backtest.optimize import Optimized, Ran, Search, Window, optimize
from keeper.backtest.search import StudyPlace
from keeper.backtest.search_space import Dimension, check_space, default_space
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.sweep import MapCosts, WidthMap, width_map
from keeper.backtest.trials import TrialLog
from keeper.backtest.workers import Workers
from keeper.model import canonical
from keeper.policy.settings import StrategySettings
from keeper.world.tape.tape import Defect

# A chance of the training's best being skill below which it is called luck.
BELIEVED = 0.95


@dataclass(frozen=True, slots=True)
class Judged:
    """The search, what it was worth on days it had not seen (``out_of_sample``: daily means in basis points, their
    difference with its 90 % interval), in a sentence, and a map to look at; and what tape all that is of."""

    strategy: str
    pool_label: str
    found: Optimized
    out_of_sample: dict[str, Any]
    verdict: str
    map: WidthMap
    tape_digest: str
    defects: tuple[Defect, ...]


def plan_search(
    settings: BacktestSettings, space: Sequence[Dimension] | None, *, objective: Objective, trials: int,
    folds: int | None, embargo_days: float | None, storage: str | None, study: str | None, seed: int,
) -> Search:  # fmt: skip
    """What is to be searched where. ``folds`` None: one window, the last third of the tape.

    Raises:
        ConfigError: the tape is too short for it, or the strategy cannot have the values; one sentence.
    """
    strategy = completed(settings.strategy)
    wanted = default_space(strategy) if space is None else tuple(space)
    check_space(strategy, wanted)
    past = open_past(settings)
    embargo = round((strategy.profit.horizon_days if embargo_days is None else embargo_days) * DAY_SECONDS)
    begin, end = past.first_timestamp, past.last_timestamp
    cut = hold_out(begin, end, embargo) if folds is None else walk_forward(begin, end, folds, embargo)
    asked = f"{past.tape.digest} {objective} {wanted} {cut} {_terms(settings, strategy)}"
    name = study or f"{strategy.name}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"
    return Search(objective, wanted, cut, trials, StudyPlace(storage, name, seed))


def judged_search(
    settings: BacktestSettings, search: Search, workers: Workers[Window, Ran], log: TrialLog,
    progress: Callable[[float, str], None],
) -> Judged:  # fmt: skip
    """Search, and judge. Errors as ``optimize``."""
    found = optimize(search, workers, log, progress)
    past = open_past(settings)
    pool, strategy = past.market.identity, past.strategy
    days = paired_difference(found.tested_daily, found.baseline_daily)
    costs = MapCosts(reset_share=0.0, cooldown_seconds=strategy.limits.cooldown_minutes * 60)
    return Judged(
        strategy=strategy.name,
        pool_label=past.label,
        found=found,
        out_of_sample=days,
        verdict=verdict(found, days),
        map=width_map(
            past.tape,
            pool.fee_pips,
            pool.tick_spacing,
            costs,
            past.every_seconds,
            quote_is_token0=strategy.quote == "token0",
        ),
        tape_digest=past.tape.digest,
        defects=past.market.defects,
    )


def verdict(found: Optimized, days: dict[str, Any]) -> str:
    """What the search honestly shows, in a sentence or three."""
    trained = _mean([fold.trained.objective for fold in found.folds])
    tested = _mean([fold.tested.objective for fold in found.folds])
    written = _mean([fold.baseline_tested.objective for fold in found.folds])
    said = f"Out of sample the chosen values came to {tested:,.2f} where their training had promised {trained:,.2f}"
    said += f"; the strategy as written came to {written:,.2f} on the same days."
    interval = days["difference_interval_bps"]
    if interval is None:
        said += f" {days['days']} days are too few to say whether that is more than chance."
    elif interval[0] > 0:
        said += " That is more than chance alone would do: the 90 % interval of the daily difference lies above zero."
    elif interval[1] < 0:
        said += " It did harm: the 90 % interval of the daily difference lies below zero. Keep what is written."
    else:
        said += " The 90 % interval of the daily difference holds zero: nothing here says that the search helps."
    chances = [fold.deflated.probability for fold in found.folds if fold.deflated is not None]
    if chances and max(chances) < BELIEVED:
        said += (
            f" The training's best is within what luck does in so many trials (deflated Sharpe: {max(chances):.0%} "
            "at most that it is skill)."
        )
    return said


def paired_difference(found: Sequence[float], written: Sequence[float]) -> dict[str, Any]:
    """Daily means in basis points of what was chosen and of what was written, and of their difference by day with its
    90 % block-bootstrap interval (None: fewer than ``LEAST_DAYS`` days)."""
    days = min(len(found), len(written))
    pairs = np.array([found[:days], written[:days]], dtype=np.float64).reshape(2, days)
    bps = 10_000 / days if days else 0.0
    interval = interval_of_sum(pairs[0] - pairs[1], Scheme()) if days >= LEAST_DAYS else None
    return {
        "days": days,
        "chosen_bps": float(pairs[0].sum()) * bps,
        "written_bps": float(pairs[1].sum()) * bps,
        "difference_bps": float((pairs[0] - pairs[1]).sum()) * bps,
        "difference_interval_bps": None if interval is None else [interval.lower * bps, interval.upper * bps],
    }


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return fmean(known) if known else float("nan")


def _terms(settings: BacktestSettings, strategy: StrategySettings) -> str:
    """Everything else that a trial's result rests on: two searches share a study only where they are one, the same
    question on the same data. Files by their names, since a shared study's machines keep them in different folders."""
    plain = {
        name: value.name if isinstance(value, Path) else str(value)
        for name in ("every_seconds", "latency_blocks", "account", "gas", "native_price", "prior", "capital_quote",
                     "start_mix", "known_until", "pool", "fee_protocol")
        if (value := getattr(settings, name)) is not None
    }  # fmt: skip
    artifacts = {name: hashlib.sha256(body).hexdigest() for name, body in sorted(settings.artifacts.items())}
    return f"{canonical.encode(strategy.model_dump(mode='json'))!r} {plain} {artifacts}"

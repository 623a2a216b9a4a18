"""A search as the page shows it: in sample against out of sample, how much of it is luck, and the map."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from keeper.assembly_settings import completed
from keeper.backtest.evaluate import OBJECTIVES
from keeper.backtest.judging import Judged
from keeper.backtest.metrics import DEFINITIONS
from keeper.backtest.optimize import FoldResult
from keeper.backtest.result_page import defect_sentences, tape_words, version_words
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.sweep import WidthMap
from keeper.report import BacktestPage, HeatMap, Searched, SearchWindow, when

CAVEATS: tuple[str, ...] = (
    "What was best in sample is best partly by luck, the more so the more trials there were: believe the columns out "
    "of sample, and of these the difference from the strategy as written.",
    "The days out of sample are of the same few weeks as those before them: a market unlike both is in neither.",
    "The map is of the price path alone, over the very days it is drawn from: nothing in it is out of sample.",
)
_TICK_LOG = math.log(1.0001)
_MINUS = re.compile(r"(?<!\S)-(?=\d)")


def search_page(judged: Judged, settings: BacktestSettings) -> BacktestPage:
    """The page of a search. ``settings``: those that it was made with."""
    found, days = judged.found, judged.out_of_sample
    folds = found.folds
    better = days["difference_interval_bps"] is not None and days["difference_interval_bps"][0] > 0
    return BacktestPage(
        kicker="search",
        title=f"{judged.strategy}: settings searched",
        facts=(
            judged.pool_label,
            f"{when(folds[0].fold.train_from)} – {when(folds[-1].fold.test_to)}",
            f"{found.trials:,} trials",
        ),
        tone="gain" if better and days["chosen_bps"] > 0 else "loss" if days["chosen_bps"] < 0 else "",
        headline=_headline(days),
        sentences=(_MINUS.sub("−", judged.verdict),),
        searched=Searched(
            objective=OBJECTIVES[found.objective],
            trials=found.trials,
            failures=sum(fold.failures for fold in folds),
            windows=tuple(_window(fold) for fold in folds),
            sentences=(_days(days),),
            latest=tuple(f"{key}: {value:.6g}" for key, value in found.latest.items()),
            map=_map(judged.map, completed(settings.strategy).range),
        ),
        terms=DEFINITIONS,
        provenance=(*tape_words(str(settings.data), judged.tape_digest), *version_words()),
        caveats=CAVEATS,
        defects=defect_sentences(judged.defects),
    )


def _headline(days: Mapping[str, Any]) -> str:
    """Out of sample: first whether money was lost, then whether the search helped."""
    chosen, difference, interval = days["chosen_bps"], days["difference_bps"], days["difference_interval_bps"]
    if chosen == 0 and difference == 0:
        return (
            f"Out of sample, {days['days']} days, neither the chosen values nor the strategy as written earned or lost "
            "anything."
        )
    made = f"made {chosen:.2f} bp" if chosen > 0 else f"lost {-chosen:.2f} bp" if chosen < 0 else "made nothing"
    if difference == 0:
        return f"Out of sample the chosen values {made} a day over {days['days']} days: just as written."
    sure = interval is not None and (interval[0] > 0 or interval[1] < 0)
    than = f"{abs(difference):.2f} bp a day {'better' if difference > 0 else 'worse'} than as written"
    end = "more than chance" if sure else "which chance alone may do"
    return f"Out of sample the chosen values {made} a day over {days['days']} days: {than}, {end}."


def _days(days: Mapping[str, Any]) -> str:
    interval = days["difference_interval_bps"]
    bounds = "" if interval is None else f" (90 %: {interval[0]:+.2f} to {interval[1]:+.2f})"
    return (
        f"A day, on {days['days']} days that no choice had seen: chosen {days['chosen_bps']:+.2f} bp, as written "
        f"{days['written_bps']:+.2f} bp, difference {days['difference_bps']:+.2f} bp{bounds}."
    ).replace("-", "−")


def _window(result: FoldResult) -> SearchWindow:
    fold = result.fold
    return SearchWindow(
        train_from=fold.train_from,
        train_to=fold.train_to,
        test_from=fold.test_from,
        test_to=fold.test_to,
        chosen=", ".join(f"{key} {value:.4g}" for key, value in result.chosen.items()),
        trained=result.trained.objective,
        tested=result.tested.objective,
        written_trained=result.baseline_trained.objective,
        written_tested=result.baseline_tested.objective,
        skill=_skill(result),
    )


def _skill(result: FoldResult) -> str:
    deflated = result.deflated
    if deflated is None:
        return "Too few days, or too little change in them, to say how much of its best is luck."
    return (
        f"Its best trial had a Sharpe ratio of {deflated.sharpe:.2f} a day; the best of {deflated.trials} worthless "
        f"ones would show {deflated.expected_best:.2f}: the chance that it is skill is {deflated.probability:.0%} "
        "(deflated Sharpe ratio, Bailey and López de Prado 2014)."
    ).replace("-", "−")


def _map(found: WidthMap, range_settings: Mapping[str, Any]) -> HeatMap:
    written = _written(range_settings)
    nearest = "Framed: the pair nearest to the strategy as written."
    moving = "The strategy as written has no one place here: its width follows the market."
    return HeatMap(
        half_widths_pct=found.half_widths_pct,
        triggers=found.triggers,
        alpha_apr_pct=_rows(found.alpha_apr_pct),
        fees_apr_pct=_rows(found.fees_apr_pct),
        resets_per_week=_rows(found.resets_per_week),
        days=found.days,
        notes=(found.caveat, "Costs are the pool's fee on what a reset swaps; gas and price impact are left out."),
        written=written,
        place_words=moving if written is None else nearest,
    )


def _rows(grid: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in grid)


def _written(range_settings: Mapping[str, Any]) -> tuple[float, float] | None:
    """Half-width (%) and trigger (half-widths) of a range of constant width; None for one that follows something."""
    if range_settings["kind"] == "tau_reset":
        half = range_settings["tau_ticks"] * _TICK_LOG
    elif range_settings["kind"] == "fixed":
        half = (math.log1p(range_settings["upper_pct"] / 100) - math.log1p(-range_settings["lower_pct"] / 100)) / 2
    else:
        return None
    return 100 * math.expm1(half), float(range_settings["trigger_scale"])

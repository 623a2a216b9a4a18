"""Made-up studies for the tests of their page: a life, methods side by side, a search with its map."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from keeper.report import (
    BacktestPage,
    Cell,
    HeatMap,
    Lived,
    MethodRow,
    Methods,
    Run,
    Searched,
    SearchWindow,
    profit_and_loss,
)
from tests.report.synthetic import START

DAY = 86_400
TERMS = {"Fee APR": "sum of fees <t>", "LVR": "loss versus rebalancing"}


def life(run: Run) -> BacktestPage:
    return BacktestPage(
        kicker="backtest",
        title=run.strategy,
        facts=("USDC/WETH 0.05 %", "30 days"),
        terms=TERMS,
        provenance=(("Tape", "made.parquet, SHA-256 ab12"), ("Versions", "Range Keeper 0")),
        caveats=("Nobody reacts to fills.",),
        defects=("An hour is missing.",),
        lived=Lived(run, profit_and_loss(run)),
    )


def methods(words: str = "as written") -> Methods:
    chance = random.Random(3)
    rows = []
    for index, label in enumerate(("mine", "±10 %", "full range (v2)", "HODL 50/50")):
        alpha = (-12.5, 3.25, None, -100.0)[index]
        growth = tuple(10 * math.sin(day / 5 + index) + chance.random() for day in range(30))
        tone = "" if alpha is None else "gain" if alpha > 0 else "loss"
        cells = (
            Cell("–" if alpha is None else f"{alpha:.1f}", alpha, "−20 … 5", tone),  # type: ignore[arg-type]
            Cell(f"{index}", float(index)),
        )
        rows.append(MethodRow(label, words, cells, index == 0, growth))
    return Methods(("alpha APR %", "rebal. a week"), tuple(rows), START, "Intervals hold 90 %.")


def heat(written: tuple[float, float] | None = (9.0, 1.1)) -> HeatMap:
    widths, triggers = (2.0, 4.0, 8.0, 16.0), (0.5, 1.0, 2.0)
    alpha = tuple(tuple(-40 / width + 4 * trigger for trigger in triggers) for width in widths)
    fees = tuple(tuple(100 / width for _ in triggers) for width in widths)
    return HeatMap(widths, triggers, alpha, fees, fees, 30.0, ("The path only.",), written)


def searched(skill: str = "Its best is luck.") -> Searched:
    window = SearchWindow(
        START, START + 9 * DAY, START + 12 * DAY, START + 20 * DAY, "range.k 2", 14.0, -3.5, None, 1.25, skill
    )
    later = replace(window, test_from=START + 20 * DAY, test_to=START + 28 * DAY, tested=None)
    return Searched("hedged alpha APR", 40, 3, (window, later), ("A day: −1 bp.",), ("range.k: 2",), heat())


def comparison(page: BacktestPage) -> BacktestPage:
    """A page with everything on it."""
    return replace(page, methods=methods(), searched=searched(), method_words=(("mine", "as written"),))

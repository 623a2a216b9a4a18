"""Backtests and searches as their page gets them: what it is told must be what was found, and no path of a machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keeper.backtest.deflated import Deflated
from keeper.backtest.folds import DAY_SECONDS, Fold
from keeper.backtest.judging import Judged
from keeper.backtest.metrics import DEFINITIONS
from keeper.backtest.optimize import FoldResult, Optimized
from keeper.backtest.result import BacktestResult, FillModel
from keeper.backtest.result_page import backtest_page
from keeper.backtest.search_page import search_page
from keeper.backtest.settings import BacktestSettings
from keeper.backtest.sweep import WidthMap
from keeper.backtest.trials import Score
from keeper.report import profit_and_loss, render_backtest_page
from keeper.world.tape.tape import Defect
from tests.policy.world import settings as strategy_settings
from tests.report.synthetic import START, month

FILL = FillModel("bars", "safe", 2, 3_600, "30 gwei all the time", ("Fills are guesses.",))
HOLE = Defect("hole", "an hour is missing")


def test_a_backtest_tells_its_page_everything() -> None:
    run = month(hours=100)
    result = BacktestResult(
        "mine", "d" * 64, "e" * 64, "/somewhere/else/tape.parquet", "USDC/WETH 0.05 %", run, profit_and_loss(run),
        "sqlite:////somewhere/else/j.db", FILL, (HOLE,), (0, 0, 0), 1.0,
    )  # fmt: skip
    page = backtest_page(result)
    assert page.lived is not None and page.lived.series == result.series
    assert DEFINITIONS.items() <= dict(page.terms).items()
    assert page.caveats == FILL.caveats and page.defects == ("An hour is missing.",)
    rests = dict(page.provenance)
    assert rests["Tape"] == f"tape.parquet, SHA-256 {'e' * 64}" and "d" * 64 in rests["Settings"]
    assert rests["Fills"] == "3 blocks later, a Safe, a plan in one transaction; looked every 3,600 s"
    assert rests["Gas"] == "30 gwei all the time" and "Range Keeper" in rests["Versions"]
    text = render_backtest_page(page)
    assert "somewhere" not in text
    assert all(f"<dt>{term.replace('&', '&amp;')}</dt>" in text for term in DEFINITIONS)


def judged(chosen: float, written: float, interval: list[float] | None) -> Judged:
    fold = Fold(START, START + 8 * DAY_SECONDS, START + 10 * DAY_SECONDS, START + 20 * DAY_SECONDS)
    luck = Deflated(0.21, 0.25, 0.4, 50, 8)
    found = FoldResult(
        fold,
        0,
        {"range.k": 2.0},
        Score(14.0),
        Score(-3.5),
        Score(1.0),
        Score(None),
        trials=50,
        failures=2,
        deflated=luck,
    )
    days: dict[str, Any] = {"days": 10, "chosen_bps": chosen, "written_bps": written}
    days |= {"difference_bps": chosen - written, "difference_interval_bps": interval}
    grid = np.array([[-3.0, 2.0], [1.0, np.nan]])
    shown = WidthMap((5.0, 10.0), (1.0, 2.0), grid, grid + 9, abs(grid), 20.0, "The path only.")
    return Judged(
        "mine", "USDC/WETH", Optimized("alpha", (), (found,)), days, "Came to -3.5.", shown, "e" * 64, (HOLE,)
    )


def settings(range_settings: dict[str, Any]) -> BacktestSettings:
    return BacktestSettings(strategy_settings(range=range_settings), Path("/somewhere/else/tape"))


def test_a_search_tells_in_sample_from_out_of_sample_and_how_much_is_luck() -> None:
    page = search_page(judged(-2.0, -5.0, [-1.0, 7.0]), settings({"kind": "fixed", "trigger_scale": 2.0}))
    assert page.tone == "loss" and page.sentences == ("Came to −3.5.",)
    assert page.headline == (
        "Out of sample the chosen values lost 2.00 bp a day over 10 days: 3.00 bp a day better than as written, which "
        "chance alone may do."
    )
    assert page.searched is not None and page.searched.map is not None
    (window,) = page.searched.windows
    assert (window.trained, window.tested, window.written_tested) == (14.0, -3.5, None)
    assert "the best of 50 worthless ones would show 0.25: the chance that it is skill is 40%" in window.skill
    text = render_backtest_page(page)
    assert "somewhere" not in text and "An hour is missing." in text and "gas and price impact are left out" in text
    series = text.split('id="series">')[1].split("</script>")[0]
    assert json.loads(series) == {}, "no chart, no figures for one"


@pytest.mark.parametrize(
    ("range_settings", "place"),
    [
        ({"kind": "fixed", "trigger_scale": 2.0}, (10.55, 2.0)),
        ({"kind": "tau_reset", "tau_ticks": 953}, (10.0, 1.0)),
        ({"kind": "sigma"}, None),
    ],
)
def test_only_a_range_of_constant_width_has_a_place_on_the_map(
    range_settings: dict[str, Any], place: tuple[float, float] | None
) -> None:
    page = search_page(judged(1.0, 1.0, None), settings(range_settings))
    assert page.searched is not None and page.searched.map is not None
    shown = page.searched.map
    assert shown.written == (None if place is None else pytest.approx(place, abs=0.02))
    assert ("no one place" in shown.place_words) == (place is None)
    assert ("The strategy as written is nearest" in render_backtest_page(page)) == (place is not None)


@pytest.mark.parametrize(
    ("chosen", "written", "interval", "tone", "words"),
    [
        (0.0, 0.0, [0.0, 0.0], "", "neither the chosen values nor the strategy as written earned"),
        (3.0, 1.0, [0.5, 3.5], "gain", "made 3.00 bp a day over 10 days: 2.00 bp a day better than as written, more"),
        (3.0, 1.0, None, "", "better than as written, which chance alone may do"),
        (1.0, 3.0, [-4.0, -0.5], "", "2.00 bp a day worse than as written, more than chance"),
        (-1.0, -1.0, None, "loss", "lost 1.00 bp a day over 10 days: just as written"),
    ],
)
def test_the_headline_of_a_search_flatters_nobody(
    chosen: float, written: float, interval: list[float] | None, tone: str, words: str
) -> None:
    page = search_page(judged(chosen, written, interval), settings({"kind": "sigma"}))
    assert page.tone == tone and words in page.headline

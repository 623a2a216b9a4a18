"""Rows, sentences and tables of comparisons whose figures are made by hand: what they say must be what they show."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from keeper.backtest.bootstrap import Scheme, intervals
from keeper.backtest.compare import Comparison, Measured, Row, _check_alike, _with_intervals, ground_of, rows_of
from keeper.backtest.compare_page import comparison_page
from keeper.backtest.compare_table import comparison_mapping, csv_rows, table_lines
from keeper.backtest.compare_words import bootstrap_words, caveats, sentences
from keeper.backtest.methods import Method, chosen
from keeper.backtest.metrics import DEFINITIONS
from keeper.backtest.result import BacktestResult, FillModel
from keeper.errors import ConfigError
from keeper.model.observation import Position
from keeper.report import ProfitAndLoss, render_backtest_page
from keeper.world.tape.tape import Defect
from tests.backtest.comparing import account, seen
from tests.report.small import run_of

HELD = chosen(["hodl-50", "hodl-100"])
POSITION = Position(1, -20_000, 20_000, 10**5, 0, 0)
FILL = FillModel("bars", "key", 0, 3_600, "1 gwei", ("Fills are <guesses>.",))


def result(series: list[ProfitAndLoss], *, entered: bool = True, digest: str = "t") -> BacktestResult:
    observations = [
        seen(each.timestamp / 86_400, math.sqrt(1 + each.hodl_base_change / each.value_start), quote=1_000_000,
             positions=(POSITION,) if entered else ())
        for each in series
    ]  # fmt: skip
    return BacktestResult(
        "made", "digest", digest, "/somewhere/tape.parquet", "AAA/BBB 0.05 %", run_of(observations, []),
        tuple(series), "", FILL, (Defect("hole", "an hour is missing"),), (0, 0, 0), 1.0,
    )  # fmt: skip


def method(label: str, *, active: bool = True, yardstick: bool = True) -> Method:
    return Method(label, label, f"words on {label}", is_active=active, is_yardstick=yardstick)


def series(
    days: int, drift: float, alpha_per_day: int, *, wild: float = 0.0, seed: int = 1, rise: float = 0.0
) -> list[ProfitAndLoss]:
    """A market that moves as it will, and a method that does ``drift`` (log a day) better than half of it."""
    market = np.random.default_rng(7).normal(scale=0.02, size=days)
    market += rise - market.mean()
    own = np.random.default_rng(seed).normal(scale=wild, size=days) if wild else np.zeros(days)
    found, half, worth = [account(0, 1_000_000)], 1.0, 1.0
    for day in range(days):
        half *= math.exp(market[day] / 2)
        worth *= math.exp(market[day] / 2 + drift + own[day])
        found.append(
            account(
                day + 1,
                round(1_000_000 * worth),
                lvr=max(0, -alpha_per_day) * (day + 1),
                fees_1=max(0, alpha_per_day) * (day + 1),
                hodl_half_change=round(1_000_000 * (half - 1)),
                hodl_base_change=round(1_000_000 * (half**2 - 1)),
                rebalances=day // 5,
                seconds_in_range=43_200 * (day + 1),
            )
        )
    return found


def comparison(*rows: tuple[Method, BacktestResult]) -> Comparison:
    made: list[Row] = []
    for place, (each, came) in enumerate(rows):
        made += rows_of(each, came, HELD if place == 0 else ())
    holding = [row for row in made if row.kind in ("half", "base")]
    ordered = [*(row for row in made if row not in holding), *holding]
    return Comparison(ground_of(rows[0][1]), Scheme(draws=400), _with_intervals(ordered, Scheme(draws=400)))


def test_a_row_is_the_series_and_holding_stands_beside_it() -> None:
    found = comparison((method("mine"), result(series(40, -0.0003, -300))))
    mine, half, base = found.rows
    assert (mine.label, half.label, base.label) == ("mine", "HODL 50/50", "HODL 100 %")
    assert mine.metrics.alpha_pct == pytest.approx(-1.2, rel=0.15) and mine.metrics.rebalances == 7
    assert 1 + half.metrics.total_pct / 100 == pytest.approx((1 + base.metrics.total_pct / 100) ** 0.5, rel=1e-4)
    assert half.metrics.hodl_lp_pct == half.metrics.total_pct
    assert mine.against_hodl is not None and half.against_hodl is None
    assert mine.against_hodl.total_apr_pct.upper < 0, "three hundredths of a per cent every day, under the same market"
    assert mine.intervals == intervals(mine.daily, Scheme(draws=400))
    assert mine.intervals is not None and mine.intervals.total_apr_pct.upper > 0, "which alone nobody could tell"


@pytest.mark.parametrize("rise", [0.01, 0.0, -0.01])
def test_where_every_range_loses_it_says_so(rise: float) -> None:
    """Whatever the market did: up a half, nowhere, down a third."""
    found = comparison(
        (method("one"), result(series(40, -0.001, -300, rise=rise))),
        (method("two"), result(series(40, -0.0005, -100, rise=rise))),
        (method("wide", active=False), result(series(40, 0.01, 100, rise=rise))),
    )
    said = " ".join(sentences(found))
    assert "Every active range lost to HODL 50/50 over these 40.0 days." in said
    assert "Hedged alpha was positive in 1 of 3 rows (wide)" in said
    assert "can be told from HODL 50/50: better wide; worse one, two" in said and "by chance alone" in said


def test_where_none_can_be_told_apart_it_says_so_and_a_ratio_without_alpha_proves_nothing() -> None:
    lucky = series(40, 0.001, -200, wild=0.02, seed=11)
    found = comparison((method("lucky"), result(lucky)), (method("dull"), result(series(40, 0, -1, wild=0.02, seed=3))))
    said = " ".join(sentences(found))
    assert "no range can be told from HODL 50/50" in said
    assert "hedged alpha was negative in every row" in said
    best = max(found.rows[:2], key=lambda row: row.metrics.sharpe or -9)
    assert (f"{best.metrics.sharpe:.2f} of {best.label}, comes with negative alpha" in said) == (
        (best.metrics.sharpe or 0) > 0
    )


def test_some_above_and_some_below() -> None:
    found = comparison((method("up"), result(series(40, 0.001, 5))), (method("down"), result(series(40, -0.001, 5))))
    said = " ".join(sentences(found))
    assert "1 of 2 active ranges lost to HODL 50/50 over these 40.0 days; ended above it: up." in said
    assert "clear of zero with the whole interval: up, down" in said


def test_a_method_that_never_entered_is_told_with_its_reason() -> None:
    found = comparison((method("shy"), result(series(40, 0, 0), entered=False)))
    said = sentences(found)
    assert "Never opened a position: shy (waiting)." in said and "No method opened a position." in said


def test_a_row_that_was_hardly_ever_in_range_is_not_counted_among_the_ranges() -> None:
    """It held what happened to rise: that is no merit of its range."""
    lucky = [replace(each, seconds_in_range=each.seconds_in_range // 20) for each in series(40, 0.002, -10)]
    found = comparison((method("lucky"), result(lucky)), (method("real"), result(series(40, -0.001, -10))))
    said = " ".join(sentences(found))
    assert "Every active range lost to HODL 50/50" in said
    assert "lucky was in range for 2 % of the time only" in said and "real was in range" not in said
    assert "in every row, clear of zero with the whole interval in 2 of 2." in said


def test_few_days_have_neither_rates_nor_intervals() -> None:
    found = comparison((method("brief"), result(series(3, -0.001, -300))))
    text = "\n".join(table_lines(found, wide=False))
    assert "APR" not in text and "…" not in text and "–" in text
    assert "too few to draw from" in bootstrap_words(found)
    assert f"{found.rows[0].metrics.total_pct:.2f}" in text
    assert found.rows[0].metrics.total_apr_pct is None


def test_the_table_fits_a_hundred_columns_and_wide_has_the_differences() -> None:
    found = comparison((method("a method of a very long name"), result(series(40, -0.001, -300))))
    lines = table_lines(found, wide=False)
    assert all(len(line) <= 100 for line in lines) and len(lines) == 3 + 2 * 3
    assert "max" in lines[0] and "APR %" in lines[1] and lines[3].startswith("a method of a v")
    wide = "\n".join(table_lines(found, wide=True))
    row = found.rows[0]
    assert row.against_hodl is not None
    assert f"{row.against_hodl.total_apr_pct.lower:.0f}…{row.against_hodl.total_apr_pct.upper:.0f}" in wide


def test_every_form_holds_the_same_figures() -> None:
    found = comparison((method("mine"), result(series(40, -0.001, -300))))
    figures = comparison_mapping(found)
    mine = figures["rows"][0]
    assert mine["metrics"]["total_apr_pct"] == found.rows[0].metrics.total_apr_pct
    assert mine["metrics"]["alpha_quote"] == str(found.rows[0].metrics.alpha_quote), "money is text: no float ever"
    assert figures["caveats"] == list(caveats(found)) and "The tape: an hour is missing." in figures["caveats"]
    text = io.StringIO()
    csv.writer(text).writerows(csv_rows(found))
    (first, *_) = csv.DictReader(io.StringIO(text.getvalue()))
    assert float(first["total_apr_pct"]) == found.rows[0].metrics.total_apr_pct
    assert float(first["intervals.alpha_apr_pct.lower"]) == found.rows[0].intervals.alpha_apr_pct.lower  # type: ignore[union-attr]
    page = comparison_page(found)
    assert "Fills are <guesses>." in page.caveats and "An hour is missing." in page.defects
    assert (page.headline, *page.sentences) == sentences(found) and page.terms == DEFINITIONS
    assert page.methods is not None and len(page.methods.rows) == len(found.rows)
    row = dict(zip(page.methods.heads, page.methods.rows[0].cells, strict=True))
    assert row["alpha APR %"].value == found.rows[0].metrics.alpha_apr_pct and row["alpha APR %"].tone == "loss"
    assert page.methods.rows[0].growth_pct[-1] == pytest.approx(100 * math.expm1(-0.001 * 40), abs=0.2)
    assert "Fills are &lt;guesses&gt;." in render_backtest_page(page)


def test_a_hedged_row_has_lost_its_direction() -> None:
    hedged = replace(method("short"), kind="hedged")
    mine = rows_of(hedged, result(series(40, 0.0, 100)))[0]
    assert mine.metrics.alpha_pct == pytest.approx(mine.metrics.total_pct, rel=0.01)
    # 100 a day for 40 days, less 5 % a year of the 63,000 or so in base.
    assert mine.metrics.alpha_quote == pytest.approx(4_000 - 0.05 * 63_000 * 40 / 365.25, rel=0.05)
    assert mine.metrics.std_annual_pct is not None and mine.metrics.std_annual_pct < 0.1


def test_what_does_not_belong_together_is_not_compared() -> None:
    one, other = result(series(10, 0, 0)), result(series(10, 0, 0), digest="another")
    grounds = [ground_of(each) for each in (one, other)]
    with pytest.raises(ConfigError, match="do not have the same tape"):
        _check_alike(grounds)
    richer = [
        replace(
            each,
            value_start=each.value_start + 1,
        )
        for each in series(10, 0, 0)
    ]
    with pytest.raises(ConfigError, match="do not have the same capital"):
        _check_alike([grounds[0], ground_of(result(richer))])
    assert Measured(grounds[0], ()).rows == ()
    with pytest.raises(ConfigError, match="less than two moments"):
        rows_of(method("x"), result(series(10, 0, 0)[:1]))

"""A comparison as the page shows it: the table, what it honestly shows, the definitions, the caveats."""

from __future__ import annotations

import math
from itertools import accumulate

from keeper.backtest.bootstrap import Interval
from keeper.backtest.compare import Comparison, Row
from keeper.backtest.compare_words import CAVEATS, bootstrap_words, sentences
from keeper.backtest.metrics import DEFINITIONS, LEAST_DAYS_FOR_RATES
from keeper.backtest.result_page import defect_sentences, fill_words, tape_words, version_words
from keeper.report import MINUS, BacktestPage, Cell, MethodRow, Methods, Tone, when

_NOTHING = "–"


def comparison_page(comparison: Comparison) -> BacktestPage:
    """Methods side by side, the sentences first."""
    ground = comparison.ground
    first, *more = sentences(comparison)
    settings = tuple(
        (f"Settings of {row.label}", f"SHA-256 {row.settings_digest}") for row in comparison.rows if row.settings_digest
    )
    return BacktestPage(
        kicker="comparison",
        title=f"{ground.pool_label}: methods side by side",
        facts=(
            f"{when(ground.from_timestamp)} – {when(ground.to_timestamp)}",
            f"{comparison.days:.1f} days of {ground.fill.tape_kind}",
            f"{ground.quote.symbol} the quote",
        ),
        tone=_tone(comparison),
        headline=first,
        sentences=tuple(more),
        methods=_methods(comparison),
        method_words=tuple((row.label, f"{row.words}.") for row in comparison.rows),
        terms=DEFINITIONS,
        provenance=(
            *tape_words(ground.tape_path, ground.tape_digest), *fill_words(ground.fill), *version_words(), *settings
        ),
        caveats=(*CAVEATS, *ground.fill.caveats),
        defects=defect_sentences(ground.defects),
    )  # fmt: skip


def _tone(comparison: Comparison) -> Tone:
    """Loss where no range that moves beat holding or paid for arbitrage and costs."""
    rows = [row for row in comparison.rows if row.kind in ("run", "hedged") and not row.idle_reason]
    return "loss" if rows and all(row.metrics.alpha_pct <= 0 for row in rows) else ""


def _methods(comparison: Comparison) -> Methods:
    yearly = comparison.days >= LEAST_DAYS_FOR_RATES
    rate = "APR %" if yearly else "%"
    heads = (
        f"Fee {rate}", f"LVR {rate}", f"alpha {rate}", f"Total {rate}", f"HODL LP {rate}", "Total less HODL 50/50",
        "rebal. a week", "STD % a year", "Sharpe", "max fall %", "in range %", "costs % of W",
    )  # fmt: skip
    days = min(len(row.daily) for row in comparison.rows)
    rows = tuple(_row(row, yearly, days) for row in comparison.rows)
    return Methods(heads, rows, comparison.ground.from_timestamp, bootstrap_words(comparison))


def _row(row: Row, yearly: bool, days: int) -> MethodRow:
    found, spans, against = row.metrics, row.intervals, row.against_hodl
    trades = row.kind not in ("half", "base")

    def rate(name: str) -> float | None:
        value: float | None = getattr(found, f"{name}_apr_pct" if yearly else f"{name}_pct")
        return value

    difference = None if against is None else (against.total_apr_pct.lower + against.total_apr_pct.upper) / 2
    cells = (
        _cell(rate("fee") if trades else None),
        _cell(rate("lvr") if trades else None),
        _cell(rate("alpha") if trades else None, spans.alpha_apr_pct if spans and trades else None, signed=True),
        _cell(rate("total"), spans.total_apr_pct if spans else None, signed=True),
        _cell(rate("hodl_lp")),
        Cell(_NOTHING) if against is None else Cell(_span(against.total_apr_pct), difference),
        _cell(found.rebalances_per_week if trades else None),
        _cell(found.std_annual_pct),
        _cell(found.sharpe, spans.sharpe if spans else None, digits=2),
        _cell(found.max_drawdown_pct),
        _cell(found.in_range_pct if trades else None, digits=0),
        _cell(found.costs_pct if trades else None, digits=3),
    )
    growth = tuple(100 * math.expm1(total) for total in accumulate(row.daily.log_returns[:days]))
    return MethodRow(row.label, row.words, cells, row.name.startswith("strategy:"), growth)


def _cell(value: float | None, span: Interval | None = None, *, digits: int = 1, signed: bool = False) -> Cell:
    if value is None:
        return Cell(_NOTHING)
    tone: Tone = "gain" if signed and value > 0 else "loss" if signed and value < 0 else ""
    return Cell(_number(value, digits), value, "" if span is None else _span(span), tone)


def _span(interval: Interval) -> str:
    digits = 1 if max(abs(interval.lower), abs(interval.upper)) < 10 else 0
    return " … ".join(_number(end, digits) for end in (interval.lower, interval.upper))


def _number(value: float, digits: int) -> str:
    text = f"{value:,.{digits}f}"
    return (text.lstrip("-") if not text.strip("-0.,") else text).replace("-", MINUS)

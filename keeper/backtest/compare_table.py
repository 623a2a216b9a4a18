"""A comparison as lines for a terminal, as rows for a spreadsheet, and as a mapping for machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from keeper.backtest.bootstrap import Interval, Intervals
from keeper.backtest.compare import Comparison, Row
from keeper.backtest.compare_words import bootstrap_words, caveats, sentences
from keeper.backtest.metrics import DEFINITIONS, LEAST_DAYS_FOR_RATES

NOTHING = "–"
_LABEL_WIDTH = 16
Cell = Callable[[Row, bool], str]


def table_lines(comparison: Comparison, *, wide: bool) -> list[str]:
    """The table: a hundred columns, each row's interval under it; ``wide`` has more columns."""
    yearly = comparison.days >= LEAST_DAYS_FOR_RATES
    columns = (*_COLUMNS, *_WIDE) if wide else _COLUMNS
    heads = [
        "".join(_head(column.heads[line], yearly).rjust(column.width) for column in columns).rjust(
            _LABEL_WIDTH + sum(column.width for column in columns)
        )
        for line in (0, 1)
    ]
    lines = [*heads, "─" * len(heads[0])]
    for row in comparison.rows:
        cells = "".join(column.value(row, yearly).rjust(column.width) for column in columns)
        lines.append(row.label[: _LABEL_WIDTH - 1].ljust(_LABEL_WIDTH) + cells)
        below = "".join(_span(column.bounds(row)).rjust(column.width) for column in columns)
        lines += [" " * _LABEL_WIDTH + below] if below.strip() else []
    return [line.rstrip() for line in lines]


def _head(text: str, yearly: bool) -> str:
    return text if yearly else text.replace("APR %", "%")


def comparison_mapping(comparison: Comparison) -> dict[str, Any]:
    """Everything, JSON-ready. Amounts are raw quote units as text; rates in per cent a year, null where too short."""
    ground = comparison.ground
    return {
        "tape": {
            "path": ground.tape_path,
            "digest": ground.tape_digest,
            "pool": ground.pool_label,
            "from_timestamp": ground.from_timestamp,
            "to_timestamp": ground.to_timestamp,
            "days": comparison.days,
            "defects": [asdict(defect) for defect in ground.defects],
        },
        "quote": {"symbol": ground.quote.symbol, "decimals": ground.quote.decimals},
        "base": {"symbol": ground.base.symbol, "decimals": ground.base.decimals},
        "value_start_raw": str(ground.value_start),
        "fill": asdict(ground.fill),
        "bootstrap": {**asdict(comparison.scheme), "words": bootstrap_words(comparison)},
        "rows": [_row_mapping(row) for row in comparison.rows],
        "sentences": list(sentences(comparison)),
        "definitions": dict(DEFINITIONS),
        "caveats": list(caveats(comparison)),
    }


def csv_rows(comparison: Comparison) -> list[list[str]]:
    """The header, then a line for each row: every figure, and every interval as two columns."""
    flat = [_flat(_row_mapping(row, daily=False)) for row in comparison.rows]
    header = list(dict.fromkeys(key for each in flat for key in each))
    return [header, *([_text(each.get(key)) for key in header] for each in flat)]


def _row_mapping(row: Row, *, daily: bool = True) -> dict[str, Any]:
    figures = {name: str(value) if name.endswith("_quote") else value for name, value in asdict(row.metrics).items()}
    found = {
        "name": row.name,
        "label": row.label,
        "words": row.words,
        "kind": row.kind,
        "settings_digest": row.settings_digest,
        "idle_reason": row.idle_reason,
        "metrics": figures,
        "intervals": None if row.intervals is None else asdict(row.intervals),
        "against_hodl": None if row.against_hodl is None else asdict(row.against_hodl),
    }
    return {**found, "daily": asdict(row.daily)} if daily else found


def _flat(found: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in found.items():
        name = f"{head}{key}".removeprefix("metrics.")
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _span(interval: Interval | None) -> str:
    if interval is None:
        return ""
    digits = 1 if max(abs(interval.lower), abs(interval.upper)) < 10 else 0
    return "…".join(_number(end, digits) for end in (interval.lower, interval.upper))


def _number(value: float | None, digits: int = 1) -> str:
    if value is None:
        return NOTHING
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


def _rate(apr: str, period: str) -> Cell:
    """The rate per year, or what the period brought where it is too short for years."""

    def cell(row: Row, yearly: bool) -> str:
        value: float | None = getattr(row.metrics, apr if yearly else period)
        return _number(value, 1 if yearly else 2)

    return cell


def _plain(name: str, digits: int = 1) -> Cell:
    def cell(row: Row, _yearly: bool) -> str:
        return _number(getattr(row.metrics, name), digits)

    return cell


def _trading(cell: Cell) -> Cell:
    """Nothing where nothing is provided or traded."""
    return lambda row, yearly: NOTHING if row.kind in ("half", "base") else cell(row, yearly)


def _pick(name: str) -> Callable[[Row], Interval | None]:
    def bounds(row: Row) -> Interval | None:
        trades = row.kind not in ("half", "base") or name != "alpha_apr_pct"
        return getattr(row.intervals, name) if isinstance(row.intervals, Intervals) and trades else None

    return bounds


def _against(name: str) -> Callable[[Row], Interval | None]:
    return lambda row: None if row.against_hodl is None else getattr(row.against_hodl, name)


def _none(_row: Row) -> Interval | None:
    return None


def _empty(_row: Row, _yearly: bool) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class _Column:
    """``bounds``: the interval that stands under the value."""

    heads: tuple[str, str]
    width: int
    value: Cell
    bounds: Callable[[Row], Interval | None] = _none


_COLUMNS: tuple[_Column, ...] = (
    _Column(("Fee", "APR %"), 8, _trading(_rate("fee_apr_pct", "fee_pct"))),
    _Column(("HODL LP", "APR %"), 9, _rate("hodl_lp_apr_pct", "hodl_lp_pct")),
    _Column(("Total", "APR %"), 11, _rate("total_apr_pct", "total_pct"), _pick("total_apr_pct")),
    _Column(("alpha", "APR %"), 10, _trading(_rate("alpha_apr_pct", "alpha_pct")), _pick("alpha_apr_pct")),
    _Column(("LVR", "APR %"), 8, _trading(_rate("lvr_apr_pct", "lvr_pct"))),
    _Column(("rebal.", "a week"), 8, _trading(_plain("rebalances_per_week"))),
    _Column(("STD", "%/year"), 8, _plain("std_annual_pct")),
    _Column(("Sharpe", ""), 9, _plain("sharpe", 2), _pick("sharpe")),
    _Column(("max", "fall %"), 7, _plain("max_drawdown_pct")),
    _Column(("in", "rng %"), 6, _trading(_plain("in_range_pct", 0))),
)
_WIDE: tuple[_Column, ...] = (
    _Column(("costs", "% of W"), 9, _trading(_plain("costs_pct", 3))),
    _Column(("rebal.", "in all"), 8, _trading(_plain("rebalances", 0))),
    _Column(("Total less", "HODL 50/50"), 12, _empty, _against("total_apr_pct")),
    _Column(("alpha less", "HODL 50/50"), 12, _empty, _against("alpha_apr_pct")),
    _Column(("Sharpe less", "HODL 50/50"), 12, _empty, _against("sharpe")),
)

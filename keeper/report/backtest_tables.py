"""A study's tables: methods side by side, the windows of a search. Escaped HTML; columns sort by the page's script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from keeper.report import display
from keeper.report.backtest_charts import Chart, Entry, chart_section
from keeper.report.backtest_words import Cell, MethodRow, Methods, Searched, SearchWindow
from keeper.report.charts import DAY_SECONDS, bar

AXIS = "methods"
DISTINCT = 8  # colours of the page's style; further methods take them again, dashed
_NOTHING = Cell("–")


def methods_section(found: Methods) -> str:
    heads = "".join(_head(index, name) for index, name in enumerate(("Method", *found.heads)))
    rows = "".join(_method_row(row) for row in found.rows)
    return (
        f'<section class="panel" aria-labelledby="methods"><h2 id="methods">Methods side by side</h2>'
        f'<p class="note">{escape(found.note)} Click a head to sort.</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Methods side by side">'
        f'<table class="figures methods" data-sortable>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def growth_section(found: Methods) -> str:
    """Worth of every method day by day; nothing where there are too few days."""
    if not has_growth(found):
        return ""
    entries = tuple(
        Entry(_curve(index, row), row.label, f"{display.signed_percent(row.growth_pct[-1] / 100, 1)}", True)
        for index, row in enumerate(found.rows)
    )
    values = growth_axis(found)
    note = "After all costs, at the end of each whole day. Where lines move together, that is the price, not a method."
    chart = Chart("growth", AXIS, "Worth by method, % above the start", entries, note)
    return chart_section(chart, values[0], values[1])


def growth_axis(found: Methods) -> tuple[list[int], dict[str, list[float]]]:
    days = len(found.rows[0].growth_pct)
    times = [found.first_timestamp + day * DAY_SECONDS for day in range(days + 1)]
    values = {_curve(index, row): [0.0, *row.growth_pct[:days]] for index, row in enumerate(found.rows)}
    return times, values


def has_growth(found: Methods) -> bool:
    lengths = {len(row.growth_pct) for row in found.rows}
    return len(lengths) == 1 and lengths.pop() >= 2


def searched_section(found: Searched) -> str:
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in found.sentences)
    latest = "".join(f"<li><code>{escape(line)}</code></li>" for line in found.latest)
    largest = max((abs(value) for window in found.windows for value in _scores(window)), default=0.0) or 1.0
    rows = "".join(_window_row(window, largest) for window in found.windows)
    heads = "".join(
        f'<th scope="col">{escape(name)}</th>' for name in ("Judged on", "In sample", "Out of sample", "As written")
    )
    failed = f", {found.failures:,} of them without a result" if found.failures else ""
    return (
        f'<section class="panel" aria-labelledby="search"><h2 id="search">In sample and out of sample</h2>'
        f'<p class="note">Objective: {escape(found.objective)}. {found.trials:,} trials{failed}, every one logged. '
        f"In sample is the best of its window's trials; out of sample is the same values on days that no choice had "
        f"seen, beside the strategy as it was written on the same days.</p>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Windows"><table class="figures windows"><thead>'
        f"<tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{said}"
        f'<p class="note">The newest window chose:</p><ul class="latest">{latest}</ul></section>'
    )


def _window_row(window: SearchWindow, largest: float) -> str:
    span = f"{display.day(window.test_from)} – {display.day(window.test_to)}"
    trained = f"learnt {display.day(window.train_from)} – {display.day(window.train_to)}"
    bars = "".join(
        f'<td class="{_tone(value)}">{_number(value)}{_bar(value, largest)}</td>'
        for value in (window.trained, window.tested, window.written_tested)
    )
    words = f"{trained}: {window.chosen}. {window.skill}"
    return (
        f'<tr><th scope="row">{escape(span)}</th>{bars}</tr>'
        f'<tr class="beneath"><td colspan="4">{escape(words)}</td></tr>'
    )


def _bar(value: float | None, largest: float) -> str:
    return "" if value is None else bar(value / largest, "gain" if value >= 0 else "loss")


def _tone(value: float | None) -> str:
    return "" if value is None or value == 0 else "gain" if value > 0 else "loss"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:+,.2f}".replace("-", display.MINUS)


def _scores(window: SearchWindow) -> list[float]:
    scores = (window.trained, window.tested, window.written_tested)
    return [score for score in scores if score is not None and math.isfinite(score)]


def _head(index: int, name: str) -> str:
    return f'<th scope="col" aria-sort="none"><button type="button" data-column="{index}">{escape(name)}</button></th>'


def _method_row(row: MethodRow) -> str:
    kind = ' class="own"' if row.is_own else ""
    first = f'<th scope="row" data-value="{escape(row.label)}">{escape(row.label)}</th>'
    return f"<tr{kind}>{first}{_cells(row.cells)}</tr>"


def _cells(cells: Sequence[Cell]) -> str:
    return "".join(
        f'<td class="{cell.tone}"{_value(cell)}>{escape(cell.text)}'
        f"{f'<small>{escape(cell.below)}</small>' if cell.below else ''}</td>"
        for cell in cells
    )


def _value(cell: Cell) -> str:
    return "" if cell.value is None or not math.isfinite(cell.value) else f' data-value="{cell.value!r}"'


def _curve(index: int, row: MethodRow) -> str:
    """Its name: one class for the colour, so it must be unique and be known to the style."""
    return f"m{index}" if not row.is_own else f"own{index}"

"""The map of half-width against trigger: hedged alpha by colour, every figure readable without it. Escaped HTML.

Blue for what paid, orange for what did not, light in the middle: a pair that people who confuse red and green tell
apart. It is a table, so that a screen reader, a keyboard and a printer have it too.
"""

from __future__ import annotations

import math
from html import escape

from keeper.report import display
from keeper.report.backtest_words import HeatMap

SHADES = 5  # on either side of nothing
_LEGEND = "hedged alpha, % a year"


def heat_section(found: HeatMap) -> str:
    """The table with its legend, its best pair in words, and what it leaves out."""
    bound = bound_of(found)
    heads = "".join(f'<th scope="col">{trigger:g}</th>' for trigger in found.triggers)
    mark = place(found)
    rows = "".join(
        f'<tr><th scope="row">{width:g} %</th>{_row(found, row, bound, mark)}</tr>'
        for row, width in enumerate(found.half_widths_pct)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in (*found.notes, *_place_words(found)))
    return (
        f'<section class="panel" aria-labelledby="heat-title"><h2 id="heat-title">Width against trigger: {_LEGEND}</h2>'
        f'<p class="note">Down: half-width, % of the price either side. Across: the trigger, in half-widths (1 is the '
        f"range's edge). {found.days:.1f} days, by the fast engine: where to search, not what to expect.</p>"
        f'<div class="scroll"><table class="heat" data-heat><caption class="hidden">{_LEGEND}, by width and trigger'
        f"</caption><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p class="readout" aria-live="polite" data-heat-words>{escape(best_words(found))}</p>{_scale(bound)}'
        f'<ul class="note">{notes}</ul></section>'
    )


def bound_of(found: HeatMap) -> float:
    """What the darkest shade stands for: the largest figure there is, but of those that paid and those that did not the
    lesser is not drowned: at most four times the median of the absolute figures."""
    sizes = sorted(abs(value) for row in found.alpha_apr_pct for value in row if math.isfinite(value))
    if not sizes or sizes[-1] == 0:
        return 1.0
    median = sizes[len(sizes) // 2]
    return min(sizes[-1], 4 * median) if median > 0 else sizes[-1]


def shade(value: float, bound: float) -> str:
    """``up1`` … ``up5`` for what paid, ``down1`` … ``down5`` for what did not, ``flat``, ``none`` for no figure."""
    if not math.isfinite(value):
        return "none"
    step = min(SHADES, math.ceil(abs(value) / bound * SHADES))
    return "flat" if step == 0 else f"{'up' if value > 0 else 'down'}{step}"


def place(found: HeatMap) -> tuple[int, int] | None:
    """Row and column nearest to the strategy as written, by ratio; None where it has no place."""
    if found.written is None:
        return None
    width, trigger = found.written
    row = min(range(len(found.half_widths_pct)), key=lambda at: abs(math.log(found.half_widths_pct[at] / width)))
    column = min(range(len(found.triggers)), key=lambda at: abs(math.log(found.triggers[at] / trigger)))
    return row, column


def best_words(found: HeatMap) -> str:
    pairs = [
        (value, row, column)
        for row, values in enumerate(found.alpha_apr_pct)
        for column, value in enumerate(values)
        if math.isfinite(value)
    ]
    if not pairs:
        return "No pair gave a figure."
    _, row, column = max(pairs)
    paid = sum(value > 0 for value, _, _ in pairs)
    head = "No pair paid; the least bad" if paid == 0 else f"{paid} of {len(pairs)} pairs paid; the best"
    return f"{head}: {_words(found, row, column)}"


def _words(found: HeatMap, row: int, column: int) -> str:
    alpha, fees = found.alpha_apr_pct[row][column], found.fees_apr_pct[row][column]
    return (
        f"±{found.half_widths_pct[row]:g} %, trigger {found.triggers[column]:g}: hedged alpha {_signed(alpha)} % a year"
        f", fees {fees:,.1f} % less LVR and costs {fees - alpha:,.1f} %; "
        f"{found.resets_per_week[row][column]:.1f} resets a week."
    )


def _row(found: HeatMap, row: int, bound: float, mark: tuple[int, int] | None) -> str:
    cells = []
    for column, value in enumerate(found.alpha_apr_pct[row]):
        written = " written" if mark == (row, column) else ""
        words = _words(found, row, column) + (" The strategy as written is nearest to this." if written else "")
        tab = 0 if row == column == 0 else -1
        cells.append(
            f'<td class="{shade(value, bound)}{written}" tabindex="{tab}" data-words="{escape(words)}" '
            f'title="{escape(words)}">{_short(value)}</td>'
        )
    return "".join(cells)


def _scale(bound: float) -> str:
    steps = [*range(-SHADES, 0), *range(1, SHADES + 1)]
    boxes = "".join(f'<td class="{shade(step * bound / SHADES, bound)}"></td>' for step in steps)
    return (
        f'<div class="scale"><span>{_signed(-bound)} or less</span><table aria-hidden="true"><tr>{boxes}</tr></table>'
        f"<span>{_signed(bound)} or more</span></div>"
    )


def _place_words(found: HeatMap) -> tuple[str, ...]:
    if found.place_words:
        return (found.place_words,)
    return ("Framed: the pair nearest to the strategy as written.",) if found.written is not None else ()


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:+.{0 if abs(value) >= 10 else 1}f}".replace("-", display.MINUS)


def _signed(value: float) -> str:
    return f"{value:+,.1f}".replace("-", display.MINUS)

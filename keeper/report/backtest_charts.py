"""A study's charts: each with its legend, which reads out the cursor and switches curves, and buttons. Escaped HTML.

What is drawn here is what prints and what shows without a script; the script moves the window of time over it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from keeper.report import display
from keeper.report.charts import UNITS, Band, Curve, Frame, plot, time_axis
from keeper.report.timeline import STATE_WORDS

BUTTONS = (("in", "+", "Zoom in"), ("out", "−", "Zoom out"), ("whole", "⟲", "Show the whole time"))


@dataclass(frozen=True, slots=True)
class Entry:
    """A curve in a legend. ``name`` is its CSS class and the key of its values, ``text`` the last of them."""

    name: str
    label: str
    text: str
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. ``axis`` names the times that it shares with others; ``more`` are legend items as HTML."""

    name: str
    axis: str
    heading: str
    entries: tuple[Entry, ...]
    note: str = ""
    more: str = ""
    bands: tuple[Band, ...] = ()
    marks: tuple[tuple[int, float], ...] = ()
    near: tuple[float, ...] = ()
    below: str = ""
    is_small: bool = False


def chart_section(chart: Chart, times: Sequence[int], values: Mapping[str, Sequence[float]]) -> str:
    """The chart's panel. The curve named first comes first in the legend and is drawn last, on top."""
    shown = [value for entry in chart.entries for value in values[entry.name]]
    frame = Frame.around(times[0], times[-1], [*shown, *chart.near])
    curves = [Curve(entry.name, values[entry.name]) for entry in reversed(chart.entries)]
    title = f"{chart.heading}: " + ", ".join(f"{entry.label} {entry.text}" for entry in chart.entries)
    drawing = plot(frame, times, curves, chart.bands, title, marks=chart.marks, zoomable=True)
    note = f'<p class="note">{escape(chart.note)}</p>' if chart.note else ""
    buttons = "".join(
        f'<button type="button" data-zoom="{kind}" aria-label="{words}" title="{words}">{sign}</button>'
        for kind, sign, words in BUTTONS
    )
    return (
        f'<section class="panel{" chart-small" if chart.is_small else ""}" aria-labelledby="{chart.name}-title">'
        f'<h2 id="{chart.name}-title">{escape(chart.heading)}</h2>'
        f'<figure data-chart="{chart.name}" data-axis="{chart.axis}" tabindex="0" '
        f'aria-label="{escape(chart.heading)}: arrow keys read values, plus and minus zoom, 0 shows the whole">'
        f'<div class="head">{_legend(chart, times[-1])}<div class="zoom">{buttons}</div></div>'
        f'<div class="stage">{drawing}<div class="tip" hidden></div></div>{chart.below}{time_axis(frame)}'
        f"</figure>{note}"
        "</section>"
    )


def state_strip(times: Sequence[int], states: Sequence[str], title: str) -> str:
    """One bar of coloured stretches: ``states[i]`` lasts from ``times[i]`` to the next."""
    span = max(times[-1] - times[0], 1)
    parts: list[str] = []
    begin = 0
    for index in range(1, len(times)):
        if index == len(times) - 1 or states[index] != states[begin]:
            left, right = (UNITS * (times[at] - times[0]) / span for at in (begin, index))
            parts.append(f'<rect class="{states[begin]}" x="{left:.2f}" width="{right - left:.2f}" height="10"/>')
            begin = index
    return (
        f'<svg class="strip" role="img" aria-label="{escape(title)}" viewBox="0 0 {UNITS} 10" '
        f'preserveAspectRatio="none">{"".join(parts)}</svg>'
    )


def box_key(name: str, words: str, *classes: str) -> str:
    """A legend item for what is no curve; with ``classes`` it switches them."""
    box = f'<svg class="key" aria-hidden="true"><rect class="{name}" width="16" height="10" rx="2"/></svg>'
    return f"<li>{_toggle(' '.join(classes), box + escape(words)) if classes else box + escape(words)}</li>"


def line_key(name: str, words: str) -> str:
    drawing = f'<svg class="key" aria-hidden="true"><line class="{name}" x1="0" x2="16" y1="5" y2="5"/></svg>'
    return f"<li>{_toggle(name, drawing + escape(words))}</li>"


def dot_key(words: str) -> str:
    drawing = '<svg class="key" aria-hidden="true"><path class="mark" d="M8 5h0"/></svg>'
    return f"<li>{_toggle('mark', drawing + escape(words))}</li>"


def state_keys() -> str:
    boxes = "".join(
        f'<svg class="key" aria-hidden="true"><rect class="{state}" width="16" height="10" rx="2"/></svg>{words}'
        for state, words in STATE_WORDS.items()
    )
    return f'<li class="strips">{boxes}</li>'


def waterfall_bar(begin: float, end: float, low: float, high: float, kind: str) -> str:
    """A bar from one running total to the next, in the bounds of all; zero is marked."""
    span = (high - low) or 1.0
    left, right = (100 * (min(max(at, low), high) - low) / span for at in sorted((begin, end)))
    width = max(right - left, 0.4)  # else nothing would be seen of the least
    zero = 100 * (0 - low) / span
    return (
        f'<svg class="bar" aria-hidden="true"><line class="zero" x1="{zero:.2f}%" x2="{zero:.2f}%" y1="0" y2="100%"/>'
        f'<rect class="{kind}" x="{left:.2f}%" width="{width:.2f}%" y="10%" height="80%" rx="2"/></svg>'
    )


def _legend(chart: Chart, end: int) -> str:
    items = "".join(_item(entry) for entry in chart.entries)
    return f'<ul class="legend"><li class="when" data-when>{display.utc(end)}</li>{items}{chart.more}</ul>'


def _item(entry: Entry) -> str:
    signed = " data-signed" if entry.signed else ""
    line = f'<svg class="key" aria-hidden="true"><line class="curve {entry.name}" x1="0" x2="16" y1="5" y2="5"/></svg>'
    value = f'<b data-series="{entry.name}"{signed}>{escape(entry.text)}</b>'
    return f"<li>{_toggle(entry.name, line + escape(entry.label))} {value}</li>"


def _toggle(names: str, inner: str) -> str:
    return f'<button type="button" class="toggle" aria-pressed="true" data-toggle="{names}">{inner}</button>'

"""Charts as inline SVG without any library.

Nothing is scaled but the curves: places are percentages of whatever width the page has, so text and strokes keep
their size on a phone. No style attribute is used, so that the page's security policy can forbid them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from keeper.report import display

UNITS = 1_000  # of the inner coordinate system, either way
DAY_SECONDS = 86_400
DAY_STEPS = (1, 2, 5, 7, 10, 14, 30, 60, 90, 180, 365)
HOUR_STEPS = (1, 2, 3, 6, 12)
MOST_DAYS_LABELLED = 7
MOST_DAYS_WITHOUT_YEAR = 300
HEADROOM = 0.06


@dataclass(frozen=True, slots=True)
class Frame:
    """Time and value bounds of a plot."""

    start: int
    end: int
    low: float
    high: float

    @classmethod
    def around(cls, start: int, end: int, values: Sequence[float]) -> Frame:
        low, high = min(values), max(values)
        room = (high - low) * HEADROOM or abs(high) * HEADROOM or 1.0
        return cls(start, max(end, start + 1), low - room, high + room)

    def x(self, timestamp: float) -> float:
        return UNITS * (timestamp - self.start) / (self.end - self.start)

    def y(self, value: float) -> float:
        return UNITS * (self.high - value) / (self.high - self.low)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values inside the bounds, about as many as wanted."""
        rough = (self.high - self.low) / wanted
        scale = 10.0 ** math.floor(math.log10(rough))
        step = scale * next(m for m in (1, 2, 2.5, 5, 10) if m * scale >= rough)
        first = math.ceil(self.low / step)
        return [index * step for index in range(first, math.floor(self.high / step) + 1)]


@dataclass(frozen=True, slots=True)
class Curve:
    """A line over time; ``name`` is its CSS class and the key of its values for the pointer."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Band:
    """A rectangle: a range that was held from one time to another, with its trigger bounds."""

    start: int
    end: int
    lower: float
    upper: float
    trigger_lower: float | None
    trigger_upper: float | None


def plot(
    frame: Frame,
    times: Sequence[int],
    curves: Sequence[Curve],
    bands: Sequence[Band],
    title: str,
    *,
    marks: Sequence[tuple[int, float]] = (),
    zoomable: bool = False,
) -> str:
    """Grid, bands, curves, dots at ``marks`` (moment, value), value labels and a cursor that the page's script moves.
    ``zoomable``: the plot tells the script its bounds."""
    inner = [_band(frame, band) for band in bands]
    inner += [path(frame, times, curve) for curve in curves]
    inner += [_mark(frame, *mark) for mark in marks]
    bounds = f' data-frame="{frame.start} {frame.end} {frame.low!r} {frame.high!r}"' if zoomable else ""
    ticks = frame.ticks()
    grid = "".join(_grid_line(frame, tick, bool(curves) and tick == 0 and frame.low < 0) for tick in ticks)
    labels = "".join(_value_label(frame, tick, ticks) for tick in ticks)
    return (
        f'<svg class="plot" role="img" aria-label="{escape(title)}"{bounds}>{grid}'
        f'<svg class="curves" width="100%" height="100%" viewBox="0 0 {UNITS} {UNITS}" preserveAspectRatio="none">'
        f'{"".join(inner)}</svg>{labels}<line class="cursor" x1="0" x2="0" y1="0" y2="100%"/></svg>'
    )


def path(frame: Frame, times: Sequence[int], curve: Curve) -> str:
    points = " ".join(
        f"{frame.x(time):.2f},{frame.y(value):.2f}" for time, value in zip(times, curve.values, strict=True)
    )
    return f'<polyline class="curve {curve.name}" points="{points}"/>'


def _mark(frame: Frame, moment: int, value: float) -> str:
    """A line of no length with round ends: a dot that stays round however the curves are stretched."""
    return f'<path class="mark" d="M{frame.x(moment):.2f} {frame.y(value):.2f}h0"/>'


def strip(frame: Frame, times: Sequence[int], states: Sequence[str], title: str) -> str:
    """One bar of coloured stretches: ``states[i]`` lasts from ``times[i]`` to the next."""
    parts: list[str] = []
    begin = 0
    for index in range(1, len(times)):
        if index == len(times) - 1 or states[index] != states[begin]:
            left, right = frame.x(times[begin]), frame.x(times[index])
            parts.append(
                f'<rect class="{states[begin]}" x="{left / 10:.2f}%" width="{(right - left) / 10:.2f}%" height="100%"/>'
            )
            begin = index
    return f'<svg class="strip" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def time_axis(frame: Frame) -> str:
    labels = []
    marks = time_marks(frame.start, frame.end)
    for number, (timestamp, text) in enumerate(marks):
        left = frame.x(timestamp) / 10
        anchor = "start" if left < 4 else "end" if left > 96 else "middle"
        thin = " thin" if number % 2 else ""
        labels.append(f'<text class="tick{thin}" x="{left:.2f}%" y="14" text-anchor="{anchor}">{text}</text>')
    return f'<svg class="axis" aria-hidden="true">{"".join(labels)}</svg>'


def time_marks(start: int, end: int) -> list[tuple[int, str]]:
    """Midnights (UTC) at a round distance; hours where the whole is shorter than two days."""
    days = (end - start) / DAY_SECONDS
    if days < 2:
        step = 3_600 * next((hours for hours in HOUR_STEPS if days * 24 / hours <= MOST_DAYS_LABELLED), 12)
        return [(mark, display.utc(mark)[11:16]) for mark in range(-(-start // step) * step, end + 1, step)]
    step = DAY_SECONDS * next((n for n in DAY_STEPS if days / n <= MOST_DAYS_LABELLED), math.ceil(days / 7))
    first = -(-start // DAY_SECONDS) * DAY_SECONDS
    name = display.day if days < MOST_DAYS_WITHOUT_YEAR else display.month_and_year
    return [(mark, name(mark)) for mark in range(first, end + 1, step)]


def bar(share: float, kind: str) -> str:
    """A horizontal bar from the middle: to the right for a gain, to the left for a loss; ``share`` in −1 … 1."""
    width = min(abs(share), 1.0) * 50
    left = 50.0 if share >= 0 else 50.0 - width
    return (
        f'<svg class="bar" aria-hidden="true"><line class="zero" x1="50%" x2="50%" y1="0" y2="100%"/>'
        f'<rect class="{kind}" x="{left:.2f}%" width="{width:.2f}%" y="15%" height="70%" rx="2"/></svg>'
    )


def _grid_line(frame: Frame, tick: float, is_zero: bool) -> str:
    height = frame.y(tick) / 10
    kind = "grid zero" if is_zero else "grid"
    return f'<line class="{kind}" x1="0" x2="100%" y1="{height:.2f}%" y2="{height:.2f}%"/>'


def _value_label(frame: Frame, tick: float, ticks: Sequence[float]) -> str:
    step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(tick) or 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    decimals += round(step * 10**decimals, 9) % 1 != 0
    text = f"{tick:,.{decimals}f}".replace("-", display.MINUS)
    return f'<text class="tick value" x="2" y="{frame.y(tick) / 10:.2f}%" dy="-4">{text}</text>'


def _band(frame: Frame, band: Band) -> str:
    left, right = frame.x(max(band.start, frame.start)), frame.x(min(band.end, frame.end))
    if right <= left:
        return ""
    top, bottom = frame.y(min(band.upper, frame.high)), frame.y(max(band.lower, frame.low))
    parts = [
        f'<rect class="band" x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}"/>'
    ]
    for edge in (band.lower, band.upper):
        parts.append(_level(frame, left, right, edge, "edge"))
    for trigger in (band.trigger_lower, band.trigger_upper):
        if trigger is not None and trigger not in (band.lower, band.upper):
            parts.append(_level(frame, left, right, trigger, "trigger"))
    return "".join(parts)


def _level(frame: Frame, left: float, right: float, value: float, kind: str) -> str:
    if not frame.low <= value <= frame.high:
        return ""
    height = frame.y(value)
    return f'<line class="{kind}" x1="{left:.2f}" x2="{right:.2f}" y1="{height:.2f}" y2="{height:.2f}"/>'

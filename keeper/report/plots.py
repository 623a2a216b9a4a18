"""The page's three charts with their legends, which double as the read-out of the pointer. Escaped HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from keeper.report import display
from keeper.report.charts import Curve, Frame, plot, strip, time_axis
from keeper.report.display import Money
from keeper.report.timeline import STATE_WORDS, Timeline

Values = Sequence[float]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a legend. ``name`` is its curve's CSS class and the key of its values, ``text`` the last of them."""

    name: str
    label: str
    text: str
    signed: bool = False


def chart_sections(line: Timeline, money: Money, base_symbol: str) -> str:
    """Price with ranges, profit and loss by cause, worth beside holding."""
    return _price_section(line, money, base_symbol) + _split_section(line, money) + _worth_section(line, money)


def chart_series(line: Timeline, money: Money) -> dict[str, Sequence[object] | dict[str, object]]:
    """What the page's script reads: times, and the values of every curve by name."""
    curves = {**_split_values(line, money), **_worth_values(line, money)}
    price_decimals = len(display.price_text(line.prices[-1]).partition(".")[2])
    values: dict[str, object] = {name: [round(v, money.decimals) for v in points] for name, points in curves.items()}
    values["price"] = [round(price, price_decimals + 1) for price in line.prices]
    values["state"] = [STATE_WORDS[state] for state in line.states]
    decimals: dict[str, object] = {**dict.fromkeys(curves, money.decimals), "price": price_decimals}
    return {"times": line.times, "values": values, "decimals": decimals}


def _price_section(line: Timeline, money: Money, base_symbol: str) -> str:
    low, high = min(line.prices), max(line.prices)
    # A very wide range would flatten the price to a line: it may take as much room again on either side, no more.
    room = (high - low) or high * 0.05
    edges = [
        edge for band in line.bands for edge in _edges(band.lower, band.upper, band.trigger_lower, band.trigger_upper)
    ]
    near = [min(max(edge, low - room), high + room) for edge in edges]
    frame = Frame.around(line.times[0], line.times[-1], [*line.prices, *near])
    unit = f"{money.symbol} per {base_symbol}"
    title = f"Price in {unit} over time, with the ranges that were held shaded"
    drawing = plot(frame, line.times, [Curve("price", line.prices)], line.bands, title)
    inside = sum(state == "inside" for state in line.states)
    share = display.percent(inside / len(line.states), 0)
    drawing += strip(frame, line.times, line.states, f"In range at {share} of the observations")
    legend = _legend(
        [Entry("price", f"Price, {unit}", display.price_text(line.prices[-1])), Entry("state", "", _state(line))],
        line.times[-1],
        f"<li>{_box('band')}range held</li>"
        '<li><svg class="key" aria-hidden="true"><line class="trigger" x1="0" x2="16" y1="5" y2="5"/></svg>trigger</li>'
        f'<li class="strips">{_strip_keys()}</li>',
    )
    return _section("price", "Price and ranges", legend, drawing + time_axis(frame), "")


def _split_section(line: Timeline, money: Money) -> str:
    values = _split_values(line, money)
    last = line.accounts[-1]
    entries = [
        Entry("net", "Against holding", money.signed(last.against_hodl), True),
        Entry("fees", "Fees", money.signed(last.fees), True),
        Entry("divergence", "Divergence", money.signed(-last.divergence), True),
        Entry("swap", "Own swaps", money.signed(-last.swap_cost), True),
        Entry("gas", "Gas", money.signed(-last.gas), True),
        Entry("lvr", "LVR (beside)", money.signed(-last.lvr), True),
    ]
    note = (
        "Fees + divergence + swaps + gas = against holding. LVR is another measure of the loss, not a part of the sum."
    )
    return _curves_section("split", "Profit and loss by cause", line, money, values, entries, note)


def _worth_section(line: Timeline, money: Money) -> str:
    values = _worth_values(line, money)
    last = line.accounts[-1]
    basis = last.value_start + last.net_deposits
    entries = [
        Entry("worth", "Strategy, after gas", money.plain(basis + last.total)),
        Entry("hodl", "Holding the start", money.plain(basis + last.hodl_change)),
        Entry("half", "Holding half and half", money.plain(basis + last.hodl_half_change)),
    ]
    return _curves_section("worth", "Worth, beside holding", line, money, values, entries, "")


def _curves_section(
    name: str, heading: str, line: Timeline, money: Money, values: dict[str, Values], entries: list[Entry], note: str
) -> str:
    frame = Frame.around(line.times[0], line.times[-1], [value for points in values.values() for value in points])
    # The curve that matters most comes first in the legend and is drawn last, on top.
    curves = [Curve(entry.name, values[entry.name]) for entry in reversed(entries)]
    title = f"{heading} in {money.symbol} over time: " + ", ".join(f"{e.label} {e.text}" for e in entries)
    drawing = plot(frame, line.times, curves, (), title) + time_axis(frame)
    heading = f"{heading}, {money.symbol}"
    return _section(name, heading, _legend(entries, line.times[-1], ""), drawing, note, "chart-small")


def _split_values(line: Timeline, money: Money) -> dict[str, Values]:
    number, accounts = money.number, line.accounts
    return {
        "net": [number(each.against_hodl) for each in accounts],
        "fees": [number(each.fees) for each in accounts],
        "divergence": [number(-each.divergence) for each in accounts],
        "swap": [number(-each.swap_cost) for each in accounts],
        "gas": [number(-each.gas) for each in accounts],
        "lvr": [number(-each.lvr) for each in accounts],
    }


def _worth_values(line: Timeline, money: Money) -> dict[str, Values]:
    number = money.number
    basis = [each.value_start + each.net_deposits for each in line.accounts]
    pairs = list(zip(basis, line.accounts, strict=True))
    return {
        "worth": [number(start + each.total) for start, each in pairs],
        "hodl": [number(start + each.hodl_change) for start, each in pairs],
        "half": [number(start + each.hodl_half_change) for start, each in pairs],
    }


def _section(name: str, heading: str, legend: str, drawing: str, note: str, kind: str = "") -> str:
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        f'<section class="panel {kind}" aria-labelledby="{name}-title"><h2 id="{name}-title">{escape(heading)}</h2>'
        f'<figure data-chart="{name}" tabindex="0" aria-label="{escape(heading)}: arrow keys read values">'
        f"{legend}{drawing}</figure>{below}</section>"
    )


def _legend(entries: list[Entry], end: int, more: str) -> str:
    items = "".join(_legend_item(entry) for entry in entries)
    return f'<ul class="legend"><li class="when" data-when>{display.utc(end)}</li>{items}{more}</ul>'


def _legend_item(entry: Entry) -> str:
    signed = " data-signed" if entry.signed else ""
    value = f'<b data-series="{entry.name}"{signed}>{escape(entry.text)}</b>'
    if not entry.label:
        return f"<li>{value}</li>"
    key = f'<svg class="key" aria-hidden="true"><line class="curve {entry.name}" x1="0" x2="16" y1="5" y2="5"/></svg>'
    return f"<li>{key}{escape(entry.label)} {value}</li>"


def _strip_keys() -> str:
    return "".join(_box(state) + words for state, words in STATE_WORDS.items())


def _box(kind: str) -> str:
    return f'<svg class="key" aria-hidden="true"><rect class="{kind}" width="16" height="10" rx="2"/></svg>'


def _state(line: Timeline) -> str:
    return STATE_WORDS[line.states[-1]]


def _edges(*prices: float | None) -> list[float]:
    return [price for price in prices if price is not None]

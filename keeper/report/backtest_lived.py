"""The part of a study's page that is one strategy's life: its charts, and where the result came from. Escaped HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from keeper.report import display, sections
from keeper.report.accounts import ProfitAndLoss
from keeper.report.backtest_charts import (
    Chart,
    Entry,
    box_key,
    chart_section,
    dot_key,
    line_key,
    state_keys,
    state_strip,
    waterfall_bar,
)
from keeper.report.backtest_moves import moves
from keeper.report.backtest_series import Drawn, drawn, full_range_worths
from keeper.report.backtest_words import Lived
from keeper.report.charts import Band
from keeper.report.display import Money
from keeper.report.figures import base_token, quote_token
from keeper.report.timeline import bands
from keeper.report.verdict import comparisons, gain_word

AXIS = "run"


@dataclass(frozen=True, slots=True)
class Shown:
    """A life with what is drawn of it. ``full_range`` is the change of a v2 full range, raw quote units."""

    lived: Lived
    drawn: Drawn
    money: Money
    base_symbol: str
    full_range: int

    @property
    def outcome(self) -> ProfitAndLoss:
        return self.lived.series[-1]


def shown(lived: Lived) -> Shown:
    end, outcome = lived.run.observations[-1], lived.series[-1]
    money = Money.scaled(quote_token(end), max(outcome.value_start, outcome.value))
    full = full_range_worths(lived.run.observations)[-1] - outcome.value_start
    return Shown(lived, drawn(lived, money), money, display.symbol(base_token(end)), full)


def charts(life: Shown) -> str:
    line = life.drawn
    return "".join(chart_section(chart, line.times, line.values) for chart in (_worth(life), _price(life), _sums(life)))


def axis(life: Shown) -> dict[str, object]:
    """What the page's script reads of it."""
    decimals = dict.fromkeys(life.drawn.values, life.money.decimals)
    decimals["price"] = len(display.price_text(life.drawn.values["price"][-1]).partition(".")[2])
    values = {name: [round(value, decimals[name]) for value in points] for name, points in life.drawn.values.items()}
    return {"times": life.drawn.times, "values": values, "decimals": decimals}


def waterfall(life: Shown) -> str:
    """From nothing to the result, cause by cause: every bar begins where the one before it ended, to the raw unit."""
    pnl, money = life.outcome, life.money
    rows = (
        ("Holding what it started with", pnl.hodl_change, "the price's doing, not the strategy's", "hodl"),
        ("Fees earned", pnl.fees, "", "fees"),
        ("Divergence against holding", -pnl.divergence, "what the changing mix lost", "divergence"),
        ("Own swaps", -pnl.swap_cost, f"pool fee {money.plain(pnl.swap_fee)}, the rest impact", "swap"),
        ("Gas", -pnl.gas, "", "gas"),
    )
    return _falls("Where the result came from", rows, ("Profit and loss", pnl.total), money)


def hedged(life: Shown) -> str:
    pnl, money = life.outcome, life.money
    rows = (
        ("Fees earned", pnl.fees, "", "fees"),
        ("Lost to arbitrage (LVR)", -pnl.lvr, "from observation to observation", "lvr"),
        ("Own swaps and gas", -pnl.costs, "", "swap"),
    )
    return _falls("With the price risk hedged away", rows, ("Hedged alpha", pnl.hedged_alpha), money)


def beside(life: Shown) -> str:
    """The result beside other ways to hold the same worth."""
    pnl, money = life.outcome, life.money
    ways = list(comparisons(pnl, life.base_symbol, money.symbol))
    ways.insert(-2, ("v2 full range, fees kept", life.full_range))
    rows = []
    for name, amount in ways:
        share = display.signed_percent(amount / pnl.value_start) if pnl.value_start else "n/a"
        ahead = "" if name == ways[0][0] else money.signed(pnl.total - amount)
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th><td class="{gain_word(amount)}">{money.signed(amount)}</td>'
            f'<td>{share}</td><td class="{gain_word(pnl.total - amount)}">{ahead}</td></tr>'
        )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Other ways to hold"><table class="figures">'
        f'<caption>Beside other ways to hold</caption><thead><tr><th scope="col">Way</th>'
        f'<th scope="col">{escape(money.symbol)}</th><th scope="col">Of the start</th>'
        f'<th scope="col">Strategy less this</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def tiles(life: Shown) -> str:
    return sections.tiles(life.outcome, life.money)


def _falls(caption: str, rows: tuple[tuple[str, int, str, str], ...], total: tuple[str, int], money: Money) -> str:
    ends = [0]
    for _, amount, _, _ in rows:
        ends.append(ends[-1] + amount)
    if ends[-1] != total[1]:
        raise ValueError(f"{caption}: the causes sum to {ends[-1]}, the result is {total[1]}")
    low, high = min(*ends, total[1]), max(*ends, total[1])
    body = "".join(
        f'<tr><th scope="row">{escape(name)}{f"<small>{escape(note)}</small>" if note else ""}</th>'
        f'<td class="bars">{waterfall_bar(ends[index], ends[index + 1], low, high, kind)}</td>'
        f'<td><data value="{amount}">{money.signed(amount)}</data></td></tr>'
        for index, (name, amount, note, kind) in enumerate(rows)
    )
    kind = gain_word(total[1])
    return (
        f'<table class="figures split waterfall"><caption>{caption}, {escape(money.symbol)}</caption><tbody>{body}'
        f'<tr class="sum"><th scope="row">{total[0]}</th><td class="bars">'
        f'{waterfall_bar(0, total[1], low, high, kind or "gain")}</td><td class="{kind}">'
        f'<data value="{total[1]}">{money.signed(total[1])}</data></td></tr></tbody></table>'
    )


def _worth(life: Shown) -> Chart:
    last = {name: points[-1] for name, points in life.drawn.values.items()}
    names = (
        ("worth", "Strategy, after all costs"),
        ("hodl", "Holding the start (HODL)"),
        ("half", "HODL 50/50"),
        ("base", f"HODL 100 % {life.base_symbol}"),
        ("full", "v2 full range"),
    )
    entries = tuple(Entry(name, label, f"{last[name]:,.{life.money.decimals}f}") for name, label in names)
    note = (
        "HODL keeps the very tokens of the start. The full range is a v2 position at this pool's fee, its fees kept as "
        "they came: no gas, and nobody's fees diluted."
    )
    return Chart("worth", AXIS, f"Worth beside holding, {life.money.symbol}", entries, note)


def _price(life: Shown) -> Chart:
    line, run = life.drawn, life.lived.run
    prices = line.values["price"]
    low, high = min(prices), max(prices)
    room = (high - low) * 0.5 or high * 0.05
    held = bands(run)
    # A very wide range would flatten the price to a line: it may take half as much room again on either side, no more.
    near = [min(max(edge, low - room), high + room) for band in held for edge in _edges(band)]
    unit = f"{life.money.symbol} per {life.base_symbol}"
    share = display.percent(life.outcome.in_range_share, 0)
    keys = (
        box_key("band", "range held", "band", "edge"),
        line_key("trigger", "trigger"),
        dot_key("move"),
        state_keys(),
    )
    return Chart(
        name="price",
        axis=AXIS,
        heading=f"Price and ranges, {unit}",
        entries=(Entry("price", "Price", display.price_text(prices[-1])),),
        more="".join(keys),
        bands=held,
        marks=_marks(life),
        near=tuple(near),
        below=state_strip(line.times, line.states, f"In range {share} of the time"),
        note=f"The strip: in range {share} of the whole time.",
    )


def _marks(life: Shown) -> tuple[tuple[int, float], ...]:
    """Every move where the price then was."""
    found = []
    for move in moves(life.lived):
        seen = move.first.observation
        price = display.pool_price(seen.pool, seen.pool.sqrt_price_x96, seen.quote_is_token0)
        found.append((seen.block.timestamp, price))
    return tuple(found)


def _sums(life: Shown) -> Chart:
    pnl, money = life.outcome, life.money
    entries = (
        Entry("alpha", "Hedged alpha", money.signed(pnl.hedged_alpha), True),
        Entry("fees", "Fees", money.signed(pnl.fees), True),
        Entry("lvr", "LVR", money.signed(-pnl.lvr), True),
        Entry("costs", "Swaps and gas", money.signed(-pnl.costs), True),
        Entry("net", "Against holding", money.signed(pnl.against_hodl), True),
    )
    note = "Fees − LVR − swaps and gas = hedged alpha. Against holding is another measure, beside that sum."
    return Chart("sums", AXIS, f"Fees, LVR, costs and hedged alpha so far, {money.symbol}", entries, note)


def _edges(band: Band) -> list[float]:
    return [edge for edge in (band.lower, band.upper, band.trigger_lower, band.trigger_upper) if edge is not None]

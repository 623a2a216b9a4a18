"""What the plots of real prices share: hourly prices as a pool would show them, and the frame of a picture.

`rule_plots.py`, `forecaster_plots.py` and `regime_plots.py` draw with it.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from keeper.model.observation import Bar, Sample
from keeper.model.price import Price, Token
from keeper.model.ticks import tick_at_sqrt_price
from keeper.report.charts import Frame, time_axis

FILE = "prices/ETHUSDT_perp_1h_2023_2026.parquet"
HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
# First second shown: 13 February 2024, UTC.
START = 1_707_782_400
WETH = Token("0x" + "11" * 20, "WETH", 18)
USDC = Token("0x" + "22" * 20, "USDC", 6)

# Okabe and Ito's blue and vermilion stay apart for every kind of colour vision; and one is always drawn lighter.
STYLE = """
text { font: 11.5px system-ui, sans-serif; fill: #5a6763; } .head { font-size: 14px; fill: #17211f; }
.curve { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke: #17211f; }
.grid { stroke: #dfe4e1; } .cursor { visibility: hidden; } .tick.value { paint-order: stroke; stroke: #fff;
stroke-width: 4px; }
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour as the pool of WETH (token0) and USDC (token1) would show it; ``timestamp`` is its end."""

    timestamp: int
    price: float
    sample: Sample


def parser(description: str | None, what: str, days: int) -> argparse.ArgumentParser:
    """Options of every plot: where the prices are, where pictures go, the time shown, and which kinds."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, default=_found(FILE), help="hourly prices, parquet")
    made.add_argument("--out", type=Path, default=Path("plots"))
    made.add_argument("--start", type=int, default=START, help="first second shown, default 2024-02-13 UTC")
    made.add_argument("--days", type=int, default=days)
    made.add_argument("kinds", nargs="*", help=f"{what} to draw; all of them where none is named")
    return made


def _found(file: str) -> Path | None:
    folder = os.environ.get("KEEPER_DATA")
    path = Path(folder) / file if folder else None
    return path if path is not None and path.exists() else None


def beside(data: Path, name: str) -> Path | None:
    """Another file in the folder of the prices, if it is there."""
    path = data.parent / name
    return path if path.exists() else None


def read_hours(path: Path) -> list[Hour]:
    """Hourly closes with the bar of the hour; the stamp in the file is its opening, so it is known an hour later."""
    import pandas as pd

    table = pd.read_parquet(path, columns=["timestamp", "open", "high", "low", "close"])
    found = []
    for stamp, *prices in table.itertuples(index=False):
        timestamp = int(stamp.timestamp()) + HOUR_SECONDS
        first, high, low, close = (_root(price) for price in prices)
        lowest, highest = tick_at_sqrt_price(min(low, first)), tick_at_sqrt_price(max(high, first))
        found.append(
            Hour(timestamp, float(prices[-1]), Sample(timestamp, close, None, None, Bar(lowest, highest, 1, 1, 1)))
        )
    return found


def _root(price: float) -> int:
    return Price.from_decimal(WETH, USDC, str(price)).to_sqrt_price_x96()


def span(hours: list[Hour], start: int, days: int, past_hours: int) -> range:
    """Indices of the hours shown, all of which have so many before them."""
    first = max(next(i for i, hour in enumerate(hours) if hour.timestamp >= start), past_hours)
    return range(first, min(first + days * 24, len(hours) - 1) + 1)


def thinned(values: list[int], most: int) -> list[int]:
    """Evenly spaced ones of them, at most so many."""
    return values[:: max(1, math.ceil(len(values) / most))]


def picture(
    title: str, y_axis: str, frame: Frame, panels: list[tuple[int, str]], key: str = "", style: str = ""
) -> str:
    """One SVG file: panels of given heights under each other, a title, the name of the vertical axis, a key, time."""
    top, drawn = 56, []
    for height, drawing in panels:
        drawn.append(f'<svg x="12" y="{top}" width="876" height="{height}">{drawing}</svg>')
        top += height + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {top + 20}" role="img" aria-label="{escape(title)}">'
        f"<style>{STYLE}{style}</style>"
        f'<rect width="900" height="{top + 20}" fill="#fff"/><text class="head" x="12" y="20">{escape(title)}</text>'
        f'<text x="12" y="42">{escape(y_axis)}</text>{key}{"".join(drawn)}'
        f'<svg x="12" y="{top - 4}" width="876" height="20">{time_axis(frame)}</svg>'
        f'<text x="888" y="42" text-anchor="end">days are UTC</text></svg>\n'
    )


def key(*entries: tuple[str, str], left: int = 330) -> str:
    """A legend to the right of the axis' name: CSS class and words of each; a class of a shape fills a box."""
    parts = []
    for kind, words in entries:
        if kind.startswith("box-"):
            parts.append(f'<rect class="{kind[4:]}" x="{left}" y="33" width="22" height="10"/>')
        else:
            parts.append(f'<line class="curve {kind}" x1="{left}" x2="{left + 22}" y1="38" y2="38"/>')
        parts.append(f'<text x="{left + 28}" y="42">{escape(words)}</text>')
        left += 44 + round(6.2 * len(words))
    return "".join(parts)

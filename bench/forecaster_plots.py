"""What each forecaster says on real prices: one SVG for each, its volatility and what then came.

    python bench/forecaster_plots.py --data DATA/prices/ETHUSDT_perp_1h_2023_2026.parquet --out docs/images

DATA is a folder with hourly prices (``timestamp``, ``open``, ``high``, ``low``, ``close``); without ``--data`` it is
``$KEEPER_DATA``. ``implied`` is drawn where ``dvol_eth_daily_20230101_20240630.parquet`` lies beside the prices.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.price_plots import DAY_SECONDS, HOUR_SECONDS, Hour, beside, key, parser, picture, read_hours, span, thinned
from keeper import plugins
from keeper.model.decision import Forecast
from keeper.model.observation import History, ImpliedQuote
from keeper.policy.strategy import Forecaster
from keeper.report.charts import UNITS, Curve, Frame, path, plot

DVOL_FILE = "dvol_eth_daily_20230101_20240630.parquet"
PAST_HOURS, HORIZON_HOURS = 90 * 24, 24
HOURS_PER_YEAR = 365 * 24
MOST_POINTS = 480
# The index of the plot is known once a day.
SHOWN: dict[str, dict[str, Any]] = {"implied": {"max_age_hours": 24}}
WORDS = {
    "blend": "a blend of har, ewma and garch",
    "ewma": "half-life of 72 h",
    "garch": "GARCH(1,1) with Student-t shocks",
    "har": "log-HAR on days, weeks and months",
    "implied": "the DVOL index of options",
    "range_based": "Garman-Klass of 72 hourly bars",
    "true_range": "Wilder's average over 24 hourly bars",
}
STYLE = """
.said { stroke: #0072b2; stroke-width: 2; } .came { stroke: #d55e00; stroke-width: 1; } .error { fill: #0072b2;
fill-opacity: .16; }
"""


def main() -> None:
    options = parser(__doc__, "forecasters", 60).parse_args()
    if options.data is None:
        print("no plots drawn: --data or KEEPER_DATA must lead to hourly prices")
        return
    hours = read_hours(options.data)
    quotes = read_dvol(beside(options.data, DVOL_FILE))
    shown = thinned(list(span(hours, options.start, options.days, PAST_HOURS)), MOST_POINTS)
    shown = [index for index in shown if index + HORIZON_HOURS < len(hours)]
    options.out.mkdir(parents=True, exist_ok=True)
    for kind in options.kinds or plugins.available("forecaster"):
        if kind == "implied" and not quotes:
            print(f"implied is not drawn: there is no {DVOL_FILE} beside the prices")
            continue
        module = plugins.find("forecaster", kind)
        forecaster: Forecaster = module.build(module.Settings(horizon_hours=HORIZON_HOURS, **SHOWN.get(kind, {})))
        said = [asked(forecaster, hours, index, quotes) for index in shown]
        drawing = drawn(kind, hours, shown, said)
        (options.out / f"forecaster-{kind.replace('_', '-')}.svg").write_text(drawing, encoding="utf-8")
        print(f"{kind}: {report(hours, shown, said)}")


def read_dvol(file: Path | None) -> list[ImpliedQuote]:
    """Closes of the index, each known when its day has ended."""
    import pandas as pd

    if file is None:
        return []
    table = pd.read_parquet(file)
    days = pd.to_datetime(table["date"], utc=True)
    return [
        ImpliedQuote("dvol", float(close) / 100, 30 * DAY_SECONDS, int(day.timestamp()) + DAY_SECONDS)
        for day, close in zip(days, table["dvol_close"], strict=True)
    ]


def asked(forecaster: Forecaster, hours: list[Hour], index: int, quotes: Sequence[ImpliedQuote]) -> Forecast:
    """What it says at the end of the hour, of which and of those before it alone it knows."""
    now = hours[index].timestamp
    past = tuple(hour.sample for hour in hours[index - PAST_HOURS : index + 1])
    known = [quote for quote in quotes if quote.observed_timestamp <= now][-1:]
    return forecaster.forecast(History(str(index), HOUR_SECONDS, past), known, now)


def realized_pct(hours: list[Hour], index: int) -> float:
    """Volatility of the hours that followed, % a year."""
    prices = [hour.price for hour in hours[index : index + HORIZON_HOURS + 1]]
    squares = math.fsum(math.log(after / before) ** 2 for before, after in pairwise(prices))
    return 100 * math.sqrt(squares * HOURS_PER_YEAR / HORIZON_HOURS)


def drawn(kind: str, hours: list[Hour], shown: list[int], said: list[Forecast]) -> str:
    points = [
        (
            hours[index].timestamp,
            100 * each.sigma_annual,
            100 * (each.standard_error or 0.0),
            realized_pct(hours, index),
        )
        for index, each in zip(shown, said, strict=True)
        if each.sigma_annual is not None
    ]
    times = [point[0] for point in points]
    tops, bottoms = [p[1] + p[2] for p in points], [max(p[1] - p[2], 0.0) for p in points]
    frame = Frame(times[0], times[-1], 0.0, 1.15 * max(*tops, *(p[3] for p in points)))
    under = (
        f'<svg width="100%" height="100%" viewBox="0 0 {UNITS} {UNITS}" preserveAspectRatio="none">'
        f"{_area(frame, times, tops, bottoms)}"
        f"{path(frame, times, Curve('came', [p[3] for p in points]))}</svg>"
    )
    title = f"{kind} ({WORDS.get(kind, 'with its defaults')}): the volatility of ETH over the next {HORIZON_HOURS} h"
    entries = (
        ("said", "forecast"),
        ("box-error", "± its standard error"),
        ("came", f"what then came, {HORIZON_HOURS} h"),
    )
    over = plot(frame, times, [Curve("said", [p[1] for p in points])], [], title)
    return picture(title, "volatility, % a year", frame, [(250, under + over)], key(*entries), STYLE)


def _area(frame: Frame, times: Sequence[int], tops: Sequence[float], bottoms: Sequence[float]) -> str:
    there = [f"{frame.x(time):.1f},{frame.y(value):.1f}" for time, value in zip(times, tops, strict=True)]
    back = [f"{frame.x(time):.1f},{frame.y(value):.1f}" for time, value in zip(times, bottoms, strict=True)]
    return f'<polygon class="error" points="{" ".join(there + back[::-1])}"/>'


def report(hours: list[Hour], shown: list[int], said: list[Forecast]) -> str:
    """Mean QLIKE of the moments drawn: for a look, they overlap and are few."""
    ratios = [
        (realized_pct(hours, index) / (100 * each.sigma_annual)) ** 2
        for index, each in zip(shown, said, strict=True)
        if each.sigma_annual is not None
    ]
    loss = math.fsum(ratio - math.log(ratio) - 1 for ratio in ratios) / len(ratios)
    return f"QLIKE {loss:.3f} over {len(ratios)} of {len(shown)} moments"


if __name__ == "__main__":
    main()

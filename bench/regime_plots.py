"""What each regime detector says on real prices: one SVG for each, the price with the label and the probabilities.

    python bench/regime_plots.py --data DATA/prices/ETHUSDT_perp_1h_2023_2026.parquet --out docs/images

DATA is a folder with hourly prices (``timestamp``, ``open``, ``high``, ``low``, ``close``); without ``--data`` it is
``$KEEPER_DATA``. ``lstm`` is trained here, on the hours before the first one shown alone, and left out without PyTorch.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.price_plots import HOUR_SECONDS, Hour, key, parser, picture, read_hours, span, thinned
from keeper import plugins
from keeper.model.decision import Forecast, Regime
from keeper.model.memory import RegimeMemory
from keeper.model.observation import History
from keeper.report.charts import Curve, Frame, plot, strip

PAST_HOURS = 720
DAYS, MOST_POINTS = 120, 480
HIT_HOURS = 24
WEIGHTS = "eth.safetensors"
FORECAST = Forecast("none", None, None, 0, 0, "not used by these detectors")
WORDS = {
    "trend": "the rules it has without yours",
    "markov": "two hidden states",
    "lstm": "trained on the prices before the first day shown",
}
STYLE = """
.positive { fill: #0072b2; fill-opacity: .3; } .negative { fill: #d55e00; fill-opacity: .3; } .neutral { fill: none; }
.up { stroke: #0072b2; } .down { stroke: #d55e00; stroke-dasharray: 4 2; }
"""


def main() -> None:
    options = parser(__doc__, "detectors", DAYS).parse_args()
    if options.data is None:
        print("no plots drawn: --data or KEEPER_DATA must lead to hourly prices")
        return
    hours = read_hours(options.data)
    shown = span(hours, options.start, options.days, PAST_HOURS)
    options.out.mkdir(parents=True, exist_ok=True)
    kinds = options.kinds or [kind for kind in plugins.available("regime") if kind != "neutral"]
    for kind in kinds:
        if kind == "lstm" and find_spec("torch") is None:
            print("lstm is not drawn: training needs PyTorch")
            continue
        weights = trained(options.data, hours[shown[0]].timestamp) if kind == "lstm" else b""
        said = labels(built(kind, weights), hours, shown)
        (options.out / f"regime-{kind}.svg").write_text(drawn(kind, hours, shown, said), encoding="utf-8")
        print(f"{kind}: {report(hours, shown, said)}")


def trained(data: Path, until: int) -> bytes:
    """Weights learnt from the hours that had ended before ``until``, with the settings of `keeper train`."""
    from keeper.backtest.hourly_prices import hourly_prices
    from keeper.backtest.training import train
    from keeper.backtest.training_data import TrainingSettings

    prices = hourly_prices(data)
    count = sum(hour + HOUR_SECONDS <= until for hour in prices.hours)
    known = replace(prices, hours=prices.hours[:count], closes=prices.closes[:count])
    found = train(known, TrainingSettings(), lambda _: None)
    print(f"lstm learnt from {count} hours; out of sample {found.scores.rounded()}")
    return found.body


def built(kind: str, weights: bytes) -> Any:
    module = plugins.find("regime", kind)
    if kind == "lstm":
        return module.build(module.Settings(weights=WEIGHTS), quote_is_token0=False, weights=weights)
    return plugins.build(module, {"kind": kind}, quote_is_token0=False, artifact=dict[str, bytes]().__getitem__)


def labels(detector: Any, hours: list[Hour], shown: range) -> list[Regime]:
    """What it says at the end of each hour, with its own label of the hour before as its memory."""
    memory: RegimeMemory | None = None
    said = []
    for index in shown:
        past = tuple(hour.sample for hour in hours[index + 1 - PAST_HOURS : index + 1])
        regime = detector.detect(History(str(index), HOUR_SECONDS, past), FORECAST, memory, hours[index].timestamp)
        memory = RegimeMemory(regime.label, regime.since_timestamp)
        said.append(regime)
    return said


def drawn(kind: str, hours: list[Hour], shown: range, said: list[Regime]) -> str:
    times = [hours[index].timestamp for index in shown]
    places = thinned(list(range(len(times))), MOST_POINTS)
    few = [times[place] for place in places]
    prices = [hours[shown[place]].price for place in places]
    frame = Frame.around(times[0], times[-1], prices)
    title = f"{kind} ({WORDS.get(kind, 'with its defaults')}): what it took the price of ETH to do"
    shades = strip(frame, times, [each.label for each in said], "label")
    upper = shades + plot(frame, few, [Curve("price", prices)], [], title)
    chances = Frame(times[0], times[-1], -0.04, 1.2)
    curves = [
        Curve("up", [said[place].probability_positive for place in places]),
        Curve("down", [said[place].probability_negative for place in places]),
    ]
    lower = plot(chances, few, curves, [], "probabilities") + '<text x="46" y="12">probability of</text>' + _small_key()
    entries = (("box-positive", "label positive"), ("box-negative", "label negative"))
    return picture(title, "price of ETH, USD", frame, [(210, upper), (95, lower)], key(*entries), STYLE)


def _small_key() -> str:
    return (
        '<line class="curve up" x1="136" x2="158" y1="8" y2="8"/><text x="164" y="12">a rise</text>'
        '<line class="curve down" x1="211" x2="233" y1="8" y2="8"/><text x="239" y="12">a fall</text>'
    )


def report(hours: list[Hour], shown: range, said: list[Regime]) -> str:
    """How often it saw a trend and changed its mind, and where the price then was: for a look, hours overlap."""
    trends = [(index, each.label) for index, each in zip(shown, said, strict=True) if each.label != "neutral"]
    changes = sum(before.label != after.label for before, after in pairwise(said))
    judged = [(index, label) for index, label in trends if index + HIT_HOURS < len(hours)]
    hits = sum((hours[i + HIT_HOURS].price > hours[i].price) == (label == "positive") for i, label in judged)
    share = f", right {hits / len(judged):.0%} of the time after {HIT_HOURS} h" if judged else ""
    return f"in a trend {len(trends) / len(said):.0%} of the time, {changes} changes{share}"


if __name__ == "__main__":
    main()

"""What the regime detectors were worth on past prices: ``python bench/regimes.py PRICES.parquet [days]``.

Also found as ``prices/ETHUSDT_perp_1h_2023_2026.parquet`` in the folder that KEEPER_DATA names. Each detector is asked
every six hours with the last 30 days, as a daemon would be, and its label acts in the six hours that follow: 20 % of
the capital leans its way, and each change of stance costs 5 bp of it. No figure here knows of fees or arbitrage.
"""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

from keeper import plugins
from keeper.backtest.hourly_prices import hourly_prices
from keeper.model.decision import Forecast
from keeper.model.memory import RegimeLabel, RegimeMemory
from keeper.model.observation import History, Sample
from keeper.policy.regime_score import RegimeScore, directional_payoffs, score

FILE = "prices/ETHUSDT_perp_1h_2023_2026.parquet"
DETECTORS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("trend", {"kind": "trend"}),
    ("markov, 2 states", {"kind": "markov"}),
    ("markov, 3 states", {"kind": "markov", "states": 3}),
)
HOUR, HISTORY_HOURS, EVERY_HOURS, HIT_HOURS = 3_600, 720, 6, 24
TILT, SWITCH_COST = 0.2, 0.0005
COLUMNS = (
    "detector", "in a trend", "switches", "hit rate 24 h", "gross", "costs", "Δ net alpha (90 %)", "p, shuffled",
    "1, 3, 7 periods late", "ms each, fits included",
)  # fmt: skip
FORECAST = Forecast("none", None, None, 0, 0, "not used by these detectors")


def main() -> int:
    """Print a row for each detector; says so and is content where there are no prices."""
    given = [argument for argument in sys.argv[1:] if not argument.isdigit()]
    file = Path(given[0]) if given else Path(os.environ.get("KEEPER_DATA", ".")) / FILE
    if not file.is_file():
        print(f"regimes: NOT measured, there is no file {file}; give one, or set KEEPER_DATA")
        return 0
    days = next((int(argument) for argument in sys.argv[1:] if argument.isdigit()), 365)
    prices = hourly_prices(file)
    count = min(len(prices.closes), days * 24 + HISTORY_HOURS)
    samples = [
        Sample(hour + HOUR, round(math.sqrt(close) * 2**96), None, None)
        for hour, close in zip(prices.hours[-count:], prices.closes[-count:], strict=True)
    ]
    print(f"{file.name}: the last {count // 24} days, asked every {EVERY_HOURS} h")
    print(f"| {' | '.join(COLUMNS)} |")
    print(f"|{'---|' * len(COLUMNS)}")
    for name, values in DETECTORS:
        print(measure(name, values, samples, prices.closes[-count:]))
    return 0


def measure(name: str, values: dict[str, Any], samples: list[Sample], closes: tuple[float, ...]) -> str:
    """One row of the table."""
    module = plugins.find("regime", values["kind"])
    detector = plugins.build(module, values, quote_is_token0=False, artifact=dict[str, bytes]().__getitem__)
    memory: RegimeMemory | None = None
    labels: list[RegimeLabel] = []
    returns: list[float] = []
    hits: list[bool] = []
    spent = 0.0
    for index in range(HISTORY_HOURS - 1, len(samples) - HIT_HOURS, EVERY_HOURS):
        history = History("", HOUR, tuple(samples[index + 1 - HISTORY_HOURS : index + 1]))
        start = time.perf_counter()
        regime = detector.detect(history, FORECAST, memory, samples[index].timestamp)
        spent += time.perf_counter() - start
        memory = RegimeMemory(regime.label, regime.since_timestamp)
        labels.append(regime.label)
        returns.append(closes[index + EVERY_HOURS] / closes[index] - 1)
        if regime.label != "neutral":
            hits.append((closes[index + HIT_HOURS] > closes[index]) == (regime.label == "positive"))
    found = score(labels, directional_payoffs(returns, TILT), SWITCH_COST, lags=(1, 3, 7))
    return row(name, found, hits, labels, spent)


def row(name: str, found: RegimeScore, hits: list[bool], labels: list[RegimeLabel], spent: float) -> str:
    share = sum(label != "neutral" for label in labels) / len(labels)
    hit = f"{sum(hits) / len(hits):.1%}" if hits else "none"
    late = ", ".join(f"{each.gain:+.1%}" for each in found.lagged)
    return (
        f"| {name} | {share:.0%} | {found.switches} | {hit} | {found.gross_gain:+.1%} | {found.costs:.1%} | "
        f"{found.gain:+.1%} ({found.lower:+.1%} … {found.upper:+.1%}) | {found.shuffled.p_value:.2f} | {late} | "
        f"{1e3 * spent / len(labels):.1f} |"
    )


if __name__ == "__main__":
    sys.exit(main())

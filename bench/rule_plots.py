"""What each range rule does on real prices: one SVG for each, the price with the ranges that the rule would hold.

Only the rules are asked, hour by hour: a range is replaced where the price leaves its triggers, whatever that costs.
The market beside the price is made up and constant (``FEES_OVER_LVR``, ``COSTS``), so a picture shows where a rule
puts its ranges and how often it moves them, not what it earns.

    python bench/rule_plots.py --data DATA/prices/ETHUSDT_perp_1h_2023_2026.parquet --out docs/images

DATA is a folder with hourly prices (columns ``timestamp`` and ``close``); without ``--data`` it is ``$KEEPER_DATA``.
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

from keeper import plugins
from keeper.model.decision import Ladder, Regime
from keeper.model.liquidity import amounts_on_burn
from keeper.model.memory import RegimeLabel
from keeper.model.observation import Block, GasState, History, Observation, PoolState, Sample, Wallet
from keeper.model.price import Price, Token
from keeper.model.ticks import sqrt_price_at_tick, tick_at_sqrt_price
from keeper.policy.forecasters import ewma
from keeper.policy.hedging import with_liquidity
from keeper.policy.scene import Carry, NoRange, Scene, Stance
from keeper.policy.strategy import RangeRule
from keeper.policy.valuation import value_in_quote
from keeper.report.charts import Band, Curve, Frame, plot, time_axis

FILE = "prices/ETHUSDT_perp_1h_2023_2026.parquet"
HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
PAST_HOURS = 720
CAPITAL_QUOTE = 50_000 * 10**6
# Fees over the loss to arbitrage as the objective counts them, and gas and swap cost of a move.
FEES_OVER_LVR = 1.06
COSTS = {"gas_fraction": 0.0002, "swap_cost": 0.001, "dilution": 1e-4}
# The direction that the rules which lean are shown: the move of a week, beyond this.
LEANING = {"asymmetric"}
TREND_HOURS, TREND_LEAST = 168, 0.08
MOST_POINTS = 700
# Settings under which a rule shows what sets it apart.
SHOWN: dict[str, dict[str, float]] = {
    "fixed": {"lower_pct": 7, "upper_pct": 10},
    "sigma": {"k": 2, "horizon_days": 3},
    "base_limit": {"base_width_pct": 10, "limit_width_pct": 4, "trigger_scale": 0.6},
    "optimal": {"min_width_pct": 3},
    "hedged": {"min_width_pct": 3, "hedge_cost_pct_per_year": 2},
}
WETH = Token("0x" + "11" * 20, "WETH", 18)
USDC = Token("0x" + "22" * 20, "USDC", 6)

STYLE = """
text { font: 11.5px system-ui, sans-serif; fill: #5a6763; } .head { font-size: 14px; fill: #17211f; }
.curve { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke: #17211f; }
.grid { stroke: #dfe4e1; } .cursor { visibility: hidden; } .tick.value { paint-order: stroke; stroke: #fff;
stroke-width: 4px; } .band { fill: #0b7a75; fill-opacity: .15; } .edge, .trigger { vector-effect: non-scaling-stroke; }
.edge { stroke: #0b7a75; stroke-opacity: .65; } .trigger { stroke: #8a6100; stroke-dasharray: 5 4; }
"""


@dataclass(frozen=True, slots=True)
class Hour:
    """The close of an hour as the pool of WETH (token0) and USDC (token1) would show it."""

    timestamp: int
    price: float
    sample: Sample


def main() -> None:
    options = _options()
    if options.data is None:
        print(f"no plots drawn: --data or KEEPER_DATA must lead to hourly prices ({FILE})")
        return
    hours = read_hours(options.data)
    first = max(next(i for i, hour in enumerate(hours) if hour.timestamp >= options.start), PAST_HOURS)
    last = min(first + options.days * 24, len(hours) - 1)
    options.out.mkdir(parents=True, exist_ok=True)
    for kind in options.kinds or plugins.available("range"):
        module = plugins.find("range", kind)
        rule: RangeRule = module.build(module.Settings(**SHOWN.get(kind, {})))
        bands, moves = held_ranges(rule, hours, first, last, leans=kind in LEANING)
        drawing = picture(kind, hours[first : last + 1], bands, moves)
        (options.out / f"rule-{kind.replace('_', '-')}.svg").write_text(drawing, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = os.environ.get("KEEPER_DATA")
    default = Path(folder) / FILE if folder else None
    parser.add_argument("--data", type=Path, default=default if default and default.exists() else None)
    parser.add_argument("--out", type=Path, default=Path("rule-plots"))
    parser.add_argument("--start", type=int, default=1_707_782_400, help="first second shown, default 2024-02-13 UTC")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("kinds", nargs="*", help="rules to draw; all of them where none is named")
    return parser.parse_args()


def read_hours(path: Path) -> list[Hour]:
    """Hourly closes; the stamp of a bar is its opening, so its close is known an hour later."""
    import pandas as pd  # type: ignore[import-untyped]

    table = pd.read_parquet(path, columns=["timestamp", "close"])
    found = []
    for stamp, close in zip(table["timestamp"], table["close"], strict=True):
        root = Price.from_decimal(WETH, USDC, str(close)).to_sqrt_price_x96()
        timestamp = int(stamp.timestamp()) + HOUR_SECONDS
        found.append(Hour(timestamp, float(close), Sample(timestamp, root, None, None)))
    return found


def held_ranges(rule: RangeRule, hours: list[Hour], first: int, last: int, *, leans: bool) -> tuple[list[Band], int]:
    """Every range from when it is placed to when it is replaced, and how often that is."""
    bands: list[Band] = []
    held: Held | None = None
    moves = 0
    half = CAPITAL_QUOTE // 2
    amounts = (half * 10**18 // round(hours[first].price * 10**6), half)
    for index in range(first, last):
        seen = observed(hours, index, amounts)
        if held is not None:
            if not held.is_left(seen) and not held.is_stale(rule.choose(scene_of(seen, hours, index, leans=leans))):
                continue
            bands += held.bands(seen.block.timestamp)
            amounts, moves = held.paid_out(seen), moves + 1
            seen = observed(hours, index, amounts)
        answer = rule.choose(scene_of(seen, hours, index, leans=leans))
        held = None if isinstance(answer, NoRange) else Held.of(answer, seen)
    return bands + (held.bands(hours[last].timestamp) if held is not None else []), moves


@dataclass(frozen=True, slots=True)
class Held:
    """A ladder, since when it is held, and the liquidity of its ranges."""

    ladder: Ladder
    since: int
    liquidity: tuple[int, ...]

    @classmethod
    def of(cls, ladder: Ladder, seen: Observation) -> Held:
        wallet, root = seen.wallet, seen.pool.sqrt_price_x96
        worth = value_in_quote(wallet.balance_0, wallet.balance_1, root, seen.quote_is_token0)
        bought = with_liquidity(seen, ladder.ranges, worth)
        return cls(ladder, seen.block.timestamp, tuple(liquidity for _, liquidity in bought))

    def is_left(self, seen: Observation) -> bool:
        return not self.ladder.trigger_lower_tick <= seen.pool.tick < self.ladder.trigger_upper_tick

    def is_stale(self, answer: Ladder | NoRange) -> bool:
        return isinstance(answer, Ladder) and self.since < (answer.replaces_before_timestamp or 0)

    def paid_out(self, seen: Observation) -> tuple[int, int]:
        """What the ranges give back at this price."""
        amount_0 = amount_1 = 0
        for each, liquidity in zip(self.ladder.ranges, self.liquidity, strict=True):
            ends = sqrt_price_at_tick(each.lower_tick), sqrt_price_at_tick(each.upper_tick)
            out_0, out_1 = amounts_on_burn(seen.pool.sqrt_price_x96, *ends, liquidity)
            amount_0, amount_1 = amount_0 + out_0, amount_1 + out_1
        return amount_0, amount_1

    def bands(self, until: int) -> list[Band]:
        triggers = price_at(self.ladder.trigger_lower_tick), price_at(self.ladder.trigger_upper_tick)
        return [
            Band(self.since, until, price_at(each.lower_tick), price_at(each.upper_tick), *triggers)
            for each in self.ladder.ranges
        ]


def price_at(tick: int) -> float:
    """USDC for one WETH."""
    return float(1.0001**tick * 10 ** (WETH.decimals - USDC.decimals))


def observed(hours: list[Hour], index: int, amounts: tuple[int, int]) -> Observation:
    """The pool at the close of an hour, with the hours before it as its past, and the tokens to be placed."""
    now = hours[index]
    root = now.sample.sqrt_price_x96
    past = tuple(hour.sample for hour in hours[index - PAST_HOURS : index + 1])
    pool = PoolState(
        address="0x" + "44" * 20, token0=WETH, token1=USDC, fee_pips=500, tick_spacing=10, sqrt_price_x96=root,
        tick=tick_at_sqrt_price(root), liquidity=10**20, fee_growth_global_0_x128=0, fee_growth_global_1_x128=0,
        fee_protocol=0, observation_cardinality=1_000, ticks=(), known_lower_tick=0, known_upper_tick=0,
    )  # fmt: skip
    return Observation(
        block=Block(1, index, "0x" + "00" * 32, now.timestamp, 0),
        pool=pool,
        quote_is_token0=False,
        twaps=(),
        positions=(),
        wallet=Wallet("0x" + "33" * 20, *amounts, 0, ()),
        gas=GasState(0, 0, Price.from_sqrt_price_x96(root, WETH, USDC)),
        history=History(str(index), HOUR_SECONDS, past),
    )


def scene_of(seen: Observation, hours: list[Hour], index: int, *, leans: bool) -> Scene:
    """The scene with volatility from the past, fees a constant part above the loss to arbitrage, costs constant."""
    now = seen.block.timestamp
    forecast = ewma.build(ewma.Settings()).forecast(seen.history, (), now)
    sigma = forecast.sigma_annual or 0.5
    loss = sigma**2 / 4
    net = (FEES_OVER_LVR - 1) * loss
    label, since = trend(hours, index) if leans else ("neutral", 0)
    return Scene(
        observation=seen,
        forecast=forecast,
        regime=Regime("trend", label, 0.0, 0.0, 1.0, since),
        stance=Stance(label, 0.0 if label == "neutral" else 1.0, "regime"),
        carry=Carry(sigma, FEES_OVER_LVR * loss, 0.0, net, 0.0, 1.0, net, 0.0, 720.0, 30),
        capital_quote=2 * CAPITAL_QUOTE,
        held=(),
        **COSTS,
    )


def trend(hours: list[Hour], index: int) -> tuple[RegimeLabel, int]:
    """Up or down where the price of an hour has moved far in a week, and since when: looked at once a day."""

    def label(at: int) -> RegimeLabel:
        move = math.log(hours[at].price / hours[at - TREND_HOURS].price)
        return "positive" if move > TREND_LEAST else "negative" if move < -TREND_LEAST else "neutral"

    day = index - hours[index].timestamp // HOUR_SECONDS % 24
    now, since = label(day), day
    while since - 24 >= TREND_HOURS and label(since - 24) == now:
        since -= 24
    return now, hours[since].timestamp


def picture(kind: str, hours: list[Hour], bands: list[Band], moves: int) -> str:
    """The price and the ranges as one SVG file, its points thinned."""
    shown = hours[:: -(-len(hours) // MOST_POINTS)]
    times, prices = [hour.timestamp for hour in shown], [hour.price for hour in shown]
    low, high = min(prices), max(prices)
    room = (high - low) * 0.35
    edges = [min(max(edge, low - room), high + room) for band in bands for edge in (band.lower, band.upper)]
    frame = Frame.around(times[0], times[-1], [*prices, *edges])
    title = (
        f"{kind}: ranges held around the price of ETH in USD over {round((times[-1] - times[0]) / DAY_SECONDS)} days"
    )
    drawing = plot(frame, times, [Curve("price", prices)], bands, title)
    text = f"{title}; moved {moves} times" if moves != 1 else f"{title}; moved once"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 330" role="img" aria-label="{escape(text)}">'
        f"<style>{STYLE}</style>"
        f'<rect width="900" height="330" fill="#fff"/><text class="head" x="12" y="22">{escape(text)}</text>'
        f'<svg x="12" y="34" width="876" height="264">{drawing}</svg>'
        f'<svg x="12" y="304" width="876" height="20">{time_axis(frame)}</svg></svg>\n'
    )


if __name__ == "__main__":
    main()

"""What each range rule does on real prices: one SVG for each, the price with the ranges that the rule would hold.

Only the rules are asked, hour by hour: a range is replaced where the price leaves its triggers, whatever that costs.
The market beside the price is made up and constant (``FEES_OVER_LVR``, ``COSTS``), so a picture shows where a rule
puts its ranges and how often it moves them, not what it earns.

    python bench/rule_plots.py --data DATA/prices/ETHUSDT_perp_1h_2023_2026.parquet --out docs/images

DATA is a folder with hourly prices (``timestamp``, ``open``, ``high``, ``low``, ``close``); without ``--data`` it is
``$KEEPER_DATA``.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.price_plots import (
    DAY_SECONDS,
    HOUR_SECONDS,
    USDC,
    WETH,
    Hour,
    key,
    parser,
    picture,
    read_hours,
    span,
    thinned,
)
from keeper import plugins
from keeper.model.decision import Ladder, Regime
from keeper.model.liquidity import amounts_on_burn
from keeper.model.memory import RegimeLabel
from keeper.model.observation import Block, GasState, History, Observation, PoolState, Wallet
from keeper.model.price import Price
from keeper.model.ticks import sqrt_price_at_tick, tick_at_sqrt_price
from keeper.policy.forecasters import ewma
from keeper.policy.hedging import with_liquidity
from keeper.policy.scene import Carry, NoRange, Scene, Stance
from keeper.policy.strategy import RangeRule
from keeper.policy.valuation import value_in_quote
from keeper.report.charts import Band, Curve, Frame, plot

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
STYLE = """
.band { fill: #0072b2; fill-opacity: .13; } .edge, .trigger { vector-effect: non-scaling-stroke; }
.edge { stroke: #0072b2; stroke-opacity: .7; } .trigger { stroke: #d55e00; stroke-dasharray: 5 4; }
"""


def main() -> None:
    options = parser(__doc__, "rules", 60).parse_args()
    if options.data is None:
        print("no plots drawn: --data or KEEPER_DATA must lead to hourly prices")
        return
    hours = read_hours(options.data)
    shown = span(hours, options.start, options.days, PAST_HOURS)
    first, last = shown[0], shown[-1]
    options.out.mkdir(parents=True, exist_ok=True)
    for kind in options.kinds or plugins.available("range"):
        module = plugins.find("range", kind)
        rule: RangeRule = module.build(module.Settings(**SHOWN.get(kind, {})))
        bands, moves = held_ranges(rule, hours, first, last, leans=kind in LEANING)
        drawing = drawn(kind, hours[first : last + 1], bands, moves)
        (options.out / f"rule-{kind.replace('_', '-')}.svg").write_text(drawing, encoding="utf-8")


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


def drawn(kind: str, hours: list[Hour], bands: list[Band], moves: int) -> str:
    """The price and the ranges as one SVG file, its points thinned."""
    shown = [hours[place] for place in thinned(list(range(len(hours))), MOST_POINTS)]
    times, prices = [hour.timestamp for hour in shown], [hour.price for hour in shown]
    low, high = min(prices), max(prices)
    room = (high - low) * 0.35
    edges = [min(max(edge, low - room), high + room) for band in bands for edge in (band.lower, band.upper)]
    frame = Frame.around(times[0], times[-1], [*prices, *edges])
    often = "moved once" if moves == 1 else f"moved {moves} times"
    title = f"{kind}: ranges held over {round((times[-1] - times[0]) / DAY_SECONDS)} days; {often}"
    entries = [("price", "price"), ("box-band", "range held")]
    if any(band.trigger_lower not in (None, band.lower, band.upper) for band in bands):
        entries.append(("trigger", "trigger"))
    panel = plot(frame, times, [Curve("price", prices)], bands, title)
    return picture(title, "price of ETH, USD", frame, [(260, panel)], key(*entries), STYLE)


if __name__ == "__main__":
    main()

"""One decision on 1,000 hourly bars: every forecaster warm, refits apart, one optimum compiled; arch's own fit beside.

Prints medians of several rounds and the ratios; targets: one plan ≤ 1 ms, a warm decision ≤ 10 ms plus refits.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from keeper.assembly import build_strategy
from keeper.model import canonical
from keeper.model.memory import HeldRange, Memory
from keeper.model.observation import (
    Bar,
    Block,
    GasState,
    History,
    ImpliedQuote,
    Observation,
    PoolState,
    Position,
    Sample,
    TickState,
    Twap,
    Wallet,
)
from keeper.model.price import Price, Token
from keeper.model.ticks import tick_at_sqrt_price
from keeper.policy.decide import decide
from keeper.policy.settings import StrategySettings
from keeper.policy.strategy import Strategy

HOUR, BARS = 3_600, 1_000
NOW = 1_800_000_000 // (24 * HOUR) * 24 * HOUR + 5 * HOUR
# A thousand hours are 41 days: HAR is asked to make do with ten beyond its month.
MEMBERS = ["ewma", "garch", {"kind": "har", "min_days": 10}, "true_range", "range_based", "implied"]


def history(seed: int, hours: int) -> History:
    """A walk with clusters of volatility, its bars, and fees that pay twice the loss to arbitrage."""
    draw = np.random.default_rng(seed)
    log_sigma = np.empty(hours + 1)
    log_sigma[0] = 0.0
    for hour in range(1, hours + 1):
        log_sigma[hour] = 0.98 * log_sigma[hour - 1] + 0.08 * draw.normal()
    sigma = 0.6 / math.sqrt(365 * 24) * np.exp(log_sigma)
    path = np.cumsum(sigma * draw.standard_t(5, hours + 1) * math.sqrt(3 / 5)) / 2
    samples, growth = [], 0
    for hour in range(hours + 1):
        root = int(2**96 * math.exp(path[hour]))
        tick, reach = tick_at_sqrt_price(root), max(1, int(sigma[hour] * 8_000))
        growth += round(0.18 / (365 * 24) / 2 * 2**128)
        bar = Bar(tick - reach, tick + reach, 10**21, 10**21, 40)
        samples.append(Sample(NOW - (hours - hour) * HOUR, root, growth, growth, bar))
    return History(canonical.digest(tuple(samples)), HOUR, tuple(samples))


def observation(past: History, position: Position) -> Observation:
    """A deep pool at the last price, one position in it, a little idle."""
    token0, token1 = Token("0x" + "11" * 20, "AAA", 18), Token("0x" + "22" * 20, "BBB", 18)
    root = past.samples[-1].sqrt_price_x96
    tick, deep = tick_at_sqrt_price(root), 10**24
    edges = (tick // 60 * 60 - 30_000, tick // 60 * 60 + 30_000)
    nets = {edges[0]: deep, edges[1]: -deep, position.lower_tick: position.liquidity,
            position.upper_tick: -position.liquidity}  # fmt: skip
    inside = position.lower_tick <= tick < position.upper_tick
    return Observation(
        block=Block(1, 100, "0x" + "ab" * 32, past.samples[-1].timestamp + 60, 10**9),
        pool=PoolState(
            address="0x" + "44" * 20,
            token0=token0,
            token1=token1,
            fee_pips=500,
            tick_spacing=60,
            sqrt_price_x96=root,
            tick=tick,
            liquidity=deep + inside * position.liquidity,
            fee_growth_global_0_x128=0,
            fee_growth_global_1_x128=0,
            fee_protocol=0,
            observation_cardinality=100,
            ticks=tuple(TickState(at, abs(net), net, 0, 0) for at, net in sorted(nets.items())),
            known_lower_tick=edges[0],
            known_upper_tick=edges[1],
        ),
        quote_is_token0=False,
        twaps=(Twap(600, tick), Twap(1_800, tick)),
        positions=(position,),
        wallet=Wallet("0x" + "33" * 20, 10**16, 10**16, 10**19, ()),
        gas=GasState(10**9, 10**8, Price(Token("0x" + "00" * 20, "ETH", 18), token1, 1, 1)),
        history=past,
        implied=(ImpliedQuote("dvol", 0.6, 30 * 86_400, NOW - 600),),
    )


def strategy() -> Strategy:
    raw = {
        "name": "bench", "chain": "local", "pool": "0x" + "44" * 20, "quote": "token1",
        "capital": {"max_quote": "1000000"}, "range": {"kind": "optimal"}, "regime": {"kind": "trend"},
        "forecaster": {"kind": "blend", "members": MEMBERS, "horizon_hours": 24},
    }  # fmt: skip
    return build_strategy(StrategySettings.model_validate(raw))


def milliseconds(act: Callable[[], object], rounds: int) -> float:
    spent = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent) * 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    position = Position(7, -1_200, 1_200, 10**21, 10**15, 10**15)
    thinker = strategy()
    held = HeldRange(7, -1_200, 1_200, -1_200, 1_200, 1_000_000, NOW - 100 * HOUR)
    past = Memory("bench", "running", "", (held,), False, (), None, None)
    warm = observation(history(1, BARS), position)
    first = time.perf_counter()
    made = decide(thinker, warm, past)
    print(f"first decision, imports and compiling included   {time.perf_counter() - first:8.2f} s")
    for member in made.forecast.members:
        sigma = "refused: " + str(member.refusal) if member.sigma_annual is None else f"{member.sigma_annual:.4f}"
        print(f"  {member.kind:<12} {sigma}")
    print(f"  verdict: {made.verdict.action}, {[o.code for o in made.verdict.objections]}")

    warm_ms = milliseconds(lambda: decide(thinker, warm, past), rounds)
    print(f"warm decision, the same bar                      {warm_ms:8.2f} ms")
    # The next bar of the same day: forecasts anew, no refit.
    bars = iter([observation(_rolled(warm.history, hours), position) for hours in range(1, 7)])
    rolled_ms = milliseconds(lambda: decide(thinker, next(bars), past), 6)
    print(f"warm decision, a new bar, models as fitted       {rolled_ms:8.2f} ms   (reach 10 ms)")
    others = iter([observation(history(seed, BARS), position) for seed in range(2, 6)])
    refit_ms = milliseconds(lambda: decide(thinker, next(others), past), 4)
    print(f"decision on another history, all models refitted {refit_ms:8.2f} ms")
    arch_ms = milliseconds(lambda: _arch_fit(warm.history), 5)
    print(
        f"arch alone, one GARCH(1,1)-t fit on the returns  {arch_ms:8.2f} ms   ({arch_ms / warm_ms:.1f} warm decisions)"
    )


def _rolled(past: History, hours: int) -> History:
    """The same walk some hours on: the oldest bars gone, new ones in their place."""
    more = tuple(
        replace(past.samples[-2 - hour], timestamp=past.samples[-1].timestamp + (hour + 1) * HOUR,
                fee_growth_global_0_x128=(past.samples[-1].fee_growth_global_0_x128 or 0) + (hour + 1) * 10**33,
                fee_growth_global_1_x128=(past.samples[-1].fee_growth_global_1_x128 or 0) + (hour + 1) * 10**33)
        for hour in range(hours)
    )  # fmt: skip
    samples = (*past.samples[hours:], *more)
    return History(canonical.digest(samples), HOUR, samples)


def _arch_fit(past: History) -> object:
    from arch import arch_model

    roots = np.array([float(each.sqrt_price_x96) for each in past.samples])
    returns = 2 * np.diff(np.log(roots)) * 100
    return arch_model(returns, mean="Zero", p=1, q=1, dist="t").fit(disp="off")


if __name__ == "__main__":
    main()

"""One plan: the best distances in machine code, beside scipy's Nelder–Mead over the same objective in plain Python.

    python bench/plan.py [--short]

Both search the same box for the same market. The peer starts from the middle of the box, as one would by hand, and
stops at a relative 1e-6; what it finds is printed beside ours.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scipy.optimize import minimize  # type: ignore[import-untyped]

from keeper.policy import book
from keeper.policy.renewal import Bounds, SearchLimits, Terms, capital_factor, optimum
from tests.policy.renewal_twin import twin_carry

BUDGET_SECONDS = 1e-3
FLOOR, CEILING = 0.03, 1.5
TERMS = Terms(0.804, -0.006, 0.18124, q=0.002709, gas=2.2e-05, swap_cost=0.00077)


def bounds_at(logs: Any) -> Bounds:
    """Distances from their logarithms: two for a symmetric range, four otherwise."""
    found = [math.exp(min(max(log, math.log(FLOOR)), math.log(CEILING))) for log in logs]
    return Bounds(found[0], found[0], found[1], found[1]) if len(found) == 2 else Bounds(*found)


def peer(dimensions: int) -> float:
    """The highest carry that scipy finds."""
    start = [math.log(math.sqrt(FLOOR * CEILING))] * dimensions
    limits = [(math.log(FLOOR), math.log(CEILING))] * dimensions
    options = {"fatol": 1e-6, "xatol": 1e-4, "maxfev": 2_000}
    found = minimize(
        lambda logs: -twin_carry(TERMS, bounds_at(logs)), start, method="Nelder-Mead", bounds=limits, options=options
    )
    return -float(found.fun)


def held_beside(bounds: Bounds, ranges: int) -> tuple[book.Book, book.Terms]:
    """So many ranges of the best width and equal capital, each half a width further; the price 2 % off the centre of
    the first."""
    width, depth = bounds.a + bounds.b, 1 / capital_factor(bounds.a, bounds.b) / ranges
    lows = [-bounds.a - 0.02 + width / 2 * each for each in range(ranges)]
    market = book.Terms(
        TERMS.sigma_annual, TERMS.mu_annual, TERMS.phi_annual, TERMS.target_weight, TERMS.risk_aversion, TERMS.gas,
        TERMS.swap_cost, TERMS.delay_years, 1 / TERMS.q,
    )  # fmt: skip
    return book.Book(tuple((low, low + width, depth) for low in lows), 0.0, 0.0), market


def median_seconds(work: Callable[[], object], rounds: int) -> float:
    """Middle of several runs of ``work``."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> int:
    """Print the times and ratios; non-zero when a plan is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a tenth of the rounds")
    scale = 1 if parser.parse_args().short else 10
    late = False
    begin = time.perf_counter()
    optimum(TERMS, SearchLimits(FLOOR, CEILING, FLOOR, CEILING))
    first = time.perf_counter() - begin
    print(f"first plan of this process, functions loaded from the cache or compiled: {first:.2f} s")
    for symmetric in (True, False):
        kind = "symmetric" if symmetric else "asymmetric"
        limits = SearchLimits(FLOOR, CEILING, FLOOR, CEILING, symmetric=symmetric)
        dimensions = 2 if symmetric else 4
        found = optimum(TERMS, limits)
        ours = median_seconds(partial(optimum, TERMS, limits), 50 * scale)
        theirs = median_seconds(partial(peer, dimensions), max(1, scale // 2))
        late |= ours > BUDGET_SECONDS
        print(
            f"{kind:<10} ours {ours * 1e3:.3f} ms "
            f"({found.evaluations} evaluations, g {found.renewal.g_per_year:.6f}), "
            f"scipy {theirs * 1e3:.1f} ms (g {peer(dimensions):.6f}), "
            f"ratio {theirs / ours:.0f}"
        )
    best = optimum(TERMS, SearchLimits(FLOOR, CEILING, FLOOR, CEILING))
    for ranges in (1, 3):
        held, market = held_beside(best.bounds, ranges)
        first_search = median_seconds(partial(book.waiting, held, market, best.renewal.g_per_year, 0.5), 1)
        waiting = median_seconds(partial(book.waiting, held, market, best.renewal.g_per_year, 0.5), 50 * scale)
        late |= waiting > BUDGET_SECONDS
        print(f"worth of waiting, {ranges} range(s) {waiting * 1e3:.3f} ms (first {first_search * 1e3:.1f} ms)")
    return 1 if late else 0


if __name__ == "__main__":
    raise SystemExit(main())

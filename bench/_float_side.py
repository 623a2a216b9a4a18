"""The float engine and the sweep, measured and held against exact integers and the plain model: for ``replay.py``."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from keeper.model.full_math import Q128
from keeper.world.tape.paths import PricePath, fees_per_liquidity
from keeper.world.tape.sweeps import Recentring, sweep
from tests.world.tape.exact_growth import lived
from tests.world.tape.recentring_twin import slowly

FEE_PIPS = 500
START_TICK = 195_000
Row = tuple[str, str, str, str]


def seconds_of(work: Callable[[], object], clock: Callable[[], float], rounds: int = 5) -> float:
    """The best of some runs: others use this machine too."""
    best = float("inf")
    for _ in range(rounds):
        begin = clock()
        work()
        best = min(best, clock() - begin)
    return best


def random_path(moves: int) -> PricePath:
    """Moves of about 3 bp, fat tails, a swap every 15 s."""
    rng = np.random.default_rng(11)
    logs = np.cumsum(rng.standard_t(4, moves + 1) * 2e-4) / 2
    return PricePath(np.exp(logs) * 1.0001 ** (START_TICK / 2), np.cumsum(rng.integers(1, 30, moves + 1)))


def float_rows(moves: int) -> list[Row]:
    """Time per (position × swap), and the error against exact integers."""
    path, rng, rows = random_path(moves), np.random.default_rng(12), []
    for count in (1, 10, 1_000, 4_000):
        lower = START_TICK + 10 * rng.integers(-300, 200, count)
        upper = lower + 10 * rng.integers(1, 200, count)
        spent = seconds_of(
            lambda low=lower, high=upper: fees_per_liquidity(path, low, high, FEE_PIPS), time.thread_time
        )  # type: ignore[misc]
        rows.append(
            (
                f"float engine, {count:,} positions × {moves:,} swaps",
                f"{1e9 * spent / count / moves:.3f} ns",
                "3 ns",
                "",
            )
        )
    pool, prices, _ = lived(13, FEE_PIPS, (0, 0), moves // 100)
    picks = random.Random(14)
    ranges = [sorted(picks.sample(pool.ticks, 2)) for _ in range(2_000)]
    found = fees_per_liquidity(PricePath.of_x96(prices), [r[0] for r in ranges], [r[1] for r in ranges], FEE_PIPS)
    worst = 0.0
    for place, (low, high) in enumerate(ranges):
        for token in (0, 1):
            exact = pool.inside(low, high, token) / Q128
            if exact > 0:
                worst = max(worst, abs(found[token][place] / exact - 1))
            else:
                assert found[token][place] == 0
    assert worst <= 1e-7
    rows.append((f"  its error: 2,000 ranges, {moves // 100:,} swaps in integers", f"{worst:.1e}", "1e-7", ""))
    return rows


def strategies(count: int) -> list[Recentring]:
    """Widths of 0.25 % to 30 %, triggers at half to twice the width, half of them with a cooldown."""
    return [
        Recentring(width, width, width * share, width * share, 1e-4, 5e-4, cooldown)
        for cooldown in (0, 600)
        for width in np.geomspace(0.0025, 0.3, count // 20).tolist()
        for share in np.linspace(0.5, 2.0, 10).tolist()
    ]


def cpu_seconds(path: PricePath, wanted: list[Recentring]) -> float:
    """The CPU time that a sweep takes this thread."""
    begin = time.thread_time()
    sweep(path, wanted, FEE_PIPS)
    return time.thread_time() - begin


def sweep_rows(moves: int, count: int) -> list[Row]:
    """A thousand re-centring strategies, beside a loop that looks at every swap for every strategy."""
    path, wanted = random_path(moves), strategies(count)
    pairs = moves * len(wanted)
    once = sweep(path, wanted, FEE_PIPS)
    cpu = 1e9 * seconds_of(lambda: sweep(path, wanted, FEE_PIPS), time.thread_time, 3) / pairs
    one = 1e9 * seconds_of(lambda: sweep(path, wanted, FEE_PIPS), time.perf_counter, 3) / pairs
    two = 1e9 * seconds_of(lambda: sweep(path, wanted, FEE_PIPS, threads=2), time.perf_counter, 3) / pairs
    with ThreadPoolExecutor(2) as pool:
        busier = 1e9 * max(pool.map(lambda half: cpu_seconds(path, wanted[half::2]), (0, 1))) / pairs
    some = range(7, len(wanted), len(wanted) // 3)
    roots, seconds = path.sqrt_price.tolist(), path.seconds.tolist()  # type: ignore[union-attr]
    rate = FEE_PIPS / (1e6 - FEE_PIPS)
    begin = time.thread_time()
    lives = [slowly(roots, seconds, wanted[place], (rate, rate), 0, 0)[0] for place in some]
    slow = 1e9 * (time.thread_time() - begin) / len(some) / moves
    for place, life in zip(some, lives, strict=True):
        assert once.resets[place] == life.resets
        assert abs(once.value_end[place] / life.value_end - 1) < 1e-9
    name = f"sweep, {len(wanted):,} strategies × {moves:,} swaps ({int(once.resets.sum()):,} resets)"
    return [
        (f"{name}, CPU of one thread", f"{cpu:.2f} ns", f"{slow:,.0f} ns (a plain loop)", f"{slow / cpu:,.0f}×"),
        ("  two threads, CPU of the busier", f"{busier:.2f} ns", f"{cpu:.2f} ns (one thread)", f"{cpu / busier:.2f}×"),
        ("  one thread, wall clock (as busy as this machine is)", f"{one:.2f} ns", "", ""),
        ("  two threads, wall clock", f"{two:.2f} ns", f"{one:.2f} ns (one thread)", f"{one / two:.2f}×"),
    ]

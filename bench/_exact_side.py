"""The exact engine and the real pool's bytecode in revm on the same swaps: for ``replay.py``.

python bench/_exact_side.py [SWAPS]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_at_tick
from keeper.world.tape.events import limbs, signed, unsigned
from keeper.world.tape.exact import ExactPool
from tests.evm.exact_pair import EvmPool
from tests.evm.harness import signed as signed_of
from tests.evm.harness import unpack

FEE_PIPS, SPACING, START_TICK = 500, 10, 195_000
POSITIONS, ROUNDS = 2_000, 7
Swap = tuple[bool, int, int]


def pools(rng: Random) -> tuple[ExactPool, EvmPool]:
    """The same book in both: one wide position, and two thousand of a few hundred ticks around the price."""
    price = sqrt_price_at_tick(START_TICK) + 12_345
    exact, real = ExactPool(FEE_PIPS, SPACING), EvmPool(FEE_PIPS, SPACING, price)
    exact.initialize(price)
    owner = int(real.driver, 16)
    ranges = [(-887_270, 887_270, 10**16)]
    for _ in range(POSITIONS):
        centre = round(START_TICK + rng.gauss(0, 2_500)) // SPACING * SPACING
        width = SPACING * rng.randrange(1, 300)
        ranges.append((centre - width, centre + width, rng.randrange(10**14, 10**16)))
    for lower, upper, liquidity in ranges:
        exact.mint(owner, lower, upper, liquidity)
        done, _ = real.drive("mint(address,int24,int24,uint128,bytes)", owner, lower, upper, liquidity, 160, 0)
        assert done
    return exact, real


def random_swaps(rng: Random, count: int, depth: int) -> list[Swap]:
    """Either way, one in five by its output, from a thousandth of a basis point to some dozens of ticks."""
    root, swaps = 1.0001 ** (START_TICK / 2), []
    for _ in range(count):
        zero_for_one, exact_input = rng.random() < 0.5, rng.random() < 0.8
        move = depth * 10 ** rng.uniform(-7, -2.7)
        amount = int(move / root if zero_for_one == exact_input else move * root) + 1
        limit = MIN_SQRT_PRICE_X96 + 1 if zero_for_one else MAX_SQRT_PRICE_X96 - 1
        swaps.append((zero_for_one, amount if exact_input else -amount, limit))
    return swaps


def run(swaps: int) -> dict[str, Any]:
    """Microseconds of processor time a swap of both, the engine's best of several rounds. Every amount is equal, and
    the pools after all of them: price, tick, liquidity, fee growth."""
    rng = Random(6)
    exact, real = pools(rng)
    work = random_swaps(rng, swaps, exact.liquidity)
    directions = np.array([swap[0] for swap in work])
    amounts, limits = limbs([swap[1] for swap in work], 4), limbs([swap[2] for swap in work], 4)
    exact.copy().swaps(directions[:10], amounts[:10], limits[:10])  # compiled before it is timed
    engine_seconds = float("inf")
    for _ in range(ROUNDS):
        pool = exact.copy()
        begin = time.process_time()
        found = pool.swaps(directions, amounts, limits)
        engine_seconds = min(engine_seconds, time.process_time() - begin)
    calls = [real.trade_call(*swap) for swap in work]
    begin = time.process_time()
    answers = [real.send(call) for call in calls]
    evm_seconds = time.process_time() - begin
    for index, answer in enumerate(answers):
        ours = found.amount_0[index], found.amount_1[index]
        assert tuple(map(signed, ours)) == tuple(map(signed_of, unpack(answer))), f"swap {index}"
    ended = (pool.sqrt_price_x96, pool.tick, pool.liquidity, *pool.fee_growth_global_x128)
    assert ended == real.state()[:5]
    assert unsigned(found.sqrt_price_x96[-1]) == pool.sqrt_price_x96
    crossed = int((found.liquidity[1:] != found.liquidity[:-1]).any(axis=1).sum())
    return {
        "swaps": swaps,
        "ticks": len(exact.initialized_ticks()),
        "swaps_that_crossed": crossed,
        "engine_us_per_swap": engine_seconds / swaps * 1e6,
        "pyrevm_us_per_swap": evm_seconds / swaps * 1e6,
        "ratio": evm_seconds / engine_seconds,
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000), indent=1))

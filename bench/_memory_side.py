"""A long generated tape, written once and streamed from its files through the engines, each step in a process of its
own whose resident peak is read at the end: for ``replay.py``.

    python bench/_memory_side.py write FOLDER SWAPS
    python bench/_memory_side.py stream FOLDER
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from keeper.model.price import Token
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_at_tick
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent, limbs
from keeper.world.tape.paths import PricePath, fees_per_liquidity
from keeper.world.tape.tape import Span, TapePool

if TYPE_CHECKING:
    from keeper.world.tape.exact import ExactPool

FEE_PIPS, SPACING, START_TICK, LIQUIDITY = 500, 10, 195_000, 10**17
WIDE = 887_270
OWNER = "0x" + "11" * 20
FIRST_BLOCK, FIRST_SECOND, BLOCK_SECONDS, SWAPS_A_BLOCK = 18_000_000, 1_700_000_000, 12, 3
POOL = TapePool(
    1, "0x" + "22" * 20, Token("0x" + "33" * 20, "USDC", 6), Token("0x" + "44" * 20, "WETH", 18), FEE_PIPS, SPACING
)
BATCH = 16_384
RANGES = [(START_TICK - 10 * width, START_TICK + 10 * width) for width in range(1, 1_001)]


@dataclass(frozen=True, slots=True)
class Generated:
    """A tape of random swaps, exact to the wei, that is made while it is read."""

    swaps: int
    pool: TapePool = POOL

    @property
    def span(self) -> Span:
        blocks = 1 + (self.swaps - 1) // SWAPS_A_BLOCK
        return Span(FIRST_BLOCK, FIRST_BLOCK + blocks, FIRST_SECOND, FIRST_SECOND + BLOCK_SECONDS * blocks)

    def batches(self, size: int = 65_536) -> Iterator[EventBatch]:
        """All of it."""
        from keeper.world.tape.exact import ExactPool

        pool, rng = ExactPool(FEE_PIPS, SPACING), np.random.default_rng(21)
        price = sqrt_price_at_tick(START_TICK)
        pool.initialize(price)
        paid_0, paid_1 = pool.mint(OWNER, -WIDE, WIDE, LIQUIDITY)
        yield EventBatch.of(
            [
                TapeEvent(EventKind.INITIALIZE, FIRST_BLOCK, FIRST_SECOND, 0, sqrt_price_x96=price, tick=START_TICK),
                TapeEvent(
                    EventKind.MINT, FIRST_BLOCK, FIRST_SECOND, 1, paid_0, paid_1, 0, LIQUIDITY, 0, -WIDE, WIDE, OWNER
                ),
            ]
        )
        for start in range(0, self.swaps, size):
            yield swapped(pool, rng, start, min(size, self.swaps - start))


def swapped(pool: ExactPool, rng: np.random.Generator, start: int, count: int) -> EventBatch:
    """The next swaps: about 3 bp each, either way."""
    down = rng.random(count) < 0.5
    move = LIQUIDITY * np.abs(rng.standard_t(4, count)) * 1e-4
    root = 1.0001 ** (START_TICK / 2)
    amounts = np.zeros((count, 4), dtype=np.uint64)
    amounts[:, 0] = np.where(down, move / root, move * root).astype(np.uint64) + 10**6
    ends = limbs([MAX_SQRT_PRICE_X96 - 1, MIN_SQRT_PRICE_X96 + 1], 4)
    found = pool.swaps(down, amounts, ends[down.astype(np.intp)])
    assert not found.status.any()
    blocks = 1 + (start + np.arange(count)) // SWAPS_A_BLOCK
    none = np.zeros(count, dtype=np.int32)
    return EventBatch(
        kind=np.full(count, EventKind.SWAP, dtype=np.uint8),
        block_number=FIRST_BLOCK + blocks,
        timestamp=FIRST_SECOND + BLOCK_SECONDS * blocks,
        log_index=(start + np.arange(count)) % SWAPS_A_BLOCK,
        amount_0=found.amount_0,
        amount_1=found.amount_1,
        sqrt_price_x96=found.sqrt_price_x96,
        liquidity=found.liquidity,
        tick=found.tick,
        lower_tick=none,
        upper_tick=none,
        owner=none - 1,
        owners=(),
    )


def write(folder: Path, swaps: int) -> None:
    """The tape into parquet, as a download would write it."""
    from keeper.world.tape.checks import content
    from keeper.world.tape.writing import TapeWriter

    tape, digest = Generated(swaps), hashlib.sha256()
    writer = TapeWriter(folder, tape.pool, "generated")
    for batch in tape.batches():
        digest.update(content(batch))
        writer.add(batch)
    writer.finish(tape.span, (), digest.hexdigest())


def stream(source: str) -> dict[str, Any]:
    """Fees of a thousand ranges over the tape, and every swap followed in exact integers, a batch at a time."""
    from keeper.world.tape.exact import ExactPool

    follower = "keeper.world.tape.exact_follow"
    follow = import_module(follower).follow if find_spec(follower) else None
    tape: Any
    begin = time.perf_counter()
    if source.isdigit():
        tape = Generated(int(source))
    else:
        from keeper.world.tape.opening import open_tape

        tape = open_tape(Path(source))
    opened = time.perf_counter() - begin
    lower, upper = zip(*RANGES, strict=True)
    fees, so_far, seen, pool = np.zeros((2, len(RANGES))), None, 0, ExactPool(FEE_PIPS, SPACING)
    followed = 0
    begin = time.perf_counter()
    for batch in tape.batches(size=BATCH):
        so_far = PricePath.of_events(batch, after=so_far)
        fees += fees_per_liquidity(so_far, lower, upper, FEE_PIPS)
        seen += int((batch.kind == EventKind.SWAP).sum())
        if follow:
            told = follow(pool, batch)
            odd = (told.unexplained, told.amount_0, told.amount_1, told.tick, told.liquidity, told.refused)
            assert not any(each.count for each in odd), told
            followed += told.exact_input
    return {
        "swaps": seen,
        "followed": followed,
        "open_seconds": opened,
        "seconds": time.perf_counter() - begin,
        "peak_bytes": peak_bytes(),
        "fees": fees[:, -1].tolist(),
    }


def peak_bytes() -> int:
    """The most that was resident. Not ``getrusage`` where the kernel tells: that remembers the parent's size too."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1_024 * int(line.split()[1])
    return 1_024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), int(sys.argv[3]))
        print(json.dumps({"peak_bytes": peak_bytes()}))
    else:
        print(json.dumps(stream(sys.argv[2])))
    return 0


if __name__ == "__main__":
    sys.exit(main())

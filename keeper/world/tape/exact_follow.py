"""Following a recorded tape with own liquidity in the pool: the edge of ``exact_follow_kernel``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keeper.world.tape.events import EventBatch, EventKind, limbs
from keeper.world.tape.exact import ExactPool
from keeper.world.tape.exact_follow_kernel import (
    DIFFERS_0,
    DIFFERS_1,
    DIFFERS_LIQUIDITY,
    DIFFERS_TICK,
    EXACT_INPUT,
    EXACT_OUTPUT,
    PRICE_LIMIT,
    REFUSED,
    REPORT,
    UNEXPLAINED,
    follow_events,
)
from keeper.world.tape.exact_own import OwnGrowth


@dataclass(frozen=True, slots=True)
class Difference:
    """How often the computed and the recorded differed, and the index in its batch of the first time (None: never)."""

    count: int
    first: int | None


@dataclass(frozen=True, slots=True)
class Followed:
    """What a batch held. ``unexplained`` swaps are those that no manner of asking reproduces; the four after
    it say in what they differ when walked to the recorded price. ``refused``: mints and burns that the book cannot have
    seen (less liquidity than is burned, say)."""

    exact_input: int
    exact_output: int
    price_limit: int
    unexplained: Difference
    amount_0: Difference
    amount_1: Difference
    tick: Difference
    liquidity: Difference
    refused: Difference


def follow(pool: ExactPool, batch: EventBatch, own: OwnGrowth | None = None) -> Followed:
    """Live through recorded events: the pool's book, price and fee growth as recorded, ``own`` sharing the fees.

    Hand in the next batch with the same pool and the same ``own``. A pool that has no price yet takes that of the first
    INITIALIZE or SWAP, whose own fee is then not known. Positions of the pool are not touched.
    """
    report = np.zeros(REPORT, dtype=np.int64)
    moves = np.isin(batch.kind, (EventKind.MINT, EventKind.BURN))
    wide = (batch.amount_0, batch.amount_1, batch.sqrt_price_x96, batch.liquidity)
    amounts_0, amounts_1, prices, liquidities = (np.ascontiguousarray(column).reshape(-1) for column in wide)
    ticks, lowers, uppers = map(np.ascontiguousarray, (batch.tick, batch.lower_tick, batch.upper_tick))
    follow_events(
        pool.words_with_room(2 * int(moves.sum())),
        (own or OwnGrowth()).words,
        np.ascontiguousarray(batch.kind),
        amounts_0,
        amounts_1,
        prices,
        liquidities,
        ticks,
        lowers,
        uppers,
        limbs([pool.max_liquidity_per_tick], 2)[0],
        report,
    )
    found = [int(figure) for figure in report]
    kinds = (UNEXPLAINED, DIFFERS_0, DIFFERS_1, DIFFERS_TICK, DIFFERS_LIQUIDITY, REFUSED)
    differences = (Difference(found[kind], found[kind + 1] if found[kind] else None) for kind in kinds)
    return Followed(found[EXACT_INPUT], found[EXACT_OUTPUT], found[PRICE_LIMIT], *differences)

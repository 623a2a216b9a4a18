"""Which fee a pool takes, from its swaps alone: that with which the contract's own arithmetic gives what was paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from keeper.model.full_math import MathError
from keeper.model.swap_step import compute_swap_step
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent

STANDARD_FEES_PIPS: Final = (100, 200, 300, 400, 500, 2_500, 3_000, 10_000)
_ENOUGH: Final = 12
_MOST_TRIED: Final = 400
# Fees of smaller amounts round to the same unit whatever the tier.
_LEAST_PAID: Final = 1_000_000


def infer_fee_pips(batch: EventBatch) -> int | None:
    """The fee among the standard tiers that reproduces prices and amounts of swaps within constant liquidity, to the
    unit (``SwapMath.computeSwapStep``). None where no swap can tell, or two fees fit equally well."""
    votes: Counter[int] = Counter()
    for before, after in _pairs(batch):
        votes.update(fee for fee in STANDARD_FEES_PIPS if _fits(before, after, fee))
        if votes and votes.most_common(1)[0][1] >= _ENOUGH:
            break
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


def _pairs(batch: EventBatch) -> Iterator[tuple[TapeEvent, TapeEvent]]:
    """A swap and the one right before it, both in the same liquidity."""
    swap = batch.kind == EventKind.SWAP
    same = (batch.liquidity[1:] == batch.liquidity[:-1]).all(axis=1)
    tried = 0
    for at in (swap[1:] & swap[:-1] & same).nonzero()[0]:
        before, after = batch.event(int(at)), batch.event(int(at) + 1)
        if max(after.amount_0, after.amount_1) >= _LEAST_PAID and after.liquidity:
            tried += 1
            yield before, after
        if tried >= _MOST_TRIED:
            return


def _fits(before: TapeEvent, after: TapeEvent, fee_pips: int) -> bool:
    """As exact input, or as exact output."""
    paid, received = max(after.amount_0, after.amount_1), -min(after.amount_0, after.amount_1)
    limit = MIN_SQRT_PRICE_X96 + 1 if after.amount_0 > 0 else MAX_SQRT_PRICE_X96 - 1
    for amount in (paid, -received):
        if not amount:
            continue
        try:
            step = compute_swap_step(before.sqrt_price_x96, limit, before.liquidity, amount, fee_pips)
        except MathError:
            continue
        fits = step.amount_in + step.fee_amount == paid and step.amount_out == received
        if fits and step.sqrt_next_x96 == after.sqrt_price_x96:
            return True
    return False

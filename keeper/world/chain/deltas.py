"""What a step may do to its owner's balances, held against what it did in a rehearsal. Integers, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keeper.model.plan import Approve, Batch, Collect, Exit, Increase, Mint, SingleStep, Step, Swap

Bound = tuple[int, int | None]
"""The least and the most (None: no limit) that a balance may change by; negative leaves the owner."""


@dataclass(frozen=True, slots=True)
class Deltas:
    """What moved, by the tokens' own word: raw units of token0 and token1, wei, and position NFTs.

    ``allowance`` is what an approved spender may take afterwards; None where the step approves nothing. ``left`` is
    what each spender may take of each token after a batch that approves.
    """

    amount_0: int
    amount_1: int
    native_wei: int
    positions: int
    allowance: int | None = None
    left: tuple[int, ...] = ()


def complaint(step: Step | None, deltas: Deltas) -> str | None:
    """One sentence on the first thing that the step must not do, with its figures; None where all is as it says.

    ``step`` None is the self-send, which moves nothing. Gas is free in a rehearsal, so that no native coin may leave.
    """
    if deltas.native_wei < 0:
        return f"{-deltas.native_wei} wei of native coin would leave"
    expected_positions = _positions(step)
    if deltas.positions != expected_positions:
        return f"the owner's position NFTs would change by {deltas.positions:+d}, not by {expected_positions:+d}"
    if isinstance(step, Approve) and deltas.allowance != step.amount:
        return f"the allowance would be {deltas.allowance} afterwards, not {step.amount}"
    if any(deltas.left):
        return f"an allowance of {max(deltas.left)} would be left over"
    moved = deltas.amount_0, deltas.amount_1
    complaints = [_amount_complaint(at, moved[at], *bound) for at, bound in enumerate(bounds(step))]
    return next((each for each in complaints if each is not None), None)


def _amount_complaint(at: int, moved: int, least: int, most: int | None) -> str | None:
    if moved < least and moved < 0:
        return f"{-moved} of token{at} would leave, where no more than {max(0, -least)} may"
    if moved < least:
        return f"{moved} of token{at} would come, where at least {least} must"
    if most is None or moved <= most:
        return None
    if moved > 0:
        return f"{moved} of token{at} would come, where none may"
    return f"{-moved} of token{at} would leave, where at least {-most} must"


def bounds(step: Step | None) -> tuple[Bound, Bound]:
    """What each token may change by, raw units. A batch: by what its steps may, together."""
    if isinstance(step, Batch):
        parts = [bounds(each) for each in step.steps]
        return _sum(each[0] for each in parts), _sum(each[1] for each in parts)
    return _of_single(step)


def approves(step: Step | None) -> bool:
    """Whether it is a batch that gives or takes allowances: it leaves none behind."""
    return isinstance(step, Batch) and any(isinstance(each, Approve) for each in step.steps)


def _sum(parts: Iterable[Bound]) -> Bound:
    found = tuple(parts)
    most = [each for _, each in found]
    return sum(least for least, _ in found), None if None in most else sum(each or 0 for each in most)


def _of_single(step: SingleStep | None) -> tuple[Bound, Bound]:
    match step:
        case Swap():
            # A swap that reaches its price limit takes less than was offered; what must come is bounded by itself.
            given: Bound = (-step.amount_in, -step.amount_in if not step.sqrt_price_limit_x96 else -1)
            taken: Bound = (step.amount_out_min, None)
            return (given, taken) if step.zero_for_one else (taken, given)
        case Mint():
            return (
                (-sum(each.amount_0_desired for each in step.ranges), -sum(each.amount_0_min for each in step.ranges)),
                (-sum(each.amount_1_desired for each in step.ranges), -sum(each.amount_1_min for each in step.ranges)),
            )
        case Increase():
            added = step.additions
            return (
                (-sum(each.amount_0_desired for each in added), -sum(each.amount_0_min for each in added)),
                (-sum(each.amount_1_desired for each in added), -sum(each.amount_1_min for each in added)),
            )
        case Exit():
            least = (
                sum(each.amount_0_min for each in step.withdrawals),
                sum(each.amount_1_min for each in step.withdrawals),
            )
            return (least[0], None), (least[1], None)
        case Collect():
            return (0, None), (0, None)
    return (0, 0), (0, 0)


def _positions(step: Step | None) -> int:
    if isinstance(step, Batch):
        return sum(map(_positions, step.steps))
    if isinstance(step, Mint):
        return len(step.ranges)
    return -sum(each.burn for each in step.withdrawals) if isinstance(step, Exit) else 0

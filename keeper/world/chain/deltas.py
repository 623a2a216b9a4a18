"""What a step may do to its owner's balances, held against what it did in a rehearsal. Integers, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.plan import Approve, Collect, Exit, Increase, Mint, Step, Swap


@dataclass(frozen=True, slots=True)
class Deltas:
    """What moved, by the tokens' own word: raw units of token0 and token1, wei, and position NFTs.

    ``allowance`` is what an approved spender may take afterwards; None where the step approves nothing.
    """

    amount_0: int
    amount_1: int
    native_wei: int
    positions: int
    allowance: int | None = None


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


def bounds(step: Step | None) -> tuple[tuple[int, int | None], tuple[int, int | None]]:
    """The least and the most (None: no limit) that each token may change by, raw units; negative leaves the owner."""
    match step:
        case Swap():
            # A swap that reaches its price limit takes less than was offered; what must come is bounded by itself.
            given: tuple[int, int | None] = (-step.amount_in, -step.amount_in if not step.sqrt_price_limit_x96 else -1)
            taken: tuple[int, int | None] = (step.amount_out_min, None)
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
    if isinstance(step, Mint):
        return len(step.ranges)
    return -sum(each.burn for each in step.withdrawals) if isinstance(step, Exit) else 0

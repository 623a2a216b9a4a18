"""What is to be done next about a transaction that was signed: a pure rule over what the chain says of it.

``next_move`` has no clock, no node and no key. Whoever calls it carries out the one move it names and looks again;
after a crash the same rows and the same chain lead to the same move.

What it rests on: one nonce can be mined only once, so everything ever signed for it is one transaction in several
attempts. Identical bytes may be sent again as often as one likes. A used nonce without a receipt of ours is a
stranger's only when it stays so at a depth that counts as final.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keeper.world.chain import fees
from keeper.world.chain.fees import Fees


@dataclass(frozen=True, slots=True)
class Patience:
    """The bounds within which a transaction is helped along. Fees are wei per gas, times the chain's own seconds.

    ``confirmations``: how deep its block must lie, its own included, before a receipt is final.
    ``bump_after_seconds``: how long the chain may go on without it before more is offered.
    ``ceiling_wei``: the most that is offered per gas; ``cancel_ceiling_wei`` the same for taking a nonce back.
    ``most_tip_wei``: the most of it that may be a tip. ``most_gas_wei`` and ``most_exit_gas_wei``: the most wei that
    the gas of one transaction may cost, and of a way out.
    ``max_attempts``: how often a nonce is signed for, the cancellation not counted.
    ``looks_before_lost``: how often in a row a used nonce must be seen without a receipt of ours: behind one URL there
    may be many nodes, of which some lag.
    """

    confirmations: int = 1
    bump_after_seconds: int = 36
    ceiling_wei: int | None = None
    cancel_ceiling_wei: int | None = None
    max_attempts: int = 12
    looks_before_lost: int = 5
    most_tip_wei: int | None = None
    most_gas_wei: int | None = None
    most_exit_gas_wei: int | None = None


def within_bounds(patience: Patience, exit_ceiling_wei: int | None, *, is_exit: bool, gas_units: int) -> Patience:
    """The patience with one transaction, by what its gas may cost in all. The way out stays open when gas is dear:
    whether it is worth it was the decision's to judge. Any other act leaves room to take its nonce back."""
    per_gas = [exit_ceiling_wei] if is_exit else [patience.ceiling_wei, fees.with_room(exit_ceiling_wei)]
    most_gas_wei = patience.most_exit_gas_wei if is_exit else patience.most_gas_wei
    per_gas.append(None if most_gas_wei is None else most_gas_wei // gas_units)
    ceiling = min((each for each in per_gas if each is not None), default=None)
    return replace(patience, ceiling_wei=ceiling, cancel_ceiling_wei=exit_ceiling_wei)


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt: what it offers, and when by the chain's time it was signed. ``cancels``: the self-send."""

    fees: Fees
    signed_timestamp: int
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What a node says about one nonce of ours, in one exchange.

    ``mined_in``: number of the canonical block that holds one of our attempts. ``in_pool``: the node knows the last
    attempt. ``used``: the sender's count at the newest block is past the nonce; ``used_finally``: at final depth too.
    ``gap``: an earlier nonce is not used yet. ``looks``: how often in a row it was used without a receipt, this one
    included. ``underpriced``: the node has just refused the last attempt as too cheap.
    """

    head_number: int
    head_timestamp: int
    offered: Fees
    mined_in: int | None = None
    in_pool: bool = False
    used: bool = False
    used_finally: bool = False
    gap: bool = False
    looks: int = 0
    underpriced: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """Its receipt is final."""


@dataclass(frozen=True, slots=True)
class Include:
    """It is in a block that may still be replaced."""


@dataclass(frozen=True, slots=True)
class Lose:
    """Its nonce was used by something that is not in the journal."""


@dataclass(frozen=True, slots=True)
class Resend:
    """The last attempt's very bytes once more."""


@dataclass(frozen=True, slots=True)
class Replace:
    """The same call at the same nonce with higher fees."""

    fees: Fees


@dataclass(frozen=True, slots=True)
class Cancel:
    """A self-send at the same nonce: the plan has expired."""

    fees: Fees


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done now; ``note`` says why."""

    note: str


Move = Finish | Include | Lose | Resend | Replace | Cancel | Wait


def next_move(tried: Sequence[Tried], deadline_timestamp: int, seen: Seen, patience: Patience) -> Move:
    """The one thing to do about a nonce that was signed for. ``tried`` holds every attempt, oldest first."""
    if seen.mined_in is not None:
        depth = seen.head_number - seen.mined_in + 1
        return Finish() if depth >= patience.confirmations else Include()
    if seen.used:
        certain = seen.used_finally and seen.looks >= patience.looks_before_lost
        return Lose() if certain else Wait("its nonce is used and the node shows no receipt yet")
    last = tried[-1]
    if seen.head_timestamp > deadline_timestamp and not last.cancels:
        return _cancel(last, seen, patience)
    if _is_stuck(last, seen, patience):
        dearer = _dearer(tried, seen, patience)
        if dearer is not None:
            return Replace(dearer)
    if not seen.in_pool:
        return Resend()
    return Wait("an earlier transaction is not mined yet" if seen.gap else "it is in the pool and not mined yet")


def _cancel(last: Tried, seen: Seen, patience: Patience) -> Move:
    caps = fees.replacement(last.fees, seen.offered, patience.cancel_ceiling_wei, patience.most_tip_wei)
    if caps is None:
        return Wait("the plan has expired; taking its nonce back costs more than the gas ceiling allows")
    return Cancel(caps)


def _is_stuck(last: Tried, seen: Seen, patience: Patience) -> bool:
    """The node asks for more, or blocks went by without it; and nothing of ours is in its way."""
    passed_by = seen.head_timestamp - last.signed_timestamp >= patience.bump_after_seconds
    return not seen.gap and (seen.underpriced or passed_by)


def _dearer(tried: Sequence[Tried], seen: Seen, patience: Patience) -> Fees | None:
    """Fees that replace the last attempt's, or None where the bounds forbid it."""
    last = tried[-1]
    of_this_kind = sum(1 for each in tried if each.cancels == last.cancels)
    if of_this_kind >= patience.max_attempts:
        return None
    if last.cancels:
        return fees.replacement(last.fees, seen.offered, patience.cancel_ceiling_wei, patience.most_tip_wei)
    return fees.replacement(last.fees, seen.offered, patience.ceiling_wei, fees.with_room(patience.most_tip_wei))

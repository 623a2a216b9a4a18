"""What is to be done next about a proposal to the owners of a Safe: a pure rule over what chain and board say of it.

``next_move`` has no clock, no node and no key. Whoever calls it carries out the one move it names and looks again;
after a crash the same rows and the same chain lead to the same move.

What it rests on: a nonce of a Safe is used once, by what its own events say. Posting the same proposal again changes
nothing. An execution after the deadline reverts inside, and a reverted one uses no nonce; so a proposal has expired
once a block as deep as a final one is past the deadline and its nonce is still there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

User = Literal["ours", "rejection", "other"]


@dataclass(frozen=True, slots=True)
class Known:
    """A proposal by the journal: whether it was handed to the board, and its deadline (UNIX seconds)."""

    is_posted: bool
    deadline_timestamp: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What the chain says of it. ``head_*``: the newest block; ``final_timestamp``: that of the newest final one.

    ``is_used``: the nonce is not there any more; ``used_by``: what used it, None where no event shows it yet;
    ``used_in``: the block that it happened in.
    """

    head_number: int
    head_timestamp: int
    final_timestamp: int
    is_used: bool = False
    used_by: User | None = None
    used_in: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """``confirmations``: how deep a block must lie, itself included, before it is final. ``is_withdrawn``: the strategy
    is to leave, so that nothing else is wanted from the owners any more."""

    confirmations: int = 1
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """Its execution is final."""


@dataclass(frozen=True, slots=True)
class Include:
    """It was executed in a block that may still be replaced."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Its nonce went to something else, for good."""

    state: Literal["REPLACED", "REJECTED"]


@dataclass(frozen=True, slots=True)
class Expire:
    """Its time is over; ``is_withdrawn``: taken back before that."""

    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """Hand it to the board, byte for byte as it was signed."""


@dataclass(frozen=True, slots=True)
class Count:
    """Ask the board who has signed."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done now; ``note`` says why."""

    note: str


Move = Finish | Include | GiveUp | Expire | Post | Count | Wait


def next_move(known: Known, seen: Seen, terms: Terms) -> Move:
    """The one thing to do about a proposal whose end is not written down."""
    if seen.is_used or seen.used_by is not None:
        return _after_use(known, seen, terms)
    if seen.final_timestamp > known.deadline_timestamp:
        return Expire()
    if terms.is_withdrawn:
        return Expire(is_withdrawn=True)
    if seen.head_timestamp > known.deadline_timestamp:
        return Wait("its deadline has passed; it counts as expired once a final block says so")
    return Count() if known.is_posted else Post()


def _after_use(known: Known, seen: Seen, terms: Terms) -> Move:
    if seen.used_by is None or seen.used_in is None:
        # It can do nothing any more; should the node show after all that it was executed, it is booked then.
        if seen.final_timestamp > known.deadline_timestamp:
            return Expire()
        return Wait("its nonce is used, and the node does not show yet by what")
    is_final = seen.head_number - seen.used_in + 1 >= terms.confirmations
    if seen.used_by == "ours":
        return Finish() if is_final else Include()
    if is_final:
        return GiveUp("REJECTED" if seen.used_by == "rejection" else "REPLACED")
    what = "the rejection of it" if seen.used_by == "rejection" else "another transaction"
    return Wait(f"its nonce went to {what} in block {seen.used_in}, not {terms.confirmations} blocks deep yet")

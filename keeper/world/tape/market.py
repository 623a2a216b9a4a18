"""The shape of a pool that lives through its recorded past, with liquidity of our own in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Protocol

from keeper.model.observation import History, PoolState, Twap
from keeper.model.swap import SwapResult
from keeper.world.tape.tape import Defect
from keeper.world.v3.identity import PoolIdentity

ORACLE_CARDINALITY: Final = 65_535  # a tape answers for any window within it, as the longest oracle would


@dataclass(frozen=True, slots=True)
class Moment:
    """The end of a block: everything in it has happened."""

    block_number: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class OwnRange:
    """Liquidity of ours; ``key`` names it. ``owed_*``: fees since it was added or last taken out, raw units, exact as
    the contract would floor them."""

    key: int
    lower_tick: int
    upper_tick: int
    liquidity: int
    owed_0: int
    owed_1: int


class TapeMarket(Protocol):
    """The recorded price path is kept: what others did, they do again. Our liquidity takes its share of each recorded
    fee beside theirs (own liquidity dilutes the recorded flow), and a swap of ours pays its way through what stands
    there; the next recorded event sets the price back. Nothing here looks beyond ``now``.

    Blocks are those of the chain; between recorded ones their number and time are interpolated.
    """

    identity: PoolIdentity
    chain_id: int
    begin: Moment
    end: Moment
    defects: tuple[Defect, ...]

    @property
    def now(self) -> Moment: ...

    @property
    def block_hash(self) -> str:
        """A name for the block of ``now``, as ``0x`` and 64 hex digits: no tape holds the chain's own."""
        ...

    def advance_to_time(self, timestamp: int) -> None:
        """To the end of the last block at or before the moment, the tape's last for one beyond it. ValueError for a
        moment that has passed."""
        ...

    def advance_blocks(self, blocks: int) -> None:
        """To the end of the block so many further. ConfigError where the tape ends before."""
        ...

    def advance_until_outside(self, timestamp: int, lower_sqrt_price_x96: int, upper_sqrt_price_x96: int) -> bool:
        """As ``advance_to_time``, but no further than the first block at whose end the price is below the one sqrt
        price or above the other (not at all if it is now); whether there was such a block."""
        ...

    def state(self) -> PoolState:
        """The pool as a node would show it now, our liquidity in it."""
        ...

    def twap(self, window_seconds: int) -> Twap | None:
        """None where the tape does not reach back so far."""
        ...

    def history(self, hours: int) -> History:
        """The last full hours with samples and bars, as a live journal would have them."""
        ...

    def own(self) -> tuple[OwnRange, ...]: ...

    def add(self, lower_tick: int, upper_tick: int, liquidity: int) -> int:
        """Liquidity of ours from now on; its key."""
        ...

    def increase(self, key: int, liquidity: int) -> None: ...

    def decrease(self, key: int, liquidity: int) -> None:
        """Take liquidity out; the range stays while anything is owed."""
        ...

    def take_fees(self, key: int) -> tuple[int, int]:
        """What is owed, set to nothing."""
        ...

    def swap(self, zero_for_one: bool, amount_in: int, sqrt_price_limit_x96: int) -> SwapResult:
        """A swap of ours, exact through the liquidity that stands (fees to those in range, ourselves among them)."""
        ...


def block_hash(tape_digest: str, number: int) -> str:
    """A name for a block of a tape, which is the same in every run over it."""
    return "0x" + hashlib.sha256(f"{tape_digest}:{number}".encode()).hexdigest()

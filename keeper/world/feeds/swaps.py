"""The words of a pool's tape: what its swaps and a few rarer events were, and which blocks have been read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

MarkKind = Literal["initialize", "fee_protocol", "flash"]


@dataclass(frozen=True, slots=True)
class PoolSwap:
    """A ``Swap`` event. Amounts are the pool's: positive was paid in. Price, liquidity and tick are those after it."""

    block_number: int
    log_index: int
    block_hash: str
    timestamp: int
    amount_0: int
    amount_1: int
    sqrt_price_x96: int
    liquidity: int
    tick: int


@dataclass(frozen=True, slots=True)
class PoolMark:
    """A rarer event that prices or fees depend on.

    ``initialize``: the first sqrt price (Q96) and tick. ``fee_protocol``: slot0's packed figure before and after.
    ``flash``: what was paid in fees, raw units of token0 and token1.
    """

    block_number: int
    log_index: int
    timestamp: int
    kind: MarkKind
    value_0: int
    value_1: int


@dataclass(frozen=True, slots=True)
class TapeBlock:
    """A block that the tape has read up to."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Blocks of which every event is on the tape, both ends included.

    ``from_parent_hash`` names the block below the lowest one, ``to_hash`` the highest: the next piece on either side
    must fit. ``is_whole``: the pool was born in it, so there is nothing below.
    """

    from_block: int
    from_timestamp: int
    from_parent_hash: str
    to_block: int
    to_timestamp: int
    to_hash: str
    is_whole: bool

    def covers(self, from_timestamp: int, to_timestamp: int) -> bool:
        """Whether everything after the first moment and up to the second is on it, as far as the pool was there;
        UNIX seconds."""
        begins = to_timestamp if self.is_whole else from_timestamp
        return self.from_timestamp <= begins and to_timestamp <= self.to_timestamp


@dataclass(frozen=True, slots=True)
class TapePiece:
    """Blocks that were read in one go: first and last, whose parent comes before, and all events in them, in order."""

    first: TapeBlock
    first_parent_hash: str
    last: TapeBlock
    swaps: tuple[PoolSwap, ...]
    marks: tuple[PoolMark, ...]

    @property
    def has_birth(self) -> bool:
        """Whether the pool got its first price in it."""
        return any(mark.kind == "initialize" for mark in self.marks)


class TapeStore(Protocol):
    """Where the tape of one pool is kept. Every method is one committed transaction."""

    def segments(self) -> list[Segment]:
        """What is covered, lowest first."""

    def checkpoints(self, up_to_block: int) -> list[TapeBlock]:
        """Blocks that were read up to, at or below the given one, newest first."""

    def write(self, piece: TapePiece, segments: Sequence[Segment]) -> None:
        """Add a piece; ``segments`` is then all that is covered."""

    def cut(self, above_block: int, after_timestamp: int, segments: Sequence[Segment]) -> None:
        """Forget everything above a block, samples after its moment too; ``segments`` is what stays covered."""

    def forget_below(self, block: int, segments: Sequence[Segment]) -> None:
        """Forget everything below a block; ``segments`` is what stays covered."""

    def swaps(self, after_timestamp: int, until_timestamp: int) -> list[PoolSwap]:
        """The swaps after one moment and up to another, in order."""

    def last_swap(self, until_timestamp: int, from_block: int) -> PoolSwap | None:
        """The last swap at or before a moment, in no block below ``from_block``."""

    def marks(self, after_timestamp: int, until_timestamp: int) -> list[PoolMark]:
        """The rarer events after one moment and up to another, in order."""

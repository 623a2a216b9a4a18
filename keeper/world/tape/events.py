"""The words of a tape of events: what a pool's logs said, in columns, every integer exact.

Big integers are little-endian limbs of 64 bits (``uint64``), signed ones in two's complement: ``(n, 4)`` for ``int256``
and ``uint160``, ``(n, 2)`` for ``uint128``. So a batch can be handed to compiled code as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LIMB: Final = (1 << 64) - 1


class EventKind(IntEnum):
    """The pool's events; the numbers are those of the ``kind`` column."""

    INITIALIZE = 0
    SWAP = 1
    MINT = 2
    BURN = 3
    COLLECT = 4
    SET_FEE_PROTOCOL = 5
    COLLECT_PROTOCOL = 6
    FLASH = 7


@dataclass(frozen=True, slots=True)
class TapeEvent:
    """One event in Python integers. Fields that its kind does not have are 0 (``owner``: empty).

    SWAP: ``amount_0/1`` signed, positive was paid into the pool; price, ``liquidity`` and ``tick`` after it.
    MINT, BURN: ``liquidity`` is the position's change, amounts unsigned, ``lower_tick``/``upper_tick``, ``owner``.
    COLLECT: amounts taken out, ticks, owner. INITIALIZE: price and tick. FLASH: amounts are what was paid for it.
    SET_FEE_PROTOCOL: ``amount_0/1`` are slot0's packed figure before and after. COLLECT_PROTOCOL: amounts taken out.
    """

    kind: EventKind
    block_number: int
    timestamp: int
    log_index: int
    amount_0: int = 0
    amount_1: int = 0
    sqrt_price_x96: int = 0
    liquidity: int = 0
    tick: int = 0
    lower_tick: int = 0
    upper_tick: int = 0
    owner: str = ""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """A run of events in the order of the chain, as columns of equal length; ``owner`` indexes ``owners``."""

    kind: NDArray[np.uint8]
    block_number: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    log_index: NDArray[np.int64]
    amount_0: NDArray[np.uint64]  # (n, 4)
    amount_1: NDArray[np.uint64]  # (n, 4)
    sqrt_price_x96: NDArray[np.uint64]  # (n, 4)
    liquidity: NDArray[np.uint64]  # (n, 2)
    tick: NDArray[np.int32]
    lower_tick: NDArray[np.int32]
    upper_tick: NDArray[np.int32]
    owner: NDArray[np.int32]
    owners: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.kind)

    def part(self, start: int, stop: int) -> EventBatch:
        """The events from ``start`` up to ``stop``, which is left out; a view."""
        names = [name for name in self.__dataclass_fields__ if name != "owners"]
        return EventBatch(**{name: getattr(self, name)[start:stop] for name in names}, owners=self.owners)

    def event(self, index: int) -> TapeEvent:
        """One event in Python integers."""
        owner = int(self.owner[index])
        return TapeEvent(
            kind=EventKind(int(self.kind[index])),
            block_number=int(self.block_number[index]),
            timestamp=int(self.timestamp[index]),
            log_index=int(self.log_index[index]),
            amount_0=signed(self.amount_0[index]),
            amount_1=signed(self.amount_1[index]),
            sqrt_price_x96=unsigned(self.sqrt_price_x96[index]),
            liquidity=unsigned(self.liquidity[index]),
            tick=int(self.tick[index]),
            lower_tick=int(self.lower_tick[index]),
            upper_tick=int(self.upper_tick[index]),
            owner=self.owners[owner] if owner >= 0 else "",
        )

    @classmethod
    def of(cls, events: Iterable[TapeEvent]) -> EventBatch:
        """Columns from events that are in the order of the chain already."""
        rows = tuple(events)
        owners = tuple(dict.fromkeys(row.owner for row in rows if row.owner))
        place = {owner: index for index, owner in enumerate(owners)}
        return cls(
            kind=np.array([row.kind for row in rows], dtype=np.uint8),
            block_number=np.array([row.block_number for row in rows], dtype=np.int64),
            timestamp=np.array([row.timestamp for row in rows], dtype=np.int64),
            log_index=np.array([row.log_index for row in rows], dtype=np.int64),
            amount_0=limbs([row.amount_0 for row in rows], 4),
            amount_1=limbs([row.amount_1 for row in rows], 4),
            sqrt_price_x96=limbs([row.sqrt_price_x96 for row in rows], 4),
            liquidity=limbs([row.liquidity for row in rows], 2),
            tick=np.array([row.tick for row in rows], dtype=np.int32),
            lower_tick=np.array([row.lower_tick for row in rows], dtype=np.int32),
            upper_tick=np.array([row.upper_tick for row in rows], dtype=np.int32),
            owner=np.array([place.get(row.owner, -1) for row in rows], dtype=np.int32),
            owners=owners,
        )


def limbs(values: Sequence[int], count: int) -> NDArray[np.uint64]:
    """Integers as rows of ``count`` limbs, two's complement. OverflowError where one does not fit."""
    size = 8 * count
    rows = [value.to_bytes(size, "little", signed=value < 0) for value in values]
    return np.frombuffer(b"".join(rows), dtype="<u8").astype(np.uint64).reshape(len(rows), count)


def unsigned(row: NDArray[np.uint64]) -> int:
    """The integer of a row of limbs."""
    return int.from_bytes(row.astype("<u8").tobytes(), "little")


def signed(row: NDArray[np.uint64]) -> int:
    """The integer of a row of limbs in two's complement."""
    return int.from_bytes(row.astype("<u8").tobytes(), "little", signed=True)

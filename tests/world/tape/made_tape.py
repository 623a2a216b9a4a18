"""The events of a real pool (its bytecode in an EVM), and a tape of any events: no file in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Literal

from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_at_tick
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent
from keeper.world.tape.tape import Defect, Opening, Span, TapePool
from tests.evm.pool_world import Book, RealChange, RealPool

UNLIMITED = 1 << 180
POOL = TapePool(fee_pips=500, tick_spacing=10)


class RecordedPool:
    """A real pool and the logs it would have written. Every event stands in its own block, from 100 on."""

    def __init__(
        self, start_tick: int, *, fee_pips: int = 500, fee_protocol: tuple[int, int] = (0, 0), offset_x96: int = 999
    ) -> None:
        price_x96 = sqrt_price_at_tick(start_tick) + offset_x96
        self.real, self.book = RealPool(fee_pips, price_x96, fee_protocol), Book()
        self.fee_pips, self.spacing = fee_pips, self.real.tick_spacing
        self.fee_protocol = fee_protocol[0] | fee_protocol[1] << 4
        self.events: list[TapeEvent] = []
        self._log(EventKind.INITIALIZE, sqrt_price_x96=price_x96, tick=self.tick)

    @property
    def tick(self) -> int:
        return self.real.state().tick

    @property
    def nets(self) -> dict[int, int]:
        """Net liquidity of initialized ticks where it is not zero."""
        return {tick: net for tick, net in self.book.net.items() if net}

    def levels(self, levels: dict[int, int], end: int) -> None:
        """Mint so that the liquidity is ``levels[tick]`` from that tick up to the next, or to the end."""
        ticks = [*sorted(levels), end]
        for lower, upper in pairwise(ticks):
            if levels[lower]:
                self.change(lower, upper, levels[lower])

    def forget(self) -> None:
        """Let the tape begin here."""
        self.events.clear()

    def change(self, lower_tick: int, upper_tick: int, liquidity: int) -> None:
        """Mint, or burn where negative."""
        act = self.real.mint if liquidity > 0 else self.real.burn
        assert act(lower_tick, upper_tick, abs(liquidity)) is not None
        self.book.change(lower_tick, upper_tick, liquidity)
        kind = EventKind.MINT if liquidity > 0 else EventKind.BURN
        self._log(kind, liquidity=abs(liquidity), lower_tick=lower_tick, upper_tick=upper_tick)

    def visit(self, *ticks: int) -> None:
        """Swap to a price a little above each tick."""
        for tick in ticks:
            price_x96, limit_x96 = self.real.state().sqrt_price_x96, sqrt_price_at_tick(tick) + 12_345
            limit_x96 += limit_x96 == price_x96  # the pool refuses a swap to where it stands
            self._swap(limit_x96 < price_x96, UNLIMITED, limit_x96)

    def swap_amount(self, zero_for_one: bool, amount: int) -> None:
        """Exact input (positive) or exact output (negative)."""
        self._swap(zero_for_one, amount, MIN_SQRT_PRICE_X96 + 1 if zero_for_one else MAX_SQRT_PRICE_X96 - 1)

    def wander(self, rng: Random, swaps: int, low: int, high: int) -> None:
        """Swaps of every manner between two ticks, with mints and burns between them."""
        own: list[tuple[int, int, int]] = []
        for _ in range(swaps):
            if rng.random() < 0.15:
                lower = rng.randrange(low // self.spacing, high // self.spacing) * self.spacing
                own.append((lower, lower + rng.randrange(1, 6) * self.spacing, rng.randrange(1, 10**18)))
                self.change(*own[-1])
            if own and rng.random() < 0.12:
                lower, upper, liquidity = own.pop(rng.randrange(len(own)))
                self.change(lower, upper, -liquidity)
            if rng.random() < 0.5 and low + 25 < self.tick < high - 25:
                zero_for_one = rng.random() < 0.5
                # Token1 is worth 2.6e8 raw units of token0 at these ticks; each moves the price by some ticks.
                paid, received = (10**10, 10**18) if zero_for_one else (3 * 10**18, 3 * 10**9)
                self.swap_amount(
                    zero_for_one, rng.randrange(1, paid) if rng.random() < 0.5 else -rng.randrange(1, received)
                )
            else:
                self.visit(rng.randrange(low, high))

    def _swap(self, zero_for_one: bool, amount: int, limit_x96: int) -> RealChange:
        done = self.real.swap(zero_for_one, amount, limit_x96)
        assert done is not None
        self._log(
            EventKind.SWAP, amount_0=done.amount0, amount_1=done.amount1, sqrt_price_x96=done.after.sqrt_price_x96,
            liquidity=done.after.liquidity, tick=done.after.tick,
        )  # fmt: skip
        return done

    def _log(self, kind: EventKind, **fields: int) -> None:
        block = 100 if not self.events else self.events[-1].block_number + 1
        self.events.append(TapeEvent(kind, block, 2 * block, 1, **fields))


@dataclass(frozen=True, slots=True)
class MadeTape:
    """Implements ``EventTape`` over events in memory; ``batch_size`` small, so that batches end everywhere."""

    events: Sequence[TapeEvent]
    pool: TapePool = POOL
    opening: Opening | None = None
    batch_size: int = 7
    path: Path = Path("made.parquet")
    defects: tuple[Defect, ...] = ()
    digest: str = "0" * 64
    kind: Literal["events"] = "events"

    @property
    def span(self) -> Span:
        first, last = self.events[0], self.events[-1]
        return Span(first.block_number, last.block_number, first.timestamp, last.timestamp)

    def batches(
        self,
        *,
        from_timestamp: int | None = None,  # noqa: ARG002 - the whole of it, always
        to_timestamp: int | None = None,  # noqa: ARG002
        size: int = 65_536,  # noqa: ARG002
    ) -> Iterator[EventBatch]:
        for start in range(0, len(self.events), self.batch_size):
            yield EventBatch.of(self.events[start : start + self.batch_size])

"""Hourly samples and bars of a pool, worked out backward from a moment whose price and fee growth are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keeper.model.observation import Bar, PoolState, Sample
from keeper.model.ticks import tick_at_sqrt_price
from keeper.world.feeds.fee_growth import GROWTH_MODULUS, Growth, flash_growth, swap_growth
from keeper.world.feeds.swaps import PoolMark, PoolSwap

HOUR_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the time before ``anchor``: all swaps and marks after ``start_timestamp`` and up to it.

    ``start`` is the sqrt price (Q96), tick and liquidity (None: unknown) at ``start_timestamp``; None where the tape
    does not know them. ``fee_protocol`` is slot0's packed figure at the anchor.
    """

    anchor: Sample
    start_timestamp: int
    start: tuple[int, int, int | None] | None
    swaps: Sequence[PoolSwap]
    marks: Sequence[PoolMark]
    fee_protocol: int


@dataclass(frozen=True, slots=True)
class _Event:
    """A swap or mark, the price (0: not known) and tick (None: not known) before it, and what it added to fee growth
    (None: cannot be told). The pool's birth has its own first tick."""

    timestamp: int
    sqrt_price_before_x96: int
    tick_before: int | None
    swap: PoolSwap | None
    growth: Growth | None


def hourly_samples(past: Past, hours: Sequence[int], pool: PoolState) -> list[Sample]:
    """A sample with its bar for each of the full hours that the past tells of, newest first.

    Every hour must lie after ``past.start_timestamp`` by an hour or more and not after the anchor. Fee growth is None
    below a swap whose growth cannot be told.
    """
    events = _events(past, pool)
    samples: list[Sample] = []
    growth: Growth | None = _growth_of(past.anchor)
    left = len(events)
    price_x96 = past.anchor.sqrt_price_x96
    for hour in sorted(hours, reverse=True):
        while left and events[left - 1].timestamp > hour:
            left -= 1
            growth = _less(growth, events[left].growth)
            price_x96 = events[left].sqrt_price_before_x96
        bar = _bar(events, left, hour, price_x96)
        if bar is None or price_x96 == 0:
            continue
        grown_0, grown_1 = (None, None) if growth is None else growth
        samples.append(Sample(hour, price_x96, grown_0, grown_1, bar))
    return samples


def _growth_of(sample: Sample) -> Growth | None:
    growth_0, growth_1 = sample.fee_growth_global_0_x128, sample.fee_growth_global_1_x128
    return None if growth_0 is None or growth_1 is None else (growth_0, growth_1)


def _less(growth: Growth | None, added: Growth | None) -> Growth | None:
    if growth is None or added is None:
        return None
    return (growth[0] - added[0]) % GROWTH_MODULUS, (growth[1] - added[1]) % GROWTH_MODULUS


def _events(past: Past, pool: PoolState) -> list[_Event]:
    """In order. A price of 0 stands for one that is not known."""
    price_x96, tick, liquidity = past.start or (0, None, None)
    changes = [mark for mark in past.marks if mark.kind == "fee_protocol"]
    fee_protocol = changes[0].value_0 if changes else past.fee_protocol
    events: list[_Event] = []
    items: list[PoolSwap | PoolMark] = [*past.swaps, *past.marks]
    for item in sorted(items, key=lambda each: (each.block_number, each.log_index)):
        growth: Growth | None = (0, 0)
        if isinstance(item, PoolSwap):
            known = price_x96 > 0
            growth = swap_growth(price_x96, liquidity, item, pool, fee_protocol) if known else None
            events.append(_Event(item.timestamp, price_x96, tick, item, growth))
            price_x96, tick, liquidity = item.sqrt_price_x96, item.tick, item.liquidity
            continue
        if item.kind == "flash":
            growth = flash_growth(item, liquidity, fee_protocol) if liquidity else None
        if item.kind == "initialize":
            tick, liquidity = item.value_1, 0
        events.append(_Event(item.timestamp, price_x96, tick, None, growth))
        if item.kind == "initialize":
            price_x96 = item.value_0
        elif item.kind == "fee_protocol":
            fee_protocol = item.value_1
    return events


def _bar(events: Sequence[_Event], end: int, hour: int, price_x96: int) -> Bar | None:
    """The bar of the hour that ends at event ``end``; None where the price it began with is not known."""
    begin = end
    while begin and events[begin - 1].timestamp > hour - HOUR_SECONDS:
        begin -= 1
    within = events[begin:end]
    swaps = [event.swap for event in within if event.swap is not None]
    if not within:
        tick = tick_at_sqrt_price(price_x96) if price_x96 else 0
        return Bar(tick, tick, 0, 0, 0)
    if within[0].tick_before is None:
        return None
    ticks = [event.tick_before for event in within if event.tick_before is not None]
    ticks += [swap.tick for swap in swaps]
    return Bar(
        min(ticks), max(ticks), sum(abs(swap.amount_0) for swap in swaps), sum(abs(swap.amount_1) for swap in swaps),
        len(swaps),
    )  # fmt: skip

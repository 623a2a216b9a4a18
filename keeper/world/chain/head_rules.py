"""Is a node's newest block one to decide on? Pure rules; the wall clock is an argument.

A head is refused when it is old, from the future, block 0, older than what was seen before, or further back than a
reorganisation goes. Where a rollup's sequencer orders the blocks, a time of grace follows each standstill: traders come
back all at once, and prices jump.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from keeper.model.observation import Block

MOST_AHEAD_SECONDS: Final = 15
DEEPEST_REORG_BLOCKS: Final = 64
# So far apart no block time is: one of the two clocks is wrong.
WILD_SECONDS: Final = 3_600
DEFAULT_GRACE_SECONDS: Final = 300
# OP Mainnet, Cronos zkEVM, Unichain, Fraxtal, zkSync Era, World Chain, Soneium, Base, Mode, Arbitrum One, Arbitrum
# Nova, Ink, Linea, Blast, Scroll, Zora: one sequencer each.
SEQUENCED_CHAIN_IDS: Final = frozenset(
    {10, 130, 252, 324, 388, 480, 1_868, 8_453, 34_443, 42_161, 42_170, 57_073, 59_144, 81_457, 534_352, 7_777_777}
)


@dataclass(frozen=True, slots=True)
class HeadRules:
    """``max_age_seconds`` None: no clock is looked at (a simulated chain has its own time), and no grace is given."""

    max_age_seconds: int | None = None
    sequencer_grace_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of the chain so far: the newest head taken, the oldest it was found since it last was fresh, and
    when it came back (block time, UNIX seconds) after how long."""

    number: int
    timestamp: int
    is_standing: bool = False
    oldest_seconds: int = 0
    back_since: int | None = None
    stood_seconds: int = 0


@dataclass(frozen=True, slots=True)
class HeadVerdict:
    """``refusal``: nothing may be decided, and why. ``grace``: nothing but exits may be done, and why."""

    seen: Seen | None
    refusal: str = ""
    grace: str = ""


def grace_seconds(chain_id: int, configured: int | None) -> int:
    """The configured time of grace, or the default of a chain that has a sequencer."""
    if configured is not None:
        return configured
    return DEFAULT_GRACE_SECONDS if chain_id in SEQUENCED_CHAIN_IDS else 0


def judge_head(block: Block, seen: Seen | None, now_seconds: float, rules: HeadRules) -> HeadVerdict:
    """The verdict on a head, and what to remember for the next. ``now_seconds``: the wall clock, UNIX seconds."""
    refusal = _order_fault(block, seen)
    if refusal:
        return HeadVerdict(seen, refusal)
    age_seconds = round(now_seconds) - block.timestamp
    refusal = _age_fault(block, seen, age_seconds, rules)
    if refusal:
        if age_seconds < 0:
            return HeadVerdict(seen, refusal)
        known = seen or Seen(block.number, block.timestamp)
        oldest = max(known.oldest_seconds, age_seconds)
        standing = replace(
            known, number=block.number, timestamp=block.timestamp, is_standing=True, oldest_seconds=oldest
        )
        return HeadVerdict(standing, refusal)
    fresh = _came_back(block, seen)
    return HeadVerdict(fresh, grace=_grace(block, fresh, rules))


def _order_fault(block: Block, seen: Seen | None) -> str:
    if block.number == 0:
        return "the node's newest block is block 0: it has not followed the chain yet"
    if seen is None:
        return ""
    if block.number < seen.number - DEEPEST_REORG_BLOCKS:
        return (
            f"the node went back from block {seen.number} to block {block.number}, further than a reorganisation goes: "
            "it lags, or is on another chain"
        )
    if block.number > seen.number and block.timestamp < seen.timestamp:
        return (
            f"block {block.number} is dated {seen.timestamp - block.timestamp} s before block {seen.number}, "
            "which came earlier: the node's blocks are not in order"
        )
    return ""


def _age_fault(block: Block, seen: Seen | None, age_seconds: int, rules: HeadRules) -> str:
    if rules.max_age_seconds is None:
        return ""
    advances = seen is not None and block.number > seen.number
    clock = (
        "; its blocks go on, so this machine's clock is wrong: set it by NTP"
        if advances and abs(age_seconds) >= WILD_SECONDS
        else "; the node is wrong, or this machine's clock is: set it by NTP"
    )
    if age_seconds < -MOST_AHEAD_SECONDS:
        return f"block {block.number} is dated {-age_seconds} s in the future{clock}"
    if age_seconds > rules.max_age_seconds:
        wild = clock if age_seconds >= WILD_SECONDS else "; the node lags, or the chain stands still"
        return f"block {block.number} is {age_seconds} s old, more than {rules.max_age_seconds} s{wild}"
    return ""


def _came_back(block: Block, seen: Seen | None) -> Seen:
    """A fresh head: if the last one was old, this is the moment of the return."""
    fresh = Seen(block.number, block.timestamp)
    if seen is None:
        return fresh
    if seen.is_standing:
        return replace(fresh, back_since=block.timestamp, stood_seconds=seen.oldest_seconds)
    return replace(fresh, back_since=seen.back_since, stood_seconds=seen.stood_seconds)


def _grace(block: Block, seen: Seen, rules: HeadRules) -> str:
    if seen.back_since is None or not rules.sequencer_grace_seconds:
        return ""
    passed = block.timestamp - seen.back_since
    if passed >= rules.sequencer_grace_seconds:
        return ""
    return (
        f"the chain stood still for {seen.stood_seconds} s or longer and is back for {passed} s; nothing but an exit "
        f"is done for {rules.sequencer_grace_seconds} s"
    )

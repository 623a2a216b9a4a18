"""The column sets in which a pool's events are kept: our own and those of other tools, told apart by their columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keeper.errors import ConfigError
from keeper.world.tape.events import EventKind


@dataclass(frozen=True, slots=True)
class EventLayout:
    """Which column holds what. ``change``: a position's liquidity added or removed, in MINT and BURN rows."""

    name: str
    event: str
    block: str
    time: str
    log: str
    amount_0: str
    amount_1: str
    price: str
    liquidity: str
    change: str
    tick: str
    lower: str
    upper: str
    owner: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a file of this kind must have."""
        named = (getattr(self, field) for field in self.__dataclass_fields__ if field != "name")
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True, slots=True)
class BarLayout:
    """As :class:`EventLayout`, for bars."""

    name: str
    time: str
    open_tick: str
    close_tick: str
    low_tick: str
    high_tick: str
    in_0: str
    in_1: str
    net_0: str
    net_1: str
    liquidity: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that a file of this kind must have."""
        return tuple(getattr(self, field) for field in self.__dataclass_fields__ if field != "name")


OWN_EVENTS: Final = EventLayout(
    "keeper events", "event", "block_number", "timestamp", "log_index", "amount0", "amount1", "sqrt_price_x96",
    "liquidity", "liquidity", "tick", "tick_lower", "tick_upper", "owner",
)  # fmt: skip
OWN_BARS: Final = BarLayout(
    "keeper bars", "timestamp", "open_tick", "close_tick", "low_tick", "high_tick", "in0", "in1", "net0", "net1",
    "liquidity",
)  # fmt: skip
EVENT_LAYOUTS: Final = (
    EventLayout(
        "event log", "event", "block_number", "block_timestamp", "log_index", "amount0", "amount1", "sqrt_price_x96",
        "liquidity", "liquidity_delta", "tick", "tick_lower", "tick_upper", "owner",
    ),
    EventLayout(
        "tick file", "tx_type", "block_number", "block_timestamp", "pool_log_index", "amount0", "amount1",
        "sqrtPriceX96", "total_liquidity", "liquidity", "current_tick", "tick_lower", "tick_upper", "sender",
    ),
    OWN_EVENTS,
)  # fmt: skip
BAR_LAYOUTS: Final = (
    BarLayout(
        "minute bars", "timestamp", "openTick", "closeTick", "lowestTick", "highestTick", "inAmount0", "inAmount1",
        "netAmount0", "netAmount1", "currentLiquidity",
    ),
    OWN_BARS,
)  # fmt: skip

# Names as files write them, without case, blanks and underscores.
KINDS: Final = {kind.name.replace("_", "").lower(): kind for kind in EventKind}


def layout_of(columns: Sequence[str], path: Path) -> EventLayout | BarLayout:
    """The layout that a file with these columns has.

    Raises:
        ConfigError: none; says what is missing from the one that comes nearest, and which there are.
    """
    twice = next((name for at, name in enumerate(columns) if name in columns[:at]), None)
    if twice is not None:
        raise ConfigError(f"has two columns {twice[:60]!r}; drop one", path=str(path))
    layouts: tuple[EventLayout | BarLayout, ...] = (*EVENT_LAYOUTS, *BAR_LAYOUTS)
    there = set(columns)
    for layout in layouts:
        if there.issuperset(layout.columns):
            return layout
    nearest = max(layouts, key=lambda each: len(there.intersection(each.columns)) / len(each.columns))
    share = len(there.intersection(nearest.columns)) / len(nearest.columns)
    if share >= 0.5:
        missing = [name for name in nearest.columns if name not in there]
        sentence = f"looks like a file of format {nearest.name!r} but has no column {', '.join(missing)}; add it"
    else:
        sentence = f"is of no known format; its columns are {', '.join(columns) or 'none'}"
    formats = ", ".join(f"{each.name!r}" for each in layouts)
    raise ConfigError(f"{sentence} (formats: {formats}; see docs/data.md)", path=str(path))


def kind_of(name: str) -> EventKind | None:
    """The kind that a file means; None for a name that is not known."""
    return KINDS.get(name.replace("_", "").replace(" ", "").lower())


def needed_columns(layout: EventLayout, columns: Iterable[str]) -> list[str]:
    """Those of the file's columns that are to be read."""
    wanted = set(layout.columns)
    return [name for name in columns if name in wanted]

"""Fields of ``tape.json`` as they must be. Files come from strangers, and a wrong one is named before it is used.

Each reader raises ValueError with the field's name: what cannot be is never passed on to arithmetic or to the disk.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from keeper.model.ticks import MAX_SQRT_PRICE_X96, MAX_TICK

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?')
_BRACKET: Final = re.compile(r"[\[\]{}]")
_DEEPEST: Final = 32
_DIGITS: Final = re.compile(r"-?\d{1,78}")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
# What the writer calls them. Anything else could lead out of the folder.
_PART: Final = re.compile(r"part-\d{5,9}\.parquet")
_LONGEST_TEXT: Final = 2_000
_LARGEST_SPACING: Final = 16_383  # UniswapV3Factory.enableFeeAmount
WORD: Final = (1 << 63) - 1
_BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "chain_id": (1, WORD),
    "fee_pips": (0, 999_999),
    "tick_spacing": (1, _LARGEST_SPACING),
    "decimals": (0, 255),
    "block_number": (0, WORD),
    "timestamp": (0, WORD),
    "sqrt_price_x96": (0, MAX_SQRT_PRICE_X96),
    "tick": (-MAX_TICK - 1, MAX_TICK),
    "liquidity": (0, (1 << 128) - 1),
    "fee_protocol": (0, 255),
    "fee_growth_global_0_x128": (0, (1 << 256) - 1),
    "fee_growth_global_1_x128": (0, (1 << 256) - 1),
    "step_seconds": (1, WORD),
}
_OF_A_TICK: Final = (
    (-MAX_TICK, MAX_TICK), (1, (1 << 128) - 1), (1 - (1 << 127), (1 << 127) - 1), (0, (1 << 256) - 1),
    (0, (1 << 256) - 1),
)  # fmt: skip


def json_of(path: Path) -> Any:
    """The document in the file. Nesting is measured first: where a library has raised the interpreter's own limit,
    brackets without end would end the process instead of the reading."""
    words = path.read_text(encoding="utf-8")
    brackets = _BRACKET.findall(_STRING.sub("", words))
    if max(accumulate(1 if each in "[{" else -1 for each in brackets), default=0) > _DEEPEST:
        raise ValueError("nested too deep")
    return json.loads(words)


def number(name: str, value: Any) -> int:
    """An integer, or its digits as text, within what the field can be."""
    return within(name, value, *_BOUNDS[name])


def within(name: str, value: Any, low: int, high: int) -> int:
    """An integer, or its digits as text, from ``low`` to ``high``. A float is none: its digits may be lost."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} {str(value)[:40]!r}")
    return value


def text(name: str, value: Any) -> str:
    """Words of a length that words have."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError(f"{name} {str(value)[:40]!r}")
    return value


def digest(name: str, value: Any) -> str:
    """SHA-256 in hex."""
    return _matching(name, value, _HEX)


def address(name: str, value: Any) -> str:
    """0x and 40 hex digits."""
    return _matching(name, value, _ADDRESS)


def part_name(value: Any) -> str:
    """A part's file, which lies in the tape's own folder."""
    return _matching("parts: file", value, _PART)


def ordered(document: Any, what: str) -> dict[str, int]:
    """First and last block and moment, the first not after the last."""
    names = ("from_block", "to_block", "from_timestamp", "to_timestamp")
    found = {name: within(f"{what}: {name}", document[name], 0, WORD) for name in names}
    if found["from_block"] > found["to_block"] or found["from_timestamp"] > found["to_timestamp"]:
        raise ValueError(f"{what} ends before it begins")
    return found


def tick_row(row: Any, below: int) -> tuple[int, int, int, int, int]:
    """An initialized tick of the opening, above the one before it."""
    if not isinstance(row, list) or len(row) != len(_OF_A_TICK):
        raise ValueError(f"ticks: {str(row)[:40]}")
    tick, gross, net, outside_0, outside_1 = (
        within("ticks", value, *bounds) for value, bounds in zip(row, _OF_A_TICK, strict=True)
    )
    if tick <= below:
        raise ValueError(f"ticks: {tick} is out of order")
    return tick, gross, net, outside_0, outside_1


def _matching(name: str, value: Any, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise ValueError(f"{name} {str(value)[:60]!r}")
    return value

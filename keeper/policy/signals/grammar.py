"""What a rule may say: ``sma(24) > sma(120) and adx(14) >= 25``. Read by ``parser``; nothing is executed.

    rule        = conjunction { "or" conjunction }
    conjunction = denial { "and" denial }
    denial      = "not" denial | comparison
    comparison  = sum [ ("<" | "<=" | ">" | ">=") sum ]
    sum         = product { ("+" | "-") product }
    product     = sign { ("*" | "/") sign }
    sign        = "-" sign | number | name [ "(" number { "," number } ")" ] | "(" rule ")"

Every part is a truth, a number or a price. Prices are known by their ratios only, so a price is compared with a price,
and a price over a price is a number: ``close / sma(24) > 1.02``, never ``close > 2000``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["truth", "number", "price"]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A word of the grammar: what it gives, and the bars of the past it needs for a window of ``n``.

    ``factor`` is that need over n: Wilder's means never forget, so they are begun anew so many windows back, where
    the beginning has lost its weight. ``is_spread``: takes a second number, the width in standard deviations.
    """

    kind: Kind
    takes_window: bool
    factor: int = 1
    is_spread: bool = False


INDICATORS: dict[str, Indicator] = {
    "close": Indicator("price", takes_window=False),
    "high": Indicator("price", takes_window=False),
    "low": Indicator("price", takes_window=False),
    "sma": Indicator("price", takes_window=True),
    "ema": Indicator("price", takes_window=True, factor=6),
    "rsi": Indicator("number", takes_window=True, factor=8),
    "adx": Indicator("number", takes_window=True, factor=8),
    "plus_di": Indicator("number", takes_window=True, factor=8),
    "minus_di": Indicator("number", takes_window=True, factor=8),
    "percent_b": Indicator("number", takes_window=True, is_spread=True),
    "momentum": Indicator("number", takes_window=True),
}


class GrammarError(ValueError):
    """The rule cannot be read; the sentence quotes the place."""


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Call:
    """An indicator. ``window`` is 0 where it takes none."""

    name: str
    window: int = 0
    deviations: float = 2.0

    @property
    def bars(self) -> int:
        """Bars needed to know its value at the newest one."""
        return INDICATORS[self.name].factor * self.window + 1


@dataclass(frozen=True, slots=True)
class Operation:
    """``sign`` between two parts, or before one (``not``, and ``-`` with ``left`` None)."""

    sign: str
    left: Node | None
    right: Node


Node = Number | Call | Operation


def calls(node: Node) -> frozenset[Call]:
    """Every indicator in the tree."""
    if isinstance(node, Call):
        return frozenset({node})
    if isinstance(node, Number):
        return frozenset()
    return (frozenset() if node.left is None else calls(node.left)) | calls(node.right)

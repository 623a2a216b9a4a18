"""Whether a rule holds at a bar: the tree of ``grammar`` over the indicators of some candles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from keeper.policy.signals import indicators
from keeper.policy.signals.candles import Candles
from keeper.policy.signals.grammar import Call, Node, Number

Columns = Mapping[Call, Sequence[float]]


class _Unknown(Exception):  # noqa: N818 - it ends the evaluation of one rule, and no error
    """An operand has no value."""


def columns(wanted: Iterable[Call], candles: Candles, newest: int) -> dict[Call, list[float]]:
    """The value of every indicator at the ``newest`` bars, oldest first.

    Each is computed from as many bars as it needs and no more: how far back the history happens to reach changes
    nothing. NaN where there are not enough bars.
    """
    found: dict[Call, list[float]] = {}
    for call in sorted(wanted, key=lambda each: (each.name, each.window, each.deviations)):
        values = _column(call, candles.last(call.bars + newest - 1))
        found[call] = [math.nan] * (newest - len(values)) + values[-newest:]
    return found


def _column(call: Call, part: Candles) -> list[float]:
    plain = {"close": part.close, "high": part.high, "low": part.low}
    if call.name in plain:
        return list(plain[call.name])
    if call.name == "percent_b":
        return indicators.percent_b(part.close, call.window, call.deviations)
    if call.name in ("adx", "plus_di", "minus_di"):
        moved = indicators.directional(part.high, part.low, part.close, call.window)
        return {"adx": moved.adx, "plus_di": moved.plus_di, "minus_di": moved.minus_di}[call.name]
    own = {"sma": indicators.sma, "ema": indicators.ema, "rsi": indicators.rsi, "momentum": indicators.momentum}
    return own[call.name](part.close, call.window)


def holds(node: Node, values: Columns, bar: int) -> bool:
    """Whether the condition is true at a bar. False where an operand has no value, or a divisor is zero."""
    try:
        return _truth(node, values, bar)
    except _Unknown:
        return False


def _truth(node: Node, values: Columns, bar: int) -> bool:
    assert not isinstance(node, Number | Call)
    if node.sign == "not":
        return not _truth(node.right, values, bar)
    assert node.left is not None
    if node.sign in ("and", "or"):
        left, right = _truth(node.left, values, bar), _truth(node.right, values, bar)
        return (left and right) if node.sign == "and" else (left or right)
    one, other = _value(node.left, values, bar), _value(node.right, values, bar)
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[node.sign]


def _value(node: Node, values: Columns, bar: int) -> float:
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Call):
        return _known(values[node][bar])
    right = _value(node.right, values, bar)
    if node.left is None:
        return -right
    left = _value(node.left, values, bar)
    if node.sign == "/":
        return _known(left / right if right != 0 else math.nan)
    return _known({"+": left + right, "-": left - right, "*": left * right}[node.sign])


def _known(value: float) -> float:
    if not math.isfinite(value):
        raise _Unknown
    return value

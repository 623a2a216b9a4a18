"""Technical rules over moving averages, ADX, Bollinger bands and RSI, as the operator writes them; votes decide."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pydantic import Field, field_validator

from keeper.model.decision import Figure, Forecast, Regime
from keeper.model.memory import RegimeLabel, RegimeMemory
from keeper.model.observation import History
from keeper.policy.settings import Section
from keeper.policy.signals.candles import Candles, candles
from keeper.policy.signals.grammar import Node, calls
from keeper.policy.signals.hysteresis import HysteresisSettings, Probabilities, answer, no_opinion, probabilities
from keeper.policy.signals.parser import parse
from keeper.policy.signals.rules import Columns, columns, holds

# The base token up or down depends on which token is the quote: assembly passes `quote_is_token0` to `build`.
ORIENTED = True
# Rules that need few bars look for a move at least so far back.
STILL_HOURS = 24


class Rule(Section):
    """A condition, what it speaks for when it holds, and how loudly."""

    when: str = Field(description="a condition such as sma(24) > sma(120)")
    regime: Literal["positive", "negative", "neutral"]
    weight: float = Field(default=1.0, gt=0, le=100)

    @field_validator("when")
    @classmethod
    def _is_a_condition(cls, text: str) -> str:
        parse(text)
        return text


# A trend is a cross of averages that has strength (ADX) and that neither bands nor RSI contradict.
DEFAULT_RULES = (
    Rule(when="sma(24) > sma(120)", regime="positive"),
    Rule(when="adx(14) > 25 and plus_di(14) > minus_di(14)", regime="positive"),
    Rule(when="percent_b(20) > 0.5", regime="positive"),
    Rule(when="rsi(14) > 55", regime="positive"),
    Rule(when="sma(24) < sma(120)", regime="negative"),
    Rule(when="adx(14) > 25 and minus_di(14) > plus_di(14)", regime="negative"),
    Rule(when="percent_b(20) < 0.5", regime="negative"),
    Rule(when="rsi(14) < 45", regime="negative"),
)


class Settings(HysteresisSettings):
    """``regime: {kind: trend}``. Without ``rules`` those of ``DEFAULT_RULES`` count, and are what the journal keeps."""

    kind: Literal["trend"] = "trend"
    rules: tuple[Rule, ...] = Field(default=(), validate_default=True, max_length=40)

    @field_validator("rules")
    @classmethod
    def _or_the_default(cls, given: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if given and not any(rule.regime != "neutral" for rule in given):
            raise ValueError("no rule speaks for a positive or a negative regime")
        return given or DEFAULT_RULES


@dataclass(frozen=True, slots=True)
class Trend:
    """A vote of all rules at each of the last ``confirm_bars`` hours.

    With P, N, U the shares (by weight) of the positive, negative and neutral rules that hold, the probability of a
    positive trend is P·(1 − N)·(1 − U): rules that contradict each other cancel toward neutral.
    """

    settings: Settings
    quote_is_token0: bool

    def detect(self, history: History, forecast: Forecast, memory: RegimeMemory | None, now_timestamp: int) -> Regime:
        rules = tuple((_tree(rule.when), rule) for rule in self.settings.rules)
        wanted = frozenset().union(*(calls(tree) for tree, _ in rules))
        bars = self.settings.confirm_bars
        needed = max((call.bars for call in wanted), default=1) + bars - 1
        looked = max(needed, STILL_HOURS)
        seen = candles(history, now_timestamp, quote_is_token0=self.quote_is_token0, most=looked)
        if isinstance(seen, str):
            return no_opinion("trend", seen, memory, now_timestamp)
        if len(seen) < needed:
            reason = f"{len(seen)} hours of prices without a hole, {needed} needed by the rules"
            return no_opinion("trend", reason, memory, now_timestamp)
        if len(set(seen.close)) == 1:
            return no_opinion("trend", f"the price has not moved in {len(seen)} hours", memory, now_timestamp)
        values = columns(wanted, seen, bars)
        votes = [_vote(rules, values, bar) for bar in range(bars)]
        return answer(
            "trend", votes, memory, now_timestamp, self.settings,
            _words(rules, values, bars - 1), _figures(seen, values),
        )  # fmt: skip


@lru_cache(maxsize=256)
def _tree(text: str) -> Node:
    return parse(text)


def _vote(rules: tuple[tuple[Node, Rule], ...], values: Columns, bar: int) -> Probabilities:
    up, down, flat = (_share(rules, label, values, bar) for label in ("positive", "negative", "neutral"))
    return probabilities(up * (1 - down) * (1 - flat), down * (1 - up) * (1 - flat))


def _share(rules: tuple[tuple[Node, Rule], ...], label: RegimeLabel, values: Columns, bar: int) -> float:
    own = [(tree, rule.weight) for tree, rule in rules if rule.regime == label]
    total = math.fsum(weight for _, weight in own)
    return math.fsum(weight for tree, weight in own if holds(tree, values, bar)) / total if total else 0.0


def _words(rules: tuple[tuple[Node, Rule], ...], values: Columns, bar: int) -> str:
    parts = []
    for label in ("positive", "negative", "neutral"):
        own = [tree for tree, rule in rules if rule.regime == label]
        if own:
            parts.append(f"{sum(holds(tree, values, bar) for tree in own)} of {len(own)} {label}")
    return f"rules that hold: {', '.join(parts)}"


def _figures(seen: Candles, values: Columns) -> tuple[Figure, ...]:
    """The indicators at the newest bar; prices as their ratio to the close."""
    found = []
    for call, column in values.items():
        if call.window and math.isfinite(column[-1]):
            is_price = call.name in ("sma", "ema")
            value = column[-1] / seen.close[-1] if is_price else column[-1]
            name = f"{call.name}_{call.window}" + ("_over_close" if is_price else "")
            if call.name == "percent_b" and call.deviations != 2:
                name += f"_{call.deviations:g}"
            found.append(Figure(name, round(value, 9)))
    return tuple(found)


def build(settings: Settings, *, quote_is_token0: bool) -> Trend:
    return Trend(settings, quote_is_token0)

"""The methods that a strategy is compared with, each as everybody knows it.

A method is the strategy's own YAML with other values at a few keys: the same capital, pool, schedule, forecaster and
limits, carried out by the same cycle. Yardsticks act at their triggers whether or not it pays (``profit.gate: none``),
and wait for no history of fees. The limits hold for them too: a cooldown or a daily count that is written is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from keeper.assembly_settings import varied
from keeper.errors import ConfigError
from keeper.policy.settings import StrategySettings

Kind = Literal["run", "hedged", "half", "base"]
LONGEST_NAME = 63

# What a yardstick is not asked: whether it pays, what the trend is, what fees were.
_UNGATED: dict[str, Any] = {
    "profit.gate": "none",
    "profit.min_fee_history_hours": 1.0,
    "regime": {"kind": "neutral"},
    "view": "neutral",
    "rewards": [],
}
_DAY_MINUTES = 1_440


@dataclass(frozen=True, slots=True)
class Method:
    """``kind``: a ``run`` of the strategy with ``values``; the same with a paper short of all base tokens held
    (``hedged``); or no trade at all, ``half`` and ``base`` being what is held. ``is_active``: its range moves."""

    name: str
    label: str
    words: str
    kind: Kind = "run"
    values: Mapping[str, Any] = field(default_factory=dict)
    least_cooldown_minutes: int = 0
    is_active: bool = True
    is_yardstick: bool = True


def _ungated(range_settings: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {**_UNGATED, "range": range_settings, **others}


def _lean(view: str, name: str, label: str) -> Method:
    words = f"2 · 1.5 σ √7 d wide, {view}, reset outside it, at most once a day"
    return Method(
        name,
        label,
        f"Dynamic Asymmetric System: {words}",
        values=_ungated({"kind": "asymmetric"}, view=view),
        least_cooldown_minutes=_DAY_MINUTES,
    )


def _fixed(pct: int) -> Method:
    values = _ungated({"kind": "fixed", "lower_pct": float(pct), "upper_pct": float(pct)})
    return Method(f"fixed-{pct}", f"±{pct} %", f"{pct} % either side, laid anew outside it", values=values)


_OPTIMAL: dict[str, Any] = {"range": {"kind": "optimal"}, "regime": {"kind": "neutral"}, "view": "neutral"}

METHODS: tuple[Method, ...] = (
    Method(
        "optimal",
        "optimal",
        "the renewal-reward optimum; enters, moves and leaves only where that pays",
        values={**_OPTIMAL, "profit.gate": "pays"},
        is_yardstick=False,
    ),
    Method("optimal-always", "optimal, always", "the same ranges, always in one", values={**_UNGATED, **_OPTIMAL}),
    _lean("bullish", "das-bull", "DAS bull"),
    _lean("neutral", "das-neutral", "DAS neutral"),
    _lean("bearish", "das-bear", "DAS bear"),
    Method(
        "hedged",
        "hedged",
        "the narrowest range that pays with its direction hedged; every base token held is sold short on paper, set "
        "anew at each observation, 5 % a year of its size",
        kind="hedged",
        values=_ungated({"kind": "hedged"}),
    ),
    Method(
        "das-hedged",
        "DAS hedged",
        "DAS neutral with every base token held sold short on paper, as above",
        kind="hedged",
        values=_ungated({"kind": "asymmetric"}),
        least_cooldown_minutes=_DAY_MINUTES,
    ),
    Method("tau-reset", "τ-reset", "±600 ticks, laid anew outside it", values=_ungated({"kind": "tau_reset"})),
    Method(
        "bollinger",
        "Bollinger",
        "mean of 20 hours ± 2 standard deviations, laid anew outside it, at most hourly",
        values=_ungated({"kind": "bollinger"}),
        least_cooldown_minutes=60,
    ),
    _fixed(20),
    _fixed(10),
    _fixed(2),
    Method(
        "full",
        "full range (v2)",
        "every price, as a v2 pool, at this pool's fee",
        values=_ungated({"kind": "full"}),
        is_active=False,
    ),
    Method("hodl-50", "HODL 50/50", "half of the worth in each token, never touched", kind="half", is_active=False),
    Method("hodl-100", "HODL 100 %", "all of it in the base token, never touched", kind="base", is_active=False),
)
SHORT_COST_PPM_PER_YEAR = 50_000
BENCHMARK = "hodl-50"


def method_names() -> tuple[str, ...]:
    return tuple(method.name for method in METHODS)


def chosen(names: Sequence[str]) -> tuple[Method, ...]:
    """The methods of these names, in the order of the table; all of them where none is named.

    ConfigError: there is no such method; names the nearest.
    """
    for name in names:
        if name not in method_names():
            near = get_close_matches(name, method_names(), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(method_names())}"
            raise ConfigError(f"there is no method {name!r}; {hint}")
    return tuple(method for method in METHODS if not names or method.name in names)


def settings_of(method: Method, strategy: StrategySettings) -> StrategySettings:
    """The strategy as the method would run it. ConfigError: it cannot (the strategy's own values stand against it)."""
    cooldown = max(strategy.limits.cooldown_minutes, method.least_cooldown_minutes)
    own_name = f"{strategy.name[: LONGEST_NAME - len(method.name) - 1]}_{method.name}"
    return varied(strategy, {**method.values, "limits.cooldown_minutes": cooldown, "name": own_name})

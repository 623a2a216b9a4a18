"""What a search may change: keys of the strategy's YAML with their bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from keeper.assembly_settings import varied
from keeper.errors import ConfigError
from keeper.policy.settings import StrategySettings

Number = int | float


@dataclass(frozen=True, slots=True)
class Dimension:
    """One key (``range.k``) and where it is searched, both ends included; ``log``: evenly in its logarithm."""

    key: str
    low: Number
    high: Number
    log: bool = False
    integer: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ConfigError(f"search {self.key}: both bounds must be finite numbers")
        if self.low >= self.high:
            raise ConfigError(f"search {self.key}: the lower bound must be below the upper one")
        if self.log and self.low <= 0:
            raise ConfigError(f"search {self.key}: a logarithmic search needs a lower bound above zero")


# What is searched where nothing is said: the few settings that give each rule its character.
_RANGES: Final[Mapping[str, tuple[Dimension, ...]]] = {
    "fixed": (Dimension("range.lower_pct", 1.0, 50.0, log=True), Dimension("range.upper_pct", 1.0, 50.0, log=True)),
    "sigma": (Dimension("range.k", 0.5, 5.0, log=True), Dimension("range.horizon_days", 0.5, 14.0, log=True)),
    "optimal": (Dimension("range.min_width_pct", 1.0, 30.0, log=True), Dimension("range.risk_aversion", 0.0, 3.0)),
    "asymmetric": (Dimension("range.c", 0.5, 4.0, log=True), Dimension("range.horizon_days", 1.0, 30.0, log=True)),
    "tau_reset": (Dimension("range.tau_ticks", 20, 5_000, log=True, integer=True),),
    "bollinger": (
        Dimension("range.window_hours", 6, 240, log=True, integer=True),
        Dimension("range.deviations", 0.5, 4.0),
    ),
    "bands": (Dimension("range.first_width_pct", 1.0, 40.0, log=True), Dimension("range.step", 1.2, 4.0)),
    "base_limit": (
        Dimension("range.base_width_pct", 1.0, 50.0, log=True),
        Dimension("range.limit_width_pct", 0.5, 20.0, log=True),
    ),
    "hedged": (Dimension("range.reset_pct", 0.5, 20.0, log=True), Dimension("range.trigger_scale", 0.5, 4.0)),
}
_PROFIT: Final = (Dimension("profit.kappa", 0.5, 6.0, log=True), Dimension("profit.haircut", 0.25, 1.0))
_WRITTEN: Final = re.compile(r"([a-z_][a-z0-9_.]*)=([^:]+):([^:]+)((?::(?:log|int))*)")


def default_space(settings: StrategySettings) -> tuple[Dimension, ...]:
    """The dimensions that suit the strategy's range rule. ConfigError where it has none."""
    kind = settings.range["kind"]
    if kind not in _RANGES:
        raise ConfigError(f"range {kind!r} has no settings of its own to search; name some: --search profit.kappa=1:4")
    judged = _PROFIT if settings.profit.gate == "pays" else ()
    return (*_RANGES[kind], *judged)


def parse_dimension(text: str) -> Dimension:
    """``range.k=0.5:4``, with ``:log`` and ``:int`` behind it where wanted. ConfigError says what is wrong."""
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"search {text!r}: write KEY=LOW:HIGH, such as range.k=0.5:4 or range.tau_ticks=20:2000:log:int"
        )
    key, low, high, flags = match.groups()
    integer = ":int" in flags
    try:
        bounds = tuple(int(end) if integer else float(end) for end in (low, high))
    except ValueError:
        raise ConfigError(
            f"search {key}: {low!r} to {high!r} are not two {'whole ' if integer else ''}numbers"
        ) from None
    return Dimension(key, bounds[0], bounds[1], log=":log" in flags, integer=integer)


def check_space(settings: StrategySettings, space: Iterable[Dimension]) -> None:
    """ConfigError unless every dimension is another setting of the strategy and may be anywhere within its bounds."""
    seen: set[str] = set()
    for each in space:
        if each.key in seen:
            raise ConfigError(f"search {each.key} is given twice: give its bounds once")
        seen.add(each.key)
        for end in (each.low, each.high):
            try:
                varied(settings, {each.key: end})
            except ConfigError as error:
                raise ConfigError(f"search {each.key}={each.low:g}:{each.high:g}: {error}") from None

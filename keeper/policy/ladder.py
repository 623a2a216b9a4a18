"""From distances around the price to a ladder of ticks. Every range rule ends here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pydantic import Field, model_validator

from keeper.model.decision import Figure, Ladder, TargetRange
from keeper.model.observation import Observation
from keeper.model.ticks import max_usable_tick, min_usable_tick, round_to_spacing
from keeper.policy.settings import Section

LOG_TICK = math.log(1.0001)
PPM = 1_000_000
MOST_RANGES = 16

Ends = tuple[int, int]


class RangeSettings(Section):
    """Settings that every range rule has.

    ``target_weight``: the share of the base token that is wanted, in what is held aside and as what risk is measured
    against.
    """

    target_weight: float = Field(default=0.5, ge=0, le=1)


class Rung(Section):
    """One range of a ladder: its width as a multiple of the rule's width, its share of the capital in per cent."""

    scale: float = Field(default=1.0, gt=0, le=100)
    share_pct: float = Field(default=100.0, gt=0, le=100)


class LadderSettings(RangeSettings):
    """Settings common to the rules that place ranges around the price.

    ``trigger_scale`` sets the trigger as a multiple of the first rung's width: 1 is its edge.
    """

    ladder: tuple[Rung, ...] = Field(default=(Rung(),), min_length=1, max_length=MOST_RANGES)
    trigger_scale: float = Field(default=1.0, gt=0, le=20)

    @model_validator(mode="after")
    def _shares_sum_to_hundred(self) -> LadderSettings:
        total = sum(rung.share_pct for rung in self.ladder)
        if not math.isclose(total, 100.0, abs_tol=1e-6):
            raise ValueError(f"the shares of the ladder sum to {total:g} %, they must sum to 100")
        return self


class WidthSettings(RangeSettings):
    """Settings of the rules that find their own width: no side narrower or wider than this, as ln(1 + pct/100)."""

    min_width_pct: float = Field(default=3.0, gt=0, le=1_000)
    max_width_pct: float = Field(default=80.0, gt=0, le=10_000)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> WidthSettings:
        if self.min_width_pct > self.max_width_pct:
            raise ValueError(f"min_width_pct {self.min_width_pct:g} is above max_width_pct {self.max_width_pct:g}")
        return self

    @property
    def bounds_log(self) -> tuple[float, float]:
        """The least and the greatest log distance of an end from the price."""
        return math.log1p(self.min_width_pct / 100), math.log1p(self.max_width_pct / 100)


def within_widths(wanted_log: float, settings: WidthSettings) -> tuple[float, str]:
    """The log distance within the bounds, and a word on which of them binds (empty: none)."""
    floor, ceiling = settings.bounds_log
    if wanted_log < floor:
        return floor, " (your floor)"
    return (ceiling, " (your ceiling)") if wanted_log > ceiling else (wanted_log, "")


def ladder_around(
    observation: Observation,
    kind: str,
    below_log: float,
    above_log: float,
    settings: LadderSettings,
    reason: str,
    figures: tuple[Figure, ...] = (),
    *,
    replaces_before_timestamp: int | None = None,
) -> Ladder:
    """Ranges from ``below_log`` under to ``above_log`` over the price, as log distances of the quote price."""
    shares = shares_ppm([rung.share_pct for rung in settings.ladder])
    ends = [ticks_around(observation, below_log * rung.scale, above_log * rung.scale) for rung in settings.ladder]
    first = settings.ladder[0].scale * settings.trigger_scale
    return Ladder(
        kind,
        merged(zip(ends, shares, strict=True)),
        *ticks_around(observation, below_log * first, above_log * first),
        reason,
        figures,
        replaces_before_timestamp,
    )


def ticks_around(observation: Observation, below_log: float, above_log: float) -> Ends:
    """The usable ticks nearest to the distances of the quote price, with the price's tick strictly between them.

    Where the quote is token0 the order of ticks is the reverse of the order of prices, so the distances trade places.
    """
    down_log, up_log = (above_log, below_log) if observation.quote_is_token0 else (below_log, above_log)
    pool = observation.pool
    spacing = pool.tick_spacing
    floor, ceiling = min_usable_tick(spacing), max_usable_tick(spacing)
    below = (pool.tick - 1) // spacing * spacing
    lower = round_to_spacing(round(max(floor, pool.tick - down_log / LOG_TICK)), spacing)
    upper = round_to_spacing(round(min(ceiling, pool.tick + up_log / LOG_TICK)), spacing)
    # A pool at the end of the tick range keeps a range of at least one spacing inside it.
    lower = max(floor, min(lower, below, ceiling - spacing))
    upper = min(ceiling, max(upper, (pool.tick // spacing + 1) * spacing, lower + spacing))
    return lower, upper


def log_distances(observation: Observation, ends: Ends) -> tuple[float, float]:
    """How far the ticks stand below and above the price's own tick, as log distances of the quote price."""
    tick = observation.pool.tick
    down_log, up_log = (tick - ends[0]) * LOG_TICK, (ends[1] - tick) * LOG_TICK
    return (up_log, down_log) if observation.quote_is_token0 else (down_log, up_log)


def shares_ppm(weights: Sequence[float]) -> list[int]:
    """Parts per million in the proportion of the weights, which sum to a million: the largest takes the rounding."""
    whole = math.fsum(weights)
    shares = [round(weight * PPM / whole) for weight in weights]
    shares[shares.index(max(shares))] += PPM - sum(shares)
    return shares


def merged(placed: Iterable[tuple[Ends, int]]) -> tuple[TargetRange, ...]:
    """Ranges with their shares. Those that snap to the same ticks are one position with both shares, not two of the
    same; a share that is less than a millionth is none."""
    shares: dict[Ends, int] = {}
    for ends, share_ppm in placed:
        shares[ends] = shares.get(ends, 0) + share_ppm
    return tuple(TargetRange(*ends, share_ppm) for ends, share_ppm in shares.items() if share_ppm > 0)

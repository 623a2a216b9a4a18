"""From distances around the price to a ladder of ticks. Every symmetric or skewed range rule ends here."""

from __future__ import annotations

import math

from pydantic import Field, model_validator

from keeper.model.decision import Figure, Ladder, TargetRange
from keeper.model.observation import Observation, PoolState
from keeper.model.ticks import max_usable_tick, min_usable_tick, round_to_spacing
from keeper.policy.settings import Section

LOG_TICK = math.log(1.0001)
PPM = 1_000_000


class Rung(Section):
    """One range of a ladder: its width as a multiple of the rule's width, its share of the capital in per cent."""

    scale: float = Field(default=1.0, gt=0, le=100)
    share_pct: float = Field(default=100.0, gt=0, le=100)


class LadderSettings(Section):
    """Settings common to the rules that place ranges around the price.

    ``trigger_scale`` sets the trigger as a multiple of the first rung's width: 1 is its edge.
    """

    ladder: tuple[Rung, ...] = Field(default=(Rung(),), min_length=1, max_length=16)
    trigger_scale: float = Field(default=1.0, gt=0, le=20)

    @model_validator(mode="after")
    def _shares_sum_to_hundred(self) -> LadderSettings:
        total = sum(rung.share_pct for rung in self.ladder)
        if not math.isclose(total, 100.0, abs_tol=1e-6):
            raise ValueError(f"the shares of the ladder sum to {total:g} %, they must sum to 100")
        return self


def ladder_around(
    observation: Observation,
    kind: str,
    below_log: float,
    above_log: float,
    settings: LadderSettings,
    reason: str,
    figures: tuple[Figure, ...] = (),
) -> Ladder:
    """Ranges from ``below_log`` under to ``above_log`` over the price, as log distances of the quote price.

    Where the quote is token0 the order of ticks is the reverse of the order of prices, so the distances trade places.
    """
    down, up = (above_log, below_log) if observation.quote_is_token0 else (below_log, above_log)
    pool = observation.pool
    # Rungs that snap to the same ticks are one position with both shares, not two of the same.
    shares: dict[tuple[int, int], int] = {}
    for rung, share_ppm in zip(settings.ladder, _shares_ppm(settings), strict=True):
        ends = _snap(pool, down * rung.scale, up * rung.scale)
        shares[ends] = shares.get(ends, 0) + share_ppm
    ranges = [TargetRange(*ends, share_ppm) for ends, share_ppm in shares.items()]
    first = settings.ladder[0].scale * settings.trigger_scale
    trigger_lower, trigger_upper = _snap(pool, down * first, up * first)
    return Ladder(kind, tuple(ranges), trigger_lower, trigger_upper, reason, figures)


def _shares_ppm(settings: LadderSettings) -> list[int]:
    shares = [round(rung.share_pct * PPM / 100) for rung in settings.ladder]
    shares[0] += PPM - sum(shares)
    return shares


def _snap(pool: PoolState, down_log: float, up_log: float) -> tuple[int, int]:
    """The usable ticks nearest to the distances, with the price's tick strictly between them."""
    spacing = pool.tick_spacing
    floor, ceiling = min_usable_tick(spacing), max_usable_tick(spacing)
    below = (pool.tick - 1) // spacing * spacing
    lower = round_to_spacing(round(max(floor, pool.tick - down_log / LOG_TICK)), spacing)
    upper = round_to_spacing(round(min(ceiling, pool.tick + up_log / LOG_TICK)), spacing)
    # A pool at the end of the tick range keeps a range of at least one spacing inside it.
    lower = max(floor, min(lower, below, ceiling - spacing))
    upper = min(ceiling, max(upper, (pool.tick // spacing + 1) * spacing, lower + spacing))
    return lower, upper

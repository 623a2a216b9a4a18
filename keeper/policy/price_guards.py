"""Is the price of the pool the market's? Its own means, an oracle outside it, and the liquidity around it.

Each guard is an absolute difference of ticks (ticks may be negative), with the figures that it rests on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from keeper.model.decision import Figure, Objection
from keeper.model.observation import Observation, OracleQuote
from keeper.policy.depth import depth_quote
from keeper.policy.ladder import LOG_TICK
from keeper.policy.settings import Limits, OracleSettings
from keeper.policy.valuation import raw_quote

Q192 = 1 << 192


def short_twap_objection(observation: Observation, limits: Limits) -> Objection | None:
    """The spot must stand near its mean of the last minutes. That the mean is missing is the planner's objection, which
    has no bounds without it."""
    deviation = _deviation(observation, limits.twap_seconds)
    if deviation is None or deviation <= limits.max_twap_deviation_ticks:
        return None
    return _far(observation, "spot_far_from_twap", limits.twap_seconds, deviation, limits.max_twap_deviation_ticks)


def price_objections(observation: Observation, limits: Limits, oracle: OracleSettings | None) -> Iterator[Objection]:
    """Everything that must hold before liquidity or money is put at this price."""
    short = short_twap_objection(observation, limits)
    if short is not None:
        yield short
    yield from _long_twap(observation, limits)
    if oracle is not None:
        yield from _oracle(observation, limits, oracle)
    yield from pool_objections(observation, limits)


def pool_objections(observation: Observation, limits: Limits) -> Iterator[Objection]:
    """A pool whose own oracle has memory, and with enough liquidity around the price."""
    pool = observation.pool
    if pool.observation_cardinality < limits.min_oracle_cardinality:
        figures = (
            Figure("cardinality", pool.observation_cardinality),
            Figure("needed", limits.min_oracle_cardinality),
        )
        yield Objection("oracle_too_short", "the pool's own oracle keeps too few observations", figures)
    if limits.min_depth_quote is not None:
        below, above = depth_quote(observation, limits.depth_ticks)
        least = raw_quote(observation, limits.min_depth_quote)
        if min(below, above) < least:
            depths = (Figure("below_quote_raw", below), Figure("above_quote_raw", above))
            missing = (*depths, Figure("needed_quote_raw", least), Figure("within_ticks", limits.depth_ticks))
            yield Objection("too_shallow", "there is too little liquidity around the price", missing)


def _long_twap(observation: Observation, limits: Limits) -> Iterator[Objection]:
    seconds = limits.long_twap_seconds
    if seconds is None:
        return
    deviation = _deviation(observation, seconds)
    if deviation is None:
        yield Objection(
            "long_twap_missing",
            f"the pool's oracle does not reach back {seconds} s; wait, have its cardinality raised, or set "
            "limits.long_twap_seconds lower or to null",
            (Figure("twap_seconds", seconds), Figure("cardinality", observation.pool.observation_cardinality)),
        )
    elif deviation > limits.max_long_twap_deviation_ticks:
        allowed = limits.max_long_twap_deviation_ticks
        yield _far(observation, "spot_far_from_long_twap", seconds, deviation, allowed)


def _oracle(observation: Observation, limits: Limits, settings: OracleSettings) -> Iterator[Objection]:
    quote = observation.oracle
    if quote is None:
        reason = next((each.reason for each in observation.missing if each.name == "oracle"), "it gave no answer")
        yield Objection("oracle_missing", f"the price oracle cannot be used: {reason}")
        return
    age_seconds = observation.block.timestamp - quote.updated_timestamp
    if not 0 <= age_seconds <= settings.max_age_seconds:
        figures = (Figure("age_seconds", age_seconds), Figure("allowed_seconds", settings.max_age_seconds))
        yield Objection("oracle_stale", "the price oracle's answer is too old, or from the future", figures)
        return
    deviation = abs(oracle_distance_ticks(observation, quote))
    if deviation > limits.max_oracle_deviation_ticks:
        distances = (
            Figure("deviation_ticks", round(deviation, 1)),
            Figure("allowed_ticks", limits.max_oracle_deviation_ticks),
            Figure("oracle", quote.source),
        )
        yield Objection("spot_far_from_oracle", "the pool's price is far from the oracle's", distances)


def oracle_distance_ticks(observation: Observation, quote: OracleQuote) -> float:
    """How far the pool's price stands above the oracle's, in ticks of the quote price."""
    price_x192 = observation.pool.sqrt_price_x96**2
    pool = (Q192, price_x192) if observation.quote_is_token0 else (price_x192, Q192)
    ratio = math.log(pool[0] * quote.price.denominator) - math.log(pool[1] * quote.price.numerator)
    return ratio / LOG_TICK


def _deviation(observation: Observation, window_seconds: int) -> int | None:
    for twap in observation.twaps:
        if twap.window_seconds == window_seconds:
            return abs(observation.pool.tick - twap.mean_tick)
    return None


def _far(observation: Observation, code: str, seconds: int, deviation: int, allowed: int) -> Objection:
    mean = next(twap.mean_tick for twap in observation.twaps if twap.window_seconds == seconds)
    figures = (
        Figure("deviation_ticks", deviation),
        Figure("allowed_ticks", allowed),
        Figure("twap_mean_tick", mean),
        Figure("spot_tick", observation.pool.tick),
        Figure("twap_seconds", seconds),
    )
    return Objection(code, "the spot price is far from its time-weighted mean", figures)

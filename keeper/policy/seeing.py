"""From what was observed to the scene that a range rule is asked about."""

from __future__ import annotations

from keeper.model.decision import Figure, Forecast, Objection, Regime
from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.policy.carry import carry
from keeper.policy.cost import recentring_gas_quote
from keeper.policy.scene import Scene, Stance
from keeper.policy.settings import StrategySettings
from keeper.policy.situation import Situation
from keeper.policy.valuation import positions_value, usable_idle, value_in_quote

PIPS = 1_000_000
ALONE = 1e6
Q96 = float(1 << 96)


def scene_of(settings: StrategySettings, situation: Situation, forecast: Forecast, regime: Regime) -> Scene | Objection:
    """The scene; an objection where volatility or fees are not known well enough to choose anything."""
    observation = situation.observation
    rates = carry(observation.history, forecast, settings, observation.block.timestamp)
    if isinstance(rates, Objection):
        return rates
    pool = observation.pool
    if not MIN_TICK < pool.tick < MAX_TICK - 1:
        figure = Figure("tick", pool.tick)
        return Objection("price_at_the_end", "the pool's price stands at the end of all ticks", (figure,))
    if pool.liquidity == 0:
        return Objection("no_liquidity", "the pool has no liquidity at its price", (Figure("liquidity", 0),))
    capital = _capital_quote(situation, settings)
    depth = _others_depth_quote(situation)
    # Alone in the pool all fees are ours, and there is nobody to dilute: q is as good as endless.
    dilution = min(max(capital, 1) / depth, ALONE) if depth > 0 else ALONE
    return Scene(
        observation=observation,
        forecast=forecast,
        regime=regime,
        stance=stance(settings, regime),
        carry=rates,
        capital_quote=capital,
        gas_fraction=recentring_gas_quote(observation) / max(capital, 1),
        # A swap of half the capital moves the price by q/2 of it on average.
        swap_cost=observation.pool.fee_pips / PIPS + min(dilution / 2, 1.0),
        dilution=dilution,
        held=situation.held,
    )


def stance(settings: StrategySettings, regime: Regime) -> Stance:
    """The operator's own view comes first; a regime counts only where it may act."""
    if settings.view != "neutral":
        return Stance("positive" if settings.view == "bullish" else "negative", 1.0, "view")
    if not settings.regime.get("act", False):
        return Stance("neutral", 0.0, "neutral")
    if regime.label == "neutral":
        return Stance("neutral", 0.0, "regime")
    lead = regime.probability_positive - regime.probability_negative
    # A label that hysteresis keeps may have lost its lead: then it leans on nothing.
    return Stance(regime.label, min(max(lead if regime.label == "positive" else -lead, 0.0), 1.0), "regime")


def drift_annual(settings: StrategySettings, stance: Stance) -> float:
    """μ that the stance stands for: the rule's ``drift_pct_per_year`` times its strength; nothing where it has none."""
    if stance.label == "neutral":
        return 0.0
    size = float(settings.range.get("drift_pct_per_year", 0.0)) / 100 * stance.strength
    return size if stance.label == "positive" else -size


def _capital_quote(situation: Situation, settings: StrategySettings) -> int:
    """What the strategy may place: its positions and the idle tokens it may use, raw quote units."""
    observation = situation.observation
    idle = usable_idle(observation, situation.positions, settings.capital.max_quote)
    value = positions_value(observation, situation.positions)
    return value + value_in_quote(*idle, observation.pool.sqrt_price_x96, observation.quote_is_token0)


def _others_depth_quote(situation: Situation) -> float:
    """L·√S of everybody else at the price, raw quote units."""
    pool = situation.observation.pool
    own = sum(p.liquidity for p in situation.positions if p.lower_tick <= pool.tick < p.upper_tick)
    root = pool.sqrt_price_x96 / Q96
    return max(pool.liquidity - own, 0) * (1 / root if situation.observation.quote_is_token0 else root)

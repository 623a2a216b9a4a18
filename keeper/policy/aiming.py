"""What is wanted, and the plan to get there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from keeper.model.decision import Ladder
from keeper.model.observation import Observation
from keeper.model.ticks import tick_at_sqrt_price
from keeper.policy.at_once import at_once
from keeper.policy.cost import swap_gas_quote
from keeper.policy.rebalance import Draft, plan_change, plan_nothing
from keeper.policy.scene import NoRange, Scene
from keeper.policy.situation import Situation
from keeper.policy.soundness import choose_soundly
from keeper.policy.strategy import Strategy
from keeper.policy.valuation import positions_value, usable_idle, value_in_quote

# After a swap the market moves on before the mint. A second swap is made if it costs less than a fiftieth of what it
# would bring into the ranges; a third only for ten times the usual leftover, or a lively market would see no mint.
LEFTOVER_FACTOR_AFTER_SWAP = 10
LEFTOVER_PER_SWAP_COST = 50
BPS = 10_000
# Each round moves the ladder by a part of the last round's move; it stands still after two or three, or goes to and
# fro between two neighbouring ticks.
CENTRING_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Aim:
    """The scene, the ladder wanted there and the draft to reach it; ``refusal`` where the rule wants no range."""

    scene: Scene
    target: Ladder | None
    draft: Draft
    refusal: NoRange | None = None

    @property
    def after_swap(self) -> Observation:
        """The observation at the price that the draft's own swap leaves."""
        return at_price(self.scene.observation, self.draft.sqrt_price_after_swap_x96)


def aim(strategy: Strategy, situation: Situation, scene: Scene) -> Aim:
    """The ladder wanted, and the plan to reach it.

    The plan's own swap moves the price. A ladder centred on the price before it would stand off centre after it, and
    want another swap: so the rule is asked again at the price that the swap leaves behind, until it says the same.
    """
    observation, settings = situation.observation, strategy.settings
    leftover_bps = _leftover_bps(situation, settings.limits.max_leftover_bps, settings.capital.max_quote)

    def plan_for(wanted: Ladder) -> Draft:
        draft = plan_change(observation, wanted, situation.positions, settings, leftover_bps=leftover_bps)
        return at_once(draft, observation, settings)

    target = choose_soundly(strategy.range_rule, scene)
    if isinstance(target, NoRange):
        return Aim(scene, None, Draft(plan_nothing(observation)), target)
    draft = plan_for(target)
    for _ in range(CENTRING_ROUNDS):
        after = draft.sqrt_price_after_swap_x96
        if after is None:
            break
        centred = choose_soundly(strategy.range_rule, replace(scene, observation=at_price(observation, after)))
        if isinstance(centred, NoRange) or _same_ranges(centred, target):
            break
        target, draft = centred, plan_for(centred)
    return Aim(scene, target, draft)


def _same_ranges(one: Ladder, other: Ladder) -> bool:
    """Figures may differ in the last digits where the ranges do not."""
    triggers = (one.trigger_lower_tick, one.trigger_upper_tick) == (other.trigger_lower_tick, other.trigger_upper_tick)
    return triggers and one.ranges == other.ranges


def _leftover_bps(situation: Situation, usual_bps: int, max_quote: Decimal) -> int:
    """How much may stay outside the ranges before a swap is planned for it."""
    most_bps = usual_bps * LEFTOVER_FACTOR_AFTER_SWAP
    if situation.swaps_just_made != 1:
        return most_bps if situation.swaps_just_made else usual_bps
    observation, pool = situation.observation, situation.observation.pool
    idle = usable_idle(observation, situation.positions, max_quote)
    value = positions_value(observation, situation.positions)
    value += value_in_quote(*idle, pool.sqrt_price_x96, observation.quote_is_token0)
    worth_a_swap = LEFTOVER_PER_SWAP_COST * swap_gas_quote(observation)
    return min(most_bps, max(usual_bps, worth_a_swap * BPS // max(value, 1)))


def at_price(observation: Observation, sqrt_price_x96: int | None) -> Observation:
    """The observation with the pool's price moved to where a swap of ours leaves it (None: nowhere)."""
    if sqrt_price_x96 is None:
        return observation
    moved = replace(observation.pool, sqrt_price_x96=sqrt_price_x96, tick=tick_at_sqrt_price(sqrt_price_x96))
    return replace(observation, pool=moved)

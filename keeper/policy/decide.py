"""From what was observed to what should be done. Pure: the same inputs give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from keeper.model.decision import Decision, Figure, Ladder, Objection, Verdict
from keeper.model.memory import Memory
from keeper.model.observation import Observation
from keeper.model.plan import Plan
from keeper.model.ticks import tick_at_sqrt_price
from keeper.policy import guards, profit
from keeper.policy.compound import plan_compound
from keeper.policy.cost import swap_gas_quote
from keeper.policy.rebalance import Draft, plan_change, plan_exit, plan_nothing, plan_tidy
from keeper.policy.scene import NoRange, Scene
from keeper.policy.seeing import scene_of
from keeper.policy.situation import Situation, situate
from keeper.policy.strategy import Strategy
from keeper.policy.valuation import positions_value, usable_idle, value_in_quote

__all__ = ["Strategy", "decide"]

# After a swap the market moves on before the mint. A second swap is made if it costs less than a fiftieth of what it
# would bring into the ranges; a third only for ten times the usual leftover, or a lively market would see no mint.
LEFTOVER_FACTOR_AFTER_SWAP = 10
LEFTOVER_PER_SWAP_COST = 50
BPS = 10_000
# Each round moves the ladder by a part of the last round's move; it stands still after two or three, or goes to and
# fro between two neighbouring ticks.
CENTRING_ROUNDS = 6


def decide(strategy: Strategy, observation: Observation, memory: Memory) -> Decision:
    """One decision: forecast, regime, target, plan, verdict."""
    now = observation.block.timestamp
    forecast = strategy.forecaster.forecast(observation.history, observation.implied, now)
    regime = strategy.detector.detect(observation.history, forecast, memory.regime, now)
    situation = situate(strategy.settings, observation, memory)
    sight = scene_of(strategy.settings, situation, forecast, regime)
    aim = sight if isinstance(sight, Objection) else _aim(strategy, situation, sight)
    plan, verdict = _judge(strategy, situation, aim)
    return Decision(
        strategy=strategy.name,
        settings_digest=strategy.settings_digest,
        observation=observation,
        memory=memory,
        forecast=forecast,
        regime=regime,
        target=aim.target if isinstance(aim, Aim) else None,
        plan=plan,
        verdict=verdict,
    )


@dataclass(frozen=True, slots=True)
class Aim:
    """What is wanted and how to get there; ``refusal`` where the rule wants no range."""

    scene: Scene
    target: Ladder | None
    draft: Draft
    refusal: NoRange | None = None


def _aim(strategy: Strategy, situation: Situation, scene: Scene) -> Aim:
    """The ladder wanted, and the plan to reach it.

    The plan's own swap moves the price. A ladder centred on the price before it would stand off centre after it, and
    want another swap: so the rule is asked again at the price that the swap leaves behind, until it says the same.
    """
    observation, settings = situation.observation, strategy.settings
    leftover_bps = _leftover_bps(situation, settings.limits.max_leftover_bps, settings.capital.max_quote)

    def plan_for(wanted: Ladder) -> Draft:
        return plan_change(observation, wanted, situation.positions, settings, leftover_bps=leftover_bps)

    target = strategy.range_rule.choose(scene)
    if isinstance(target, NoRange):
        return Aim(scene, None, Draft(plan_nothing(observation)), target)
    draft = plan_for(target)
    for _ in range(CENTRING_ROUNDS):
        after = draft.sqrt_price_after_swap_x96
        if after is None:
            break
        centred = strategy.range_rule.choose(replace(scene, observation=_at_price(observation, after)))
        if centred == target or isinstance(centred, NoRange):
            break
        target, draft = centred, plan_for(centred)
    return Aim(scene, target, draft)


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


def _at_price(observation: Observation, sqrt_price_x96: int | None) -> Observation:
    """The observation with the pool's price moved to where a swap of ours leaves it (None: nowhere)."""
    if sqrt_price_x96 is None:
        return observation
    moved = replace(observation.pool, sqrt_price_x96=sqrt_price_x96, tick=tick_at_sqrt_price(sqrt_price_x96))
    return replace(observation, pool=moved)


def _judge(strategy: Strategy, situation: Situation, aim: Aim | Objection) -> tuple[Plan, Verdict]:
    """The first candidate that nothing stands against; else the first of all, with what stands against it."""
    first: tuple[Plan, Verdict] | None = None
    for plan, verdict in _candidates(strategy, situation, aim):
        if not verdict.objections:
            return plan, verdict
        first = first or (plan, verdict)
    assert first is not None  # there is always a candidate, if only to hold
    return first


def _candidates(strategy: Strategy, situation: Situation, aim: Aim | Objection) -> Iterator[tuple[Plan, Verdict]]:
    state = situation.memory.state
    if state in ("paused", "halted", "exited"):
        reason = situation.memory.state_reason or f"the strategy is {state}"
        yield _hold(situation.observation, Objection(state, reason))
    elif state == "exiting":
        yield _operator_exit(strategy, situation)
        yield from _tidy(strategy, situation)
    else:
        yield _main_candidate(strategy, situation, aim)
        if situation.positions:
            yield from _compound(strategy, situation)
        yield from _tidy(strategy, situation)


def _operator_exit(strategy: Strategy, situation: Situation) -> tuple[Plan, Verdict]:
    """The operator's exit is not judged on profit or pace; only on a price that may be manipulated, and on gas."""
    if not situation.positions:
        return _hold(situation.observation, Objection("nothing_to_exit", "no position is open"))
    draft = plan_exit(situation.observation, situation.positions, strategy.settings)
    return _verdict(draft, "the operator asked for the exit", list(_common(strategy, situation, draft.plan, True)))


def _main_candidate(strategy: Strategy, situation: Situation, aim: Aim | Objection) -> tuple[Plan, Verdict]:
    """Enter, rebalance or leave, as the outlook says, with everything that stands against it."""
    observation, settings = situation.observation, strategy.settings
    if isinstance(aim, Objection):
        return _hold(observation, aim)
    if aim.target is None:
        refusal = aim.refusal or NoRange("the range rule wants no range")
        return _hold(observation, Objection("no_range", refusal.reason, refusal.figures))
    target, draft = aim.target, aim.draft
    after = _at_price(observation, draft.sqrt_price_after_swap_x96)
    view = profit.outlook(observation, after, aim.scene.carry, situation.positions, target, draft.plan, settings.profit)
    if not view.worth_providing:
        return _aside(strategy, situation, view)
    if not situation.positions:
        against = _as_list(profit.objection_to_enter(view, draft.plan))
        reason = "the capital is idle and providing pays"
    elif not situation.outside_trigger:
        reason = "the price is inside the trigger of the range"
        return draft.plan, Verdict("hold", reason, (_inside_trigger(situation),), view.figures)
    else:
        against = _as_list(profit.objection_to_rebalance(view, draft.plan, settings.profit.kappa))
        against += guards.pace_objections(observation, situation.memory, settings)
        reason = "the price left the trigger of the range"
    against += _common(strategy, situation, draft.plan, False)
    return _verdict(draft, reason, against, view.figures)


def _inside_trigger(situation: Situation) -> Objection:
    tick = situation.observation.pool.tick
    room = min(min(tick - h.trigger_lower_tick, h.trigger_upper_tick - tick) for h in situation.held)
    return Objection(
        "inside_trigger", "the price is inside the trigger of the range", (Figure("ticks_to_trigger", room),)
    )


def _aside(strategy: Strategy, situation: Situation, view: profit.Outlook) -> tuple[Plan, Verdict]:
    """Fees do not cover the loss to arbitrage: stand aside, and leave if staying costs more than going."""
    figures = view.figures
    objection = Objection("not_worth_providing", "fees do not clearly exceed the loss to arbitrage", figures)
    if not situation.positions:
        return _hold(situation.observation, objection)
    draft = plan_exit(situation.observation, situation.positions, strategy.settings)
    against = _as_list(profit.objection_to_leave(view, draft.plan))
    against += _common(strategy, situation, draft.plan, False)
    return _verdict(draft, "fees do not clearly exceed the loss to arbitrage", against, figures)


def _compound(strategy: Strategy, situation: Situation) -> Iterator[tuple[Plan, Verdict]]:
    draft = plan_compound(situation.observation, situation.positions, situation.held, strategy.settings)
    if draft is not None:
        against = list(_common(strategy, situation, draft.plan, False))
        yield _verdict(draft, "fees and idle tokens are worth adding", against)


def _tidy(strategy: Strategy, situation: Situation) -> Iterator[tuple[Plan, Verdict]]:
    plan = plan_tidy(situation.observation, strategy.settings)
    if plan.steps:
        observation, limits = situation.observation, strategy.settings.limits
        against = list(guards.gas_objections(observation, plan, limits, spare_reserve=False))
        against += _as_list(guards.failing_objection(observation, situation.memory, plan))
        yield _verdict(Draft(plan), "an allowance is left over", against)


def _common(strategy: Strategy, situation: Situation, plan: Plan, is_exit: bool) -> Iterator[Objection]:
    """The guards that stand before every act that depends on the price."""
    observation, limits = situation.observation, strategy.settings.limits
    yield from _as_list(guards.price_objection(observation, limits))
    yield from guards.gas_objections(observation, plan, limits, spare_reserve=is_exit)
    yield from _as_list(guards.failing_objection(observation, situation.memory, plan))
    if is_exit:
        return
    yield from _as_list(guards.unknown_position_objection(situation.unknown, limits))
    yield from _as_list(guards.cost_objection(observation, situation.memory, plan, limits))
    yield from _as_list(guards.impact_objection(plan, limits))


def _verdict(
    draft: Draft, reason: str, against: list[Objection], figures: tuple[Figure, ...] = ()
) -> tuple[Plan, Verdict]:
    return draft.plan, Verdict(draft.plan.action, reason, (*draft.objections, *against), figures)


def _hold(observation: Observation, *objections: Objection) -> tuple[Plan, Verdict]:
    return plan_nothing(observation), Verdict("hold", objections[0].message, objections)


def _as_list(objection: Objection | None) -> list[Objection]:
    return [] if objection is None else [objection]

"""From what was observed to what should be done. Pure: the same inputs give the same bytes."""

from __future__ import annotations

from keeper.model.decision import Decision, Figure, Objection
from keeper.model.memory import Memory
from keeper.model.observation import Observation
from keeper.model.swap import TickRangeExceeded
from keeper.policy import guards
from keeper.policy.aiming import Aim, aim
from keeper.policy.cost import fresh_cost_quote
from keeper.policy.seeing import scene_of
from keeper.policy.situation import situate
from keeper.policy.soundness import detect_soundly, forecast_soundly, history_fault
from keeper.policy.strategy import Strategy
from keeper.policy.verdict import judge

__all__ = ["Strategy", "decide", "requote"]

# A plan whose cost has grown beyond this part of what was planned is given up: another decision, from what is true now.
MOST_COST_GROWTH_PCT = 125


def decide(strategy: Strategy, observation: Observation, memory: Memory) -> Decision:
    """One decision: forecast, regime, target, plan, verdict."""
    forecast = forecast_soundly(strategy.forecaster, observation)
    regime = detect_soundly(strategy.detector, observation, forecast, memory.regime)
    situation = situate(strategy.settings, observation, memory)
    sight = history_fault(observation) or scene_of(strategy.settings, situation, forecast, regime)
    aimed = sight if isinstance(sight, Objection) else aim(strategy, situation, sight)
    plan, verdict = judge(strategy, situation, aimed)
    return Decision(
        strategy=strategy.name,
        settings_digest=strategy.settings_digest,
        observation=observation,
        memory=memory,
        forecast=forecast,
        regime=regime,
        target=aimed.target if isinstance(aimed, Aim) else None,
        plan=plan,
        verdict=verdict,
    )


def requote(decision: Decision, fresh: Observation) -> Objection | None:
    """What stands against carrying a decision out in the world as it is just before sending.

    The whole plan is priced again, gas and swap. The way out has no price to look at but its gas, and goes; the swap
    that follows it is priced as any other.
    """
    doubt = next(guards.trust_objections(fresh, is_exit=decision.memory.state == "exiting"), None)
    if doubt is not None:
        return doubt
    plan, planned = decision.plan, decision.plan.cost.total_quote
    is_way_out = plan.action == "exit" and all(step.kind != "swap" for step in plan.acts)
    if fresh.block.hash == decision.observation.block.hash or is_way_out:
        return None
    try:
        cost = fresh_cost_quote(plan, fresh)
    except TickRangeExceeded as error:
        return Objection("requote", f"the swap has no price any more: {error}")
    if cost * 100 <= planned * MOST_COST_GROWTH_PCT:
        return None
    figures = (
        Figure("planned_quote_raw", planned),
        Figure("fresh_quote_raw", cost),
        Figure("decided_at_block", decision.observation.block.number),
    )
    return Objection("requote", "just before sending it costs more than a quarter above plan", figures)

"""The verdict: which of the possible acts to take, with everything that stands against it.

Candidates are looked at in turn: the first that nothing stands against is carried out; if there is none, the first of
all is reported, with its objections.
"""

from __future__ import annotations

from collections.abc import Iterator

from keeper.model.decision import Figure, Objection, Verdict
from keeper.model.observation import Observation
from keeper.model.plan import Plan
from keeper.policy import guards, price_guards, profit
from keeper.policy.aiming import Aim
from keeper.policy.aside import plan_aside, plan_mix
from keeper.policy.at_once import at_once
from keeper.policy.compound import plan_compound
from keeper.policy.rebalance import Draft, plan_exit, plan_nothing, plan_tidy
from keeper.policy.seeing import drift_annual
from keeper.policy.situation import Situation
from keeper.policy.strategy import Strategy

Candidate = tuple[Plan, Verdict]


def judge(strategy: Strategy, situation: Situation, aim: Aim | Objection) -> Candidate:
    """The plan to carry out, or to have considered, and the verdict on it."""
    first: Candidate | None = None
    for plan, verdict in _candidates(strategy, situation, aim):
        if not verdict.objections:
            return plan, verdict
        first = first or (plan, verdict)
    assert first is not None  # there is always a candidate, if only to hold
    return first


def _candidates(strategy: Strategy, situation: Situation, aim: Aim | Objection) -> Iterator[Candidate]:
    state = situation.memory.state
    if state in ("paused", "halted", "exited"):
        reason = situation.memory.state_reason or f"the strategy is {state}"
        yield _hold(situation.observation, Objection(state, reason))
    elif doubts := tuple(guards.trust_objections(situation.observation, is_exit=state == "exiting")):
        yield _hold(situation.observation, *doubts)
    elif state == "exiting":
        yield _operator_exit(strategy, situation)
        yield from _tidy(strategy, situation)
    else:
        yield _main_candidate(strategy, situation, aim)
        if situation.positions and _may_add(strategy, aim):
            yield from _compound(strategy, situation)
        yield from _tidy(strategy, situation)


def _operator_exit(strategy: Strategy, situation: Situation) -> Candidate:
    """The operator's exit is not judged on profit or pace; only on a price that may be manipulated, and on gas."""
    if not situation.positions:
        return _hold(situation.observation, Objection("nothing_to_exit", "no position is open"))
    draft = _at_once(strategy, situation, plan_exit(situation.observation, situation.positions, strategy.settings))
    return _verdict(draft, "the operator asked for the exit", list(_exit_guards(strategy, situation, draft.plan)))


def _main_candidate(strategy: Strategy, situation: Situation, aim: Aim | Objection) -> Candidate:
    """Enter, rebalance or leave, as the outlook says, with everything that stands against it."""
    observation, settings = situation.observation, strategy.settings
    if isinstance(aim, Objection):
        return _hold(observation, aim)
    drift = drift_annual(settings, aim.scene.stance)
    view = profit.outlook(settings, situation, aim.scene, aim.after_swap, aim.target, aim.draft.plan, drift)
    gated = settings.profit.gate == "pays"
    if gated and not view.worth_providing:
        message = "fees do not clearly exceed the loss to arbitrage"
        return _aside(strategy, situation, view, Objection("not_worth_providing", message, _net_figures(view)))
    if aim.target is None:
        reason, figures = (aim.refusal.reason, aim.refusal.figures) if aim.refusal else ("no range is wanted", ())
        return _aside(strategy, situation, view, Objection("no_range", reason, figures))
    if situation.positions:
        return _rebalance(strategy, situation, aim, view)
    against = _as_list(profit.objection_to_enter(view, is_half_moved=situation.is_half_moved)) if gated else []
    against += _common(strategy, situation, aim.draft.plan)
    return _verdict(aim.draft, "the capital is idle and providing pays", against, view.figures)


def _rebalance(strategy: Strategy, situation: Situation, aim: Aim, view: profit.Outlook) -> Candidate:
    observation, settings, draft = situation.observation, strategy.settings, aim.draft
    is_stale = aim.target is not None and situation.opened_before(aim.target.replaces_before_timestamp)
    outside = situation.outside_trigger or is_stale
    against: list[Objection] = []
    if settings.profit.gate == "pays":
        against = _as_list(profit.objection_to_move(view, settings.profit, outside_trigger=outside))
    elif not outside:
        against = [Objection("inside_trigger", "the price is inside the trigger of the range")]
    if against and against[0].code == "inside_trigger":
        against = [_with_room(against[0], situation)]
        return draft.plan, Verdict("hold", "the price is inside the trigger of the range", tuple(against), view.figures)
    against += guards.pace_objections(observation, situation.memory, settings)
    against += _common(strategy, situation, draft.plan)
    reason = "what is held falls short of a fresh range by more than the change costs"
    if situation.outside_trigger:
        reason = "the price left the trigger of the range"
    elif is_stale and aim.target is not None:
        is_turn = aim.target.replaces_before_timestamp == aim.scene.regime.since_timestamp
        reason = "the regime has turned since" if is_turn else "what is held is older than the range rule lets it be"
    return _verdict(draft, reason, against, view.figures)


def _with_room(objection: Objection, situation: Situation) -> Objection:
    tick = situation.observation.pool.tick
    room = min(min(tick - h.trigger_lower_tick, h.trigger_upper_tick - tick) for h in situation.held)
    return Objection(objection.code, objection.message, (Figure("ticks_to_trigger", room), *objection.figures))


def _net_figures(view: profit.Outlook) -> tuple[Figure, ...]:
    return (
        Figure("net_used_annual", view.scene.carry.net_used_annual),
        Figure("net_hurdle_annual", view.hurdle_annual),
    )


def _aside(strategy: Strategy, situation: Situation, view: profit.Outlook, reason: Objection) -> Candidate:
    """Stand aside: stay out, take up the wanted mix after an exit, or leave if staying costs more than going."""
    observation, settings = situation.observation, strategy.settings
    if not situation.positions:
        mix = plan_mix(situation, settings)
        if mix is None:
            return plan_nothing(observation), Verdict("hold", reason.message, (reason,), view.figures)
        mix = _at_once(strategy, situation, mix)
        against = list(_common(strategy, situation, mix.plan))
        return _verdict(mix, "the mix that is wanted while standing aside", against, view.figures)
    mixed = _at_once(strategy, situation, plan_aside(observation, situation.positions, settings))
    against = [reason]
    if settings.profit.gate == "pays":  # the way to the wanted mix is counted, whichever plan goes
        against = _as_list(profit.objection_to_leave(profit.at_cost_of(view, mixed.plan)))
    # Where a limit forbids the swap to the mix, out without it.
    bare = _at_once(strategy, situation, plan_exit(observation, situation.positions, settings))
    drafts = (mixed, bare)
    leaving = [
        _verdict(each, reason.message, [*against, *_common(strategy, situation, each.plan)], view.figures)
        for each in drafts
    ]
    return next((each for each in leaving if not each[1].objections), leaving[0])


def _may_add(strategy: Strategy, aim: Aim | Objection) -> bool:
    """More goes into what is held only where a range would be entered today: not blindly, nor into a loss."""
    if isinstance(aim, Objection) or aim.target is None:
        return False
    settings = strategy.settings.profit
    return settings.gate != "pays" or aim.scene.carry.net_used_annual > profit.hurdle_annual(aim.scene.carry, settings)


def _compound(strategy: Strategy, situation: Situation) -> Iterator[Candidate]:
    draft = plan_compound(situation.observation, situation.positions, situation.held, strategy.settings)
    if draft is not None:
        draft = _at_once(strategy, situation, draft)
        against = list(_common(strategy, situation, draft.plan))
        yield _verdict(draft, "fees and idle tokens are worth adding", against)


def _tidy(strategy: Strategy, situation: Situation) -> Iterator[Candidate]:
    plan = _at_once(strategy, situation, Draft(plan_tidy(situation.observation, strategy.settings))).plan
    if plan.steps:
        observation, limits = situation.observation, strategy.settings.limits
        against = list(guards.gas_objections(observation, plan, limits, spare_reserve=False))
        against += _as_list(guards.failing_objection(observation, situation.memory, plan))
        yield _verdict(Draft(plan), "an allowance is left over", against)


def _common(strategy: Strategy, situation: Situation, plan: Plan) -> Iterator[Objection]:
    """The guards that stand before every act that depends on the price."""
    observation, settings = situation.observation, strategy.settings
    limits = settings.limits
    yield from price_guards.price_objections(observation, limits, settings.oracle)
    yield from guards.gas_objections(observation, plan, limits, spare_reserve=False)
    yield from _as_list(guards.failing_objection(observation, situation.memory, plan))
    yield from _as_list(guards.unknown_position_objection(situation.unknown, limits))
    yield from _as_list(guards.cost_objection(observation, situation.memory, plan, limits))
    yield from _as_list(guards.impact_objection(plan, limits))


def _exit_guards(strategy: Strategy, situation: Situation, plan: Plan) -> Iterator[Objection]:
    """The way out is shut by nothing but a price that jumped within minutes, and the money for gas."""
    observation, limits = situation.observation, strategy.settings.limits
    yield from _as_list(price_guards.short_twap_objection(observation, limits))
    yield from guards.gas_objections(observation, plan, limits, spare_reserve=True)
    yield from _as_list(guards.failing_objection(observation, situation.memory, plan))


def _at_once(strategy: Strategy, situation: Situation, draft: Draft) -> Draft:
    return at_once(draft, situation.observation, strategy.settings)


def _verdict(draft: Draft, reason: str, against: list[Objection], figures: tuple[Figure, ...] = ()) -> Candidate:
    return draft.plan, Verdict(draft.plan.action, reason, (*draft.objections, *against), figures)


def _hold(observation: Observation, *objections: Objection) -> Candidate:
    return plan_nothing(observation), Verdict("hold", objections[0].message, objections)


def _as_list(objection: Objection | None) -> list[Objection]:
    return [] if objection is None else [objection]

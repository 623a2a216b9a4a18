"""Guards: conditions under which nothing is signed, however well it would pay. Pure, each with its figures."""

from __future__ import annotations

from collections.abc import Iterator

from keeper.model.decision import Figure, Objection
from keeper.model.memory import Memory
from keeper.model.observation import Observation, Position
from keeper.model.plan import Plan
from keeper.policy.settings import Limits, StrategySettings
from keeper.policy.valuation import raw_quote

DAY_SECONDS = 86_400
GWEI = 10**9
WEI = 10**18
BPS = 10_000

# A price that moved between the decision and the transaction fails an honest act now and then; from then on it is
# something else, and each further try waits twice as long. The way out is never shut for long.
FREE_RETRIES = 3
FIRST_WAIT_SECONDS = 300
LONGEST_WAIT_SECONDS, LONGEST_EXIT_WAIT_SECONDS = DAY_SECONDS, 3_600


def trust_objections(observation: Observation, *, is_exit: bool) -> Iterator[Objection]:
    """What makes the observation itself doubtful. Where two nodes disagree not even the operator's exit goes; a second
    one that is silent, and a sequencer that has just come back, leave the way out open."""
    for each in observation.missing:
        if each.name == "second_opinion":
            yield Objection("second_opinion_differs", each.reason)
        elif each.name == "second_opinion_absent" and not is_exit:
            yield Objection("second_opinion_missing", f"the second node's word is {each.reason}")
        elif each.name == "sequencer" and not is_exit:
            yield Objection("sequencer_grace", each.reason)


def unknown_position_objection(unknown: tuple[Position, ...], limits: Limits) -> Objection | None:
    """Positions that the journal does not know must be explained before a new one is opened."""
    if not unknown or limits.on_unknown_position != "halt":
        return None
    ids = ", ".join(str(position.token_id) for position in unknown)
    return Objection(
        "unknown_position",
        f"the owner holds position {ids} in this pool, which the journal does not know;"
        " set limits.on_unknown_position to adopt or ignore",
        (Figure("unknown_positions", len(unknown)),),
    )


def pace_objections(observation: Observation, memory: Memory, settings: StrategySettings) -> Iterator[Objection]:
    """Cooldown, rebalances a day and cost a day, against churn at the edge of a range."""
    limits, now = settings.limits, observation.block.timestamp
    starts = [act.timestamp for act in memory.recent if act.action == "rebalance" and act.act in ("exit", "batch")]
    if starts and now - starts[-1] < limits.cooldown_minutes * 60:
        waited = (now - starts[-1]) // 60
        figures = (Figure("minutes_since", waited), Figure("cooldown_minutes", limits.cooldown_minutes))
        yield Objection("cooldown", f"the last rebalance was {waited} minutes ago", figures)
    today = sum(1 for start in starts if now - start < DAY_SECONDS)
    if today >= limits.max_rebalances_per_day:
        figures = (Figure("rebalances_in_day", today), Figure("allowed", limits.max_rebalances_per_day))
        yield Objection("daily_count", "the day's rebalances are used up", figures)


def failing_objection(observation: Observation, memory: Memory, plan: Plan) -> Objection | None:
    """An act that failed again and again waits longer each time: trying costs gas, and nothing has changed."""
    failing = next((each for each in memory.failing if plan.steps and each.act == plan.act), None)
    if failing is None or failing.times < FREE_RETRIES:
        return None
    is_exit = failing.act == "exit" or plan.action == "exit"
    longest = LONGEST_EXIT_WAIT_SECONDS if is_exit else LONGEST_WAIT_SECONDS
    doublings = min(failing.times - FREE_RETRIES, 20)
    wait_seconds = min(FIRST_WAIT_SECONDS << doublings, longest)
    waited_seconds = observation.block.timestamp - failing.last_timestamp
    if waited_seconds >= wait_seconds:
        return None
    figures = (
        Figure("failures_in_row", failing.times),
        Figure("waited_seconds", waited_seconds),
        Figure("wait_seconds", wait_seconds),
    )
    message = (
        f"{failing.act} failed {failing.times} times in a row; the next try waits for {wait_seconds // 60} minutes"
    )
    return Objection("keeps_failing", message, figures)


def cost_objection(observation: Observation, memory: Memory, plan: Plan, limits: Limits) -> Objection | None:
    """What acts have cost in the last day, with this one, against the operator's cap."""
    if limits.max_cost_quote_per_day is None:
        return None
    now = observation.block.timestamp
    spent = sum(act.cost_quote for act in memory.recent if now - act.timestamp < DAY_SECONDS)
    cap = raw_quote(observation, limits.max_cost_quote_per_day)
    if spent + plan.cost.total_quote <= cap:
        return None
    figures = (
        Figure("spent_quote_raw", spent),
        Figure("plan_quote_raw", plan.cost.total_quote),
        Figure("cap_quote_raw", cap),
    )
    return Objection("daily_cost", "the day's budget for costs would be exceeded", figures)


def gas_objections(observation: Observation, plan: Plan, limits: Limits, *, spare_reserve: bool) -> Iterator[Objection]:
    """The gas price ceiling (an exit has its own), and native coin for this plan beside the reserve (which an exit may
    use)."""
    gas = observation.gas
    price_wei = gas.base_fee_wei + gas.priority_fee_wei
    ceiling_gwei = limits.max_exit_gas_gwei if spare_reserve else limits.max_gas_gwei
    if ceiling_gwei is not None and price_wei > ceiling_gwei * GWEI:
        figures = (Figure("gas_price_wei", price_wei), Figure("ceiling_wei", int(ceiling_gwei * GWEI)))
        yield Objection("gas_price", "gas costs more than the ceiling allows", figures)
    reserve = 0 if spare_reserve else int(limits.gas_reserve_native * WEI)
    needed = plan.cost.gas_units * price_wei + reserve
    if observation.wallet.pays_gas and observation.wallet.native_wei < needed:
        figures = (Figure("native_wei", observation.wallet.native_wei), Figure("needed_wei", needed))
        yield Objection("gas_money", "the wallet holds too little native coin for gas and its reserve", figures)


def impact_objection(plan: Plan, limits: Limits) -> Objection | None:
    """Our own swap may not move the price more than the operator allows, as a part of what is swapped."""
    allowed = plan.cost.swapped_quote * limits.max_price_impact_bps
    if plan.cost.price_impact_quote * BPS <= allowed:
        return None
    impact_bps = plan.cost.price_impact_quote * BPS / plan.cost.swapped_quote
    figures = (Figure("price_impact_bps", impact_bps), Figure("allowed_bps", limits.max_price_impact_bps))
    return Objection("price_impact", "the swap would move the price too far", figures)

"""A decision in words and figures: what was seen, forecast and chosen, what it would earn and cost, why yes or no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keeper.model.decision import Decision, Ladder
from keeper.model.observation import Observation, Position
from keeper.model.plan import Plan, Step
from keeper.report.display import symbol, whole
from keeper.report.figures import (
    amount,
    base_token,
    distance_pct,
    duration,
    figure,
    number,
    price_at,
    price_now,
    price_range,
    quote_token,
    when,
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A heading and its lines."""

    title: str
    lines: tuple[str, ...]


def explain(decision: Decision) -> tuple[Paragraph, ...]:
    """The whole decision, from what was seen to the verdict."""
    return (
        Paragraph("Seen", tuple(_seen(decision.observation))),
        Paragraph("Remembered", tuple(_remembered(decision))),
        Paragraph("Forecast", tuple(_forecast(decision))),
        Paragraph("Chosen", tuple(_chosen(decision.target, decision.observation))),
        Paragraph("Plan", tuple(_plan(decision.plan, decision.observation))),
        Paragraph("Verdict", tuple(_verdict(decision))),
    )


def headline(decision: Decision) -> str:
    """One line: who, when, where, what and why."""
    block = decision.observation.block
    return (
        f"{decision.strategy} at block {block.number} of chain {block.chain_id}, {when(block.timestamp)}: "
        f"{answer(decision)}"
    )


def answer(decision: Decision) -> str:
    """``rebalance: the price left the trigger``, or ``no rebalance: …`` with the first thing that stands against it."""
    verdict = decision.verdict
    if not verdict.objections:
        return f"{verdict.action}: {verdict.reason}"
    against = "; ".join(objection.message for objection in verdict.objections)
    return f"hold: {against}" if verdict.action == "hold" else f"no {verdict.action}: {against}"


def lines(decision: Decision) -> list[str]:
    """The explanation as plain text lines."""
    text = [headline(decision)]
    for paragraph in explain(decision):
        text += ["", paragraph.title, *(f"  {line}" for line in paragraph.lines)]
    return text


def _seen(observation: Observation) -> Iterator[str]:
    pool, block = observation.pool, observation.block
    quote, base = quote_token(observation), base_token(observation)
    yield f"pool {symbol(pool.token0)}/{symbol(pool.token1)} {pool.fee_pips / 10_000:g} % ({pool.address})"
    price = number(price_now(observation).to_decimal())
    yield f"price {price} {symbol(quote)} for one {symbol(base)} (tick {pool.tick})"
    for twap in observation.twaps:
        mean = number(price_at(twap.mean_tick, observation).to_decimal())
        yield f"mean price over {duration(twap.window_seconds)} {mean}, {abs(pool.tick - twap.mean_tick)} ticks away"
    for position in observation.positions:
        yield _position(position, observation)
    if not observation.positions:
        yield "no position is open"
    wallet = observation.wallet
    yield (
        f"idle in the wallet {amount(wallet.balance_0, pool.token0)} and {amount(wallet.balance_1, pool.token1)}, "
        f"{number(whole(wallet.native_wei, 18))} native coin for gas"
    )
    gas_gwei = (observation.gas.base_fee_wei + observation.gas.priority_fee_wei) / 10**9
    native = number(observation.gas.native_price.to_decimal())
    yield f"gas {number(gas_gwei, 4)} gwei, native coin at {native} {symbol(quote)}"
    history = observation.history
    yield f"{len(history.samples)} price samples {duration(history.sample_seconds)} apart, block hash {block.hash}"


def _position(position: Position, observation: Observation) -> str:
    pool = observation.pool
    inside = position.lower_tick <= pool.tick < position.upper_tick
    fees = f"{amount(position.uncollected_0, pool.token0)} and {amount(position.uncollected_1, pool.token1)}"
    return (
        f"position {position.token_id}: {price_range(position.lower_tick, position.upper_tick, observation)}, "
        f"{'in' if inside else 'OUT OF'} range, uncollected fees {fees}"
    )


def _remembered(decision: Decision) -> Iterator[str]:
    memory, now = decision.memory, decision.observation.block.timestamp
    reason = f" ({memory.state_reason})" if memory.state_reason else ""
    moving = ", between the exit and the mint of a rebalance" if memory.in_transition else ""
    yield f"state {memory.state}{reason}{moving}"
    for held in memory.held:
        triggers = price_range(held.trigger_lower_tick, held.trigger_upper_tick, decision.observation)
        yield f"position {held.token_id} opened {when(held.opened_timestamp)}, to be moved outside {triggers}"
    if memory.recent:
        last = memory.recent[-1]
        cost = amount(last.cost_quote, quote_token(decision.observation))
        yield f"last act {last.action} ({last.act}) {duration(max(0, now - last.timestamp))} ago, for {cost}"


def _forecast(decision: Decision) -> Iterator[str]:
    forecast, regime = decision.forecast, decision.regime
    if forecast.sigma_annual is None:
        yield f"{forecast.kind}: no forecast, {forecast.refusal}"
    else:
        error = "" if forecast.standard_error is None else f" ± {forecast.standard_error * 100:.2f} %"
        yield (
            f"{forecast.kind}: volatility {forecast.sigma_annual * 100:.2f} %{error} a year at the scale of "
            f"{duration(forecast.horizon_seconds)}, from {forecast.samples} returns"
        )
    for item in forecast.figures:
        yield figure(item, decision.observation)
    yield (
        f"regime {regime.label} since {when(regime.since_timestamp)} ({regime.kind}: up "
        f"{regime.probability_positive:.0%}, down {regime.probability_negative:.0%}, "
        f"neither {regime.probability_neutral:.0%})"
    )


def _chosen(target: Ladder | None, observation: Observation) -> Iterator[str]:
    if target is None:
        yield "no range: stand aside"
        return
    unit = f"{symbol(quote_token(observation))} for one {symbol(base_token(observation))}"
    yield f"{target.kind}: {target.reason}"
    for rung in target.ranges:
        distances = [distance_pct(tick, observation) for tick in (rung.lower_tick, rung.upper_tick)]
        far = " / ".join(sorted(distances, key=_signed))
        share = "" if rung.share_ppm == 1_000_000 else f", {rung.share_ppm / 10_000:g} % of the capital"
        ticks = f"ticks {rung.lower_tick} to {rung.upper_tick}"
        yield f"{price_range(rung.lower_tick, rung.upper_tick, observation)} {unit} ({far}; {ticks}){share}"
    triggers = price_range(target.trigger_lower_tick, target.trigger_upper_tick, observation)
    yield f"to be looked at again when the price leaves {triggers}"
    for item in target.figures:
        yield figure(item, observation)


def _plan(plan: Plan, observation: Observation) -> Iterator[str]:
    quote = quote_token(observation)
    if not plan.steps:
        yield "nothing to do"
        return
    for index, step in enumerate(plan.steps, 1):
        yield f"{index}. {step_in_words(step, observation)}"
    cost = plan.cost
    yield f"moves {amount(plan.value_quote, quote)}, leaves {amount(plan.leftover_quote, quote)} idle"
    yield (
        f"costs {amount(cost.total_quote, quote)}: gas {amount(cost.gas_quote, quote)} ({cost.gas_units} gas), "
        f"swap fee {amount(cost.swap_fee_quote, quote)}, price impact {amount(cost.price_impact_quote, quote)}"
    )
    yield f"void after {when(plan.deadline_timestamp)}"


def step_in_words(step: Step, observation: Observation) -> str:
    """One step with its amounts and bounds."""
    token0, token1 = observation.pool.token0, observation.pool.token1
    if step.kind == "approve":
        token = token0 if int(step.token, 16) == token0.sort_key else token1
        if not step.amount:
            return f"take back what the {step.spender} contract may take of {symbol(token)}"
        return f"allow the {step.spender} contract {amount(step.amount, token)}"
    if step.kind == "exit":
        parts = [
            f"position {each.token_id} for at least {amount(each.amount_0_min, token0)} and "
            f"{amount(each.amount_1_min, token1)}"
            for each in step.withdrawals
        ]
        return "withdraw and collect " + ", ".join(parts)
    if step.kind == "collect":
        return "collect the fees of position " + ", ".join(str(token_id) for token_id in step.token_ids)
    if step.kind == "swap":
        sold, bought = (token0, token1) if step.zero_for_one else (token1, token0)
        return (
            f"swap {amount(step.amount_in, sold)} for {amount(step.expected_out, bought)} "
            f"(at least {amount(step.amount_out_min, bought)})"
        )
    if step.kind == "mint":
        parts = [
            f"{price_range(each.lower_tick, each.upper_tick, observation)} with "
            f"{amount(each.amount_0_desired, token0)} and {amount(each.amount_1_desired, token1)}"
            for each in step.ranges
        ]
        return "open " + ", ".join(parts)
    parts = [
        f"{amount(each.amount_0_desired, token0)} and {amount(each.amount_1_desired, token1)} "
        f"to position {each.token_id}"
        for each in step.additions
    ]
    return "add " + ", ".join(parts)


def _verdict(decision: Decision) -> Iterator[str]:
    verdict, observation = decision.verdict, decision.observation
    if verdict.action == "hold":
        yield "NO, nothing is done"
    elif verdict.objections:
        yield f"NO {verdict.action}; what it would be for: {verdict.reason}"
    else:
        yield f"YES, {verdict.action}: {verdict.reason}"
    for objection in verdict.objections:
        figures = ", ".join(figure(item, observation) for item in objection.figures)
        yield f"- {objection.message} [{objection.code}]" + (f": {figures}" if figures else "")
    for item in verdict.figures:
        yield figure(item, observation)


def _signed(text: str) -> float:
    return float(text.split()[0])

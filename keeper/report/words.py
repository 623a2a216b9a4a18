"""A decision in words and figures: what was seen, forecast and chosen, what it would earn and cost, why yes or no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keeper.model.decision import Decision, Forecast, Ladder
from keeper.model.observation import Observation
from keeper.model.plan import Addition, MintRange, Plan, Step
from keeper.model.price import Token
from keeper.report.display import symbol
from keeper.report.figures import (
    amount,
    base_token,
    distance_pct,
    duration,
    figure,
    number,
    price_range,
    quote_token,
    when,
)
from keeper.report.seen import seen


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A heading and its lines."""

    title: str
    lines: tuple[str, ...]


def explain(decision: Decision) -> tuple[Paragraph, ...]:
    """The whole decision, from what was seen to the verdict."""
    return (
        Paragraph("Seen", tuple(seen(decision.observation))),
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
    yield from (f"- {_member(member)}" for member in forecast.members)
    yield (
        f"regime {regime.label} since {when(regime.since_timestamp)} ({regime.kind}: up "
        f"{regime.probability_positive:.0%}, down {regime.probability_negative:.0%}, "
        f"neither {regime.probability_neutral:.0%})"
    )
    if regime.reason:
        yield f"because {regime.reason}"
    for item in regime.figures:
        yield figure(item, decision.observation)


def _member(member: Forecast) -> str:
    if member.sigma_annual is None:
        return f"went without {member.kind}: {member.refusal}"
    error = "" if member.standard_error is None else f" ± {member.standard_error * 100:.2f} %"
    return f"{member.kind} {member.sigma_annual * 100:.2f} %{error} a year"


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
    if target.hedge is not None:
        base, hedge = base_token(observation), target.hedge
        yield (
            f"hedged by a perpetual short of {amount(hedge.short_base_raw, base)} (to be placed by you): "
            f"{amount(hedge.gamma_base_raw_per_pct, base)} more for each per cent the price falls, set anew after a "
            f"move of {number(hedge.reset_pct, 3)} %"
        )


def _plan(plan: Plan, observation: Observation) -> Iterator[str]:
    quote = quote_token(observation)
    if not plan.steps:
        yield "nothing to do"
        return
    for index, step in enumerate(plan.steps, 1):
        if step.kind == "batch":
            yield f"{index}. in one transaction, all of it or nothing:"
            yield from (f"   {index}.{at} {step_in_words(each, observation)}" for at, each in enumerate(step.steps, 1))
        else:
            yield f"{index}. {step_in_words(step, observation)}"
    cost = plan.cost
    payer = "" if observation.wallet.pays_gas else ", paid by whoever executes"
    yield f"moves {amount(plan.value_quote, quote)}, leaves {amount(plan.leftover_quote, quote)} idle"
    yield (
        f"costs {amount(cost.total_quote, quote)}: gas {amount(cost.gas_quote, quote)} ({cost.gas_units} gas{payer}), "
        f"swap fee {amount(cost.swap_fee_quote, quote)}, price impact {amount(cost.price_impact_quote, quote)}"
    )
    yield f"void after {when(plan.deadline_timestamp)}"


def step_in_words(step: Step, observation: Observation) -> str:
    """One step with its amounts and bounds."""
    token0, token1 = observation.pool.token0, observation.pool.token1
    if step.kind == "batch":
        return "; ".join(step_in_words(each, observation) for each in step.steps)
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
            f"{_least(each, token0, token1)}"
            for each in step.ranges
        ]
        return "open " + ", ".join(parts)
    parts = [
        f"{amount(each.amount_0_desired, token0)} and {amount(each.amount_1_desired, token1)} "
        f"to position {each.token_id}{_least(each, token0, token1)}"
        for each in step.additions
    ]
    return "add " + ", ".join(parts)


def _least(part: MintRange | Addition, token0: Token, token1: Token) -> str:
    if not part.amount_0_min and not part.amount_1_min:
        return ""
    return f" (at least {amount(part.amount_0_min, token0)} and {amount(part.amount_1_min, token1)})"


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

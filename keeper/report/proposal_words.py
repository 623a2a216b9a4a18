"""A proposal in words, for those who are asked to sign it: what it does, why, what it should earn and what it costs.

The same words stand wherever owners read them: at the service, in a file's description and in ``keeper proposals``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from keeper.model.decision import Decision
from keeper.model.observation import Observation
from keeper.model.plan import Plan, Step
from keeper.report.display import MINUS, symbol
from keeper.report.figures import amount, base_token, duration, number, price_now, quote_token, when
from keeper.report.words import Paragraph, step_in_words

_DAYS_PER_YEAR = 365  # as policy/profit.py counts its horizon
_SAID_WITHOUT_HORIZON_DAYS = 1.0
_NUMBERED = re.compile(r"[0-9]+\. ")
_RAW = re.compile(r"\btoken([01]) ([-+]?)([0-9]+)\b")
_WITH_DEADLINE = {"exit", "swap", "mint", "increase"}


def describe(
    decision: Decision, decision_id: int, report: str, *, horizon_days: float | None = None
) -> tuple[str, str]:
    """A title of one line, with gain and cost, and the description as plain text that also reads as Markdown.

    ``report`` is what a simulation with the owners' consent showed; empty where there was none. ``horizon_days`` is the
    strategy's ``profit.horizon_days``: over so long the gain is given, over a day where it is left out.
    """
    paragraphs = describing(decision, decision_id, report, horizon_days=horizon_days)
    blocks = ["\n".join((f"{each.title}:", "", *(_item(line) for line in each.lines))) for each in paragraphs]
    return _headline(decision, horizon_days), "\n\n".join(blocks)


def describe_rejection(decision: Decision, decision_id: int, nonce: int) -> tuple[str, str]:
    """Title and description of the empty transaction that takes a proposal's nonce away from it."""
    text = (
        f"Does nothing but use up nonce {nonce} of the Safe: a call of the Safe by itself with no value and no data. "
        f"What was proposed there for {decision.strategy} (decision {decision_id}, {decision.plan.action}) is not "
        f"wanted any more. From {when(decision.plan.deadline_timestamp)} on it reverts, whoever executes it; before "
        "that, whoever holds the owners' signatures can still execute it."
    )
    return f"{decision.strategy}: reject what expired at nonce {nonce}", text


def title(decision: Decision) -> str:
    """``eth-usdc: rebalance, 12,300.5 USDC``: who, what for, and how much it moves."""
    moved = decision.plan.value_quote
    worth = f", {amount(moved, quote_token(decision.observation))}" if moved else ""
    return f"{decision.strategy}: {decision.plan.action}{worth}"


def _headline(decision: Decision, horizon_days: float | None) -> str:
    plan, quote = decision.plan, quote_token(decision.observation)
    found = _gains(decision, horizon_days)
    gain = "" if found is None else f", to earn {found[2]}"
    return f"{title(decision)}{gain}, costs {amount(plan.cost.total_quote, quote)}"


def describing(
    decision: Decision, decision_id: int, report: str, *, horizon_days: float | None = None
) -> tuple[Paragraph, ...]:
    """The description in paragraphs."""
    observation, plan = decision.observation, decision.plan
    return (
        Paragraph("Why", tuple(_why(decision, decision_id))),
        Paragraph("What it does", tuple(steps_in_order(plan.next_steps, observation))),
        Paragraph("Bounds", tuple(_bounds(plan, observation))),
        Paragraph("What it should earn", tuple(earnings(decision, horizon_days))),
        Paragraph("What it costs", tuple(costs(plan, observation))),
        Paragraph("Simulated", tuple(in_tokens(report, observation).splitlines()) or ("not simulated",)),
    )


def in_tokens(report: str, observation: Observation) -> str:
    """The report with whole tokens for raw units: who simulates knows ``token0 -250000``, and no decimals."""
    tokens = (observation.pool.token0, observation.pool.token1)

    def shown(found: re.Match[str]) -> str:
        return f"{found[2].replace('-', MINUS)}{amount(int(found[3]), tokens[int(found[1])])}"

    return _RAW.sub(shown, report)


def steps_in_order(steps: tuple[Step, ...], observation: Observation) -> Iterator[str]:
    """``1. …`` and on: every single thing it does, in its order."""
    for step in steps:
        singles = step.steps if step.kind == "batch" else (step,)
        if step.kind == "batch":
            yield "all of this in one transaction, or none of it:"
        for index, single in enumerate(singles, 1):
            yield f"{index}. {step_in_words(single, observation)}"


def earnings(decision: Decision, horizon_days: float | None = None) -> Iterator[str]:
    """What the change should bring beyond staying as it is, by the figures that it was decided on."""
    rates, found = _rates(decision), _gains(decision, horizon_days)
    if rates is None:
        yield f"nothing that is counted: {decision.verdict.reason}"
        return
    target, now = rates
    if found is not None:
        yield f"the new ranges {found[0]}, at {target * 100:.1f} % a year after their own costs"
        yield f"that is {found[2]} more than what is held now would"
    else:
        held = _over(decision, now, horizon_days)
        yield f"it ends what is held, which would earn {held}, at {now * 100:.1f} % a year"
    yield "expected by the strategy's own measure from the past (`keeper explain`); nobody promises it"


def _rates(decision: Decision) -> tuple[float, float] | None:
    """What is wanted and what is held earn, of the value and a year; None where the verdict does not count it."""
    figures = {each.name: each.value for each in decision.verdict.figures}
    target, now = figures.get("target_g_per_year"), figures.get("carry_now_per_year")
    return (target, now) if isinstance(target, int | float) and isinstance(now, int | float) else None


def _gains(decision: Decision, horizon_days: float | None) -> tuple[str, str, str] | None:
    """What new ranges should earn over the horizon, what is held would, and the difference; None without new ranges."""
    plan, rates = decision.plan, _rates(decision)
    if rates is None or not any(step.kind == "mint" for step in (*plan.acts, *plan.later_acts)):
        return None
    target, now, more = (_over(decision, rate, horizon_days) for rate in (*rates, rates[0] - rates[1]))
    return target, now, more


def _over(decision: Decision, rate: float, horizon_days: float | None) -> str:
    days, quote = horizon_days or _SAID_WITHOUT_HORIZON_DAYS, quote_token(decision.observation)
    earned = round(decision.plan.value_quote * rate * days / _DAYS_PER_YEAR)
    return f"{amount(earned, quote)} over {duration(round(days * 86_400))}"


def costs(plan: Plan, observation: Observation) -> Iterator[str]:
    """The plan's cost by its parts, and who pays it."""
    cost, quote = plan.cost, quote_token(observation)
    payer = "" if observation.wallet.pays_gas else ", paid by whoever executes it and not by the Safe"
    if cost.swapped_quote:
        yield (
            f"swap of {amount(cost.swapped_quote, quote)}: fee {amount(cost.swap_fee_quote, quote)}, price impact "
            f"{amount(cost.price_impact_quote, quote)}"
        )
    yield f"gas about {amount(cost.gas_quote, quote)} ({cost.gas_units} gas at the price of the decision){payer}"
    if plan.leftover_quote:
        yield f"{amount(plan.leftover_quote, quote)} stay idle"


def _why(decision: Decision, decision_id: int) -> Iterator[str]:
    observation = decision.observation
    quote, base, block = quote_token(observation), base_token(observation), observation.block
    price = number(price_now(observation).to_decimal())
    yield f"{decision.plan.action} of {decision.strategy}: {decision.verdict.reason}"
    yield (
        f"seen at block {block.number} of chain {block.chain_id}, {when(block.timestamp)}: {price} {symbol(quote)} for "
        f"one {symbol(base)}"
    )
    yield f"pool {symbol(observation.pool.token0)}/{symbol(observation.pool.token1)} {observation.pool.address}"
    yield f"decision {decision_id} of the keeper's journal"


def _bounds(plan: Plan, observation: Observation) -> Iterator[str]:
    kinds = {step.kind for step in plan.acts}
    if kinds & _WITH_DEADLINE:
        yield f"reverts, and moves nothing, when it is executed after {when(plan.deadline_timestamp)}"
        yield "reverts, and moves nothing, where anything would come to less than what is named here as least"
    else:
        yield f"its calls carry no deadline; rejected by the keeper after {when(plan.deadline_timestamp)}"
    if kinds - {"approve"}:
        yield f"all that it pays out goes to {observation.wallet.owner} and nowhere else"
    if observation.wallet.account == "safe":
        yield "every allowance is taken back at its end"


def _item(line: str) -> str:
    return line if _NUMBERED.match(line) or line.endswith(":") else f"- {line}"

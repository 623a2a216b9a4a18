"""A plan in one transaction, for an owner that can do several things at once.

The later steps of a plan are estimates: what an exit pays depends on the price at which it is mined. Where everything
happens in one transaction nobody can look in between, so amounts are cut to what is certain while the price stays
within ``limits.max_drift_bps`` of the observed one (``certain``); what is more than that stays idle. Every allowance is
taken back at the end of the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keeper.model.decision import Figure, Objection
from keeper.model.observation import Account, Observation, Spender
from keeper.model.plan import (
    Addition,
    Approve,
    Batch,
    Increase,
    Mint,
    MintRange,
    SingleStep,
    Step,
    Swap,
)
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.bounds import TwapBand
from keeper.policy.certain import Certain, ticks_of
from keeper.policy.cost import cost_at_once
from keeper.policy.ratio import charged
from keeper.policy.rebalance import Draft, approvals, liquidity_band, plan_nothing
from keeper.policy.settings import StrategySettings
from keeper.policy.valuation import value_in_quote


def at_once(draft: Draft, observation: Observation, settings: StrategySettings) -> Draft:
    """The draft as one transaction where its owner can do that, else as it is."""
    account, plan = observation.wallet.account, draft.plan
    acts = tuple(step for step in plan.steps if not isinstance(step, Approve | Batch))
    band = liquidity_band(observation, settings)
    if account == "key" or not plan.steps or (acts and band is None):
        return draft
    if account == "multicall" and (len(acts) < 2 or any(isinstance(step, Swap) for step in acts)):
        return draft
    sized = () if band is None else _certain(acts, observation, settings, band, draft.sqrt_price_after_swap_x96)
    left_out = _left_out(acts, sized, observation, draft.sqrt_price_after_swap_x96)
    if _opens(acts) and (not _opens(sized) or 2 * left_out > plan.value_quote):
        return _too_little(draft, observation, settings, left_out)
    steps = _with_allowances(observation, sized, account)
    whole = replace(
        plan,
        steps=steps,
        leftover_quote=plan.leftover_quote + left_out,
        cost=cost_at_once(observation, steps, plan),
    )
    return replace(draft, plan=whole)


def _certain(
    acts: Sequence[SingleStep],
    observation: Observation,
    settings: StrategySettings,
    band: TwapBand,
    after_swap_x96: int | None,
) -> tuple[SingleStep, ...]:
    certain = Certain(observation, settings, band, _edges(acts, observation, after_swap_x96))
    return tuple(each for step in acts if (each := certain.sized(step)) is not None)


def _edges(acts: Sequence[SingleStep], observation: Observation, after_swap_x96: int | None) -> list[int]:
    """Square roots of the prices from which the plan's swap leads to the edges of its ranges, nearly."""
    parts: list[MintRange | Addition] = []
    for step in acts:
        if isinstance(step, Mint | Increase):
            parts += step.ranges if isinstance(step, Mint) else step.additions
    root = observation.pool.sqrt_price_x96
    ticks = (tick for part in parts for tick in ticks_of(part, observation))
    return [sqrt_price_at_tick(tick) * root // (after_swap_x96 or root) for tick in ticks]


def _opens(acts: Sequence[SingleStep]) -> bool:
    return any(isinstance(each, Mint | Increase) for each in acts)


def _too_little(draft: Draft, observation: Observation, settings: StrategySettings, left_out_quote: int) -> Draft:
    """To leave one range and have most of it idle is no rebalance."""
    figures = (
        Figure("value_quote_raw", draft.plan.value_quote),
        Figure("left_out_quote_raw", left_out_quote),
        Figure("max_drift_bps", settings.limits.max_drift_bps),
    )
    message = (
        "most of what the ranges want is not there at every price within limits.max_drift_bps: it is too large for "
        "ranges so narrow"
    )
    objection = Objection("too_little_to_place", message, figures)
    return Draft(plan_nothing(observation, draft.plan.action), (*draft.objections, objection))


@dataclass(frozen=True, slots=True)
class _Need:
    token: str
    spender: Spender
    amount: int


def _needs(step: SingleStep, observation: Observation) -> tuple[_Need, ...]:
    """What the step takes through an allowance."""
    token0, token1 = observation.pool.token0.address, observation.pool.token1.address
    if isinstance(step, Swap):
        return (_Need(token0 if step.zero_for_one else token1, "router", step.amount_in),)
    if isinstance(step, Mint | Increase):
        parts: Sequence[MintRange | Addition] = step.ranges if isinstance(step, Mint) else step.additions
        totals = sum(each.amount_0_desired for each in parts), sum(each.amount_1_desired for each in parts)
        return tuple(
            _Need(token, "positions", total) for token, total in zip((token0, token1), totals, strict=True) if total
        )
    return ()


def _with_allowances(observation: Observation, acts: tuple[SingleStep, ...], account: Account) -> tuple[Step, ...]:
    """The acts with exact allowances in front of each, and every allowance taken back at the end."""
    if account == "multicall":
        # The tokens cannot be spoken to through the position manager: what is left over is taken back afterwards.
        before = [each for act in acts for need in _needs(act, observation) for each in _approval(observation, need)]
        return (*before, Batch(acts))
    steps: list[SingleStep] = []
    given: dict[tuple[str, Spender], None] = {}
    for act in acts:
        for need in _needs(act, observation):
            steps += _approval(observation, need)
            given[need.token, need.spender] = None
        steps.append(act)
    left = {(each.token, each.spender): None for each in observation.wallet.allowances if each.amount > 0}
    steps += [Approve(token, spender, 0) for token, spender in {**given, **left}]
    return (Batch(tuple(steps)),) if len(steps) > 1 else tuple(steps)


def _approval(observation: Observation, need: _Need) -> list[Approve]:
    found = approvals(observation, need.token, need.spender, need.amount)
    return [each for each in found if isinstance(each, Approve)]


def _left_out(
    nominal: tuple[SingleStep, ...], sized: tuple[SingleStep, ...], observation: Observation, after_x96: int | None
) -> int:
    """Raw quote units that the cut amounts leave out of the ranges, at the price after the plan's swap."""
    root = observation.pool.sqrt_price_x96 if after_x96 is None else after_x96
    before, now = (_taken(acts, observation, root) for acts in (nominal, sized))
    first = observation.quote_is_token0
    return max(0, value_in_quote(*before, root, first) - value_in_quote(*now, root, first))


def _taken(acts: tuple[SingleStep, ...], observation: Observation, root_x96: int) -> tuple[int, int]:
    total_0 = total_1 = 0
    for step in acts:
        parts: Sequence[MintRange | Addition] = ()
        if isinstance(step, Mint | Increase):
            parts = step.ranges if isinstance(step, Mint) else step.additions
        for part in parts:
            used_0, used_1 = charged(
                *ticks_of(part, observation), root_x96, part.amount_0_desired, part.amount_1_desired
            )
            total_0, total_1 = total_0 + used_0, total_1 + used_1
    return total_0, total_1

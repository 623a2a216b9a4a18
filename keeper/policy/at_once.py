"""A plan in one transaction, for an owner that can do several things at once.

The later steps of a plan are estimates: what an exit pays depends on the price at which it is mined. Where everything
happens in one transaction nobody can look in between, so each amount is cut to what is certain while the price stays
within ``limits.max_drift_bps`` of the observed one; what is more than that stays idle. Every allowance is taken back
at the end of the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isqrt
from typing import Final, TypeVar

from keeper.model.liquidity import position_amounts
from keeper.model.observation import Account, Observation, Spender
from keeper.model.plan import (
    Addition,
    Approve,
    Batch,
    Collect,
    Exit,
    Increase,
    Mint,
    MintRange,
    SingleStep,
    Step,
    Swap,
)
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, tick_at_sqrt_price
from keeper.policy.bounds import TwapBand, bounded_swap, minimums_to_add
from keeper.policy.cost import cost_at_once
from keeper.policy.ratio import charged
from keeper.policy.rebalance import Draft, approvals, liquidity_band
from keeper.policy.settings import StrategySettings
from keeper.policy.valuation import value_in_quote

BPS: Final = 10_000

_Part = TypeVar("_Part", MintRange, Addition)


def at_once(draft: Draft, observation: Observation, settings: StrategySettings) -> Draft:
    """The draft as one transaction where its owner can do that, else as it is."""
    account, plan = observation.wallet.account, draft.plan
    acts = tuple(step for step in plan.steps if not isinstance(step, Approve | Batch))
    band = liquidity_band(observation, settings)
    if account == "key" or not plan.steps or (acts and band is None):
        return draft
    if account == "multicall" and (len(acts) < 2 or any(isinstance(step, Swap) for step in acts)):
        return draft
    certain = _Certain(observation, settings, band)
    sized = tuple(certain.sized(step) for step in acts)
    steps = _with_allowances(observation, sized, account)
    left_out = _left_out(acts, sized, observation, draft.sqrt_price_after_swap_x96)
    whole = replace(
        plan,
        steps=steps,
        leftover_quote=plan.leftover_quote + left_out,
        cost=cost_at_once(observation, steps, plan),
    )
    return replace(draft, plan=whole)


class _Certain:
    """Follows what is surely held from step to step, raw units of either token."""

    def __init__(self, observation: Observation, settings: StrategySettings, band: TwapBand | None) -> None:
        self._observation, self._band = observation, band
        self._slippage_bps, self._drift_bps = settings.limits.max_slippage_bps, settings.limits.max_drift_bps
        self._held = [observation.wallet.balance_0, observation.wallet.balance_1]
        self._positions = {each.token_id: each for each in observation.positions}
        price_x192 = observation.pool.sqrt_price_x96**2
        self._lowest, self._highest = (
            min(MAX_SQRT_PRICE_X96 - 1, max(MIN_SQRT_PRICE_X96, isqrt(price_x192 * (BPS + drift) // BPS)))
            for drift in (-self._drift_bps, self._drift_bps)
        )

    def sized(self, step: SingleStep) -> SingleStep:
        """The step with amounts that are there for certain; what it brings is counted for those after it."""
        match step:
            case Exit():
                for each in step.withdrawals:
                    self._release(each.token_id, each.liquidity)
            case Collect():
                for token_id in step.token_ids:
                    self._release(token_id, 0)
            case Swap():
                return self._swap(step)
            case Mint():
                return replace(step, ranges=self._parts(step.ranges))
            case Increase():
                return replace(step, additions=self._parts(step.additions))
        return step

    def _release(self, token_id: int, liquidity: int) -> None:
        """Token0 is least where the price is highest, token1 where it is lowest; fees only grow."""
        position = self._positions[token_id]
        paid = [
            position_amounts(
                root, tick_at_sqrt_price(root), position.lower_tick, position.upper_tick, liquidity, round_up=False
            )
            for root in (self._highest, self._lowest)
        ]
        self._held[0] += paid[0][0] + position.uncollected_0
        self._held[1] += paid[1][1] + position.uncollected_1

    def _swap(self, step: Swap) -> Swap:
        assert self._band is not None
        given, taken = (0, 1) if step.zero_for_one else (1, 0)
        amount_in = min(step.amount_in, self._held[given])
        # Of less the pool pays no less in proportion.
        expected_out = step.expected_out * amount_in // max(step.amount_in, 1)
        sized = bounded_swap(
            self._observation, step.zero_for_one, amount_in, expected_out, self._band, self._slippage_bps
        )
        self._held[given] -= amount_in
        self._held[taken] += max(sized.amount_out_min, expected_out * (BPS - self._drift_bps) // BPS)
        return sized

    def _parts(self, parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
        wanted = sum(each.amount_0_desired for each in parts), sum(each.amount_1_desired for each in parts)
        room = [min(held, all_of_it) for held, all_of_it in zip(self._held, wanted, strict=True)]
        sized = tuple(
            self._part(
                each,
                each.amount_0_desired * room[0] // max(wanted[0], 1),
                each.amount_1_desired * room[1] // max(wanted[1], 1),
            )
            for each in parts
        )
        self._held = [held - taken for held, taken in zip(self._held, room, strict=True)]
        return sized

    def _part(self, part: _Part, amount_0: int, amount_1: int) -> _Part:
        assert self._band is not None
        lower, upper = _ticks(part, self._observation)
        least_0, least_1 = minimums_to_add(lower, upper, amount_0, amount_1, self._band)
        return replace(
            part, amount_0_desired=amount_0, amount_1_desired=amount_1, amount_0_min=least_0, amount_1_min=least_1
        )


def _ticks(part: MintRange | Addition, observation: Observation) -> tuple[int, int]:
    if isinstance(part, MintRange):
        return part.lower_tick, part.upper_tick
    position = next(each for each in observation.positions if each.token_id == part.token_id)
    return position.lower_tick, position.upper_tick


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
            used_0, used_1 = charged(*_ticks(part, observation), root_x96, part.amount_0_desired, part.amount_1_desired)
            total_0, total_1 = total_0 + used_0, total_1 + used_1
    return total_0, total_1

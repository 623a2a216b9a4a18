"""A plan in one transaction, for an owner that can do several things at once.

The later steps of a plan are estimates: what an exit pays depends on the price at which it is mined. Where everything
happens in one transaction nobody can look in between. So the plan is followed at prices all over the drift that is
allowed (``limits.max_drift_bps`` either side of the observed one), and its amounts are cut until at each of them every
step finds what it takes. Every allowance is taken back at the end of the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isqrt
from typing import Final, TypeVar

from keeper.model.decision import Objection
from keeper.model.full_math import MathError
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
from keeper.model.swap import TickRangeExceeded
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96
from keeper.policy.bounds import TwapBand, bounded_swap, minimums_to_add
from keeper.policy.cost import cost_at_once
from keeper.policy.ratio import Market, charged, market_without
from keeper.policy.rebalance import Draft, approvals, cannot_price, liquidity_band, plan_nothing
from keeper.policy.settings import StrategySettings
from keeper.policy.valuation import value_in_quote

BPS: Final = 10_000
_PRICES: Final = 9
_CUTTING_ROUNDS: Final = 4

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
    try:
        courses = _Courses(observation, settings, band, acts)
        sized = tuple(courses.sized(step) for step in acts)
    except (TickRangeExceeded, MathError) as error:
        return Draft(plan_nothing(observation, plan.action), (*draft.objections, cannot_price(error)))
    if any(isinstance(step, Mint | Increase) and not _parts_of(step) for step in sized):
        too_little = Objection("too_little_to_place", "what is there for certain would not open any range")
        return Draft(plan_nothing(observation, plan.action), (*draft.objections, too_little))
    sized = tuple(step for step in sized if not isinstance(step, Swap) or step.amount_in)
    steps = _with_allowances(observation, sized, account)
    left_out = _left_out(acts, sized, observation, draft.sqrt_price_after_swap_x96)
    whole = replace(
        plan,
        steps=steps,
        leftover_quote=plan.leftover_quote + left_out,
        cost=cost_at_once(observation, steps, plan),
    )
    return replace(draft, plan=whole)


@dataclass(slots=True)
class _Outlook:
    """What is held, step by step, if the price is this one when the transaction is carried out."""

    market: Market
    held: list[int]


class _Courses:
    """Follows a plan at prices all over the drift, and cuts its amounts to what is there at each of them.

    Raises:
        TickRangeExceeded, MathError: a swap has no price somewhere in the drift.
    """

    def __init__(
        self, observation: Observation, settings: StrategySettings, band: TwapBand | None, acts: Sequence[SingleStep]
    ) -> None:
        self._observation, self._band = observation, band
        self._slippage_bps = settings.limits.max_slippage_bps
        self._positions = {each.token_id: each for each in observation.positions}
        leaving = {each.token_id for step in acts if isinstance(step, Exit) for each in step.withdrawals}
        market = market_without(observation.pool, tuple(self._positions[token_id] for token_id in sorted(leaving)))
        wallet = observation.wallet
        self._outlooks = [
            _Outlook(market.at(root), [wallet.balance_0, wallet.balance_1])
            for root in _roots(observation, settings.limits.max_drift_bps)
        ]

    def sized(self, step: SingleStep) -> SingleStep:
        """The step with amounts that are there at every price; what it takes and brings counts for those after it."""
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
        """The fewer of one token, the more of the other; fees only grow."""
        position = self._positions[token_id]
        ticks = position.lower_tick, position.upper_tick
        for each in self._outlooks:
            paid = position_amounts(each.market.sqrt_price_x96, each.market.tick, *ticks, liquidity, round_up=False)
            each.held[0] += paid[0] + position.uncollected_0
            each.held[1] += paid[1] + position.uncollected_1

    def _swap(self, step: Swap) -> Swap:
        assert self._band is not None
        given, taken = (0, 1) if step.zero_for_one else (1, 0)
        amount_in = min(step.amount_in, *(each.held[given] for each in self._outlooks))
        # Of less the pool pays no less in proportion.
        expected_out = step.expected_out * amount_in // max(step.amount_in, 1)
        sized = bounded_swap(
            self._observation, step.zero_for_one, amount_in, expected_out, self._band, self._slippage_bps
        )
        for each in self._outlooks:
            if amount_in:
                sold = each.market.sell(step.zero_for_one, amount_in)
                # Where it would pay less than its minimum nothing happens at all.
                each.held[taken] += max(sized.amount_out_min, -(sold.amount1 if step.zero_for_one else sold.amount0))
                each.market = each.market.at(sold.sqrt_price_x96)
            each.held[given] -= amount_in
        return sized

    def _parts(self, parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
        """A range asks for less of the token that the price leaves scarce: mostly there is nothing to be cut."""
        for _ in range(_CUTTING_ROUNDS):
            shortest = min(self._coverage(each, parts) for each in self._outlooks)
            if shortest >= 1:
                break
            parts = tuple(self._part(each, _cut(each.amount_0_desired, shortest), _cut(each.amount_1_desired, shortest))
                          for each in parts)  # fmt: skip
        now = self._outlooks[len(self._outlooks) // 2].market.sqrt_price_x96
        parts = tuple(each for each in parts if any(_charged((each,), self._observation, now)))
        for each in self._outlooks:
            used = _charged(parts, self._observation, each.market.sqrt_price_x96)
            each.held = [held - taken for held, taken in zip(each.held, used, strict=True)]
        return parts

    def _coverage(self, outlook: _Outlook, parts: tuple[_Part, ...]) -> Fraction:
        """The part of what the ranges would take that is there: of the scarcer token."""
        used = _charged(parts, self._observation, outlook.market.sqrt_price_x96)
        parts_there = (Fraction(max(held, 0), taken) for held, taken in zip(outlook.held, used, strict=True) if taken)
        return min(parts_there, default=Fraction(1))

    def _part(self, part: _Part, amount_0: int, amount_1: int) -> _Part:
        assert self._band is not None
        lower, upper = _ticks(part, self._observation)
        least_0, least_1 = minimums_to_add(lower, upper, amount_0, amount_1, self._band)
        return replace(
            part, amount_0_desired=amount_0, amount_1_desired=amount_1, amount_0_min=least_0, amount_1_min=least_1
        )


def _roots(observation: Observation, drift_bps: int) -> list[int]:
    """Square roots of prices from one end of the drift to the other, the observed one among them."""
    price_x192, ends = observation.pool.sqrt_price_x96**2, _PRICES // 2
    shifts = {drift_bps * each // ends for each in range(-ends, ends + 1)}
    found = {isqrt(price_x192 * (BPS + shift) // BPS) for shift in shifts if shift} | {observation.pool.sqrt_price_x96}
    return sorted(min(MAX_SQRT_PRICE_X96 - 1, max(MIN_SQRT_PRICE_X96, root)) for root in found)


def _cut(amount: int, part: Fraction) -> int:
    return amount * part.numerator // part.denominator


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
        parts = _parts_of(step)
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
    parts = [each for step in acts for each in _parts_of(step)]
    return _charged(parts, observation, root_x96)


def _parts_of(step: SingleStep) -> Sequence[MintRange | Addition]:
    if isinstance(step, Mint):
        return step.ranges
    return step.additions if isinstance(step, Increase) else ()


def _charged(parts: Sequence[MintRange | Addition], observation: Observation, root_x96: int) -> tuple[int, int]:
    """What the position manager would take for the parts at this price."""
    used = [
        charged(*_ticks(part, observation), root_x96, part.amount_0_desired, part.amount_1_desired) for part in parts
    ]
    return sum(zero for zero, _ in used), sum(one for _, one in used)

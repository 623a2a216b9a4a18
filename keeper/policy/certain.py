"""What the acts of one transaction may take, so that it is there at every price within the drift that is allowed.

What an exit pays, what a swap gives and what a range takes all depend on the price, and together: where the price is
higher an exit pays less token0, and the range that follows takes less of it. So the acts are followed through a row of
prices from the lowest to the highest, and the amounts are cut only where at one of them something would be missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import isqrt
from typing import Final, TypeVar

from keeper.model.full_math import MathError
from keeper.model.liquidity import position_amounts
from keeper.model.observation import Observation, Position
from keeper.model.plan import Addition, Collect, Exit, Increase, Mint, MintRange, SingleStep, Swap
from keeper.model.swap import SwapResult, TickRangeExceeded
from keeper.model.ticks import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_at_tick, tick_at_sqrt_price
from keeper.policy.bounds import TwapBand, bounded_swap, minimums_to_add
from keeper.policy.ratio import Market, charged, market_at, market_without
from keeper.policy.settings import StrategySettings

BPS: Final = 10_000
# Prices looked at on either side of the observed one: at least so many, then one for each 5 bps, at most so many.
_FEWEST_STEPS, _STEP_BPS, _MOST_STEPS = 8, 5, 40
# Amounts are cut in proportion, which rounding leaves a unit above what is held now and then: then once more.
_ROUNDS: Final = 4
# One part of so many is held back at every price but the observed one.
_HELD_BACK: Final = 10_000

Part = TypeVar("Part", MintRange, Addition)


@dataclass(slots=True)
class _Scene:
    """The square root of a price, that of the pool by then, and what is held by then: raw units of either token."""

    root_x96: int
    held: list[int]


class Certain:
    """Follows what is held from step to step, by the pool's own arithmetic. ``edges``: of the ranges that are wanted,
    as square roots of the prices before any swap of ours."""

    def __init__(
        self, observation: Observation, settings: StrategySettings, band: TwapBand, edges: Iterable[int]
    ) -> None:
        self._observation, self._band = observation, band
        self._slippage_bps = settings.limits.max_slippage_bps
        self._positions = {each.token_id: each for each in observation.positions}
        self._left: list[Position] = []
        held = (tick for each in observation.positions for tick in (each.lower_tick, each.upper_tick))
        edges = (*edges, *map(sqrt_price_at_tick, held))  # what is paid and taken bends there
        wallet = observation.wallet
        self._scenes = [
            _Scene(root, [wallet.balance_0, wallet.balance_1])
            for root in _roots(observation.pool.sqrt_price_x96, settings.limits.max_drift_bps, edges)
        ]

    def sized(self, step: SingleStep) -> SingleStep | None:
        """The step with amounts that are there for certain, None where nothing is left of it; what it brings is counted
        for those after it."""
        match step:
            case Exit():
                for each in step.withdrawals:
                    self._release(each.token_id, each.liquidity)
                    self._left.append(replace(self._positions[each.token_id], liquidity=each.liquidity))
            case Collect():
                for token_id in step.token_ids:
                    self._release(token_id, 0)
            case Swap():
                return self._swap(step)
            case Mint():
                ranges = self._parts(step.ranges)
                return replace(step, ranges=ranges) if ranges else None
            case Increase():
                additions = self._parts(step.additions)
                return replace(step, additions=additions) if additions else None
        return step

    def _release(self, token_id: int, liquidity: int) -> None:
        """Fees only grow."""
        position = self._positions[token_id]
        for scene in self._scenes:
            root, ticks = scene.root_x96, (position.lower_tick, position.upper_tick)
            paid = position_amounts(root, tick_at_sqrt_price(root), *ticks, liquidity, round_up=False)
            scene.held[0] += paid[0] + position.uncollected_0
            scene.held[1] += paid[1] + position.uncollected_1

    def _swap(self, step: Swap) -> Swap | None:
        given = 0 if step.zero_for_one else 1
        amount_in = min(step.amount_in, *(scene.held[given] for scene in self._scenes))
        if amount_in <= 0:
            return None
        # Of less the pool pays no less in proportion.
        expected_out = step.expected_out * amount_in // step.amount_in
        sized = bounded_swap(
            self._observation, step.zero_for_one, amount_in, expected_out, self._band, self._slippage_bps
        )
        market = market_without(self._observation.pool, tuple(self._left))
        for scene in self._scenes:
            sold = _sold(market, scene.root_x96, sized)
            scene.root_x96, amounts = sold.sqrt_price_x96, (sold.amount0, sold.amount1)
            scene.held = [held - amount for held, amount in zip(scene.held, amounts, strict=True)]
        return sized

    def _parts(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """All in the same proportion, and without those that would hold no liquidity."""
        desired = [(each.amount_0_desired, each.amount_1_desired) for each in parts]
        for _ in range(_ROUNDS):
            share = min((self._share(parts, desired, scene) for scene in self._scenes), default=Fraction(1))
            if share == 1:
                break
            desired = [(int(amount_0 * share), int(amount_1 * share)) for amount_0, amount_1 in desired]
        for scene in self._scenes:
            taken = self._taken(parts, desired, scene)
            scene.held = [max(0, held - each) for held, each in zip(scene.held, taken, strict=True)]
        sized = tuple(self._part(each, *amounts) for each, amounts in zip(parts, desired, strict=True))
        observed, *_ = self._scenes
        return tuple(each for each in sized if any(self._charged(each, observed.root_x96)))

    def _share(self, parts: tuple[Part, ...], desired: list[tuple[int, int]], scene: _Scene) -> Fraction:
        """How much of the desired amounts can be had in the scene."""
        taken = self._taken(parts, desired, scene)
        held, observed = scene.held, scene is self._scenes[0]
        # Each range may round up by a unit, and between two prices that are looked at there may be a little less.
        rooms = [max(0, each - each // _HELD_BACK - len(parts)) for each in held]
        is_short = [each > (held if observed else rooms)[at] for at, each in enumerate(taken)]
        short = [Fraction(room, each) for room, each, short in zip(rooms, taken, is_short, strict=True) if short]
        return min(short, default=Fraction(1))

    def _taken(self, parts: tuple[Part, ...], desired: list[tuple[int, int]], scene: _Scene) -> tuple[int, int]:
        """What the ranges take, of what they are offered, where the price stands by then."""
        found = [
            charged(*ticks_of(each, self._observation), scene.root_x96, *amounts)
            for each, amounts in zip(parts, desired, strict=True)
        ]
        return sum(amount_0 for amount_0, _ in found), sum(amount_1 for _, amount_1 in found)

    def _charged(self, part: MintRange | Addition, root_x96: int) -> tuple[int, int]:
        ticks = ticks_of(part, self._observation)
        return charged(*ticks, root_x96, part.amount_0_desired, part.amount_1_desired)

    def _part(self, part: Part, amount_0: int, amount_1: int) -> Part:
        lower, upper = ticks_of(part, self._observation)
        least_0, least_1 = minimums_to_add(lower, upper, amount_0, amount_1, self._band)
        return replace(
            part, amount_0_desired=amount_0, amount_1_desired=amount_1, amount_0_min=least_0, amount_1_min=least_1
        )


def _sold(market: Market, root_x96: int, step: Swap) -> SwapResult:
    """The swap where others have moved the price there first; where that is not known, it is as at the observed one."""
    try:
        return market_at(market, root_x96).sell(step.zero_for_one, step.amount_in)
    except (TickRangeExceeded, MathError):
        return market.sell(step.zero_for_one, step.amount_in)


def ticks_of(part: MintRange | Addition, observation: Observation) -> tuple[int, int]:
    """The edges of a new range, or of the position that is added to."""
    if isinstance(part, MintRange):
        return part.lower_tick, part.upper_tick
    position = next(each for each in observation.positions if each.token_id == part.token_id)
    return position.lower_tick, position.upper_tick


def _roots(root_x96: int, drift_bps: int, edges: Iterable[int]) -> list[int]:
    """Square roots of prices: the observed one, evenly from the drift below it to the drift above, and the edges that
    lie in between."""
    steps = min(_MOST_STEPS, max(_FEWEST_STEPS, drift_bps // _STEP_BPS))
    whole = BPS * steps
    parts = (drift_bps * step for step in range(-steps, steps + 1) if step and drift_bps)
    spread = [_within_range(isqrt(root_x96**2 * (whole + part) // whole)) for part in parts]
    return [root_x96, *spread, *sorted(each for each in {*edges} if spread and spread[0] < each < spread[-1])]


def _within_range(root_x96: int) -> int:
    return min(MAX_SQRT_PRICE_X96 - 1, max(MIN_SQRT_PRICE_X96, root_x96))

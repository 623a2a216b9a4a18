"""What an attack on the price is, what came of it, and the most that it may cost the keeper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keeper.model.liquidity import amounts_on_burn, amounts_to_mint, liquidity_for_amounts
from keeper.model.outcome import Outcome
from keeper.model.plan import Mint, MintRange, Step, Swap
from keeper.model.ticks import sqrt_price_at_tick, tick_at_sqrt_price
from keeper.policy.settings import Limits

Q192 = 1 << 192
BPS, PIPS = 10_000, 1_000_000

Moment = Literal["before_decide", "held", "before_signature", "front_run", "sandwich", "just_in_time"]


@dataclass(frozen=True, slots=True)
class Attack:
    """A push of ``ticks`` away from the honest price, made at a moment; ``held`` keeps it so many seconds first."""

    moment: Moment
    ticks: int
    held_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """One attacked cycle. Values are raw units of token1 at the honest price; fees and gas are left out of ``loss``."""

    attack: Attack
    act: str
    outcome: Outcome
    struck: bool
    loss: int
    bound: int
    swapped: int
    fees: int
    gas_wei: int
    attacker_profit: int

    @property
    def ratio(self) -> float:
        """Of what may be lost, how much was."""
        return self.loss / self.bound if self.bound > 0 else 0.0


def value(amount_0: int, amount_1: int, sqrt_price_x96: int) -> int:
    """Raw units of token1."""
    return amount_0 * sqrt_price_x96**2 // Q192 + amount_1


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that an attacked cycle may lose, from the operator's limits and the attack alone.

    ``honest_x96`` is the pool's price when nobody attacks.
    """

    honest_x96: int
    limits: Limits
    fee_pips: int

    @property
    def honest_tick(self) -> int:
        return tick_at_sqrt_price(self.honest_x96)

    def mean_tick(self, attack: Attack, window_seconds: int) -> int:
        """The pool's mean once a push has been held: of the window, so many seconds at the pushed tick."""
        if attack.moment != "held":
            return self.honest_tick
        held = min(attack.held_seconds, window_seconds)
        pushed = tick_at_sqrt_price(sqrt_price_at_tick(self.honest_tick + attack.ticks))
        return (self.honest_tick * (window_seconds - held) + pushed * held) // window_seconds

    def bound(self, act: Step | None, attack: Attack) -> int:
        """The most that one act may lose at the honest price P.

        *Nothing done*: nothing.

        *Swap* of x for y: the router pays at least x·(1 − fee)·(1 − slippage) at the price of the mean tick m, so the
        loss is at most x·P − that. Where the mean is honest this is the fee and the slippage (and up to one tick, for
        m is rounded down). A push of d ticks held h seconds of a window w moves m by d·h/w, and the bound with it.

        *Exit*: nothing. With u = √P' where it is made and u* = √P, a position of liquidity L pays out
        L·(u − u*)²/u more at P than it was worth there: whoever pushes the price sells to us below it.

        *Mint*: the same sum the other way: tokens put in at u, worth L·(u − u*)²/u less as a position once the price is
        back. The minimums let u be anywhere in the band of ``max_twap_deviation_ticks`` around m, and L is what the
        amounts offered give there. The loss grows with |u − u*| on each side, so its greatest value is at an edge of
        the band or of the range; the search walks over the band all the same.
        """
        mean = self.mean_tick(attack, self.limits.twap_seconds)
        if isinstance(act, Swap):
            return self._swap_bound(act, mean)
        if isinstance(act, Mint):
            unit = 1 + value(1, 0, self.honest_x96)
            return sum(self._mint_bound(each, mean) + 2 * unit for each in act.ranges)
        # Rounded down at every withdrawal: a raw unit of either token.
        return 0 if act is None else 2 * (1 + value(1, 0, self.honest_x96)) * 3

    def _swap_bound(self, swap: Swap, mean: int) -> int:
        at_mean = sqrt_price_at_tick(mean) ** 2
        kept = swap.amount_in * (PIPS - self.fee_pips) * (BPS - self.limits.max_slippage_bps)
        if swap.zero_for_one:
            least = kept * at_mean // (Q192 * PIPS * BPS)
            return value(swap.amount_in, 0, self.honest_x96) - least + 1
        least = kept * Q192 // (at_mean * PIPS * BPS)
        return swap.amount_in - value(least, 0, self.honest_x96) + 1

    def _mint_bound(self, each: MintRange, mean: int) -> int:
        width = self.limits.max_twap_deviation_ticks
        ends = sqrt_price_at_tick(each.lower_tick), sqrt_price_at_tick(each.upper_tick)
        worst = 0
        for tick in {*range(mean - width, mean + width + 2, max(1, width // 16)), mean + width + 1}:
            root = min(max(sqrt_price_at_tick(tick), ends[0]), ends[1])
            liquidity = liquidity_for_amounts(root, *ends, each.amount_0_desired, each.amount_1_desired)
            put_in = value(*amounts_to_mint(root, *ends, liquidity), self.honest_x96)
            worst = max(worst, put_in - value(*amounts_on_burn(self.honest_x96, *ends, liquidity), self.honest_x96))
        return worst

    def must_hold(self, attack: Attack) -> bool:
        """Whether the calm guards must refuse this push when it is there before the decision."""
        limits, spot = self.limits, self.honest_tick + attack.ticks
        short = abs(spot - self.mean_tick(attack, limits.twap_seconds))
        long_seconds = limits.long_twap_seconds or limits.twap_seconds
        far = abs(spot - self.mean_tick(attack, long_seconds)) > limits.max_long_twap_deviation_ticks
        return short > limits.max_twap_deviation_ticks or (limits.long_twap_seconds is not None and far)

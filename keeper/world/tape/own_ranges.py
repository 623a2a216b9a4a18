"""Liquidity of our own on a tape: what it earns and is owed, in the contract's own integers.

At every tick where a range of ours ends stands how much fee growth was earned below it, which is all that
``UniswapV3Pool`` keeps there too (``feeGrowthOutside`` is that figure or its complement, by the side the price is on).
A tick that becomes ours begins with all growth so far counted as below it, as ``Tick.update`` and
``getFeeGrowthInside`` do between them, so that growth inside a range has the contract's very value, modulo 2**256.
"""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.fees import uncollected_fees
from keeper.model.full_math import MAX_UINT128, MAX_UINT256, MathError
from keeper.model.liquidity import add_delta
from keeper.model.observation import TickState
from keeper.model.ticks import MAX_TICK, max_liquidity_per_tick, sqrt_price_at_tick
from keeper.world.tape.market import OwnRange


@dataclass(slots=True)
class _Edge:
    liquidity_gross: int
    liquidity_net: int
    below_0_x128: int
    below_1_x128: int


@dataclass(slots=True)
class _Held:
    lower_tick: int
    upper_tick: int
    liquidity: int
    inside_0_x128: int
    inside_1_x128: int
    owed_0: int
    owed_1: int


class OwnRanges:
    """The pool's global fee growth (Q128, modulo 2**256, ours diluting it) and our ranges in it."""

    def __init__(self, tick_spacing: int, growth_0_x128: int = 0, growth_1_x128: int = 0) -> None:
        self.growth_0_x128 = growth_0_x128
        self.growth_1_x128 = growth_1_x128
        self._tick_spacing = tick_spacing
        self._edges: dict[int, _Edge] = {}
        self._held: dict[int, _Held] = {}
        self._made = 0
        self.edges: tuple[int, ...] = ()
        self.edge_prices_x96: tuple[int, ...] = ()

    def active(self, tick: int) -> int:
        """Our liquidity that is in range at the tick."""
        return sum(edge.liquidity_net for at, edge in self._edges.items() if at <= tick)

    def earn(self, growth_0_x128: int, growth_1_x128: int, tick: int) -> None:
        """Growth that was earned where the tick was ``tick``: no end of ours may lie within the stretch."""
        self.growth_0_x128 = self.growth_0_x128 + growth_0_x128 & MAX_UINT256
        self.growth_1_x128 = self.growth_1_x128 + growth_1_x128 & MAX_UINT256
        for at, edge in self._edges.items():
            if at > tick:
                edge.below_0_x128 = edge.below_0_x128 + growth_0_x128 & MAX_UINT256
                edge.below_1_x128 = edge.below_1_x128 + growth_1_x128 & MAX_UINT256

    def add(self, lower_tick: int, upper_tick: int, liquidity: int) -> int:
        """A new range; its key.

        Raises:
            MathError: where the pool would revert.
        """
        if not -MAX_TICK <= lower_tick < upper_tick <= MAX_TICK:
            raise MathError(f"ticks {lower_tick} and {upper_tick} are no range")
        if lower_tick % self._tick_spacing or upper_tick % self._tick_spacing:
            raise MathError(f"ticks {lower_tick} and {upper_tick} are not multiples of {self._tick_spacing}")
        if not 0 < liquidity <= MAX_UINT128:
            raise MathError(f"liquidity {liquidity} cannot be minted")
        self._check_room(lower_tick, upper_tick, liquidity)
        self._move(lower_tick, upper_tick, liquidity)
        self._made += 1
        self._held[self._made] = _Held(lower_tick, upper_tick, liquidity, *self._inside(lower_tick, upper_tick), 0, 0)
        return self._made

    def change(self, key: int, delta: int) -> None:
        """More or less liquidity in a range; what it has earned so far becomes owed.

        Raises:
            MathError: where the pool would revert.
            KeyError: there is no such range.
        """
        held = self._held[key]
        liquidity = add_delta(held.liquidity, delta)
        self._check_room(held.lower_tick, held.upper_tick, delta)
        self._poke(held)
        if delta and not held.liquidity:  # its ends may have been cleared meanwhile
            self._move(held.lower_tick, held.upper_tick, delta)
            held.inside_0_x128, held.inside_1_x128 = self._inside(held.lower_tick, held.upper_tick)
        elif delta:
            self._move(held.lower_tick, held.upper_tick, delta)
        held.liquidity = liquidity

    def take_fees(self, key: int) -> tuple[int, int]:
        """All that is owed, which is then nothing; an emptied range is forgotten with it, and owes nothing later.

        Raises:
            KeyError: there never was such a range.
        """
        if key not in self._held and 0 < key <= self._made:
            return 0, 0
        held = self._held[key]
        self._poke(held)
        taken, held.owed_0, held.owed_1 = (held.owed_0, held.owed_1), 0, 0
        if not held.liquidity:
            del self._held[key]
        return taken

    def ranges(self) -> tuple[OwnRange, ...]:
        """Those that hold liquidity or are owed something, oldest first."""
        found = (
            OwnRange(key, held.lower_tick, held.upper_tick, held.liquidity, *self._owed(held))
            for key, held in self._held.items()
        )
        return tuple(each for each in found if each.liquidity or each.owed_0 or each.owed_1)

    def tick_states(self, tick: int) -> dict[int, TickState]:
        """Our ticks as ``UniswapV3Pool.ticks`` would give them, were nobody else's liquidity there."""
        states = {}
        for at in self.edges:
            edge = self._edges[at]
            outside = edge.below_0_x128, edge.below_1_x128
            if at > tick:
                outside = (
                    self.growth_0_x128 - edge.below_0_x128 & MAX_UINT256,
                    self.growth_1_x128 - edge.below_1_x128 & MAX_UINT256,
                )
            states[at] = TickState(at, edge.liquidity_gross, edge.liquidity_net, *outside)
        return states

    def _inside(self, lower_tick: int, upper_tick: int) -> tuple[int, int]:
        lower, upper = self._edges[lower_tick], self._edges[upper_tick]
        return (
            upper.below_0_x128 - lower.below_0_x128 & MAX_UINT256,
            upper.below_1_x128 - lower.below_1_x128 & MAX_UINT256,
        )

    def _owed(self, held: _Held) -> tuple[int, int]:
        if not held.liquidity:
            return held.owed_0, held.owed_1
        now_0, now_1 = self._inside(held.lower_tick, held.upper_tick)
        return (
            uncollected_fees(held.liquidity, now_0, held.inside_0_x128, held.owed_0),
            uncollected_fees(held.liquidity, now_1, held.inside_1_x128, held.owed_1),
        )

    def _poke(self, held: _Held) -> None:
        if held.liquidity:
            held.owed_0, held.owed_1 = self._owed(held)
            held.inside_0_x128, held.inside_1_x128 = self._inside(held.lower_tick, held.upper_tick)

    def _check_room(self, lower_tick: int, upper_tick: int, delta: int) -> None:
        most = max_liquidity_per_tick(self._tick_spacing)
        for tick in (lower_tick, upper_tick):
            standing = self._edges[tick].liquidity_gross if tick in self._edges else 0
            if standing + delta > most:
                raise MathError(f"tick {tick} cannot hold so much liquidity")

    def _move(self, lower_tick: int, upper_tick: int, delta: int) -> None:
        for tick, sign in ((lower_tick, 1), (upper_tick, -1)):
            edge = self._edges.get(tick)
            if edge is None:
                edge = self._edges[tick] = _Edge(0, 0, self.growth_0_x128, self.growth_1_x128)
            edge.liquidity_gross += delta
            edge.liquidity_net += sign * delta
            if not edge.liquidity_gross:
                del self._edges[tick]
        self.edges = tuple(sorted(self._edges))
        self.edge_prices_x96 = tuple(map(sqrt_price_at_tick, self.edges))

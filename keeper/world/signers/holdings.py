"""What is there to be spent: the observed balances, and within a batch what its steps have brought and taken so far."""

from __future__ import annotations

from keeper.model.liquidity import amounts_on_burn
from keeper.model.observation import Observation, Position
from keeper.model.plan import Swap
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.signers import twap_bounds
from keeper.world.signers.evidence import Rules
from keeper.world.signers.refusal import require_at_most
from keeper.world.signers.twap_bounds import Band


class Holdings:
    """Raw units of both tokens, at most what they can be at the observed price; and the capital that bounds them.

    What comes out of the strategy's own positions may go in again even where it has grown beyond the capital.
    """

    def __init__(self, rules: Rules, seen: Observation) -> None:
        self._rules, self._seen = rules, seen
        self._held = [seen.wallet.balance_0, seen.wallet.balance_1]
        self._released, self._deposited = [0, 0], [0, 0]

    def require(self, amount_0: int, amount_1: int) -> Band:
        """SigningRefusedError unless it is there, and worth no more than the strategy's capital. Gives the band."""
        require_at_most("the amount of token0", amount_0, self._held[0])
        require_at_most("the amount of token1", amount_1, self._held[1])
        return self._within_capital("the worth of the amounts, raw quote units", amount_0, amount_1)

    def deposit(self, amount_0: int, amount_1: int) -> Band:
        """Put it into ranges: with all that was put in before it must be within the capital. Errors as ``require``."""
        band = self.require(amount_0, amount_1)
        for index, amount in enumerate((amount_0, amount_1)):
            self._held[index] -= amount
            self._deposited[index] += amount
        self._within_capital("the worth of all that is deposited, raw quote units", *self._deposited)
        return band

    def _within_capital(self, field: str, amount_0: int, amount_1: int) -> Band:
        band = twap_bounds.band_of(self._rules, self._seen)
        released = twap_bounds.most_worth_quote(self._rules, band, *self._released)
        worth = twap_bounds.worth_quote(self._rules, band, amount_0, amount_1)
        require_at_most(field, worth, max(self._rules.max_capital_quote, released))
        return band

    def release(self, position: Position, liquidity: int) -> None:
        """Liquidity is taken out, and what the position owes with it."""
        edges = sqrt_price_at_tick(position.lower_tick), sqrt_price_at_tick(position.upper_tick)
        principal = amounts_on_burn(self._seen.pool.sqrt_price_x96, *edges, liquidity)
        paid = principal[0] + position.uncollected_0, principal[1] + position.uncollected_1
        for index in (0, 1):
            self._held[index] += paid[index]
            self._released[index] += paid[index]

    def swap(self, step: Swap) -> None:
        """What goes in is taken. What comes out counts as it was expected, if the observed price can give that much, or
        as the least that the swap pays: else it reverts."""
        given, taken = (0, 1) if step.zero_for_one else (1, 0)
        possible = twap_bounds.most_out(self._rules, self._seen, step.zero_for_one, step.amount_in)
        self._held[given] -= step.amount_in
        self._held[taken] += max(step.amount_out_min, min(step.expected_out, possible))

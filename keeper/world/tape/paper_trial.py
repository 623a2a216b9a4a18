"""One transaction tried on copies, step by step, as the contracts would do it: all of it happens, or nothing.

Mirrors v3-periphery: ``SwapRouter.exactInputSingle``, and mint, increaseLiquidity, decreaseLiquidity, collect and burn
of ``NonfungiblePositionManager``; the reasons of reverts are the contracts' own. What came of it is a list of deeds to
be done to the market, and lines for the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from keeper.model.full_math import MathError
from keeper.model.ledger import EntryKind
from keeper.model.liquidity import liquidity_for_amounts
from keeper.model.observation import PoolState, Spender
from keeper.model.plan import (
    Addition,
    Approve,
    Collect,
    Exit,
    Increase,
    Mint,
    MintRange,
    SingleStep,
    Step,
    Swap,
    Withdrawal,
    singles,
)
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.market import OwnRange
from keeper.world.tape.paper_account import PaperAccount, PaperPosition
from keeper.world.tape.paper_pool import PoolCopy, RevertedError

_NEW_KEY = -1


@dataclass(frozen=True, slots=True)
class Decreased:
    """Liquidity of a range of ours to take out of the market."""

    key: int
    liquidity: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Fees of a range of ours to take out of the market, and how much they must be."""

    key: int
    amounts: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Swapped:
    """A swap to make in the market, and what must come of it (the pool's signs)."""

    zero_for_one: bool
    amount_in: int
    sqrt_price_limit_x96: int
    amounts: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Added:
    """Liquidity to put into the market: into a range that is there, or (``key`` None) into a new one."""

    key: int | None
    token_id: int
    lower_tick: int
    upper_tick: int
    liquidity: int
    amounts: tuple[int, int]


Deed = Decreased | Taken | Swapped | Added


@dataclass(frozen=True, slots=True)
class Line:
    """A change of the wallet's balance of token ``at`` (0 or 1), in the log at that place of the transaction."""

    kind: EntryKind
    at: int
    amount: int
    token_id: int | None
    log_index: int


class Trial:
    """``account`` and ``pool`` are changed: give copies. ``own`` are the market's ranges by key."""

    def __init__(
        self,
        pool: PoolState,
        own: Mapping[int, OwnRange],
        account: PaperAccount,
        timestamp: int,
        deadline_timestamp: int,
    ) -> None:
        self.account = account
        self.deeds: list[Deed] = []
        self.lines: list[Line] = []
        self.burned: list[int] = []
        self.ticks_crossed = 0
        self._tokens = pool.token0.sort_key, pool.token1.sort_key
        self._pool, self._own = PoolCopy(pool), own
        self._is_late = timestamp > deadline_timestamp
        self._log_index = -1

    def carry_out(self, step: Step) -> None:
        """Do a step, or every step of a batch. RevertedError: nothing of the transaction happens."""
        for each in singles((step,)):
            self._do(each)

    def _do(self, step: SingleStep) -> None:
        match step:
            case Approve():
                self._next_log()
                self.account.allowances[self._tokens.index(int(step.token, 16)), step.spender] = step.amount
            case Swap():
                self._swap(step)
            case Exit():
                for withdrawal in step.withdrawals:
                    self._withdraw(withdrawal)
            case Collect():
                for token_id in step.token_ids:
                    self._collect(self._position(token_id), (0, 0), self._log_index)
            case Mint():
                for wanted in step.ranges:
                    self._mint(wanted)
            case Increase():
                for addition in step.additions:
                    self._increase(addition)

    def _swap(self, step: Swap) -> None:
        self._require_in_time()
        done = self._pool.swap(step.zero_for_one, step.amount_in, step.sqrt_price_limit_x96)
        paid, received = (0, 1) if step.zero_for_one else (1, 0)
        amounts = done.amount0, done.amount1
        self._spend(paid, "router", amounts[paid])
        if -amounts[received] < step.amount_out_min:
            raise RevertedError("Too little received")
        self.account.move(received, -amounts[received])
        self.ticks_crossed += len(done.crossed_ticks)
        self.deeds.append(Swapped(step.zero_for_one, step.amount_in, step.sqrt_price_limit_x96, amounts))
        log_index = self._next_log()
        for at in (0, 1):
            self._write("swap", at, -amounts[at], None, log_index)

    def _withdraw(self, wanted: Withdrawal) -> None:
        position, principal, log_index = self._position(wanted.token_id), (0, 0), self._log_index
        if wanted.liquidity:
            self._require_in_time()
            if wanted.liquidity > position.liquidity:
                raise RevertedError("more liquidity than the position has")
            principal = self._pool.change(position.lower_tick, position.upper_tick, -wanted.liquidity)
            self._require_least(principal, wanted.amount_0_min, wanted.amount_1_min)
            log_index = self._next_log()
            self.deeds.append(Decreased(position.key, wanted.liquidity))
            position = replace(position, liquidity=position.liquidity - wanted.liquidity)
            self.account.positions[position.token_id] = position
        self._collect(position, principal, log_index)
        if wanted.burn:
            if position.liquidity:
                raise RevertedError("Not cleared")
            self.account.close(position.token_id)
            self.burned.append(position.token_id)

    def _collect(self, position: PaperPosition, principal: tuple[int, int], decrease_index: int) -> None:
        """Everything owed: principal taken out in this transaction, the rest is fees."""
        owed = self._own.get(position.key)
        fees = (0, 0) if owed is None or self._was_taken(position.key) else (owed.owed_0, owed.owed_1)
        log_index = self._next_log()
        self.deeds.append(Taken(position.key, fees))
        for at in (0, 1):
            self.account.move(at, principal[at] + fees[at])
            self._write("decrease", at, principal[at], position.token_id, decrease_index)
            self._write("collect", at, fees[at], position.token_id, log_index)

    def _mint(self, wanted: MintRange) -> None:
        token_id = self.account.next_token_id
        liquidity = self._add(wanted, None, token_id, wanted.lower_tick, wanted.upper_tick)
        self.account.open(PaperPosition(token_id, _NEW_KEY, wanted.lower_tick, wanted.upper_tick, liquidity))

    def _increase(self, wanted: Addition) -> None:
        position = self._position(wanted.token_id)
        added = self._add(wanted, position.key, position.token_id, position.lower_tick, position.upper_tick)
        self.account.positions[position.token_id] = replace(position, liquidity=position.liquidity + added)

    def _add(self, wanted: MintRange | Addition, key: int | None, token_id: int, lower: int, upper: int) -> int:
        """The liquidity that the amounts pay for, put in and paid."""
        self._require_in_time()
        ends = sqrt_price_at_tick(lower), sqrt_price_at_tick(upper)
        desired = wanted.amount_0_desired, wanted.amount_1_desired
        try:
            liquidity = liquidity_for_amounts(self._pool.sqrt_price_x96, *ends, *desired)
        except MathError as error:
            raise RevertedError(str(error)) from error
        if not liquidity:
            raise RevertedError("no liquidity comes of the amounts")
        amounts = self._pool.change(lower, upper, liquidity)
        for at in (0, 1):
            self._spend(at, "positions", amounts[at])
        self._require_least(amounts, wanted.amount_0_min, wanted.amount_1_min)
        self.deeds.append(Added(key, token_id, lower, upper, liquidity, amounts))
        log_index = self._next_log()
        for at in (0, 1):
            self._write("mint", at, -amounts[at], token_id, log_index)
        return liquidity

    def _position(self, token_id: int) -> PaperPosition:
        position = self.account.positions.get(token_id)
        if position is None:
            raise RevertedError("ERC721: operator query for nonexistent token")
        return position

    def _was_taken(self, key: int) -> bool:
        return any(isinstance(each, Taken) and each.key == key for each in self.deeds)

    def _spend(self, at: int, spender: Spender, amount: int) -> None:
        """What a contract takes of the wallet's through its allowance."""
        if not amount:
            return
        allowed = self.account.allowances.get((at, spender), 0)
        if allowed < amount or self.account.balances[at] < amount:
            raise RevertedError("STF")
        self.account.allowances[at, spender] = allowed - amount
        self.account.move(at, -amount)

    def _require_in_time(self) -> None:
        if self._is_late:
            raise RevertedError("Transaction too old")

    def _require_least(self, amounts: tuple[int, int], least_0: int, least_1: int) -> None:
        if amounts[0] < least_0 or amounts[1] < least_1:
            raise RevertedError("Price slippage check")

    def _next_log(self) -> int:
        self._log_index += 1
        return self._log_index

    def _write(self, kind: EntryKind, at: int, amount: int, token_id: int | None, log_index: int) -> None:
        if amount:
            self.lines.append(Line(kind, at, amount, token_id, log_index))

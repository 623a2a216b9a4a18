"""What a run earned and lost, in raw units of the quote token, exact in integers.

Measured from the chain and the ledger: worth, fees, swap cost, gas, worth of holding. The residual is **divergence**:
what the changed mix of tokens lost against holding what it started with. It holds the positions' conversion along the
price (impermanent loss), what was realised of it by swaps, a wei of rounding, and any part of the ledger that does
not reconcile (see ``reconciliation``). So the identity holds to the last unit at every observation:

    total = HODL change + fees − divergence − swap cost − gas

LVR (Milionis et al. 2022) is measured at observation sampling and lies beside the identity, not in it. Over each
interval it is −(ΔV − base·ΔP): what the positions' principal lost against a portfolio that held, through the interval,
the base tokens of its start. Hedged alpha = fees − LVR − swap cost − gas is what is left once the price risk is hedged.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from keeper.model.ledger import LedgerEntry
from keeper.model.observation import Observation
from keeper.report.holdings import (
    base_bought,
    base_worth,
    given_and_received,
    holdings,
    principals,
    uncollected,
    valued,
    worth,
)
from keeper.report.run import Act, Run
from keeper.world.journal.proposal_queries import ExecutorGas

DAY_SECONDS = 86_400
WEEK_DAYS = 7
DAYS_PER_YEAR = 365.25
PIPS = 1_000_000


@dataclass(frozen=True, slots=True)
class ProfitAndLoss:
    """From the first observation to that of ``timestamp``. Money in raw quote units; ``fees_0/1`` in raw token units.

    Fees (collected and uncollected) are valued at the price of the end; swap cost is given − received at the pool's
    price when the swap was decided, ``swap_fee`` the pool's part of it, the rest impact and movement in between; gas
    at the native price of its time. Costs, divergence and LVR are positive when they are losses. ``net_deposits`` is
    what the owner put in after the start, at the price of its time. A native balance counts as gas money, not worth.
    ``executor_gas`` is what others paid to execute the transactions of a Safe: beside every sum, in none of them.
    """

    start_timestamp: int
    timestamp: int
    value_start: int
    value: int
    mean_value: int
    net_deposits: int
    fees_0: int
    fees_1: int
    fees: int
    fees_in_base_quote: int
    swap_cost: int
    swap_fee: int
    gas: int
    gas_native_wei: int
    hodl_change: int
    hodl_half_change: int
    hodl_base_change: int
    lvr: int
    seconds_in_range: int
    seconds_in_position: int
    rebalances: int
    executor_gas: int = 0
    executor_gas_wei: int = 0

    @property
    def total(self) -> int:
        return self.value - self.value_start - self.net_deposits - self.gas

    @property
    def divergence(self) -> int:
        return self.hodl_change + self.fees - self.swap_cost - self.gas - self.total

    @property
    def costs(self) -> int:
        return self.swap_cost + self.gas

    @property
    def swap_impact(self) -> int:
        return self.swap_cost - self.swap_fee

    @property
    def against_hodl(self) -> int:
        return self.total - self.hodl_change

    @property
    def total_after_executors(self) -> int:
        """As if the Safe had paid for what others paid to execute."""
        return self.total - self.executor_gas

    @property
    def hedged_alpha(self) -> int:
        return self.fees - self.lvr - self.costs

    @property
    def days(self) -> float:
        return (self.timestamp - self.start_timestamp) / DAY_SECONDS

    @property
    def rebalances_per_week(self) -> float:
        return self.rebalances / self.days * WEEK_DAYS if self.days else 0.0

    @property
    def in_range_share(self) -> float:
        """Of the whole time, so that idle time counts against it."""
        span = self.timestamp - self.start_timestamp
        return self.seconds_in_range / span if span else 0.0

    def annualised_pct(self, amount: int) -> float | None:
        """Linear, on the mean worth, 365.25 days; None where no time has passed. Label it with the days it rests on."""
        if not self.days or not self.mean_value:
            return None
        return 100 * amount / self.mean_value * DAYS_PER_YEAR / self.days


@dataclass(slots=True)
class _Sums:
    """What has been added up so far. Tokens in raw units of token0 and token1."""

    start: Observation
    hold_0: int
    hold_1: int
    value_start: int
    uncollected_start: tuple[int, int]
    half_quote: int = 0
    half_base: int = 0
    base_only: int = 0
    net_deposits: int = 0
    collected: list[int] = field(default_factory=lambda: [0, 0])
    swap_cost: int = 0
    swap_fee: int = 0
    gas: int = 0
    gas_native_wei: int = 0
    executor_gas: int = 0
    executor_gas_wei: int = 0
    lvr: int = 0
    value_seconds: int = 0
    seconds_in_range: int = 0
    seconds_in_position: int = 0
    rebalances: int = 0

    def add_flow(self, at: Observation, amount_0: int, amount_1: int, worth: int) -> None:
        """The owner's money, held as it came; and as the other ways of holding would have placed its worth."""
        half = worth // 2
        self.half_quote += half
        self.half_base += base_bought(at, worth - half)
        self.base_only += base_bought(at, worth)
        self.hold_0 += amount_0
        self.hold_1 += amount_1


def profit_and_loss(run: Run) -> tuple[ProfitAndLoss, ...]:
    """As of each observation; the last is the outcome."""
    observations = run.observations
    sums = _opening(observations[0])
    series = [_as_of(sums, observations[0], sums.value_start)]
    intervals = _by_interval(observations, run.entries)
    acts, executed = _acts_by_interval(observations, run.acts), _executed_by_interval(observations, run.executor_gas)
    for index, (before, after) in enumerate(pairwise(observations)):
        _add_entries(sums, before, intervals[index])
        for act in acts[index]:
            _add_swap(sums, before, act)
            sums.rebalances += act.starts_rebalance
        for paid in executed[index]:
            sums.executor_gas_wei += paid.gas_wei
            sums.executor_gas += before.gas.native_price.quote_amount_rounding_up(paid.gas_wei)
        _add_time(sums, before, after, intervals[index], series[-1].value)
        series.append(_as_of(sums, after, worth(after)))
    return tuple(series)


def _opening(start: Observation) -> _Sums:
    at_start = worth(start)
    sums = _Sums(start, 0, 0, at_start, uncollected(start))
    sums.add_flow(start, *holdings(start), at_start)
    return sums


def _add_entries(sums: _Sums, before: Observation, entries: Sequence[LedgerEntry]) -> None:
    tokens = (before.pool.token0.address.lower(), before.pool.token1.address.lower())
    for entry in entries:
        if entry.kind == "gas":
            sums.gas_native_wei -= entry.amount
            sums.gas += before.gas.native_price.quote_amount_rounding_up(-entry.amount)
        if entry.token.lower() not in tokens:
            continue
        side = tokens.index(entry.token.lower())
        if entry.kind == "collect":
            sums.collected[side] += entry.amount
        elif entry.kind in ("deposit", "withdrawal"):
            amounts = (entry.amount, 0) if side == 0 else (0, entry.amount)
            given, received = given_and_received(before, *amounts)
            sums.net_deposits += received - given
            sums.add_flow(before, *amounts, received - given)


def _add_swap(sums: _Sums, before: Observation, act: Act) -> None:
    address_0 = before.pool.token0.address.lower()
    swaps = [entry for entry in act.entries if entry.kind == "swap"]
    net_0 = sum(entry.amount for entry in swaps if entry.token.lower() == address_0)
    net_1 = sum(entry.amount for entry in swaps if entry.token.lower() != address_0)
    given, received = given_and_received(before, net_0, net_1)
    sums.swap_cost += given - received
    sums.swap_fee += -(-given * before.pool.fee_pips // PIPS)


def _add_time(sums: _Sums, before: Observation, after: Observation, entries: Sequence[LedgerEntry], value: int) -> None:
    """What passes with time. An act follows its decision at once, so the later positions stand for the interval when
    liquidity last changed in its first half."""
    seconds = after.block.timestamp - before.block.timestamp
    changed = [entry.timestamp for entry in entries if entry.kind in ("mint", "decrease")]
    early = bool(changed) and 2 * (max(changed) - before.block.timestamp) <= seconds
    held = after.positions if early else before.positions
    tick = before.pool.tick
    sums.value_seconds += value * seconds
    sums.seconds_in_position += seconds if held else 0
    sums.seconds_in_range += seconds if any(p.lower_tick <= tick < p.upper_tick for p in held) else 0
    # V(P') − V(P) − base·(P' − P), negated, is the old amounts less the new, both at the new price.
    sums.lvr += valued(after, *principals(before, held)) - valued(after, *principals(after, held))


def _as_of(sums: _Sums, now: Observation, worth_now: int) -> ProfitAndLoss:
    owed = uncollected(now)
    fees_0 = sums.collected[0] + owed[0] - sums.uncollected_start[0]
    fees_1 = sums.collected[1] + owed[1] - sums.uncollected_start[1]
    basis = sums.value_start + sums.net_deposits
    span = now.block.timestamp - sums.start.block.timestamp
    in_base = (0, fees_1) if now.quote_is_token0 else (fees_0, 0)
    return ProfitAndLoss(
        start_timestamp=sums.start.block.timestamp,
        timestamp=now.block.timestamp,
        value_start=sums.value_start,
        value=worth_now,
        mean_value=sums.value_seconds // span if span else worth_now,
        net_deposits=sums.net_deposits,
        fees_0=fees_0,
        fees_1=fees_1,
        fees=valued(now, fees_0, fees_1),
        fees_in_base_quote=valued(now, *in_base),
        swap_cost=sums.swap_cost,
        swap_fee=sums.swap_fee,
        gas=sums.gas,
        gas_native_wei=sums.gas_native_wei,
        hodl_change=valued(now, sums.hold_0, sums.hold_1) - basis,
        hodl_half_change=sums.half_quote + base_worth(now, sums.half_base) - basis,
        hodl_base_change=base_worth(now, sums.base_only) - basis,
        lvr=sums.lvr,
        seconds_in_range=sums.seconds_in_range,
        seconds_in_position=sums.seconds_in_position,
        rebalances=sums.rebalances,
        executor_gas=sums.executor_gas,
        executor_gas_wei=sums.executor_gas_wei,
    )


def _by_interval(observations: Sequence[Observation], entries: Sequence[LedgerEntry]) -> list[list[LedgerEntry]]:
    """Ledger lines by the observation they came after. Those up to the first are in its state already."""
    groups: list[list[LedgerEntry]] = [[] for _ in observations[1:]]
    ordered = sorted(entries, key=lambda entry: (entry.block_number, entry.log_index))
    index = 0
    for entry in ordered:
        while index < len(groups) and entry.block_number > observations[index + 1].block.number:
            index += 1
        if entry.block_number > observations[0].block.number and index < len(groups):
            groups[index].append(entry)
    return groups


def _acts_by_interval(observations: Sequence[Observation], acts: Sequence[Act]) -> list[list[Act]]:
    groups: list[list[Act]] = [[] for _ in observations[1:]]
    index = 0
    for act in acts:
        while act.block_number > observations[index + 1].block.number:
            index += 1
        groups[index].append(act)
    return groups


def _executed_by_interval(observations: Sequence[Observation], paid: Sequence[ExecutorGas]) -> list[list[ExecutorGas]]:
    """As ledger lines: what came up to the first observation, or after the last, is not of this run."""
    groups: list[list[ExecutorGas]] = [[] for _ in observations[1:]]
    blocks = [each.block.number for each in observations]
    for each in paid:
        index = bisect_left(blocks, each.block_number) - 1
        if 0 <= index < len(groups):
            groups[index].append(each)
    return groups

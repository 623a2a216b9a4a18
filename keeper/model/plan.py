"""What is to be done: a plan of steps with exact amounts and bounds. Nothing here has happened yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from keeper.model.observation import Spender

Action = Literal["hold", "enter", "rebalance", "exit", "compound", "tidy"]
StepKind = Literal["approve", "exit", "collect", "swap", "mint", "increase", "batch"]


@dataclass(frozen=True, slots=True)
class Approve:
    """Allow ``spender`` exactly ``amount`` (raw units) of ``token`` (an address); zero takes an allowance back."""

    token: str
    spender: Spender
    amount: int
    kind: Literal["approve"] = "approve"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Take ``liquidity`` out of a position; the NFT is burned when it is all of it and ``burn`` is set."""

    token_id: int
    liquidity: int
    amount_0_min: int
    amount_1_min: int
    burn: bool


@dataclass(frozen=True, slots=True)
class Exit:
    """Withdraw, collect everything owed, burn: all of it in one transaction."""

    withdrawals: tuple[Withdrawal, ...]
    kind: Literal["exit"] = "exit"


@dataclass(frozen=True, slots=True)
class Collect:
    """Collect the fees of positions, which stay open."""

    token_ids: tuple[int, ...]
    kind: Literal["collect"] = "collect"


@dataclass(frozen=True, slots=True)
class Swap:
    """Swap exactly ``amount_in`` in the strategy's own pool. ``expected_out`` is exact at the observed state."""

    zero_for_one: bool
    amount_in: int
    amount_out_min: int
    expected_out: int
    sqrt_price_limit_x96: int
    kind: Literal["swap"] = "swap"


@dataclass(frozen=True, slots=True)
class MintRange:
    """One new position. Amounts are raw units, ticks multiples of the spacing."""

    lower_tick: int
    upper_tick: int
    amount_0_desired: int
    amount_1_desired: int
    amount_0_min: int
    amount_1_min: int
    share_ppm: int


@dataclass(frozen=True, slots=True)
class Mint:
    """Open every range of a ladder in one transaction. The price bounds at which to act again go with it."""

    ranges: tuple[MintRange, ...]
    trigger_lower_tick: int
    trigger_upper_tick: int
    kind: Literal["mint"] = "mint"


@dataclass(frozen=True, slots=True)
class Addition:
    """Liquidity to add to a position that is open."""

    token_id: int
    amount_0_desired: int
    amount_1_desired: int
    amount_0_min: int
    amount_1_min: int


@dataclass(frozen=True, slots=True)
class Increase:
    """Add liquidity to open positions (compounding) in one transaction."""

    additions: tuple[Addition, ...]
    kind: Literal["increase"] = "increase"


SingleStep = Approve | Exit | Collect | Swap | Mint | Increase


@dataclass(frozen=True, slots=True)
class Batch:
    """Several steps in one transaction, in order: all of them happen, or none."""

    steps: tuple[SingleStep, ...]
    kind: Literal["batch"] = "batch"


Step = SingleStep | Batch


def singles(steps: Iterable[Step]) -> tuple[SingleStep, ...]:
    """The steps with those of every batch in its place."""
    return tuple(each for step in steps for each in (step.steps if isinstance(step, Batch) else (step,)))


def is_way_out(step: Step) -> bool:
    """Whether the step takes out what is invested and does nothing else but take allowances back."""
    if isinstance(step, Batch):
        return any(map(is_way_out, step.steps)) and all(
            isinstance(each, Exit) or (isinstance(each, Approve) and each.amount == 0) for each in step.steps
        )
    return isinstance(step, Exit)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a whole plan costs, in raw units of the quote token; ``swapped_quote`` is the worth of what is swapped."""

    gas_units: int
    gas_quote: int
    swap_fee_quote: int
    price_impact_quote: int
    swapped_quote: int = 0

    @property
    def total_quote(self) -> int:
        return self.gas_quote + self.swap_fee_quote + self.price_impact_quote


@dataclass(frozen=True, slots=True)
class Hedge:
    """The perpetual short that cancels the delta of a plan's ranges. It is recorded and shown; nobody places it here.

    ``short_base_raw``: raw units of the base token; ``gamma_base_raw_per_pct`` how many more of them the ranges hold
    after the price falls by one per cent; ``reset_pct`` the price move after which the size should be set anew.
    """

    short_base_raw: int
    gamma_base_raw_per_pct: int
    reset_pct: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Intent and bounds of one change. Amounts of later steps are estimates: a wallet carries out the first act
    (with the approvals before it), then the next cycle decides afresh from what is true by then. An owner that can do
    several things in one transaction has them in a ``Batch``, which is one act."""

    action: Action
    steps: tuple[Step, ...]
    deadline_timestamp: int
    value_quote: int
    leftover_quote: int
    cost: Cost
    hedge: Hedge | None = None

    @property
    def next_steps(self) -> tuple[Step, ...]:
        """The approvals in front and the first act: what can be carried out before the amounts change."""
        for index, step in enumerate(self.steps):
            if step.kind != "approve":
                return self.steps[: index + 1]
        return self.steps

    @property
    def act(self) -> StepKind:
        """What the next steps are for: the last of them. A batch that is nothing but the way out is an exit."""
        last = self.next_steps[-1]
        return "exit" if is_way_out(last) else last.kind

    @property
    def acts(self) -> tuple[SingleStep, ...]:
        """All that the next steps do, batches taken apart."""
        return singles(self.next_steps)

    @property
    def later_acts(self) -> tuple[SingleStep, ...]:
        """All that is left to other transactions."""
        return singles(self.steps[len(self.next_steps) :])

"""What to offer for gas: EIP-1559 arithmetic as pure functions, wei per gas throughout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_ELASTICITY: Final = 2
_CHANGE_DENOMINATOR: Final = 8
HEADROOM_BLOCKS: Final = 6
_GAS_MARGIN_PERCENT: Final = 25
_BUMP_DIVISOR: Final = 8  # 12.5 %; nodes ask for 10 % on both fees to replace a transaction


@dataclass(frozen=True, slots=True)
class Fees:
    """The two fee caps of a transaction, wei per gas."""

    max_fee_wei: int
    max_priority_fee_wei: int


def next_base_fee(base_fee_wei: int, gas_used: int, gas_limit: int) -> int:
    """The base fee of the block after one with these figures, as EIP-1559 defines it."""
    target = gas_limit // _ELASTICITY
    if gas_used == target:
        return base_fee_wei
    change = base_fee_wei * abs(gas_used - target) // target // _CHANGE_DENOMINATOR
    return base_fee_wei + max(change, 1) if gas_used > target else base_fee_wei - change


def offer(base_fee_wei: int, priority_fee_wei: int, ceiling_wei: int | None) -> Fees | None:
    """Caps that stay valid through ``HEADROOM_BLOCKS`` full blocks after one with this base fee, within the ceiling.

    None when the ceiling does not even cover the base fee and tip of now: the time is not right.
    """
    cap = base_fee_wei
    for _ in range(HEADROOM_BLOCKS):
        cap += max(cap // _CHANGE_DENOMINATOR, 1)
    cap += priority_fee_wei
    if ceiling_wei is None:
        return Fees(cap, priority_fee_wei)
    if base_fee_wei + priority_fee_wei > ceiling_wei:
        return None
    return Fees(min(cap, ceiling_wei), priority_fee_wei)


def replacement(before: Fees, now: Fees) -> Fees:
    """Caps that replace a transaction sent with ``before``: raised by an eighth, rounded up, or those of ``now``."""
    return Fees(
        max(_raised(before.max_fee_wei), now.max_fee_wei),
        max(_raised(before.max_priority_fee_wei), now.max_priority_fee_wei),
    )


def gas_limit(estimate: int) -> int:
    """The estimate with a margin: the state may have moved by the time it is mined."""
    return estimate + -(-estimate * _GAS_MARGIN_PERCENT // 100)


def _raised(fee_wei: int) -> int:
    return fee_wei + -(-fee_wei // _BUMP_DIVISOR)

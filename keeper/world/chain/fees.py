"""What to offer for gas: EIP-1559 arithmetic as pure functions, wei per gas throughout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_ELASTICITY: Final = 2
_CHANGE_DENOMINATOR: Final = 8
HEADROOM_BLOCKS: Final = 6
_GAS_MARGIN_PERCENT: Final = 25
_BUMP_DIVISOR: Final = 8  # 12.5 %; nodes ask for 10 % on both fees to replace a transaction
HISTORY_BLOCKS: Final = 20
TIP_PERCENTILE: Final = 50


@dataclass(frozen=True, slots=True)
class Fees:
    """The two fee caps of a transaction, wei per gas."""

    max_fee_wei: int
    max_priority_fee_wei: int


@dataclass(frozen=True, slots=True)
class GasMarket:
    """The base fee of the next block, and the tip that half of the latest transactions did not exceed."""

    base_fee_wei: int
    priority_fee_wei: int


def next_base_fee(base_fee_wei: int, gas_used: int, gas_limit: int) -> int:
    """The base fee of the block after one with these figures, as EIP-1559 defines it."""
    target = gas_limit // _ELASTICITY
    if gas_used == target:
        return base_fee_wei
    change = base_fee_wei * abs(gas_used - target) // target // _CHANGE_DENOMINATOR
    return base_fee_wei + max(change, 1) if gas_used > target else base_fee_wei - change


def market(history: Mapping[str, Any], advised_tip_wei: int | None) -> GasMarket:
    """The gas market of an ``eth_feeHistory`` reply over the latest blocks with ``TIP_PERCENTILE`` rewards.

    Blocks without a transaction tell nothing of tips; where all are such, the node's advice stands.

    Raises:
        ValueError, KeyError, IndexError, TypeError: not such a reply.
    """
    base_fee_wei = int(history["baseFeePerGas"][-1], 16)
    ratios: Sequence[float] = history["gasUsedRatio"]
    rewards = [int(row[0], 16) for row in history.get("reward") or []]
    tips = sorted(tip for tip, ratio in zip(rewards, ratios, strict=True) if ratio > 0) if rewards else []
    if tips:
        return GasMarket(base_fee_wei, tips[len(tips) // 2])
    return GasMarket(base_fee_wei, advised_tip_wei or 0)


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


def replacement(before: Fees, now: Fees, ceiling_wei: int | None, most_tip_wei: int | None = None) -> Fees | None:
    """Caps that replace a transaction sent with ``before``: raised by an eighth, rounded up, or those of ``now`` if
    they are higher, as far as the ceilings go. None where they do not even allow the raise."""
    least = Fees(_raised(before.max_fee_wei), _raised(before.max_priority_fee_wei))
    if most_tip_wei is not None and least.max_priority_fee_wei > most_tip_wei:
        return None
    tip = max(least.max_priority_fee_wei, now.max_priority_fee_wei)
    tip = tip if most_tip_wei is None else min(tip, most_tip_wei)
    cap = max(least.max_fee_wei, now.max_fee_wei, tip)
    if ceiling_wei is None:
        return Fees(cap, tip)
    if ceiling_wei < max(least.max_fee_wei, least.max_priority_fee_wei):
        return None
    return Fees(min(cap, ceiling_wei), min(tip, ceiling_wei))


def with_room(ceiling_wei: int | None) -> int | None:
    """The most that may be offered below a ceiling so that one replacement still fits under it."""
    return None if ceiling_wei is None else ceiling_wei * _BUMP_DIVISOR // (_BUMP_DIVISOR + 1)


def gas_limit(estimate: int) -> int:
    """The estimate with a margin: the state may have moved by the time it is mined."""
    return estimate + -(-estimate * _GAS_MARGIN_PERCENT // 100)


def _raised(fee_wei: int) -> int:
    return fee_wei + max(1, -(-fee_wei // _BUMP_DIVISOR))

"""The gas that acts use on the real contracts, as measured: what a paper transaction is charged.

Source: receipts of the demo's runs and of ``bench/gas_modes.py`` (real Uniswap v3 contracts, plain ERC-20 tokens, every
kind of owner, ladders of one to three ranges) on a local chain. What an act uses depends on what it finds (which tokens
a position has become, whether its ticks are shared): one act is within a quarter of these figures, a whole rebalance
within a tenth, to which a test holds them. Tokens behind proxies
take some thousands more for each transfer; a transaction that reverts is taken to use as much as one that does not,
since the contracts check minimums last. What a rollup charges for its data is not in here. (Plans are priced by the
upper estimates of ``policy.cost`` instead.)
"""

from __future__ import annotations

from typing import Final

from keeper.model.observation import Account
from keeper.model.plan import Approve, Batch, Collect, Exit, Increase, Mint, SingleStep, Step, Swap

TRANSACTION: Final = 21_000
APPROVE, REVOKE = 46_100, 26_400
SWAP, SWAP_PER_CROSSED_TICK = 103_000, 24_000
EXIT, EXIT_PER_POSITION = 40_000, 197_000
COLLECT, COLLECT_PER_POSITION = 55_000, 147_000
MINT, MINT_PER_RANGE = 115_000, 372_000
INCREASE, INCREASE_PER_POSITION = 10_000, 150_000

# In a transaction with others: an allowance that is given and taken back is mostly refunded, and what a step has
# touched (a burned position's slots, an owner's list of NFTs, fee records) is cheap for the next.
_APPROVE_AT_ONCE, _REVOKE_AT_ONCE = 3_000, 2_000
_SPARED_PER_RENEWAL, _SPARED_PER_COMPOUNDING = 165_000, 47_000
# What the owner's own contract takes for carrying several calls.
_AT_ONCE: Final[dict[Account, int]] = {"key": 0, "multicall": 0, "delegated": 8_000, "safe": 34_000}


def gas_used(step: Step, account: Account, ticks_crossed: int = 0) -> int:
    """Gas units of the transaction that does the step; a swap pays for each initialized tick that it crosses."""
    if not isinstance(step, Batch):
        return _alone(step, ticks_crossed)
    return (
        TRANSACTION
        + _AT_ONCE[account]
        + sum(_beside_others(each, ticks_crossed) for each in step.steps)
        - _spared(step)
    )


def _alone(step: SingleStep, ticks_crossed: int) -> int:
    match step:
        case Approve():
            return APPROVE if step.amount else REVOKE
        case Swap():
            return SWAP + SWAP_PER_CROSSED_TICK * ticks_crossed
        case Exit():
            return EXIT + EXIT_PER_POSITION * len(step.withdrawals)
        case Collect():
            return COLLECT + COLLECT_PER_POSITION * len(step.token_ids)
        case Mint():
            return MINT + MINT_PER_RANGE * len(step.ranges)
        case Increase():
            return INCREASE + INCREASE_PER_POSITION * len(step.additions)


def _beside_others(step: SingleStep, ticks_crossed: int) -> int:
    if isinstance(step, Approve):
        return _APPROVE_AT_ONCE if step.amount else _REVOKE_AT_ONCE
    return _alone(step, ticks_crossed) - TRANSACTION


def _spared(batch: Batch) -> int:
    """For each position that is burned and followed by another, and each that is added to after it was collected."""
    burned = sum(each.burn for step in batch.steps if isinstance(step, Exit) for each in step.withdrawals)
    opened = sum(len(step.ranges) for step in batch.steps if isinstance(step, Mint))
    collected = {token_id for step in batch.steps if isinstance(step, Collect) for token_id in step.token_ids}
    added = {each.token_id for step in batch.steps if isinstance(step, Increase) for each in step.additions}
    return _SPARED_PER_RENEWAL * min(burned, opened) + _SPARED_PER_COMPOUNDING * len(collected & added)

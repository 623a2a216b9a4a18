"""The same rebalance by owners of every kind, on one chain: what each way of acting takes.

A position enters, is left behind by the price and moves after it with the same amounts: by a key's single
transactions, by an account that delegates, by a Safe whose two owners of three sign, and, where nothing is swapped, by
one multicall of the position manager. The chain is put back after each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain

from keeper.chainlab.bare_owners import BareOwner, Sent, bare_owner
from keeper.chainlab.deploy import slot0
from keeper.chainlab.lab import Lab
from keeper.model.observation import Account, Position, Spender
from keeper.model.plan import Approve, Batch, Exit, Mint, MintRange, SingleStep, Swap, Withdrawal
from keeper.model.ticks import sqrt_price_at_tick
from keeper.policy.ratio import charged
from keeper.world.v3.state import Reading
from keeper.world.venues.uniswap_v3 import UniswapV3

# Half widths of the ranges, and how far the price goes, in ticks: some 3 % and 4 %.
_HALF_WIDTHS = (300, 600, 900)
_MOVE_TICKS = 1_000
_WHALE_RAW = 10**33
_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Took:
    """What one rebalance took. The first transaction ever of an owner's contract is not in it."""

    account: Account
    transactions: int
    gas_units: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """``ranges`` positions (up to three) holding ``amounts`` (token0, token1, raw units) at the most; ``swaps``:
    half of what the exit pays is exchanged before the new ranges are opened."""

    ranges: int
    amounts: tuple[int, int]
    swaps: bool = True


def same_rebalance(lab: Lab, venue: UniswapV3, scenario: Scenario) -> tuple[Took, ...]:
    """By each kind of owner, a key's single transactions first. RpcError where the chain refuses one."""
    kinds: tuple[Account, ...] = ("delegated", "safe") if scenario.swaps else ("multicall", "delegated", "safe")
    with _left_behind(lab, venue, scenario, "key") as owner:
        alone, acts = _one_by_one(owner, scenario)
    took = [_took("key", alone)]
    for account in kinds:
        with _left_behind(lab, venue, scenario, account) as owner:
            took.append(_took(account, _together(owner, acts)))
    return tuple(took)


@contextmanager
def _left_behind(lab: Lab, venue: UniswapV3, scenario: Scenario, account: Account) -> Iterator[BareOwner]:
    """An owner whose ranges the price has left, downwards: all that they hold is token0. Undone at the end."""
    anvil, deployment = lab.anvil, lab.deployment
    snapshot = anvil.snapshot()
    try:
        whale = bare_owner(anvil, deployment, venue, "key", _WHALE_RAW, _WHALE_RAW)
        owner = bare_owner(anvil, deployment, venue, account, *scenario.amounts)
        start = slot0(anvil.rpc, deployment.pool)[1]
        _together(owner, [_mint(owner, scenario, scenario.amounts)])
        limit = sqrt_price_at_tick(start - _MOVE_TICKS)
        whale.carry_out([_approval(venue, 0, "router", _WHALE_RAW), Swap(True, _WHALE_RAW, 0, 0, limit)])
        yield owner
    finally:
        anvil.revert(snapshot)


def _took(account: Account, sent: Sequence[Sent]) -> Took:
    return Took(account, len(sent), sum(each.gas_units for each in sent))


def _one_by_one(owner: BareOwner, scenario: Scenario) -> tuple[list[Sent], list[SingleStep]]:
    """A key looks after each act how much there is for the next; what it sent, and the acts with those amounts."""
    seen = _read(owner)
    acts: list[SingleStep] = [Exit(tuple(_all_of(each) for each in seen.positions))]
    sent = _together(owner, acts)
    before = seen.wallet.balance_0, seen.wallet.balance_1
    if scenario.swaps:
        half = (_read(owner).wallet.balance_0 - before[0]) // 2
        acts.append(Swap(True, half, 1, half, sqrt_price_at_tick(seen.pool.tick - _MOVE_TICKS)))
        sent += _together(owner, acts[1:])
    wallet = _read(owner).wallet
    acts.append(_mint(owner, scenario, (wallet.balance_0 - before[0], wallet.balance_1 - before[1])))
    return sent + _together(owner, acts[-1:]), acts


def _mint(owner: BareOwner, scenario: Scenario, amounts: tuple[int, int]) -> Mint:
    """Ranges around the price, or above it where token0 alone is there; exactly what they take of the amounts."""
    pool = _read(owner).pool
    centre = pool.tick // pool.tick_spacing * pool.tick_spacing
    shares = [amount // scenario.ranges for amount in amounts]
    ranges = []
    for half in _HALF_WIDTHS[: scenario.ranges]:
        lower, upper = centre - half if amounts[1] else centre + pool.tick_spacing, centre + half
        taken, offered = charged(lower, upper, pool.sqrt_price_x96, shares[0], shares[1]), (0, 0)
        while taken != offered:  # of what it took, the contract takes a unit less now and then: no dust of allowances
            taken, offered = charged(lower, upper, pool.sqrt_price_x96, *taken), taken
        ranges.append(MintRange(lower, upper, *taken, 0, 0, _PPM // scenario.ranges))
    return Mint(tuple(ranges), centre - _HALF_WIDTHS[0], centre + _HALF_WIDTHS[0])


def _all_of(position: Position) -> Withdrawal:
    return Withdrawal(position.token_id, position.liquidity, 0, 0, burn=True)


def _together(owner: BareOwner, acts: Sequence[SingleStep]) -> list[Sent]:
    """The acts with exact allowances, none left: all in one transaction, as far as the owner can do that."""
    given = [_approval(owner.venue, *need) for act in acts for need in _needs(act)]
    if owner.account in ("delegated", "safe"):
        wanted = [(*(_approval(owner.venue, *need) for need in _needs(act)), act) for act in acts]
        back = [replace(each, amount=0) for each in given]
        return owner.carry_out([Batch((*chain.from_iterable(wanted), *back))])
    sent = owner.carry_out([*given, acts[0] if len(acts) == 1 else Batch(tuple(acts))])
    left = [each for each in _read(owner).wallet.allowances if each.amount]
    return sent + owner.carry_out([Approve(each.token, each.spender, 0) for each in left])


def _approval(venue: UniswapV3, token: int, spender: Spender, amount: int) -> Approve:
    tokens = venue.pool.token0, venue.pool.token1
    return Approve(tokens[token].address, spender, amount)


def _needs(act: SingleStep) -> list[tuple[int, Spender, int]]:
    """What the act takes through an allowance: which token, to whom, how much."""
    if isinstance(act, Swap):
        return [(0 if act.zero_for_one else 1, "router", act.amount_in)]
    if isinstance(act, Mint):
        totals = sum(r.amount_0_desired for r in act.ranges), sum(r.amount_1_desired for r in act.ranges)
        return [(token, "positions", total) for token, total in enumerate(totals) if total]
    return []


def _read(owner: BareOwner) -> Reading:
    latest = owner.anvil.rpc("eth_getBlockByNumber", "latest", False)["hash"]
    return owner.venue.reader(owner.address, (), tick_window=100).read(latest)

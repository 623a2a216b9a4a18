"""What one transaction did that does everything: its entries must explain every wei of the balances."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keeper.chainlab.deploy_account import delegation_code, place_batch_account
from keeper.model.ledger import Effects
from keeper.model.plan import Addition, Approve, Batch, Collect, Exit, Increase, Mint, MintRange, Swap, Withdrawal
from keeper.world.executors.atomic import AtomicVenue
from keeper.world.venues.uniswap_v3 import build
from tests.world.conftest import Desk
from tests.world.v3.test_effects import LOWEST, explained, held, kinds, trade_to_and_fro

_AMOUNTS = (10**17, 2 * 10**8)


@pytest.fixture
def batching(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The owner's account is delegated, and has three positions that have earned fees."""
    rpc = desk.chain.anvil.rpc
    delegate = place_batch_account(rpc)
    rpc("anvil_setCode", desk.owner, delegation_code(delegate))
    desk.mint(5, 50, 20)
    trade_to_and_fro(desk)
    acts = AtomicVenue(build(desk.node, desk.contracts, desk.deployment.pool), delegate)
    monkeypatch.setattr(desk.venue, "call", acts.call)
    yield desk
    rpc("anvil_setCode", desk.owner, "0x")


def whole(desk: Desk) -> tuple[Batch, list[int]]:
    """Two positions are left, their fees and another's collected, some swapped, a ladder of two opened, one added to;
    and the numbers of the three."""
    leaving, other, staying = held(desk)
    tick = staying.lower_tick
    ladder = (
        MintRange(tick, tick + 400, *_AMOUNTS, 0, 0, 1),
        MintRange(tick + 600, tick + 900, 10**16, 0, 0, 0, 1),
    )
    router_token = desk.deployment.token0
    return Batch(
        (
            Exit(tuple(Withdrawal(each.token_id, each.liquidity, 0, 0, True) for each in (leaving, other))),
            Collect((staying.token_id,)),
            Approve(router_token, "router", 10**16),
            Swap(True, 10**16, 1, 0, LOWEST),
            Approve(router_token, "router", 0),
            Mint(ladder, 0, 0),
            Increase((Addition(staying.token_id, *_AMOUNTS, 0, 0),)),
        )
    ), [leaving.token_id, other.token_id, staying.token_id]


def test_exit_swap_and_mint_in_one_receipt(batching: Desk) -> None:
    before = {each.token_id: each for each in held(batching)}
    step, (leaving, other, staying) = whole(batching)
    found = explained(batching, step)
    counted = kinds(found)
    assert (counted["swap"], counted["gas"], counted["decrease"], counted["collect"]) == (2, 1, 4, 6)
    assert counted["mint"] == 5 and counted["deposit"] == counted["withdrawal"] == 0
    assert found.burned_token_ids == (leaving, other)
    now = {each.token_id: each for each in held(batching)}
    assert {each.token_id: each.liquidity for each in found.opened} == {
        token_id: each.liquidity for token_id, each in now.items() if token_id not in before
    }
    assert [(each.lower_tick, each.upper_tick) for each in found.opened] == [
        (each.lower_tick, each.upper_tick) for each in now.values() if each.token_id not in before
    ]
    assert now[staying].liquidity > before[staying].liquidity
    # Fees accrue to nobody but the pool's liquidity, so what was owed beforehand is what was collected.
    for token_id in (leaving, other, staying):
        due = before[token_id].uncollected_0, before[token_id].uncollected_1
        assert collected(found, token_id) == due


def collected(found: Effects, token_id: int) -> tuple[int, ...]:
    return tuple(each.amount for each in found.entries if each.kind == "collect" and each.token_id == token_id)

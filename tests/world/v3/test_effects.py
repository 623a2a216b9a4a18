"""Steps done through the real contracts: the entries of their receipts must explain every wei of the balances."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from keeper.chainlab.calls import read, transact
from keeper.model.ledger import NATIVE, Effects
from keeper.model.observation import Position
from keeper.model.plan import Addition, Approve, Collect, Exit, Increase, Mint, MintRange, Step, Swap, Withdrawal
from tests.world.conftest import Desk

LOWEST, HIGHEST = 4295128740, 1461446703485210103287273052203988822378723970341


def effects(desk: Desk, receipt: dict[str, Any]) -> Effects:
    block = desk.node.request("eth_getBlockByHash", [receipt["blockHash"], False])
    return desk.venue.effects(receipt, desk.owner, int(block["timestamp"], 16))


def explained(desk: Desk, step: Step, *, must_succeed: bool = True) -> Effects:
    """Does the step; every balance must have changed by exactly what the entries say."""
    before = desk.balances()
    found = effects(desk, desk.act(step, must_succeed=must_succeed))
    after = desk.balances()
    sums: Counter[str] = Counter()
    for entry in found.entries:
        sums[entry.token] += entry.amount
    pool = desk.venue.pool
    changes = [now - then for now, then in zip(after, before, strict=True)]
    assert [sums[pool.token0.address], sums[pool.token1.address], sums[NATIVE]] == changes
    assert set(sums) <= {pool.token0.address, pool.token1.address, NATIVE}
    assert sums[NATIVE] < 0
    return found


def held(desk: Desk) -> tuple[Position, ...]:
    return desk.observer().observe().positions


def trade_to_and_fro(desk: Desk) -> None:
    desk.act(Swap(True, 10**18, 0, 0, LOWEST))
    desk.act(Swap(False, 2 * 10**9, 0, 0, HIGHEST))


def kinds(found: Effects) -> Counter[str]:
    return Counter(entry.kind for entry in found.entries)


def test_mint_of_a_ladder(desk: Desk) -> None:
    tick = desk.observer().observe().pool.tick // 10 * 10
    ladder = (
        MintRange(tick - 50, tick + 50, 10**18, 2 * 10**9, 0, 0, 1),
        MintRange(tick + 100, tick + 900, 10**17, 0, 0, 0, 1),
    )
    found = explained(desk, Mint(ladder, 0, 0))
    assert kinds(found) == {"mint": 3, "gas": 1}  # the second range is above the price: token0 only
    positions = held(desk)
    assert [(each.token_id, each.lower_tick, each.upper_tick, each.liquidity) for each in found.opened] == [
        (each.token_id, each.lower_tick, each.upper_tick, each.liquidity) for each in positions
    ]
    assert [(each.lower_tick, each.upper_tick) for each in found.opened] == [
        (each.lower_tick, each.upper_tick) for each in ladder
    ]
    assert found.opened[1].amount_1 == 0 < found.opened[1].amount_0
    assert not found.burned_token_ids


def test_increase_is_a_mint_entry_that_opens_nothing(desk: Desk) -> None:
    desk.mint(5, 50)
    additions = tuple(Addition(each.token_id, 10**17, 2 * 10**8, 0, 0) for each in held(desk))
    found = explained(desk, Increase(additions))
    assert kinds(found) == {"mint": 4, "gas": 1}
    assert not found.opened
    assert {entry.token_id for entry in found.entries} == {*(each.token_id for each in additions), None}


def test_collect_is_fees_alone(desk: Desk) -> None:
    desk.mint(5, 50)
    trade_to_and_fro(desk)
    due = held(desk)
    found = explained(desk, Collect(tuple(each.token_id for each in due)))
    assert kinds(found) == {"collect": 4, "gas": 1}
    collected = [entry.amount for entry in found.entries if entry.kind == "collect"]
    assert collected == [amount for each in due for amount in (each.uncollected_0, each.uncollected_1)]


def test_exit_parts_principal_from_fees(desk: Desk) -> None:
    desk.mint(5, 50)
    trade_to_and_fro(desk)
    due = held(desk)
    found = explained(desk, Exit(tuple(Withdrawal(each.token_id, each.liquidity, 0, 0, True) for each in due)))
    assert kinds(found) == {"decrease": 4, "collect": 4, "gas": 1}
    fees = [entry.amount for entry in found.entries if entry.kind == "collect"]
    assert fees == [amount for each in due for amount in (each.uncollected_0, each.uncollected_1)]
    assert found.burned_token_ids == tuple(each.token_id for each in due)
    assert not held(desk)


def test_partial_exit_keeps_the_nft(desk: Desk) -> None:
    desk.mint(5)
    (before,) = held(desk)
    found = explained(desk, Exit((Withdrawal(before.token_id, before.liquidity // 3, 0, 0, False),)))
    assert kinds(found)["decrease"] == 2
    assert not found.burned_token_ids
    (after,) = held(desk)
    assert after.liquidity == before.liquidity - before.liquidity // 3


def test_exit_of_an_emptied_position_collects_what_is_owed(desk: Desk) -> None:
    """Somebody decreased by hand and did not collect: it arrives as ``collect``, for no decrease is in the receipt."""
    desk.mint(5)
    (position,) = held(desk)
    decrease = "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))"
    given = (position.token_id, position.liquidity, 0, 0, 2**40)
    receipt = transact(desk.chain.anvil.rpc, desk.owner, desk.contracts.positions, decrease, given)
    assert kinds(effects(desk, receipt)) == {"gas": 1}  # nothing has reached the wallet yet
    (owed,) = held(desk)
    assert owed.liquidity == 0 < owed.uncollected_0
    found = explained(desk, Exit((Withdrawal(position.token_id, 0, 0, 0, True),)))
    assert kinds(found) == {"collect": 2, "gas": 1}
    assert found.burned_token_ids == (position.token_id,)


@pytest.mark.parametrize("zero_for_one", [True, False])
def test_swap_moves_both_tokens_as_the_pool_says(desk: Desk, zero_for_one: bool) -> None:
    amount_in = 10**18 if zero_for_one else 2 * 10**9
    found = explained(desk, Swap(zero_for_one, amount_in, 1, 0, LOWEST if zero_for_one else HIGHEST))
    assert kinds(found) == {"swap": 2, "gas": 1}
    token0, token1 = (entry.amount for entry in found.entries if entry.kind == "swap")
    spent, got = (token0, token1) if zero_for_one else (token1, token0)
    assert spent == -amount_in
    assert got > 0


def test_swap_stopped_by_its_limit_spends_only_what_it_used(desk: Desk) -> None:
    price = desk.observer().observe().pool.sqrt_price_x96
    found = explained(desk, Swap(True, 10**24, 0, 0, price * 9_999 // 10_000))
    spent = -found.entries[0].amount
    assert 0 < spent < 10**24


def test_reverted_transaction_has_only_its_gas(desk: Desk) -> None:
    found = explained(desk, Swap(True, 10**18, 10**30, 0, LOWEST), must_succeed=False)
    assert kinds(found) == {"gas": 1}


def test_approval_moves_nothing_but_gas(desk: Desk) -> None:
    assert kinds(explained(desk, Approve(desk.deployment.token0, "positions", 5))) == {"gas": 1}
    spender = desk.contracts.positions
    allowed = read(
        desk.chain.anvil.rpc, desk.deployment.token0, "allowance(address,address)", ("uint256",), desk.owner, spender
    )
    assert allowed == (5,)


def test_foreign_transfers_are_deposits_and_withdrawals(desk: Desk) -> None:
    rpc, token = desk.chain.anvil.rpc, desk.deployment.token1
    given = effects(desk, transact(rpc, desk.deployment.deployer, token, "mint(address,uint256)", desk.owner, 123))
    assert [(entry.kind, entry.amount, entry.token) for entry in given.entries] == [("deposit", 123, token)]
    sent = effects(desk, transact(rpc, desk.owner, token, "transfer(address,uint256)", desk.deployment.deployer, 23))
    assert (sent.entries[0].kind, sent.entries[0].amount) == ("withdrawal", -23)
    assert kinds(sent) == {"withdrawal": 1, "gas": 1}


def test_layer_1_fee_is_part_of_the_gas(desk: Desk) -> None:
    receipt = desk.act(Approve(desk.deployment.token0, "router", 5))
    plain = effects(desk, receipt).entries[0].amount
    assert plain == -int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    assert effects(desk, {**receipt, "l1Fee": "0x64"}).entries[0].amount == plain - 100


def test_shared_range_pays_a_wei_less_than_the_sum_of_its_shares(desk: Desk) -> None:
    """Many NFTs on the same ticks share one position in the pool, which rounds more often than they do."""
    for amount in (10**15 + 7, 10**14 + 3, 10**16 + 1):
        desk.mint(5, amount_0=amount)
        trade_to_and_fro(desk)
    for position in held(desk):
        explained(desk, Exit((Withdrawal(position.token_id, position.liquidity, 0, 0, True),)))

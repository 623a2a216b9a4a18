"""Row 39: the last ticks there are, one-sided positions, a pool without liquidity, dust. Real contracts, the whole way:
plan, calldata, mined, booked to the wei. Nothing that is planned may fail for its rounding.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from keeper.chainlab.calls import read, transact
from keeper.model.outcome import Done, Failed
from keeper.model.ticks import MAX_TICK, MIN_TICK, max_usable_tick, min_usable_tick, sqrt_price_at_tick
from tests.faults.attacker import attacker_at, preview
from tests.policy.conftest import warm
from tests.policy.desk import NAME, ORDERS, Desk, Warm, at_desk

__all__ = ["warm"]

NO_SWAP: dict[str, Any] = {"swap": {"route": "none"}, "profit": {"gate": "none"}}
FEE_PIPS, SPACING = 3_000, 60
LIMITS = {"cooldown_minutes": 0}


def until_rest(desk: Desk, most: int = 8) -> list[str]:
    """The acts until nothing is done; an act that fails is a defect here."""
    acts: list[str] = []
    for _ in range(most):
        outcome = desk.cycle()
        assert not isinstance(outcome, Failed), outcome
        if not isinstance(outcome, Done):
            return acts
        acts.append(desk.last_decision().plan.next_steps[-1].kind)
    raise AssertionError(f"still busy after {acts}")


def leave(desk: Desk) -> None:
    """Out of everything; nothing stays in the manager's hands, nothing is lost in the books."""
    desk.wait(1_900)
    desk.journal.set_state(NAME, "exiting", "the operator asked", 0)
    until_rest(desk)
    seen = desk.observe()
    assert seen.positions == () and set(desk.difference().values()) == {0}
    assert all(each.amount == 0 for each in seen.wallet.allowances)


@ORDERS
@pytest.mark.parametrize("split", [(1, 1), (1, 0), (0, 1)])
def test_39_the_whole_range_of_prices(warm: Warm, tmp_path: Path, split: tuple[int, int]) -> None:
    """Ticks ±887,270: the first and last that a pool of spacing 10 can hold."""
    desk = at_desk(warm, tmp_path, split=split, range={"kind": "full"}, profit={"gate": "none"}, limits=LIMITS)
    before = desk.observe().wallet
    acts = until_rest(desk)
    assert acts[-1] == "mint"
    (position,) = desk.observe().positions
    spacing = warm.deployment.tick_spacing
    assert (position.lower_tick, position.upper_tick) == (min_usable_tick(spacing), max_usable_tick(spacing))
    assert (position.lower_tick, position.upper_tick) == (-887_270, 887_270)
    leave(desk)
    after = desk.observe().wallet
    if acts == ["mint"]:  # in and out: each amount is rounded against us once
        assert 0 <= before.balance_0 - after.balance_0 <= 1 and 0 <= before.balance_1 - after.balance_1 <= 1


@ORDERS
@pytest.mark.parametrize("split", [(1, 0), (0, 1)])
def test_39_one_sided_beside_the_price_and_on_its_edge(warm: Warm, tmp_path: Path, split: tuple[int, int]) -> None:
    """A position whose edge is the price's own tick holds one token alone, to the unit."""
    desk = at_desk(warm, tmp_path, split=split, limits=LIMITS, **NO_SWAP)
    spacing = warm.deployment.tick_spacing
    desk.whale_moves(desk.tick // spacing * spacing)
    assert slot_is(desk, desk.tick // spacing * spacing)
    before = desk.observe().wallet
    assert until_rest(desk) == ["mint"]
    (position,) = desk.observe().positions
    assert not position.lower_tick <= desk.tick < position.upper_tick or position.lower_tick == desk.tick
    leave(desk)
    after = desk.observe().wallet
    assert 0 <= before.balance_0 - after.balance_0 <= 1 and 0 <= before.balance_1 - after.balance_1 <= 1


def slot_is(desk: Desk, tick: int) -> bool:
    return desk.observe().pool.sqrt_price_x96 == sqrt_price_at_tick(tick)


@ORDERS
@pytest.mark.parametrize("amounts", [(1, 0), (0, 1), (1, 1), (7, 3), (1_000, 0), (0, 1_000), (999, 10**9)])
@pytest.mark.parametrize("route", ["pool", "none"])
def test_39_dust_is_placed_or_left_and_never_fails(
    warm: Warm, tmp_path: Path, amounts: tuple[int, int], route: str
) -> None:
    desk = at_desk(warm, tmp_path, quote_value=0, swap={"route": route}, profit={"gate": "none"}, limits=LIMITS)
    deployment = warm.deployment
    for token, amount in zip((deployment.token0, deployment.token1), amounts, strict=True):
        if amount:
            transact(warm.anvil.rpc, deployment.deployer, token, "mint(address,uint256)", desk.owner, amount)
    until_rest(desk)
    if not desk.observe().positions:
        assert desk.codes()
    leave(desk)


def elsewhere(warm: Warm, tick: int) -> Warm:
    """A pool of the same tokens, at another fee, at any price, and with no liquidity at all."""
    rpc, deployment = warm.anvil.rpc, warm.deployment
    tokens = deployment.token0, deployment.token1
    transact(rpc, deployment.deployer, deployment.factory, "createPool(address,address,uint24)", *tokens, FEE_PIPS)
    (pool,) = read(rpc, deployment.factory, "getPool(address,address,uint24)", ("address",), *tokens, FEE_PIPS)
    transact(rpc, deployment.deployer, pool, "initialize(uint160)", sqrt_price_at_tick(tick))
    transact(rpc, deployment.deployer, pool, "increaseObservationCardinalityNext(uint16)", 20)
    made = replace(deployment, pool=to_checksum_address(pool), fee_pips=FEE_PIPS, tick_spacing=SPACING)
    root = sqrt_price_at_tick(tick)
    inward = 1 if tick < 0 else -1
    past = tuple(
        replace(each, sqrt_price_x96=root * (400 + inward * (at % 2)) // 400, fee_growth_global_0_x128=0,
                fee_growth_global_1_x128=0, bar=None)
        for at, each in enumerate(warm.samples)
    )  # fmt: skip
    return replace(warm, deployment=made, samples=past)


@pytest.mark.parametrize("base_is_quote", [False, True])
@pytest.mark.parametrize("tick", [MIN_TICK, MIN_TICK + 52, MAX_TICK - 1, MAX_TICK - 53, 0, -1, 59, -60, 400_000])
def test_39_a_pool_without_liquidity_is_held_at_any_tick(
    warm: Warm, tmp_path: Path, tick: int, base_is_quote: bool
) -> None:
    limits = LIMITS | {"min_oracle_cardinality": 1}
    empty = elsewhere(warm, tick)
    desk = at_desk(empty, tmp_path, base_is_quote=base_is_quote, range={"kind": "full"}, limits=limits, **NO_SWAP)
    assert until_rest(desk) == []
    assert desk.codes()[0] == ("price_at_the_end" if tick in (MIN_TICK, MAX_TICK - 1) else "no_liquidity")
    assert desk.receipts() == []


@pytest.mark.parametrize("base_is_quote", [False, True])
@pytest.mark.parametrize("tick", [MIN_TICK + 52, MIN_TICK + 5_000, 0, -1, 59, -60, MAX_TICK - 5_000, MAX_TICK - 53])
def test_39_any_tick_of_a_thin_pool_is_placed_and_left(
    warm: Warm, tmp_path: Path, tick: int, base_is_quote: bool
) -> None:
    """Somebody else holds one position over all prices; ours goes in and out beside it, or a reason is given."""
    thin = elsewhere(warm, tick)
    limits = LIMITS | {"min_oracle_cardinality": 1}
    desk = at_desk(thin, tmp_path, base_is_quote=base_is_quote, range={"kind": "full"}, limits=limits, **NO_SWAP)
    ends = min_usable_tick(SPACING), max_usable_tick(SPACING)
    attacker_at(desk).send("provide(int24,int24,uint128)", *ends, 10**12)
    acts = until_rest(desk)
    if abs(tick) < 100:
        assert acts == ["mint"]
    assert acts == ["mint"] or desk.codes()
    leave(desk)


@ORDERS
def test_39_a_swap_where_there_is_no_liquidity_is_not_sent(warm: Warm, tmp_path: Path) -> None:
    base_first = warm.deployment.base_is_token0
    empty = elsewhere(warm, -200_000 if base_first else 200_000)
    desk = at_desk(
        empty, tmp_path, split=(1, 0), profit={"gate": "none"}, limits=LIMITS | {"min_oracle_cardinality": 1}
    )
    assert until_rest(desk) == [] and desk.receipts() == []
    assert preview(desk).verdict.objections

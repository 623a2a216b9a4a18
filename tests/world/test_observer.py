"""The observer against the real contracts: each figure compared with the contract's own answer."""

from __future__ import annotations

from decimal import Decimal

import pytest

from keeper.chainlab.calls import read, transact
from keeper.errors import ConfigError
from keeper.model import canonical
from keeper.model.observation import Observation
from keeper.model.plan import Swap
from keeper.model.ticks import sqrt_price_at_tick
from tests.world.conftest import RICH, Desk

LOWEST, HIGHEST = 4295128740, 1461446703485210103287273052203988822378723970341


def trade(desk: Desk, zero_for_one: bool, amount_in: int) -> None:
    limit = LOWEST if zero_for_one else HIGHEST
    desk.act(Swap(zero_for_one, amount_in, 0, 0, limit))


def test_every_figure_equals_the_contracts_own(desk: Desk) -> None:
    desk.mint(5, 40)
    for _ in range(8):
        desk.chain.market.step()
    trade(desk, True, 5 * 10**18)
    seen = desk.observer(twap_windows_seconds=(600, 10**6)).observe()
    rpc, pool = desk.chain.anvil.rpc, desk.deployment.pool
    head = rpc("eth_getBlockByNumber", "latest", False)
    assert (seen.block.hash, seen.block.number) == (head["hash"], int(head["number"], 16))
    assert (seen.block.timestamp, seen.block.base_fee_wei) == (
        int(head["timestamp"], 16), int(head["baseFeePerGas"], 16),
    )  # fmt: skip
    slot0 = read(rpc, pool, "slot0()", ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool"))
    state = seen.pool
    assert (state.sqrt_price_x96, state.tick, state.observation_cardinality) == (slot0[0], slot0[1], slot0[3])
    assert (state.liquidity,) == read(rpc, pool, "liquidity()", ("uint128",))
    assert (state.fee_growth_global_0_x128,) == read(rpc, pool, "feeGrowthGlobal0X128()", ("uint256",))
    assert (state.fee_growth_global_1_x128,) == read(rpc, pool, "feeGrowthGlobal1X128()", ("uint256",))
    for token, balance in ((state.token0, seen.wallet.balance_0), (state.token1, seen.wallet.balance_1)):
        assert (balance,) == read(rpc, token.address, "balanceOf(address)", ("uint256",), desk.owner)
        assert (token.decimals,) == read(rpc, token.address, "decimals()", ("uint8",))
        assert (token.symbol,) == read(rpc, token.address, "symbol()", ("string",))
    assert seen.wallet.native_wei == int(rpc("eth_getBalance", desk.owner, "latest"), 16)
    assert [window.window_seconds for window in seen.twaps] == [600]  # the oracle does not reach back 10**6 s
    (cumulatives, _) = read(rpc, pool, "observe(uint32[])", ("int56[]", "uint160[]"), [600, 0])
    assert seen.twaps[0].mean_tick == (cumulatives[1] - cumulatives[0]) // 600
    assert canonical.decode(Observation, canonical.encode(seen)) == seen


def test_ticks_are_all_of_the_window_and_sum_to_the_liquidity(desk: Desk) -> None:
    desk.mint(5, 40)
    state = desk.observer(tick_window=6_000).observe().pool
    assert state.known_lower_tick <= state.tick - 6_000
    assert state.known_upper_tick >= state.tick + 6_000
    lens_type = "(int24,int128,uint128)[]"
    spacing = state.tick_spacing
    words = range(state.known_lower_tick // spacing // 256, state.known_upper_tick // spacing // 256 + 1)
    lens: dict[int, tuple[int, int]] = {}
    for word in words:
        (populated,) = read(
            desk.chain.anvil.rpc, desk.deployment.tick_lens, "getPopulatedTicksInWord(address,int16)", (lens_type,),
            desk.deployment.pool, word,
        )  # fmt: skip
        lens |= {tick: (gross, net) for tick, net, gross in populated}
    assert {each.tick: (each.liquidity_gross, each.liquidity_net) for each in state.ticks} == lens
    assert [each.tick for each in state.ticks] == sorted(lens)
    assert len(lens) > 10


def test_uncollected_fees_are_what_collect_pays(desk: Desk) -> None:
    desk.mint(3, 30, 300)
    for _ in range(4):
        desk.chain.market.step()
        trade(desk, True, 3 * 10**17)
        trade(desk, False, 7 * 10**8)
    seen = desk.observer().observe()
    assert len(seen.positions) == 3
    assert sum(each.uncollected_0 + each.uncollected_1 for each in seen.positions) > 0
    for each in seen.positions:
        call = "collect((uint256,address,uint128,uint128))"
        paid = read_as(desk, desk.contracts.positions, call, (each.token_id, desk.owner, 2**128 - 1, 2**128 - 1))
        assert (each.uncollected_0, each.uncollected_1) == paid


def read_as(desk: Desk, to: str, signature: str, argument: tuple[object, ...]) -> tuple[int, int]:
    from keeper.chainlab.calls import call_data

    sent = {"from": desk.owner, "to": to, "data": call_data(signature, argument)}
    answer = bytes.fromhex(desk.node.request("eth_call", [sent, "latest"])[2:])
    return int.from_bytes(answer[:32], "big"), int.from_bytes(answer[32:], "big")


def test_foreign_and_empty_positions_are_left_out(desk: Desk) -> None:
    from keeper.model.plan import Exit, Withdrawal

    rpc, deployment = desk.chain.anvil.rpc, desk.deployment
    create = "createAndInitializePoolIfNecessary(address,address,uint24,uint160)"
    pair = deployment.token0, deployment.token1
    transact(rpc, deployment.deployer, deployment.position_manager, create, *pair, 3_000, 2**96)
    mint = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
    foreign = (*pair, 3_000, -600, 600, 10**9, 10**9, 0, 0, desk.owner, 2**40)
    transact(rpc, desk.owner, deployment.position_manager, mint, foreign)
    desk.mint(5)
    desk.mint(7)
    (first, second) = desk.observer().observe().positions
    desk.act(Exit((Withdrawal(first.token_id, first.liquidity, 0, 0, burn=False),)))
    assert [each.token_id for each in desk.observer().observe().positions] == [second.token_id]


def test_one_exchange_a_block_once_warm(desk: Desk) -> None:
    desk.mint(5, 40)
    observer = desk.observer()
    observer.observe()
    asked: list[str] = []
    ask = desk.node._ask
    desk.node._ask = lambda body, *rest, **named: (asked.append(body[:60].decode()), ask(body, *rest, **named))[1]  # type: ignore[method-assign,func-returns-value]
    desk.chain.anvil.mine()
    observer.observe()
    assert len(asked) == 2  # the head and its fee, then everything at that block


def test_history_is_hourly_backfilled_from_the_oracle_and_named_by_its_digest(desk: Desk) -> None:
    for _ in range(5 * 4 + 2):  # five and a half hours, in quarters
        desk.chain.market.step()
    seen = desk.observer(history_hours=24).observe()
    history = seen.history
    hours = [sample.timestamp for sample in history.samples]
    last = seen.block.timestamp // 3_600 * 3_600
    assert hours == list(range(last - 3_600 * (len(hours) - 1), last + 1, 3_600))
    assert len(hours) == 7  # all full hours since the pool was made
    assert all(sample.fee_growth_global_0_x128 is None for sample in history.samples)
    assert history.digest == canonical.digest(history.samples)
    age = seen.block.timestamp - last
    (sums, _) = read(
        desk.chain.anvil.rpc, desk.deployment.pool, "observe(uint32[])", ("int56[]", "uint160[]"), [age + 60, age]
    )
    assert history.samples[-1].sqrt_price_x96 == sqrt_price_at_tick((sums[1] - sums[0]) // 60)


def test_live_samples_enter_the_grid_and_survive_a_restart(desk: Desk) -> None:
    observer = desk.observer()
    for _ in range(9):
        desk.chain.market.step()
        seen = observer.observe()
    live = [sample for sample in seen.history.samples if sample.fee_growth_global_0_x128 is not None]
    assert [sample.timestamp % 3_600 for sample in live] == [0, 0, 0]
    again = desk.observer().observe()
    assert again.history == seen.history
    desk.chain.anvil.mine()
    assert observer.observe().history.digest == seen.history.digest


def test_the_native_coin_is_priced_by_the_pool_or_the_operator(desk: Desk) -> None:
    seen = desk.observer(quote_is_token0=False).observe()
    in_usdc = seen.gas.native_price
    assert in_usdc.quote == seen.pool.token1
    assert abs(in_usdc.to_decimal() - 2000) < 20
    in_weth = desk.observer(quote_is_token0=True).observe().gas.native_price
    assert (in_weth.quote, in_weth.numerator, in_weth.denominator) == (seen.pool.token0, 1, 1)
    set_by_hand = desk.observer(native_price_quote=Decimal("1234.5")).observe().gas.native_price
    assert set_by_hand.to_decimal() == Decimal("1234.5")


def test_no_price_of_gas_is_said_before_anything_is_read(desk: Desk) -> None:
    from dataclasses import replace

    from keeper.world.venues.uniswap_v3 import build

    desk.venue = build(
        desk.node, replace(desk.contracts, wrapped_native=desk.deployment.wrapped_native), desk.deployment.pool
    )
    with pytest.raises(ConfigError, match="native_price_quote"):
        desk.observer()


def test_allowances_of_both_spenders(desk: Desk) -> None:
    from keeper.model.plan import Approve

    desk.act(Approve(desk.deployment.token0, "router", 0))
    desk.act(Approve(desk.deployment.token1, "positions", 77))
    allowed = {(each.token, each.spender): each.amount for each in desk.observer().observe().wallet.allowances}
    assert allowed[desk.deployment.token0, "router"] == 0
    assert allowed[desk.deployment.token1, "positions"] == 77
    assert allowed[desk.deployment.token0, "positions"] > RICH

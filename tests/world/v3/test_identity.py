"""A pool that is not what the operator thinks: one sentence each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keeper.chainlab.calls import create, transact
from keeper.errors import ConfigError
from keeper.world.chain.multicall import Multicall
from keeper.world.v3.identity import PoolKey, resolve_pool
from keeper.world.venues.uniswap_v3 import build
from tests.world.conftest import Desk

NOWHERE = "0x00000000000000000000000000000000000000AA"


def key(desk: Desk, fee: int = 500) -> PoolKey:
    return PoolKey(desk.deployment.token0, desk.deployment.token1, fee)


def test_found_by_address_in_any_case_and_by_key(desk: Desk) -> None:
    deployment = desk.deployment
    by_address = build(desk.node, desk.contracts, deployment.pool.lower()).pool
    by_key = build(desk.node, desk.contracts, key(desk)).pool
    assert by_address == by_key
    assert by_key.address == deployment.pool
    assert (by_key.fee_pips, by_key.tick_spacing) == (deployment.fee_pips, deployment.tick_spacing)
    assert [(token.address, token.symbol, token.decimals) for token in (by_key.token0, by_key.token1)] == [
        (deployment.token0, deployment.symbol0, deployment.decimals0),
        (deployment.token1, deployment.symbol1, deployment.decimals1),
    ]


def test_wrong_pool(desk: Desk) -> None:
    cases = {
        NOWHERE: "no contract at the pool address",
        desk.deployment.token0: "is not a Uniswap v3 pool",
        desk.deployment.swap_router: "is not a Uniswap v3 pool",
    }
    for address, words in cases.items():
        with pytest.raises(ConfigError, match=words):
            build(desk.node, desk.contracts, address)


def test_wrong_key(desk: Desk) -> None:
    swapped = PoolKey(desk.deployment.token1, desk.deployment.token0, 500)
    cases = [
        (swapped, "wrong order.*Write token0: " + desk.deployment.token0),
        (key(desk, 5), "write 500 for 0.05 %"),
        (key(desk, 3_000), r"no pool of .* with fee 3000; of these tokens it has: 500 \(0.05 %\)"),
        (PoolKey(desk.deployment.token0, desk.deployment.token0, 500), "two different tokens"),
        (PoolKey(NOWHERE, desk.deployment.token1, 500), "none at all"),
    ]
    for wrong, words in cases:
        with pytest.raises(ConfigError, match=words):
            build(desk.node, desk.contracts, wrong)


def test_pool_of_another_factory(desk: Desk) -> None:
    from keeper.chainlab.artifacts import load_artifact

    rpc, deployment = desk.chain.anvil.rpc, desk.deployment
    path = "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"
    rival = create(rpc, deployment.deployer, load_artifact(path).bytecode)
    transact(rpc, deployment.deployer, rival, "createPool(address,address,uint24)", *_pair(desk), 500)
    from keeper.chainlab.calls import read

    (pool,) = read(rpc, rival, "getPool(address,address,uint24)", ("address",), *_pair(desk), 500)
    with pytest.raises(ConfigError, match="belongs to another exchange"):
        build(desk.node, desk.contracts, pool)
    with pytest.raises(ConfigError, match=r"`contracts.positions` .* does not belong to the factory"):
        build(desk.node, replace(desk.contracts, factory=rival), pool)


def test_pool_without_a_price(desk: Desk) -> None:
    rpc, deployment = desk.chain.anvil.rpc, desk.deployment
    transact(rpc, deployment.deployer, deployment.factory, "createPool(address,address,uint24)", *_pair(desk), 10_000)
    with pytest.raises(ConfigError, match="never been given a price"):
        build(desk.node, desk.contracts, key(desk, 10_000))


@pytest.mark.parametrize("name", ["factory", "positions", "router", "multicall"])
def test_no_code_at_a_contract(desk: Desk, name: str) -> None:
    changes: Any = {name: NOWHERE}
    with pytest.raises(ConfigError, match=f"no contract at `contracts.{name}`"):
        build(desk.node, replace(desk.contracts, **changes), desk.deployment.pool)


def test_symbol_as_bytes32(desk: Desk) -> None:
    """As MKR and other old tokens have it: code that returns the same word to every call."""
    rpc, token = desk.chain.anvil.rpc, desk.deployment.token1
    code = rpc("eth_getCode", token, "latest")
    word = b"MKR".ljust(32, b"\0").hex()
    # PUSH32 word, PUSH1 0, MSTORE, PUSH1 32, PUSH1 0, RETURN; but 18 for decimals()
    answer_18 = "60003560e01c63313ce56714602e57" + "7f" + word + "60005260206000f3"
    jump = len(bytes.fromhex(answer_18))
    answer_18 = answer_18.replace("602e57", f"60{jump:02x}57") + "5b601260005260206000f3"
    try:
        rpc("anvil_setCode", token, "0x" + answer_18)
        pool = resolve_pool(Multicall(desk.node, desk.contracts.multicall), desk.contracts, desk.deployment.pool)
    finally:
        rpc("anvil_setCode", token, code)
    assert (pool.token1.symbol, pool.token1.decimals) == ("MKR", 18)


def _pair(desk: Desk) -> tuple[str, str]:
    return desk.deployment.token0, desk.deployment.token1

"""The same deployment code on py-evm: real contracts without anvil."""

from __future__ import annotations

from fractions import Fraction

import pytest
from eth_utils.crypto import keccak

from keeper.chainlab.calls import read, transact
from keeper.chainlab.deploy import MULTICALL3, Deployment, PoolSpec, deploy, slot0
from keeper.chainlab.install import MULTICALL3_CODE_HASH
from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import RpcError
from tests.chainlab.eth_tester_rpc import eth_tester_rpc

_MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
_POSITION = ("uint96", "address", "address", "address", "uint24", "int24", "int24", "uint128")
_MOST = 2**128 - 1
_FAR = 2**40


@pytest.fixture(scope="module")
def small_chain() -> tuple[Rpc, Deployment]:
    rpc = eth_tester_rpc()
    return rpc, deploy(rpc, PoolSpec(Fraction(2000), base_is_token0=False))


def test_deployed_as_asked(small_chain: tuple[Rpc, Deployment]) -> None:
    rpc, d = small_chain
    assert slot0(rpc, d.pool)[0] == d.sqrt_price_x96(Fraction(2000))
    assert read(rpc, d.base, "symbol()", ("string",)) == ("WETH",)
    assert d.base == d.token1
    assert d.multicall3 != MULTICALL3  # py-evm cannot place code at an address of choice
    assert keccak(hexstr=rpc("eth_getCode", d.multicall3, "latest")).hex() == MULTICALL3_CODE_HASH


def test_mint_and_burn_through_the_position_manager(small_chain: tuple[Rpc, Deployment]) -> None:
    rpc, d = small_chain
    owner, manager = d.deployer, d.position_manager
    amounts = 2000 * 10**6, 10**18
    for token, amount in zip((d.token0, d.token1), amounts, strict=True):
        transact(rpc, owner, token, "mint(address,uint256)", owner, amount)
        transact(rpc, owner, token, "approve(address,uint256)", manager, amount)
    tick = slot0(rpc, d.pool)[1] // d.tick_spacing * d.tick_spacing
    bounds = (tick - 50 * d.tick_spacing, tick + 50 * d.tick_spacing)
    transact(rpc, owner, manager, _MINT, (d.token0, d.token1, d.fee_pips, *bounds, *amounts, 0, 0, owner, _FAR))
    liquidity = read(rpc, manager, "positions(uint256)", _POSITION, 1)[7]
    assert liquidity == read(rpc, d.pool, "liquidity()", ("uint128",))[0] > 0
    decrease = "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))"
    transact(rpc, owner, manager, decrease, (1, liquidity, 0, 0, _FAR))
    transact(rpc, owner, manager, "collect((uint256,address,uint128,uint128))", (1, owner, _MOST, _MOST))
    transact(rpc, owner, manager, "burn(uint256)", 1)
    held = [read(rpc, token, "balanceOf(address)", ("uint256",), owner)[0] for token in (d.token0, d.token1)]
    assert all(
        0 <= amount - back <= 1 for amount, back in zip(amounts, held, strict=True)
    )  # rounding stays in the pool
    with pytest.raises(RpcError):
        read(rpc, manager, "positions(uint256)", _POSITION, 1)


def test_core_only() -> None:
    rpc = eth_tester_rpc()
    d = deploy(rpc, PoolSpec(Fraction(2000), fee_pips=100), periphery=False)
    assert d.tick_spacing == 1
    assert int(d.position_manager, 16) == int(d.multicall3, 16) == 0
    with pytest.raises(RpcError, match=r"eth_sendTransaction|reverted"):
        transact(rpc, rpc("eth_accounts")[1], d.token0, "mint(address,uint256)", d.deployer, 1)

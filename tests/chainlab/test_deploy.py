from __future__ import annotations

from fractions import Fraction

import pytest
from eth_utils.crypto import keccak

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.calls import read, transact
from keeper.chainlab.deploy import MULTICALL3, PoolSpec, TokenSpec, deploy, slot0, sqrt_price_x96
from keeper.chainlab.install import MULTICALL3_CODE_HASH
from tests.conftest import Chain

_QUOTE = "quoteExactInputSingle((address,address,uint256,uint24,uint160))"
_SWAP = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
_MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
_POSITION = ("uint96", "address", "address", "address", "uint24", "int24", "int24", "uint128")
_FAR = 2**40


@pytest.mark.parametrize("sell_token0", [True, False])
def test_the_quoters_answer_is_what_a_real_swap_pays(chain: Chain, sell_token0: bool) -> None:
    d, rpc = chain.deployment, chain.anvil.rpc
    trader = rpc("eth_accounts")[3]
    sold, bought = (d.token0, d.token1) if sell_token0 else (d.token1, d.token0)
    amount = 25 * 10**18 if sell_token0 else 50_000 * 10**6
    chain.market.fund(trader, amount if sell_token0 else 0, 0 if sell_token0 else amount, 0)
    quoted = read(rpc, d.quoter, _QUOTE, ("uint256", "uint160"), (sold, bought, amount, d.fee_pips, 0))
    transact(rpc, trader, sold, "approve(address,uint256)", d.swap_router, amount)
    transact(rpc, trader, d.swap_router, _SWAP, (sold, bought, d.fee_pips, trader, _FAR, amount, 0, 0))
    (received,) = read(rpc, bought, "balanceOf(address)", ("uint256",), trader)
    assert received == quoted[0] > 0
    assert slot0(rpc, d.pool)[0] == quoted[1]


def test_the_position_manager_mints_into_the_pool(chain: Chain) -> None:
    d, rpc = chain.deployment, chain.anvil.rpc
    owner = rpc("eth_accounts")[4]
    chain.market.fund(owner, 10**18, 2000 * 10**6, 0)
    for token in (d.token0, d.token1):
        transact(rpc, owner, token, "approve(address,uint256)", d.position_manager, 2**256 - 1)
    tick = slot0(rpc, d.pool)[1] // d.tick_spacing * d.tick_spacing
    bounds = (tick - 100 * d.tick_spacing, tick + 100 * d.tick_spacing)
    before = read(rpc, d.pool, "liquidity()", ("uint128",))[0]
    transact(
        rpc, owner, d.position_manager, _MINT,
        (d.token0, d.token1, d.fee_pips, *bounds, 10**18, 2000 * 10**6, 0, 0, owner, _FAR),
    )  # fmt: skip
    held = read(rpc, d.position_manager, "positions(uint256)", _POSITION, 1)
    assert held[7] > 0
    assert read(rpc, d.pool, "liquidity()", ("uint128",))[0] - before == held[7]
    assert read(rpc, d.position_manager, "ownerOf(uint256)", ("address",), 1)[0] == owner.lower()


def test_multicall3_is_the_real_one_at_its_address(chain: Chain) -> None:
    d, rpc = chain.deployment, chain.anvil.rpc
    assert d.multicall3 == MULTICALL3
    assert keccak(hexstr=rpc("eth_getCode", MULTICALL3, "latest")).hex() == MULTICALL3_CODE_HASH
    block = int(rpc("eth_blockNumber"), 16)
    assert read(rpc, MULTICALL3, "getBlockNumber()", ("uint256",))[0] in (block, block + 1)


def test_tick_lens_sees_the_others_ticks(chain: Chain) -> None:
    d, rpc = chain.deployment, chain.anvil.rpc
    word = slot0(rpc, d.pool)[1] // d.tick_spacing >> 8
    (ticks,) = read(
        rpc, d.tick_lens, "getPopulatedTicksInWord(address,int16)", ("(int24,int128,uint128)[]",), d.pool, word
    )
    assert len(ticks) > 10


@pytest.mark.parametrize("base_is_token0", [True, False])
@pytest.mark.parametrize(("fee_pips", "spacing"), [(100, 1), (500, 10), (3000, 60), (10_000, 200)])
def test_any_order_and_fee(base_is_token0: bool, fee_pips: int, spacing: int) -> None:
    with Anvil(AnvilOptions(automine=fee_pips == 500)) as anvil:
        d = deploy(anvil.rpc, PoolSpec(Fraction(2500), fee_pips=fee_pips, base_is_token0=base_is_token0))
        assert int(d.token0, 16) < int(d.token1, 16)
        assert read(anvil.rpc, d.base, "symbol()", ("string",)) == ("WETH",)
        assert read(anvil.rpc, d.quote, "decimals()", ("uint8",)) == (6,)
        assert (d.base == d.token0) == base_is_token0
        assert d.tick_spacing == spacing
        assert slot0(anvil.rpc, d.pool)[0] == d.sqrt_price_x96(Fraction(2500))
        # 2500 USDC (1e6) for one WETH (1e18): 1.0001^tick = 2500e6/1e18 at tick -198079.6
        assert slot0(anvil.rpc, d.pool)[1] == (-198080 if base_is_token0 else 198079)


def test_sqrt_price_against_hand_made_values() -> None:
    assert sqrt_price_x96(Fraction(1), 18, 18, base_is_token0=True) == 2**96
    assert sqrt_price_x96(Fraction(4), 18, 18, base_is_token0=True) == 2**97
    assert sqrt_price_x96(Fraction(4), 18, 18, base_is_token0=False) == 2**95
    assert sqrt_price_x96(Fraction(1), 18, 6, base_is_token0=True) == 2**96 // 10**6
    assert sqrt_price_x96(Fraction(10**6), 0, 24, base_is_token0=True) == 10**15 * 2**96


def test_other_decimals() -> None:
    with Anvil() as anvil:
        spec = PoolSpec(Fraction(3), base=TokenSpec("None", "N", 0), quote=TokenSpec("Many", "M", 24))
        d = deploy(anvil.rpc, spec)
        assert (d.decimals0, d.decimals1) == (0, 24)
        assert slot0(anvil.rpc, d.pool)[0] == sqrt_price_x96(Fraction(3), 0, 24, base_is_token0=True)

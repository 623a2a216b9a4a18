from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.calls import read
from keeper.chainlab.deploy import PoolSpec, deploy, slot0
from keeper.chainlab.lab import LabSettings, open_lab
from keeper.chainlab.market import Market, MarketSettings
from keeper.chainlab.paths import PricePath, generate
from keeper.errors import ConfigError
from tests.conftest import PATH_START_SECONDS, Chain

HOUR_SECONDS = 3600
_SLOT0 = ("uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool")


def _pool_price(market: Market, rpc: Any) -> float:
    d = market.deployment
    raw = (slot0(rpc, d.pool)[0] / 2**96) ** 2 * 10.0 ** (d.decimals0 - d.decimals1)
    return raw if d.base_is_token0 else 1 / raw


def _state(market: Market, rpc: Any) -> tuple[Any, ...]:
    pool = market.deployment.pool
    growth = [read(rpc, pool, f"feeGrowthGlobal{i}X128()", ("uint256",))[0] for i in (0, 1)]
    return (*read(rpc, pool, "slot0()", _SLOT0), read(rpc, pool, "liquidity()", ("uint128",))[0], *growth)


@pytest.mark.parametrize(("fee_pips", "base_is_token0"), [(500, True), (500, False), (3000, False)])
def test_the_pool_follows_the_path_within_the_fee_band(fee_pips: int, base_is_token0: bool) -> None:
    path = generate(3, 1.5, start_seconds=PATH_START_SECONDS)
    settings = LabSettings(warmup_days=0.25, fee_pips=fee_pips, base_is_token0=base_is_token0)
    with open_lab(path, settings) as lab:
        for _ in range(100):
            lab.market.step()
            price, reference = _pool_price(lab.market, lab.anvil.rpc), lab.market.reference_price
            assert (1 - fee_pips / 1e6) - 1e-9 <= price / reference <= 1 / (1 - fee_pips / 1e6) + 1e-9
        assert max(path.prices[6:32]) / min(path.prices[6:32]) > 1.01  # the band alone would not have held it


def test_same_seed_same_chain_and_another_seed_another() -> None:
    path = generate(5, 1, start_seconds=PATH_START_SECONDS)

    def end(seed: int) -> tuple[Any, ...]:
        with open_lab(path, LabSettings(warmup_days=0.1, market=MarketSettings(seed=seed))) as lab:
            lab.market.advance_to(path.start_seconds + 12 * HOUR_SECONDS)
            block = lab.anvil.rpc("eth_getBlockByNumber", "latest", False)
            return (*_state(lab.market, lab.anvil.rpc), block["stateRoot"], block["baseFeePerGas"], block["timestamp"])

    first = end(5)
    assert end(5) == first
    assert end(6) != first


def test_a_keepers_own_blocks_change_neither_grid_nor_draws() -> None:
    path = generate(7, 1, start_seconds=PATH_START_SECONDS)
    with open_lab(path, LabSettings(warmup_days=0)) as lab:
        lab.market.advance_to(PATH_START_SECONDS + HOUR_SECONDS)
        alone = _state(lab.market, lab.anvil.rpc)
    with open_lab(path, LabSettings(warmup_days=0)) as lab:
        assert lab.market.now_seconds == PATH_START_SECONDS
        rpc = lab.anvil.rpc
        owner = rpc("eth_accounts")[5]
        transaction = {"from": owner, "to": owner, "gas": hex(21_000), "maxFeePerGas": hex(10**12)}
        digest = rpc("eth_sendTransaction", transaction)
        assert rpc("eth_getTransactionReceipt", digest) is None
        assert lab.market.mine_pending() == PATH_START_SECONDS + 12
        assert rpc("eth_getTransactionReceipt", digest)["status"] == "0x1"
        late = rpc("eth_sendTransaction", transaction)
        assert lab.market.advance_to(PATH_START_SECONDS + HOUR_SECONDS) == 4
        assert lab.market.now_seconds == PATH_START_SECONDS + HOUR_SECONDS
        assert rpc("eth_getTransactionReceipt", late)["status"] == "0x1"
        assert _state(lab.market, rpc) == alone


def test_pending_blocks_never_reach_the_next_grid_block(chain: Chain) -> None:
    chain.market.step()
    for _ in range(75):
        chain.market.mine_pending()
    assert chain.market.now_seconds == PATH_START_SECONDS + 899
    assert chain.market.step() == PATH_START_SECONDS + 900


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_the_others_hold_what_was_asked(base_is_token0: bool) -> None:
    path = generate(2, 1, start_seconds=PATH_START_SECONDS)
    market = MarketSettings(crowd_value=5_000_000)
    with open_lab(path, LabSettings(warmup_days=0, base_is_token0=base_is_token0, market=market)) as lab:
        d = lab.deployment
        base, quote = (
            read(lab.anvil.rpc, token, "balanceOf(address)", ("uint256",), d.pool)[0] for token in (d.base, d.quote)
        )
        assert base / 1e18 * path.prices[0] + quote / 1e6 == pytest.approx(5_000_000, rel=0.01)


def test_noise_raises_what_the_pool_earns() -> None:
    path = generate(4, 1, start_seconds=PATH_START_SECONDS)
    measured = []
    for intensity in (0.0, 0.05, 0.15):
        market = MarketSettings(seed=4, noise_intensity=intensity)
        with open_lab(path, LabSettings(warmup_days=0.1, market=market)) as lab:
            before = read(lab.anvil.rpc, lab.deployment.pool, "feeGrowthGlobal1X128()", ("uint256",))[0]
            lab.market.advance_to(path.end_seconds)
            after = read(lab.anvil.rpc, lab.deployment.pool, "feeGrowthGlobal1X128()", ("uint256",))[0]
            measured.append((after - before, lab.market.realised()))
    growths, realised = [g for g, _ in measured], [r for _, r in measured]
    assert 0 < growths[0] < growths[1] < growths[2]
    assert realised[0].rho < realised[1].rho < realised[2].rho
    added = realised[2].fee_intensity - realised[0].fee_intensity
    assert 0.15 * 0.8 < added < 0.15 * 2.4  # the noise itself, and the arbitrage that answers it
    assert realised[2].rho == pytest.approx(4 * realised[2].fee_intensity / realised[2].annual_volatility ** 2)


def test_measured_intensity_agrees_with_the_pools_fee_growth(chain: Chain) -> None:
    """phi = F/(L√S): fee growth per unit of liquidity in token1, over √S, per year."""
    rpc, pool = chain.anvil.rpc, chain.deployment.pool
    before = [read(rpc, pool, f"feeGrowthGlobal{i}X128()", ("uint256",))[0] for i in (0, 1)]
    chain.market.advance_to(PATH_START_SECONDS + 24 * HOUR_SECONDS)
    after = [read(rpc, pool, f"feeGrowthGlobal{i}X128()", ("uint256",))[0] for i in (0, 1)]
    root = slot0(rpc, pool)[0] / 2**96
    earned = sum((a - b) / 2**128 * scale for a, b, scale in zip(after, before, (root, 1 / root), strict=True))
    realised = chain.market.realised()
    assert realised.fee_intensity == pytest.approx(earned / realised.years, rel=0.05)
    assert realised.swaps > 500


def test_warm_up_lets_the_oracle_answer_hourly() -> None:
    path = generate(9, 3, start_seconds=PATH_START_SECONDS)
    with open_lab(path, LabSettings(warmup_days=2.0)) as lab:
        rpc, pool = lab.anvil.rpc, lab.deployment.pool
        lab.market.advance_to(path.end_seconds)  # a full day later it still answers for two days
        ago = [hour * HOUR_SECONDS for hour in range(48, -1, -1)]
        ticks, _ = read(rpc, pool, "observe(uint32[])", ("int56[]", "uint160[]"), ago)
        for hour, (a, b) in enumerate(pairwise(ticks)):
            mean = 1.0001 ** ((b - a) / HOUR_SECONDS) * 10**12
            begin = path.end_seconds - ago[hour]
            inside = [lab.market.path.price_at(begin + s) for s in range(0, HOUR_SECONDS, 60)]
            assert 0.99 * min(inside) < mean < 1.01 * max(inside)


def test_funding_adds_to_what_is_there(chain: Chain) -> None:
    address = "0x00000000000000000000000000000000000A11cE"
    chain.market.fund(address, 5, 7, 11)
    chain.market.fund(address, 1, 0, 1)
    d, rpc = chain.deployment, chain.anvil.rpc
    held = [read(rpc, token, "balanceOf(address)", ("uint256",), address)[0] for token in (d.token0, d.token1)]
    assert held == [6, 7]
    assert int(rpc("eth_getBalance", address, "latest"), 16) == 12
    assert chain.market.step() == PATH_START_SECONDS


def test_base_fee_wanders_around_its_level(chain: Chain) -> None:
    fees = []
    for _ in range(96):
        chain.market.step()
        fees.append(int(chain.anvil.rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16))
    assert len(set(fees)) > 90
    assert 12e9 / 4 < sorted(fees)[48] < 12e9 * 4


def test_the_end_of_the_path_and_a_late_start_are_plain_errors() -> None:
    path = PricePath((PATH_START_SECONDS, PATH_START_SECONDS + 900), (2000.0, 2001.0))
    with Anvil(AnvilOptions(genesis_seconds=PATH_START_SECONDS - 3600)) as anvil:
        d = deploy(anvil.rpc, PoolSpec(Fraction(2000)))
        market = Market(anvil, d, path, MarketSettings())
        assert market.advance_to(path.end_seconds) == 2
        with pytest.raises(ConfigError, match="ask for fewer days"):
            market.step()
        with pytest.raises(ConfigError, match="earlier genesis"):
            Market(anvil, d, path, MarketSettings())
    with pytest.raises(ConfigError, match="warm-up"), open_lab(path, LabSettings(warmup_days=1)):
        pass


@pytest.mark.parametrize("wrong", [{"blocks_per_hour": 7}, {"noise_intensity": -1.0}, {"crowd_value": 0.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        MarketSettings(**wrong)

"""Tokens that are not what they seem, at new addresses or in the place of a pool's own token; and pools of them."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keeper.chainlab.artifacts import node_modules
from keeper.chainlab.calls import create, read, transact
from keeper.chainlab.deploy import Deployment
from keeper.chainlab.jsonrpc import Rpc
from keeper.chainlab.solidity import CompiledContract, compile_contract

CONTRACTS: Final = Path(__file__).parent / "contracts"
HALF_RANGE_TICKS: Final = 60_000
FULL_PRICE_X96: Final = 1 << 96  # one raw unit for one

# Kind -> what it is armed with when it is to misbehave; see the contracts for what the figure means.
MISCHIEF: Final[dict[str, int]] = {
    "FeeOnTransfer": 100,
    "RebasingByTime": 500,
    "RebasingByReport": 1,
    "RebasingByCall": 1,
    "FalseReturning": 1,
    "Hooked": 1,
    "BrokenBalance": 1,
    "HugeReturning": 100_000,
    "GasBurner": 600_000,
}
# The manners of WETH9, LINK, UNI, USDT, wstETH and cbETH, PEPE: made without arguments, plain though odd.
KNOWN: Final = ("WrappedNative", "CallsWhenAsked", "Votes96", "CouldTakeAFee", "WrappedShares", "OnceLimited")
HARMLESS: Final = ("Plain", "NothingReturning", "Pausable", "Blacklisting")


@functools.cache
def compiled() -> dict[str, CompiledContract]:
    """Every contract of the pack, by its name; compiled once in a process."""
    sources = {name: CONTRACTS / name for name in ("TokenPack.sol", "Proxy.sol", "KnownTokens.sol")}
    with tempfile.TemporaryDirectory() as cache:
        return compile_contract(sources, node_modules(), Path(cache))


def deploy_token(rpc: Rpc, kind: str, *, decimals: int = 18) -> str:
    """A token of the kind, not armed, at a new address."""
    account = str(rpc("eth_accounts")[0])
    return create(rpc, account, compiled()[kind].creation_code, ("uint8",), decimals)


def arm(rpc: Rpc, token: str, value: int) -> None:
    """From now on it misbehaves, in the measure of ``value`` (0: no more)."""
    transact(rpc, str(rpc("eth_accounts")[0]), token, "arm(uint256)", value)


def turn(rpc: Rpc, token: str, kind: str) -> None:
    """Put the kind's code in the place of a local chain's token: balances and allowances stay what they are."""
    (decimals,) = read(rpc, token, "decimals()", ("uint8",))
    rpc("anvil_setCode", token, rpc("eth_getCode", deploy_token(rpc, kind, decimals=decimals), "latest"))


def create_proxy(rpc: Rpc, implementation: str) -> str:
    """A proxy (EIP-1967) that leads to the implementation; anybody can ``upgradeTo(address)`` it."""
    account = str(rpc("eth_accounts")[0])
    proxy = create(rpc, account, compiled()["Proxy"].creation_code)
    transact(rpc, account, proxy, "upgradeTo(address)", implementation)
    return proxy


@dataclass(frozen=True, slots=True)
class HostilePool:
    """A pool with liquidity of a token of the pack and the local chain's plain base token, one raw unit for one."""

    pool: str
    token: str
    plain: str
    fee_pips: int


def make_pool(
    rpc: Rpc, deployment: Deployment, token: str, *, fee_pips: int = 500, amount: int = 10**24
) -> HostilePool:
    """A real pool of the token, filled by the deployer (who mints both) while the token still behaves."""
    deployer, plain, manager = deployment.deployer, deployment.base, deployment.position_manager
    first, second = sorted((token, plain), key=lambda address: int(address, 16))
    transact(rpc, deployer, deployment.factory, "createPool(address,address,uint24)", first, second, fee_pips)
    (pool,) = read(rpc, deployment.factory, "getPool(address,address,uint24)", ("address",), first, second, fee_pips)
    transact(rpc, deployer, pool, "initialize(uint160)", FULL_PRICE_X96)
    for each in (first, second):
        transact(rpc, deployer, each, "mint(address,uint256)", deployer, 2 * amount)
        transact(rpc, deployer, each, "approve(address,uint256)", manager, amount)
    mint = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"
    ticks = -HALF_RANGE_TICKS, HALF_RANGE_TICKS
    transact(
        rpc, deployer, manager, mint,
        (first, second, fee_pips, *ticks, amount, amount, 0, 0, deployer, 1 << 40),
    )  # fmt: skip
    return HostilePool(str(pool), token, plain, fee_pips)

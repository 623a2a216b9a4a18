"""A local chain with a pool whose life has every kind of event, and the market's own day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.artifacts import node_modules
from keeper.chainlab.calls import create, transact
from keeper.chainlab.deploy import Deployment, PoolSpec, deploy
from keeper.chainlab.market import Market, MarketSettings
from keeper.chainlab.paths import generate
from keeper.chainlab.solidity import compile_contract
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.multicall import Multicall
from keeper.world.chain.node import HttpNode
from keeper.world.tape.download import Wanted
from keeper.world.v3.identity import PoolIdentity, resolve_pool
from tests.conftest import GENESIS_SECONDS, PATH_START_SECONDS, START_PRICE
from tests.world.conftest import contracts_of

CHAIN_ID = 31337
"""Of the local chain."""


@dataclass(frozen=True, slots=True)
class PastPool:
    """A pool with a past. Nothing may be sent to it any more: all tests read the same chain."""

    anvil: Anvil
    deployment: Deployment
    contracts: Contracts
    identity: PoolIdentity
    last_block: int

    def node(self, url: str | None = None, **settings: Any) -> HttpNode:
        return HttpNode(
            [url or self.anvil.url], chain_id=CHAIN_ID, **{"retries": 1, "backoff_seconds": 0.01, **settings}
        )

    def wanted(self, first_block: int = 0, last_block: int | None = None) -> Wanted:
        return Wanted(CHAIN_ID, self.identity, first_block, self.last_block if last_block is None else last_block)

    def logs(self, first_block: int = 0, last_block: int | None = None) -> list[dict[str, Any]]:
        """What the honest chain has of the pool, in order."""
        last = self.last_block if last_block is None else last_block
        wanted = {"fromBlock": hex(first_block), "toBlock": hex(last), "address": self.deployment.pool}
        return list(self.anvil.rpc("eth_getLogs", wanted))

    def multicall(self, node: Any) -> Multicall:
        return Multicall(node, self.contracts.multicall)


@pytest.fixture(scope="session")
def past_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PastPool]:
    with open_past_pool(tmp_path_factory.mktemp("solidity")) as pool:
        yield pool


@contextmanager
def open_past_pool(scratch: Path) -> Iterator[PastPool]:
    """The chain, until the end of the ``with``; ``scratch`` is a folder for the compiler."""
    with Anvil(AnvilOptions(genesis_seconds=GENESIS_SECONDS, history_states=1_024)) as anvil:
        deployment = deploy(anvil.rpc, PoolSpec(Fraction(2000)))
        path = generate(7, 2, start_price=START_PRICE, start_seconds=PATH_START_SECONDS)
        market = Market(anvil, deployment, path, MarketSettings(seed=7))
        _live(anvil, deployment, market, scratch)
        contracts = contracts_of(deployment)
        node = HttpNode([anvil.url], chain_id=CHAIN_ID)
        identity = resolve_pool(Multicall(node, contracts.multicall), contracts, deployment.pool)
        yield PastPool(anvil, deployment, contracts, identity, int(anvil.rpc("eth_blockNumber"), 16))


def _live(anvil: Anvil, deployment: Deployment, market: Market, scratch: Path) -> None:
    """Swaps, and between them each of the rarer events; the last block has a swap."""

    def act(to: str, signature: str, *arguments: Any, sender: str = deployment.deployer) -> dict[str, Any]:
        return transact(anvil.rpc, sender, to, signature, *arguments)

    def steps(count: int) -> None:
        for _ in range(count):
            market.step()

    owner = to_checksum_address(anvil.rpc("eth_accounts")[1])
    pool, manager = deployment.pool, deployment.position_manager
    for token in (deployment.token0, deployment.token1):
        act(token, "mint(address,uint256)", owner, 10**30)
        act(token, "approve(address,uint256)", manager, 2**256 - 1, sender=owner)
    steps(12)
    act(pool, "setFeeProtocol(uint8,uint8)", 4, 10)
    steps(6)
    position = _mint(act, deployment, owner)
    steps(12)
    _flash(anvil, act, deployment, scratch)
    act(manager, "decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))",
        (position, 10**15, 0, 0, 2**40), sender=owner)  # fmt: skip
    most = 2**128 - 1
    act(manager, "collect((uint256,address,uint128,uint128))", (position, owner, most, most), sender=owner)
    act(pool, "collectProtocol(address,uint128,uint128)", owner, most, most)
    act(pool, "increaseObservationCardinalityNext(uint16)", 100)  # an event that no tape needs
    steps(10)


def _mint(act: Callable[..., dict[str, Any]], deployment: Deployment, owner: str) -> int:
    token0, token1 = deployment.token0, deployment.token1
    middle = -200_311 // 10 * 10 if deployment.base_is_token0 else 200_310
    receipt = act(
        deployment.position_manager,
        "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))",
        (token0, token1, deployment.fee_pips, middle - 600, middle + 600, 10**20, 10**20, 0, 0, owner, 2**40),
        sender=owner,
    )
    transfer = next(log for log in receipt["logs"] if len(log["topics"]) == 4 and log["data"] == "0x")
    return int(transfer["topics"][3], 16)


def _flash(anvil: Anvil, act: Callable[..., dict[str, Any]], deployment: Deployment, scratch: Path) -> None:
    source = Path(__file__).parents[1] / "feeds/contracts/Flasher.sol"
    code = compile_contract({"Flasher.sol": source}, node_modules(), scratch)["Flasher"].creation_code
    borrower = create(anvil.rpc, deployment.deployer, code)
    for token in (deployment.token0, deployment.token1):
        act(token, "mint(address,uint256)", borrower, 10**30)
    act(borrower, "flash(address,uint256,uint256)", deployment.pool, 10**15, 10**10)

"""An owner with tokens on the local chain, and the reading hands pointed at it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from keeper.chainlab.calls import transact
from keeper.chainlab.deploy import Deployment
from keeper.model.observation import Sample
from keeper.model.plan import Mint, MintRange, Step
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.node import HttpNode
from keeper.world.observer import ChainObserver
from keeper.world.venues.uniswap_v3 import UniswapV3, build
from tests.conftest import Chain
from tests.world import postgres

FAR_DEADLINE = 2**40
RICH = 10**24


class MemorySamples:
    """Samples as the journal keeps them, without the journal."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int, int], Sample] = {}

    def add(self, pool_address: str, chain_id: int, sample: Sample) -> None:
        self.rows[pool_address, chain_id, sample.timestamp] = sample

    def replace(self, pool_address: str, chain_id: int, samples: Sequence[Sample]) -> None:
        for sample in samples:
            self.rows[pool_address, chain_id, sample.timestamp] = sample

    def forget_after(self, pool_address: str, chain_id: int, timestamp: int) -> None:
        gone = [key for key in self.rows if key[:2] == (pool_address, chain_id) and key[2] > timestamp]
        for key in gone:
            del self.rows[key]

    def between(self, pool_address: str, chain_id: int, from_timestamp: int, to_timestamp: int) -> list[Sample]:
        return [
            self.rows[key]
            for key in sorted(self.rows)
            if key[:2] == (pool_address, chain_id) and from_timestamp <= key[2] <= to_timestamp
        ]


@dataclass
class Desk:
    """The owner's place: everything one needs to act and to look."""

    chain: Chain
    owner: str
    node: HttpNode
    contracts: Contracts
    venue: UniswapV3
    samples: MemorySamples = field(default_factory=MemorySamples)

    @property
    def deployment(self) -> Deployment:
        return self.chain.deployment

    def observer(self, **settings: Any) -> ChainObserver:
        given = {"chain_id": 31337, "quote_is_token0": False, "history_hours": 24, **settings}
        return ChainObserver(self.node, self.venue, self.owner, self.samples, **given)

    def latest(self) -> dict[str, Any]:
        return dict(self.node.request("eth_getBlockByNumber", ["latest", False]))

    @property
    def latest_hash(self) -> str:
        return str(self.latest()["hash"])

    def act(self, step: Step, *, must_succeed: bool = True, owner: str | None = None) -> dict[str, Any]:
        """Sends the step as the owner, mines it, gives the receipt."""
        owner = owner or self.owner
        call = self.venue.call(step, owner, FAR_DEADLINE)
        sent = {"from": owner, "to": call.to, "data": "0x" + call.data.hex(), "gas": hex(12_000_000)}
        digest = self.node.request("eth_sendTransaction", [sent])
        self.chain.anvil.mine()
        receipt = self.node.request("eth_getTransactionReceipt", [digest])
        assert not must_succeed or receipt["status"] == "0x1", receipt
        return dict(receipt)

    def balances(self) -> tuple[int, int, int]:
        """token0, token1, native."""
        wallet = self.venue.reader(self.owner, (), tick_window=100).read(self.latest()["hash"]).wallet
        return wallet.balance_0, wallet.balance_1, wallet.native_wei

    def mint(self, *widths: int, amount_0: int = 10**18, amount_1: int = 2 * 10**9) -> dict[str, Any]:
        """One position for each half width, in spacings, around the price."""
        spacing = self.venue.pool.tick_spacing
        tick = self.venue.reader(self.owner, (), tick_window=100).read(self.latest()["hash"]).pool.tick
        middle = tick // spacing * spacing
        ranges = tuple(
            MintRange(middle - width * spacing, middle + width * spacing, amount_0, amount_1, 0, 0, 0)
            for width in widths
        )
        return self.act(Mint(ranges, 0, 0))


@pytest.fixture
def desk(chain: Chain) -> Desk:
    deployment, rpc = chain.deployment, chain.anvil.rpc
    owner = to_checksum_address(rpc("eth_accounts")[1])
    for token in (deployment.token0, deployment.token1):
        _send(chain, deployment.deployer, token, "mint(address,uint256)", owner, RICH)
        for spender in (deployment.position_manager, deployment.swap_router):
            _send(chain, owner, token, "approve(address,uint256)", spender, 2**256 - 1)
    contracts = contracts_of(deployment)
    node = HttpNode([f"http://127.0.0.1:{chain.anvil.port}"], chain_id=31337)
    return Desk(chain, owner, node, contracts, build(node, contracts, deployment.pool))


def contracts_of(deployment: Deployment) -> Contracts:
    base = deployment.base  # stands in for wrapped ether: the lab's base token is called WETH
    return Contracts(
        deployment.factory, deployment.position_manager, deployment.swap_router, deployment.multicall3, base
    )


def _send(chain: Chain, sender: str, to: str, signature: str, *arguments: Any) -> None:
    transact(chain.anvil.rpc, sender, to, signature, *arguments)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    binaries = postgres.find_binaries()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    with postgres.running_server(binaries) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """An empty database of its own."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM pg_database").fetchone()
        assert row is not None
        name = f"journal_{row[0]}"
        connection.execute(f"CREATE DATABASE {name}".encode())
    return postgres_server.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture(params=["sqlite", "postgres"])
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/keeper.db"
    url: str = request.getfixturevalue("postgres_url")
    return url

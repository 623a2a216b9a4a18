"""A tape on the local chain: the real pool, the real node, a journal in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.artifacts import node_modules
from keeper.chainlab.calls import create, read, transact
from keeper.chainlab.deploy import Deployment, PoolSpec, deploy
from keeper.chainlab.solidity import CompiledContract, compile_contract
from keeper.model.observation import Block
from keeper.world.feeds.pool_events import PoolTape
from keeper.world.feeds.swap_logs import SwapLogs
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.observer import ChainObserver
from tests.conftest import GENESIS_SECONDS
from tests.world.conftest import Desk

CHAIN_ID = 31337


@dataclass
class Reel:
    """A desk with a journal, and tapes made from both."""

    desk: Desk
    journal: SqlJournal

    def tape(self, *, first_blocks: int = 2_000, node: Any = None, **settings: Any) -> PoolTape:
        logs = SwapLogs(node or self.desk.node, self.desk.deployment.pool, first_blocks=first_blocks)
        store = self.journal.tape(CHAIN_ID, self.desk.deployment.pool)
        return PoolTape(store, logs, **{"days": 90, **settings})

    def observer(self, tape: PoolTape | None, **settings: Any) -> ChainObserver:
        desk = self.desk
        given = {"chain_id": CHAIN_ID, "quote_is_token0": False, "history_hours": 240, **settings}
        return ChainObserver(desk.node, desk.venue, desk.owner, self.journal.samples, tape=tape, **given)

    def head(self) -> Block:
        raw = self.desk.latest()
        return Block(CHAIN_ID, int(raw["number"], 16), raw["hash"], int(raw["timestamp"], 16), 0)

    def step(self, blocks: int) -> None:
        for _ in range(blocks):
            self.desk.chain.market.step()

    def logs_on_chain(self) -> list[tuple[int, int, str, int]]:
        """(block, log index, block hash, sqrt price) of every swap that the chain has."""
        topic = "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
        wanted = {"fromBlock": "0x0", "toBlock": "latest", "address": self.desk.deployment.pool, "topics": [topic]}
        return [
            (int(log["blockNumber"], 16), int(log["logIndex"], 16), log["blockHash"], int(log["data"][130:194], 16))
            for log in self.desk.chain.anvil.rpc("eth_getLogs", wanted)
        ]

    def logs_on_tape(self) -> list[tuple[int, int, str, int]]:
        swaps = self.journal.tape(CHAIN_ID, self.desk.deployment.pool).swaps(0, 1 << 60)
        return [(swap.block_number, swap.log_index, swap.block_hash, swap.sqrt_price_x96) for swap in swaps]

    def growth_at(self, block_number: int) -> tuple[int, int]:
        """The pool's two global fee growths at a past block, as the chain has them."""

        def rpc(method: str, *params: Any) -> Any:
            return self.desk.chain.anvil.rpc(method, *params[:-1], hex(block_number))

        pool = self.desk.deployment.pool
        both = [read(rpc, pool, f"feeGrowthGlobal{side}X128()", ("uint256",))[0] for side in (0, 1)]
        return both[0], both[1]

    def transact(self, signature: str, *arguments: Any, sender: str | None = None, to: str | None = None) -> Any:
        deployment = self.desk.deployment
        rpc = self.desk.chain.anvil.rpc
        return transact(rpc, sender or deployment.deployer, to or deployment.pool, signature, *arguments)


@pytest.fixture(scope="module")
def session_chain() -> Iterator[tuple[Anvil, Deployment]]:
    """In place of the whole session's chain, whose node has forgotten old states by the time that others have used it:
    here they are asked for."""
    with Anvil(AnvilOptions(genesis_seconds=GENESIS_SECONDS, history_states=1_024)) as anvil:
        yield anvil, deploy(anvil.rpc, PoolSpec(Fraction(2000), observation_slots=300))


@pytest.fixture(scope="session")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CompiledContract]:
    """The contracts of this folder, compiled."""
    folder = Path(__file__).parent / "contracts"
    sources = {path.name: path for path in sorted(folder.glob("*.sol"))}
    return compile_contract(sources, node_modules(), tmp_path_factory.mktemp("solidity"))


@dataclass
class Aggregator:
    """A price feed on the chain, and who may push rounds onto it."""

    desk: Desk
    address: str

    def push(self, answer: int, *, age: int = 0, started: int | None = None, behind: int = 0) -> None:
        """A new round, ``age`` seconds old at the block that it comes with."""
        now = int(self.desk.latest()["timestamp"], 16) + 1
        updated = now - age
        arguments = answer, updated if started is None else started, updated, behind
        rpc, sender = self.desk.chain.anvil.rpc, self.desk.deployment.deployer
        transact(rpc, sender, self.address, "push(int256,uint256,uint256,uint80)", *arguments)


@pytest.fixture
def aggregator(desk: Desk, contracts: dict[str, CompiledContract]) -> Callable[[int], Aggregator]:
    def make(decimals: int) -> Aggregator:
        code = contracts["Aggregator"].creation_code
        return Aggregator(desk, create(desk.chain.anvil.rpc, desk.deployment.deployer, code, ("uint8",), decimals))

    return make


@pytest.fixture
def reel(desk: Desk, tmp_path: Path) -> Iterator[Reel]:
    journal = open_journal(f"sqlite:///{tmp_path}/keeper.db", "dry")
    yield Reel(desk, journal)
    journal.close()

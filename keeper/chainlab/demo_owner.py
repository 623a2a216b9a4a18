"""Who holds the money of a demo, and what it takes to get something done for them: one for each mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from eth_utils.crypto import keccak

from keeper.assembly import ChainAccess
from keeper.assembly_atomic import atomic_executor
from keeper.assembly_safe import SafeAccess, safe_executor
from keeper.assembly_wallet import wallet_executor
from keeper.chainlab.demo_world import chain_access
from keeper.chainlab.deploy_account import place_batch_account
from keeper.chainlab.deploy_safe import create_safe, place_safe_contracts
from keeper.chainlab.lab import Lab
from keeper.chainlab.owners import OwnersAtHand
from keeper.chainlab.owners_board import OwnersBoard
from keeper.model.observation import Account
from keeper.policy.settings import StrategySettings
from keeper.report import describe
from keeper.world.chain.node import HttpNode
from keeper.world.journal.journal import SqlJournal
from keeper.world.protocols import Executor
from keeper.world.signers import keystore
from keeper.world.venues.uniswap_v3 import UniswapV3

Mode = Literal["wallet", "atomic", "safe"]
NATIVE_WEI = 5 * 10**18

_EXECUTOR = 3
_Make = Callable[[HttpNode, UniswapV3], Executor]


def _nobody() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class DemoOwner:
    """The owner of the positions. ``native_wei`` is what it starts with; a Safe holds none.

    ``make`` gives the executor for a strategy and its journal. ``work`` is what people do between two looks of the
    keeper; it says whether they did anything. ``executions`` are transactions that others sent for it.
    """

    address: str
    account: Account
    native_wei: int
    paid_by: str
    make: Callable[[StrategySettings, SqlJournal], _Make]
    work: Callable[[], bool] = _nobody
    executions: Callable[[], Sequence[str]] = field(default=tuple)


def demo_owner(mode: Mode, lab: Lab, seed: int, directory: Path, *, owners_delay_seconds: int = 0) -> DemoOwner:
    """The owner of a mode, on a chain that has the contracts it needs. The same keys for the same seed.

    Raises:
        ConfigError: the contracts are not installed, or the folder is not writable.
    """
    key, chain = _throwaway_key(seed, directory), chain_access(lab)
    if mode == "safe":
        return _safe(lab, chain, key, OwnersAtHand.from_seed(seed), owners_delay_seconds)
    if mode == "atomic":
        place_batch_account(lab.anvil.rpc)
    executor = atomic_executor if mode == "atomic" else wallet_executor

    def make(settings: StrategySettings, journal: SqlJournal) -> _Make:
        return executor(chain, settings, journal, key, pause=lambda _seconds: lab.market.mine_pending())

    return DemoOwner(key.address, "delegated" if mode == "atomic" else "key", NATIVE_WEI, "the keeper's own key", make)


def _safe(
    lab: Lab, chain: ChainAccess, key: keystore.KeystoreSigner, owners: OwnersAtHand, delay_seconds: int
) -> DemoOwner:
    """Two of three owners; the keeper's key can propose, and holds and pays nothing."""
    rpc = lab.anvil.rpc
    place_safe_contracts(rpc)
    safe = create_safe(rpc, owners.addresses, 2)
    executor = str(rpc("eth_accounts")[_EXECUTOR])
    board = OwnersBoard(
        rpc, lab.market, safe, owners, proposer=key.address, executor=executor, delay_seconds=delay_seconds
    )

    def make(settings: StrategySettings, journal: SqlJournal) -> _Make:
        reached = SafeAccess(safe, executes="never")
        return safe_executor(chain, settings, journal, key, reached, board=board, queue=board, describe=describe)

    return DemoOwner(safe, "safe", 0, "the owners' executor", make, board.work, lambda: board.executions)


def _throwaway_key(seed: int, directory: Path) -> keystore.KeystoreSigner:
    """The same key for the same seed, through the same encrypted file that a live run would use."""
    file, password = directory / "demo-key.json", "demo"
    file.unlink(missing_ok=True)
    private_key = keccak(text=f"range keeper demo {seed}").hex()
    keystore.import_key(file, private_key, password, scrypt_work=1 << 10)
    return keystore.load(file, password)

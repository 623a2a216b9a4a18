"""A real chain and an operator's folder on it."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keeper.chainlab.calls import read
from keeper.chainlab.deploy import Deployment
from keeper.chainlab.lab import Lab, LabSettings, open_lab
from keeper.chainlab.paths import generate
from keeper.model.observation import Sample
from keeper.world.journal.opening import open_journal
from keeper.world.signers import keystore
from tests.cli.shell import Keeper

PASSWORD = "correct horse"
PRIVATE_KEY = "0x" + "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
DAYS = 2


@pytest.fixture(scope="module", name="lab")
def make_lab() -> Iterator[Lab]:
    """``lab_of_now`` for the tests of a file."""
    with lab_of_now() as lab:
        yield lab


@contextmanager
def lab_of_now() -> Iterator[Lab]:
    """A chain whose newest block is about now, that mines every transaction at once."""
    now = int(time.time())
    path = generate(7, DAYS + 1, start_seconds=now - DAYS * 86_400 - 60)
    with open_lab(path, LabSettings(warmup_days=DAYS)) as lab:
        lab.anvil.rpc("evm_setAutomine", True)
        yield lab


def watched(lab: Lab, file: Path, mode: str) -> None:
    """A journal as if a keeper had looked at the pool every hour since it began: fees grew evenly, the price moved.

    Written once for the tests of a chain, which all begin with the pool as it is now.
    """
    deployment = lab.deployment
    file.touch(mode=0o600)
    file.write_bytes(_written_once(lab.anvil.rpc, deployment.pool, deployment.chain_id, mode))


@functools.lru_cache(maxsize=4)
def _written_once(rpc: Callable[..., Any], pool: str, chain_id: int, mode: str) -> bytes:
    now = int(time.time())
    root, growth_0, growth_1 = (
        read(rpc, pool, name, ("uint256",))[0]
        for name in ("slot0()", "feeGrowthGlobal0X128()", "feeGrowthGlobal1X128()")
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "keeper.db")
        journal = open_journal(f"sqlite:///{file}", mode)
        for hours in range(24 * DAYS, 0, -1):
            past = 1 - hours / (24 * DAYS)
            price = root * (400 + hours % 2) // 400
            sample = Sample(now - 3_600 * hours, price, round(growth_0 * past), round(growth_1 * past))
            journal.samples.add(pool, chain_id, sample)
        journal.close()
        return file.read_bytes()


def write_keeper_yaml(folder: Path, deployment: Deployment, url: str) -> None:
    """``keeper.yaml`` of a keeper in mode wallet which reaches the local chain at ``url``."""
    (folder / "keeper.yaml").write_text(f"""\
chains:
  local:
    chain_id: {deployment.chain_id}
    rpc: ["{url}"]
    confirmations: 1
    max_head_age_seconds: null  # its time stands still between two transactions
    contracts:
      factory: "{deployment.factory}"
      positions: "{deployment.position_manager}"
      router: "{deployment.swap_router}"
      multicall3: "{deployment.multicall3}"
      wrapped_native: "{deployment.base}"
execution: {{mode: wallet}}
""")


@dataclass(frozen=True, slots=True)
class Operator:
    """A folder with configuration, strategy and a key whose wallet is funded; the journals know the pool's past."""

    folder: Path
    keeper: Keeper
    address: str

    def rewrite(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))


@pytest.fixture(name="operator")
def make_operator(lab: Lab, keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    monkeypatch.setenv("KEEPER_PASSWORD", PASSWORD)
    deployment = lab.deployment
    address = keystore.import_key(tmp_path / "key.json", PRIVATE_KEY, PASSWORD, scrypt_work=2)
    write_keeper_yaml(tmp_path, deployment, lab.anvil.url)
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies/eth.yaml").write_text(f"""\
name: eth
chain: local
pool: {{token0: "{deployment.token0}", token1: "{deployment.token1}", fee: {deployment.fee_pips}}}
quote: {"token1" if deployment.base_is_token0 else "token0"}
capital: {{max_quote: 1_000_000}}
forecaster: {{kind: ewma, half_life_hours: 24}}
range: {{kind: fixed, lower_pct: 10, upper_pct: 10}}
profit: {{hurdle: 0}}
limits: {{max_slippage_bps: 300, max_twap_deviation_ticks: 1000, max_price_impact_bps: 1000}}
""")
    for mode, file in (("wallet", "keeper.db"), ("dry", "keeper.dry.db")):
        watched(lab, tmp_path / file, mode)
    snapshot = lab.anvil.snapshot()
    base, quote = 10 * 10**18, 20_000 * 10**6
    raw0, raw1 = (base, quote) if deployment.base_is_token0 else (quote, base)
    lab.market.fund(address, raw0, raw1, 10**19)
    yield Operator(tmp_path, keeper, address)
    lab.anvil.revert(snapshot)

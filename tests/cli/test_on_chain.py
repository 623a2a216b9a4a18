"""The commands against a real chain: check it, take turns on it, run the daemon on it, replay what was decided."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keeper.chainlab.calls import read
from keeper.chainlab.lab import Lab, LabSettings, open_lab
from keeper.chainlab.paths import generate
from keeper.model.observation import Sample
from keeper.world.journal.opening import open_journal
from keeper.world.signers import keystore
from tests.cli.conftest import Keeper

PASSWORD = "correct horse"
PRIVATE_KEY = "0x" + "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
DAYS = 2


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A chain whose newest block is about now, that mines every transaction at once."""
    now = int(time.time())
    path = generate(7, DAYS + 1, start_seconds=now - DAYS * 86_400 - 60)
    with open_lab(path, LabSettings(warmup_days=DAYS)) as lab:
        lab.anvil.rpc("evm_setAutomine", True)
        yield lab


def watched(lab: Lab, file: Path, mode: str) -> None:
    """A journal as if a keeper had looked at the pool every hour since it began: fees grew evenly, the price moved."""
    deployment, now = lab.deployment, int(time.time())
    journal = open_journal(f"sqlite:///{file}", mode)
    root, growth_0, growth_1 = (
        read(lab.anvil.rpc, deployment.pool, name, ("uint256",))[0]
        for name in ("slot0()", "feeGrowthGlobal0X128()", "feeGrowthGlobal1X128()")
    )
    for hours in range(24 * DAYS, 0, -1):
        past = 1 - hours / (24 * DAYS)
        journal.samples.add(
            deployment.pool,
            deployment.chain_id,
            Sample(
                now - 3_600 * hours,
                root * (400 + hours % 2) // 400,
                round(growth_0 * past),
                round(growth_1 * past),
            ),
        )
    journal.close()


@dataclass(frozen=True, slots=True)
class Operator:
    """A folder with configuration, strategy and a key whose wallet is funded."""

    folder: Path
    keeper: Keeper
    address: str

    def rewrite(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))


@pytest.fixture
def operator(lab: Lab, keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    monkeypatch.setenv("KEEPER_PASSWORD", PASSWORD)
    deployment = lab.deployment
    address = keystore.import_key(tmp_path / "key.json", PRIVATE_KEY, PASSWORD, scrypt_work=2)
    (tmp_path / "keeper.yaml").write_text(f"""\
chains:
  local:
    chain_id: {deployment.chain_id}
    rpc: ["{lab.anvil.url}"]
    confirmations: 1
    contracts:
      factory: "{deployment.factory}"
      positions: "{deployment.position_manager}"
      router: "{deployment.swap_router}"
      multicall3: "{deployment.multicall3}"
      wrapped_native: "{deployment.base}"
execution: {{mode: wallet}}
""")
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


def test_check_online_looks_at_everything(operator: Operator) -> None:
    shown = operator.keeper("check", "--online", "--json")
    assert shown.code == 0, shown.out
    subjects = {finding["subject"] for finding in shown.json["online"]}
    assert subjects == {"signer", "local rpc 1", "local", "eth"}
    assert operator.address in shown.out and "WETH" in shown.out and "oracle reaches back" in shown.out


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "expected"),
    [
        ("keeper.yaml", "chain_id: 31337", "chain_id: 1", 2, "leads to chain id 31337, expected 1"),
        ("keeper.yaml", "http://127.0.0.1:", "http://127.0.0.1:1/", 3, "local rpc 1"),
        ("keeper.yaml", 'multicall3: "0x', 'multicall3: "0x1', 2, "expected an address"),
        ("strategies/eth.yaml", "fee: 500", "fee: 3000", 2, "the factory knows no pool of these tokens with fee 3000"),
        ("strategies/eth.yaml", "limits: {", "limits: {twap_seconds: 86_400, ", 0, "reaches back 86400 s"),
    ],
)
def test_check_online_says_what_is_wrong(
    operator: Operator, file: str, old: str, new: str, code: int, expected: str
) -> None:
    operator.rewrite(file, old, new)
    answer = operator.keeper("check", "--online")
    assert answer.code == code and expected in answer.out, answer.out + answer.err


def test_check_online_notices_missing_contracts_and_foreign_pools(operator: Operator, lab: Lab) -> None:
    operator.rewrite("keeper.yaml", lab.deployment.swap_router, "0x" + "12" * 20)
    assert "there is no contract at 0x12" in operator.keeper("check", "--online").out
    text = (operator.folder / "strategies/eth.yaml").read_text().splitlines()
    text[2] = f'pool: "{lab.deployment.position_manager}"'
    (operator.folder / "strategies/eth.yaml").write_text("\n".join(text))
    assert "does not answer token0()" in operator.keeper("check", "--online").out


def test_turns_by_hand_until_a_position_stands_and_out_again(operator: Operator) -> None:
    keeper = operator.keeper
    dry = keeper("once", "--dry-run", "--json")
    assert dry.code == 0 and dry.json["outcomes"]["eth"]["kind"] == "simulated", dry.out + dry.err
    kinds = []
    for _ in range(5):
        answer = keeper("once", "eth", "--json")
        assert answer.code == 0, answer.out + answer.err
        kinds.append(answer.json["outcomes"]["eth"]["kind"])
    assert kinds[0] == "done" and kinds[-1] == "held"
    (position,) = keeper("positions", "--json").json["positions"]
    assert position["in_range"] is True and position["fees"] == {}
    assert keeper("status", "--json").json["strategies"][0]["open_positions"] == 1
    acts = keeper("history", "--json").json["acts"]
    assert {act["state"] for act in acts} == {"done"} and ["mint"] in [act["steps"][-1:] for act in acts]
    assert "YES, enter" in keeper("explain", "1").out
    replayed = keeper("replay", "--json")
    assert replayed.code == 0 and replayed.json["decisions"] == 5 and replayed.json["different"] == []
    assert keeper("exit", "eth").code == 0
    assert keeper("once", "--json").json["outcomes"]["eth"]["kind"] == "done"
    assert keeper("positions", "--json").json["positions"] == []
    assert keeper("positions", "--all", "--json").json["positions"][0]["closed_timestamp"] is not None
    dry_status = keeper("status", "--journal", "keeper.dry.db", "--json").json
    assert dry_status["mode"] == "dry", "the dry run wrote into a journal of its own"


def test_the_daemon_enters_by_itself_and_ends_on_a_signal(operator: Operator) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "KEEPER__SIGNER__PATH": "key.json"}
    process = subprocess.Popen(
        [sys.executable, "-m", "keeper", "run"],
        cwd=operator.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 40
        while "in_range" not in operator.keeper("positions", "--json").out:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(process.communicate()[1])
            time.sleep(0.2)
        second = operator.keeper("once", "eth")
        assert second.code == 4 and "already works on" in second.err
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0 and out == ""
    assert '"event": "cycle_acted"' in err and '"event": "daemon_stopped"' in err
    assert PRIVATE_KEY[2:] not in err and PASSWORD not in err


@pytest.mark.parametrize(
    ("change", "code", "expected"),
    [
        ({"KEEPER_PASSWORD": "wrong"}, 2, "wrong password"),
        ({"KEEPER__EXECUTION__MODE": "atomic"}, 2, "not available in this version"),
        ({"KEEPER__CHAINS__LOCAL__RPC": "[http://127.0.0.1:1]"}, 3, "127.0.0.1"),
        ({"KEEPER__CHAINS__LOCAL__CHAIN_ID": "5"}, 2, "chain"),
        ({"KEEPER__SIGNER__PATH": "none.json"}, 2, "there is no key file"),
    ],
)
def test_once_refuses_in_one_sentence(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], code: int, expected: str
) -> None:
    for variable, value in change.items():
        monkeypatch.setenv(variable, value)
    answer = operator.keeper("once", "eth")
    assert answer.code == code and expected in answer.err and answer.err.count("\n") == 1, answer.err
    assert operator.keeper("once", "ethh").code == 2

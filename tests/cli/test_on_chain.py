"""The commands against a real chain: check it, take turns on it, run the daemon on it, replay what was decided."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from keeper.chainlab.deploy_account import delegate_of, place_batch_account
from keeper.chainlab.deploy_safe import create_safe, place_safe_contracts
from keeper.chainlab.lab import Lab
from keeper.known_safe import BATCH_ACCOUNT
from tests.cli.operator import PASSWORD, PRIVATE_KEY, Operator, watched


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
    assert all(len(act["transactions"]) == len(act["steps"]) for act in acts)
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


def test_a_halt_met_by_hand_is_durable_and_resumed_by_hand(operator: Operator, lab: Lab) -> None:
    keeper, rpc = operator.keeper, lab.anvil.rpc
    assert keeper("once", "eth").code == 0
    rpc("anvil_impersonateAccount", operator.address)
    rpc("eth_sendTransaction", {"from": operator.address, "to": operator.address, "value": "0x0"})
    rpc("anvil_stopImpersonatingAccount", operator.address)
    answer = keeper("once", "eth", "--json")
    assert answer.code == 4 and "something else signs with this key" in answer.err and answer.out == ""
    assert keeper("status", "--json").json["strategies"][0]["state"] == "halted"
    assert f"HALTED signer {operator.address.lower()}" in keeper("status").out
    assert keeper("once", "eth").code == 4
    dry = keeper("once", "--dry-run", "--json")
    assert dry.code == 0, "a dry run signs nothing, and halts for nobody's nonce"
    assert "was halted: the chain counts" in keeper("resume", "eth").out
    assert keeper("once", "eth").code == 0
    assert keeper("status", "--json").json["halted_signers"] == []


def test_check_online_asks_no_gas_money_of_a_safe(operator: Operator, lab: Lab) -> None:
    place_safe_contracts(lab.anvil.rpc)
    safe = create_safe(lab.anvil.rpc, [operator.address, "0x" + "77" * 20], 2)
    operator.rewrite("keeper.yaml", "mode: wallet}", f'mode: proposal_file}}\nsafe: {{address: "{safe}"}}')
    answer = operator.keeper("check", "--online")
    assert answer.code == 0, answer.out + answer.err
    assert f"ok    eth: {safe} holds 0 WETH and 0 USDC, 0 native coin" in answer.out
    assert f"Safe {safe} 1.4.1, 2 of 2 owners" in answer.out and "no key is needed" in answer.out


def test_a_delegation_is_shown_until_it_is_taken_back(operator: Operator, lab: Lab) -> None:
    place_batch_account(lab.anvil.rpc)
    keeper, address = operator.keeper, operator.address
    operator.rewrite("keeper.yaml", "mode: wallet}", "mode: atomic}\njournal: sqlite:///atomic.db")
    watched(lab, operator.folder / "atomic.db", "atomic")
    assert f"the account {address} is not delegated yet" in keeper("check", "--online").out
    answer = keeper("once", "eth", "--json")
    assert answer.json["outcomes"]["eth"]["kind"] == "done", answer.out + answer.err
    assert keeper("history", "--json").json["acts"][0]["steps"] == ["batch"]
    (known,) = keeper("status", "--json").json["delegations"]
    assert (known["account"], known["delegate"]) == (address, BATCH_ACCOUNT.address)
    shown = keeper("status").out
    assert f"the account {address} on chain 31337 runs the code of {BATCH_ACCOUNT.address} since 20" in shown
    assert f"runs the batch account {BATCH_ACCOUNT.address}" in keeper("check", "--online").out
    taken = keeper("wallet", "undelegate")
    assert taken.code == 0 and "no longer runs the code" in taken.out, taken.out + taken.err
    assert keeper("status", "--json").json["delegations"] == []
    assert delegate_of(lab.anvil.rpc, address) is None


def start_daemon(operator: Operator) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "KEEPER__SIGNER__PATH": "key.json"}
    return subprocess.Popen(
        [sys.executable, "-m", "keeper", "run"],
        cwd=operator.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def until(process: subprocess.Popen[str], condition: Callable[[], bool], seconds: float = 40) -> None:
    """Wait for it while the daemon runs."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(process.communicate()[1])
        time.sleep(0.2)


def decisions_made(operator: Operator) -> int:
    return int(operator.keeper("status", "--json").json["strategies"][0]["last_decision_id"])


def test_a_stop_while_a_transaction_is_pending_leaves_it_to_the_next_start(operator: Operator, lab: Lab) -> None:
    lab.anvil.rpc("evm_setAutomine", False)
    process = start_daemon(operator)
    try:
        until(process, lambda: "BROADCAST" in operator.keeper("status", "--json").out)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=15)
    finally:
        process.kill()
        lab.anvil.rpc("evm_setAutomine", True)
    assert process.returncode == 0 and '"outcome": "pending"' in err, err
    (in_flight,) = operator.keeper("status", "--json").json["in_flight"]
    lab.anvil.mine()
    settled = operator.keeper("once", "eth", "--json")
    assert settled.code == 0 and settled.json["outcomes"]["eth"]["kind"] == "done", settled.out + settled.err
    assert in_flight["hashes"][0] in settled.out, "the very transaction that was pending, not another"


def test_the_daemon_enters_by_itself_and_ends_on_a_signal(operator: Operator) -> None:
    operator.rewrite(
        "strategies/eth.yaml",
        "profit:",
        'schedule: {every_seconds: 1}\nsafe: {address: "0x5555555555555555555555555555555555555555", service_url: "https://x.example"}\nprofit:',
    )
    process = start_daemon(operator)
    try:
        until(process, lambda: "in_range" in operator.keeper("positions", "--json").out)
        second = operator.keeper("once", "eth")
        assert second.code == 4 and "already works on" in second.err
        operator.rewrite("strategies/eth.yaml", "hurdle: 0", "hurdle: nonsense")
        until(process, lambda: "config_rejected" in operator.keeper("status", "--json").out)
        before = decisions_made(operator)
        until(process, lambda: decisions_made(operator) > before)  # the last good strategy goes on
        (alert,) = operator.keeper("status", "--json").json["alerts"]
        assert alert["message"].startswith("strategies/eth.yaml:10: hurdle: expected a number")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0 and out == ""
    assert '"event": "cycle_acted"' in err and '"event": "daemon_stopped"' in err
    (unused,) = [line for line in err.splitlines() if '"event": "config_unused"' in line]
    assert "strategies/eth.yaml:9: safe is not used with mode wallet" in unused
    assert PRIVATE_KEY[2:] not in err and PASSWORD not in err


@pytest.mark.parametrize(
    ("change", "code", "expected"),
    [
        ({"KEEPER_PASSWORD": "wrong"}, 2, "wrong password"),
        ({"KEEPER__EXECUTION__MODE": "safe"}, 2, "mode safe needs a Safe: write safe: {address: …} here or in"),
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

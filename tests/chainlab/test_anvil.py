from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.chainlab.deploy import Deployment, slot0
from keeper.errors import ConfigError, RpcError, TransientError


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _alive(pid)


def test_manual_mining_snapshot_and_time() -> None:
    with Anvil(AnvilOptions(genesis_seconds=1_700_000_000)) as anvil:
        assert int(anvil.rpc("eth_chainId"), 16) == 31337
        snapshot = anvil.snapshot()
        account = anvil.rpc("eth_accounts")[0]
        digest = anvil.rpc("eth_sendTransaction", {"from": account, "to": account, "gas": hex(21_000)})
        assert anvil.rpc("eth_getTransactionReceipt", digest) is None
        anvil.set_next_base_fee(123_000_000)
        anvil.mine(1_700_000_900)
        assert anvil.rpc("eth_getTransactionReceipt", digest)["status"] == "0x1"
        block = anvil.rpc("eth_getBlockByNumber", "latest", False)
        assert (int(block["timestamp"], 16), int(block["baseFeePerGas"], 16)) == (1_700_000_900, 123_000_000)
        anvil.set_balance(account, 77)
        assert int(anvil.rpc("eth_getBalance", account, "latest"), 16) == 77
        anvil.revert(snapshot)
        assert anvil.rpc("eth_blockNumber") == "0x0"
        time.sleep(1.1)  # the chain's clock does not follow ours
        anvil.mine()
        assert int(anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16) == 1_700_000_001
        with pytest.raises(RpcError):
            anvil.revert(snapshot)


def test_automine_and_own_chain_id() -> None:
    with Anvil(AnvilOptions(automine=True, chain_id=77)) as anvil:
        assert int(anvil.rpc("eth_chainId"), 16) == 77
        account = anvil.rpc("eth_accounts")[0]
        digest = anvil.rpc("eth_sendTransaction", {"from": account, "to": account, "gas": hex(21_000)})
        deadline = time.monotonic() + 5  # anvil mines on its own, a moment after it took the transaction
        while anvil.rpc("eth_getTransactionReceipt", digest) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert anvil.rpc("eth_getTransactionReceipt", digest)["status"] == "0x1"


def test_fork_of_another_chain_keeps_its_state_and_id(session_chain: tuple[Anvil, Deployment]) -> None:
    source, deployment = session_chain
    with Anvil(AnvilOptions(fork_url=source.url, history_states=None)) as fork:
        assert fork.rpc("eth_chainId") == source.rpc("eth_chainId")
        assert fork.rpc("eth_blockNumber") == source.rpc("eth_blockNumber")
        assert slot0(fork.rpc, deployment.pool) == slot0(source.rpc, deployment.pool)


def test_a_node_error_carries_its_code() -> None:
    with Anvil() as anvil, pytest.raises(RpcError, match="no_such_method") as caught:
        anvil.rpc("no_such_method")
    assert caught.value.code == -32601


def test_the_process_ends_with_the_context_and_leaves_nothing() -> None:
    with Anvil() as anvil:
        pid = anvil.pid
        scratch = Path(anvil._scratch.name)  # type: ignore[union-attr]
        assert pid is not None and _alive(pid) and scratch.is_dir()
    assert _gone(pid)
    assert not scratch.exists()
    with pytest.raises(TransientError, match="not running"):
        anvil.rpc("eth_chainId")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child's life to its parent's")
def test_the_process_dies_when_python_is_killed() -> None:
    code = (
        "import time; from keeper.chainlab.anvil import Anvil; "
        "a = Anvil(); a.start(); print(a.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert _alive(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert _gone(pid)


def test_port_in_use_names_port_and_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} .*(choose another port)"):
            Anvil(port=port).start()


def test_a_free_port_asked_for_is_used() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with Anvil(port=port) as anvil:
        assert anvil.url == f"http://127.0.0.1:{port}"
        assert int(anvil.rpc("eth_chainId"), 16) == 31337


def test_missing_anvil_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KEEPER_CHAINLAB", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"anvil is not installed here.*make setup|install Foundry"):
        Anvil().start()


def test_a_wrong_option_shows_anvils_own_words() -> None:
    with pytest.raises(TransientError, match="--no-such-option"):
        Anvil(AnvilOptions(extra=("--no-such-option",))).start()

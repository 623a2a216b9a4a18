"""Fault 17: two daemons, one key. The second one ends with a clear sentence and signs nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keeper.chainlab.lab import Lab
from tests.cli.conftest import keeper
from tests.cli.operator import Operator, make_lab, make_operator, watched

__all__ = ["keeper", "make_lab", "make_operator"]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-m", "keeper", *arguments],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def daemon(operator: Operator) -> Iterator[subprocess.Popen[str]]:
    """A keeper at work; its first decision is made, and a turn an hour later would be the next."""
    operator.rewrite("strategies/eth.yaml", "profit:", "schedule: {every_seconds: 3_600}\nprofit:")
    process = start(operator.folder, "run")
    deadline = time.monotonic() + 60
    while operator.keeper("positions", "--json").out.count("token_id") == 0:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.2)
    yield process
    process.kill()
    process.communicate()


def sent(lab: Lab, operator: Operator) -> int:
    return int(lab.anvil.rpc("eth_getTransactionCount", operator.address, "latest"), 16)


def test_17_the_second_on_the_same_journal_and_on_another_one(
    operator: Operator, lab: Lab, daemon: subprocess.Popen[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = sent(lab, operator)
    second = start(operator.folder, "run")
    out, err = second.communicate(timeout=60)
    assert (second.returncode, out) == (4, "")
    assert err.startswith("Error: another keeper") and err.count("\n") == 1
    assert f"(process {daemon.pid}) already works on" in err and "stop it first" in err

    other = tmp_path_factory.mktemp("other")  # the same key, a journal of its own
    for name in ("keeper.yaml", "key.json"):
        shutil.copy(operator.folder / name, other / name)
    shutil.copytree(operator.folder / "strategies", other / "strategies")
    watched(lab, other / "keeper.db", "wallet")
    elsewhere = operator.keeper("once", "eth", "-c", str(other / "keeper.yaml"))
    assert elsewhere.code == 4
    assert f"another keeper (process {daemon.pid}) already works on the signer {operator.address}" in elsewhere.err
    dry = operator.keeper("once", "--dry-run")
    assert dry.code == 0, "a dry run signs nothing and stands in nobody's way: " + dry.err
    assert sent(lab, operator) == before

    daemon.send_signal(signal.SIGKILL)  # and the locks are free
    daemon.wait(timeout=30)
    assert operator.keeper("once", "eth").code == 0

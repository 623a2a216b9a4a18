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
from tests.cli.shell import Answer

__all__ = ["keeper", "make_lab", "make_operator"]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-m", "keeper", *arguments],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> Answer:
    out, err = process.communicate(timeout=60)
    return Answer(process.returncode, out, err)


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
    same = ended(start(operator.folder, "run"))
    assert (same.code, same.out) == (4, "")
    assert same.err.startswith("Error: another keeper") and same.err.count("\n") == 1
    assert f"(process {daemon.pid}) already works on" in same.err and "stop it first" in same.err

    other = tmp_path_factory.mktemp("other")  # the same key, a journal of its own
    for name in ("keeper.yaml", "key.json"):
        shutil.copy(operator.folder / name, other / name)
    shutil.copytree(operator.folder / "strategies", other / "strategies")
    watched(lab, other / "keeper.db", "wallet")
    elsewhere = ended(start(other, "once", "eth"))
    assert elsewhere.code == 4
    assert f"another keeper (process {daemon.pid}) already works on the signer {operator.address}" in elsewhere.err
    dry = ended(start(operator.folder, "once", "--dry-run"))
    assert dry.code == 0, "a dry run signs nothing and stands in nobody's way: " + dry.err
    assert sent(lab, operator) == before

    daemon.send_signal(signal.SIGKILL)  # and the locks are free
    daemon.wait(timeout=30)
    assert ended(start(operator.folder, "once", "eth")).code == 0
    assert "unknown_position" not in ended(start(operator.folder, "status", "--json")).out

"""Fault 18: a journal that is damaged, cut, or older than the chain: refused with what to do, and nothing is lost."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from keeper.chainlab.lab import Lab
from keeper.world.journal.opening import open_journal
from tests.cli.conftest import keeper
from tests.cli.operator import Operator, make_lab, make_operator

__all__ = ["keeper", "make_lab", "make_operator"]

REMEDY = "move it away and restore a backup (`keeper restore`)"


@pytest.fixture
def settled(operator: Operator) -> Operator:
    """A position stands, and the turn after it held."""
    for _ in range(5):
        answer = operator.keeper("once", "eth", "--json")
        assert answer.code == 0, answer.err
        if answer.json["outcomes"]["eth"]["kind"] == "held":
            return operator
    pytest.fail("no position came to stand")


def sent(lab: Lab, operator: Operator) -> int:
    return int(lab.anvil.rpc("eth_getTransactionCount", operator.address, "pending"), 16)


def positions(lab: Lab, operator: Operator) -> int:
    word = "0x70a08231" + operator.address[2:].lower().rjust(64, "0")  # balanceOf(address)
    return int(lab.anvil.rpc("eth_call", {"to": lab.deployment.position_manager, "data": word}, "latest"), 16)


def test_18_damage_of_every_kind_stops_the_start_and_a_backup_mends_it(settled: Operator, lab: Lab) -> None:
    operator, folder = settled, settled.folder
    file, backup = folder / "keeper.db", folder / "backup.db"
    made = operator.keeper("backup", str(backup), "--json")
    assert made.code == 0 and made.json["mode"] == "wallet", made.err
    before, whole, held = sent(lab, operator), file.read_bytes(), operator.keeper("positions", "--json").json
    cases = {
        "empty": b"",
        "cut in the middle": whole[: len(whole) // 2],
        "cut by a byte": whole[:-1],
        "a page of noise": whole[:16384] + random.Random(5).randbytes(8192) + whole[24576:],
        "a page of nothing": whole[:8192] + bytes(8192) + whole[16384:],
    }
    for name, content in cases.items():
        file.write_bytes(content)
        for log in ("-wal", "-shm"):
            Path(f"{file}{log}").unlink(missing_ok=True)
        answer = operator.keeper("once", "eth")
        assert answer.code == 4 and REMEDY in answer.err and answer.err.count("\n") == 1, (name, answer)
        assert file.read_bytes() == content, f"{name}: it is left for whoever looks into it"
    refused = operator.keeper("restore", str(backup))
    assert refused.code == 2 and "exists already and is left as it is; move it away first" in refused.err
    file.unlink()
    restored = operator.keeper("restore", str(backup))
    assert restored.code == 0 and "rows restored, mode wallet, last decision" in restored.out, restored.err
    assert operator.keeper("positions", "--json").json == held
    assert operator.keeper("once", "eth", "--json").json["outcomes"]["eth"]["kind"] == "held"
    assert sent(lab, operator) == before
    (event,) = [each for each in operator.keeper("status", "--json").json["alerts"] if each["kind"] == "restored"]
    assert "what happened since is looked up on the chain" in event["message"]
    assert operator.keeper("replay").code == 0


def test_18_a_journal_older_than_the_chain_opens_nothing_twice(operator: Operator, lab: Lab) -> None:
    assert operator.keeper("backup", "before.db").code == 0
    for _ in range(5):
        if operator.keeper("once", "eth", "--json").json["outcomes"]["eth"]["kind"] == "held":
            break
    before = sent(lab, operator)
    assert before > 0 and positions(lab, operator) == 1
    for name in ("keeper.db", "keeper.db-wal", "keeper.db-shm"):
        (operator.folder / name).unlink(missing_ok=True)
    assert operator.keeper("restore", "before.db").code == 0
    for _ in range(3):
        answer = operator.keeper("once", "eth", "--json")
        assert answer.code == 4 or answer.json["outcomes"]["eth"]["kind"] in ("held", "failed"), answer
    assert (sent(lab, operator), positions(lab, operator)) == (before, 1), "nothing is signed over what it cannot know"


def test_18_commits_lost_in_a_log_stop_the_start(settled: Operator, lab: Lab) -> None:
    """A daemon was killed, and the disk has damaged what it wrote last."""
    file, folder = settled.folder / "keeper.db", settled.folder
    journal = open_journal(f"sqlite:///{file}", "wallet")
    for number in range(6):
        journal.record_event(None, "alert", f"number {number}", number)
    killed = folder / "killed"
    killed.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{file}{suffix}", killed / f"keeper.db{suffix}")
    journal.close()
    damaged = bytearray((killed / "keeper.db-wal").read_bytes())
    damaged[100] ^= 1
    shutil.copy(killed / "keeper.db", file)
    Path(f"{file}-wal").write_bytes(damaged)
    Path(f"{file}-shm").unlink(missing_ok=True)
    before = sent(lab, settled)
    answer = settled.keeper("once", "eth")
    assert answer.code == 4 and "keeper.db-wal is, and holds commits that cannot be read" in answer.err
    assert Path(f"{file}-wal").read_bytes() == bytes(damaged)
    assert sent(lab, settled) == before

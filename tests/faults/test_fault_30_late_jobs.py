"""Row 30: late and overlapping turns, and every way to stop the real ``keeper run`` in the middle of a transaction."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from keeper.chainlab.lab import Lab
from keeper.world.signers import keystore
from tests.cli.operator import PRIVATE_KEY, make_lab, watched, write_keeper_yaml
from tests.faults import invariants
from tests.faults.evidence import Evidence, Place, gather, reading
from tests.faults.node_faults import delay
from tests.faults.proxy import HostileNode

__all__ = ["make_lab"]

PASSWORD = "x"
EVERY_SECONDS = 3
PATIENCE_SECONDS = 90.0
STOP_SECONDS = 20.0


@dataclass
class House:
    """A folder with all that ``keeper run`` needs, the chain, and the hostile node between the two."""

    folder: Path
    lab: Lab
    node: HostileNode
    place: Place

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """The real daemon; it is killed at the end if it has not ended."""
        environment = {**os.environ, "KEEPER_PASSWORD": PASSWORD, "PYTHONPATH": str(Path(__file__).parents[2])}
        with (
            (self.folder / "log").open("a") as log,
            subprocess.Popen([sys.executable, "-m", "keeper", "run"], cwd=self.folder, env=environment, stdout=log,
                             stderr=log, text=True) as process,
        ):  # fmt: skip
            try:
                yield process
            finally:
                process.kill()

    def evidence(self) -> Evidence:
        with reading(self.folder / "keeper.db") as query:
            return gather(query, self.place)

    def decided(self) -> int:
        with reading(self.folder / "keeper.db") as query:
            ((number,),) = query("SELECT count(*) FROM decisions")
            return int(number)

    def stop(self, process: subprocess.Popen[str]) -> int:
        """SIGTERM, and the exit code that comes of it."""
        process.send_signal(signal.SIGTERM)
        return process.wait(STOP_SECONDS)

    def told(self) -> str:
        return (self.folder / "log").read_text()


def until(true: Callable[[], object], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


@pytest.fixture
def house(lab: Lab, tmp_path: Path) -> Iterator[House]:
    deployment, anvil = lab.deployment, lab.anvil
    owner = keystore.import_key(tmp_path / "key.json", PRIVATE_KEY, PASSWORD, scrypt_work=2)
    watched(lab, tmp_path / "keeper.db", "wallet")
    snapshot, first_block = anvil.snapshot(), int(anvil.rpc("eth_blockNumber"), 16)
    anvil.rpc("evm_setAutomine", True)
    base, quote = 10 * 10**18, 20_000 * 10**6
    amounts = (base, quote) if deployment.base_is_token0 else (quote, base)
    lab.market.fund(owner, *amounts, 10**19)
    place = Place(anvil.rpc, deployment.chain_id, owner, (deployment.token0, deployment.token1),
                  deployment.swap_router, deployment.position_manager, first_block)  # fmt: skip
    with HostileNode(anvil.url) as node:
        _configure(tmp_path, lab, node.url)
        yield House(tmp_path, lab, node, place)
    anvil.rpc("evm_setAutomine", True)
    anvil.revert(snapshot)


def _configure(folder: Path, lab: Lab, url: str) -> None:
    deployment = lab.deployment
    write_keeper_yaml(folder, deployment, url)
    (folder / "strategies").mkdir()
    (folder / "strategies/eth.yaml").write_text(f"""\
name: eth
chain: local
pool: "{deployment.pool}"
quote: {"token1" if deployment.base_is_token0 else "token0"}
capital: {{max_quote: 1_000_000}}
schedule: {{every_seconds: {EVERY_SECONDS}}}
range: {{kind: fixed, lower_pct: 10, upper_pct: 10}}
profit: {{horizon_days: 365, hurdle: 0, haircut: 1, min_fee_history_hours: 2, max_g_per_year: 100}}
limits: {{max_slippage_bps: 300, max_twap_deviation_ticks: 1000, max_price_impact_bps: 1000}}
""")


def finished(house: House) -> bool:
    seen = house.evidence()
    return len(seen.recorded) == 1 and invariants.i14_nothing_is_left_open(seen) == []


def check(house: House) -> None:
    assert invariants.resting(house.evidence(), broadcast={each.hash for each in house.node.sent}) == []
    assert "Traceback" not in house.told() and "defect" not in house.told()


def test_30_sigterm_in_the_middle_of_a_transaction(house: House) -> None:
    """It leaves the transaction to the next process, ends cleanly and soon; that one finishes what was open."""
    house.lab.anvil.rpc("evm_setAutomine", False)
    with house.running() as first:
        until(lambda: house.node.sent, house.told)
        assert house.stop(first) == 0
    seen = house.evidence()
    assert [each.state for each in seen.attempts] in (["SIGNED"], ["BROADCAST"]) and len(seen.open_plans) == 1
    house.lab.anvil.mine()
    house.lab.anvil.rpc("evm_setAutomine", True)
    with house.running() as second:
        until(lambda: finished(house), house.told)
        assert house.stop(second) == 0
    check(house)


def test_30_stopped_and_continued_in_the_middle_of_a_transaction(house: House) -> None:
    """SIGSTOP while it waits, blocks go by, SIGCONT: it takes up the thread where it was."""
    house.lab.anvil.rpc("evm_setAutomine", False)
    with house.running() as process:
        until(lambda: house.node.sent, house.told)
        process.send_signal(signal.SIGSTOP)
        for _ in range(5):
            house.lab.anvil.mine()
        house.lab.anvil.rpc("evm_setAutomine", True)
        time.sleep(1.0)
        process.send_signal(signal.SIGCONT)
        until(lambda: finished(house), house.told)
        assert house.stop(process) == 0
    check(house)


@pytest.mark.soak  # most of it is waiting; the same is shown without a process in tests/test_daemon*.py
def test_30_missed_turns_become_one(house: House) -> None:
    """Asleep for four turns, it takes one when it wakes, not four."""
    with house.running() as process:
        until(lambda: finished(house), house.told)
        before = house.decided()
        until(lambda: house.decided() > before, house.told)  # a turn has just been taken
        process.send_signal(signal.SIGSTOP)
        before = house.decided()
        time.sleep(4.2 * EVERY_SECONDS)
        process.send_signal(signal.SIGCONT)
        until(lambda: house.decided() > before, house.told)
        time.sleep(EVERY_SECONDS / 2)
        assert house.decided() - before <= 2  # the one that was missed, and perhaps the next
        assert house.stop(process) == 0
    check(house)


@pytest.mark.soak  # most of it is waiting; the same is shown without a process in tests/test_daemon*.py
def test_30_turns_that_take_longer_than_their_interval_never_overlap(house: House) -> None:
    """The node is so slow that the next turn is due before one has ended: never are two exchanges under way."""
    with house.running() as process:
        until(lambda: finished(house), house.told)
        house.node.on("*", delay(0.7))
        house.node.most_at_once = 0
        before = house.decided()
        until(lambda: house.decided() >= before + 2, house.told)
        assert house.node.most_at_once == 1
        house.node.calm()
        assert house.stop(process) == 0
    check(house)

"""A token that is paused, or whose issuer blocks us: no retry loop, nothing paid, and somebody is told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from keeper.chainlab.calls import transact
from keeper.chainlab.jsonrpc import Rpc
from keeper.model.outcome import Done, Held
from tests.faults import token_pack
from tests.faults.at_work import AtWork, at_work
from tests.policy.desk import NAME, Warm


def pause(rpc: Rpc, token: str, _owner: str) -> None:
    transact(rpc, str(rpc("eth_accounts")[0]), token, "pause()")


def blacklist(rpc: Rpc, token: str, owner: str) -> None:
    transact(rpc, str(rpc("eth_accounts")[0]), token, "blacklist(address)", owner)


@pytest.mark.parametrize(("kind", "strike"), [("Pausable", pause), ("Blacklisting", blacklist)])
def test_27_no_retry_loop_nothing_paid_and_an_alert(
    warm: Warm, tmp_path: Path, kind: str, strike: Callable[[Rpc, str, str], None]
) -> None:
    token_pack.turn(warm.anvil.rpc, warm.deployment.base, kind)
    fleet, daemon = at_work(warm, tmp_path, split=(1, 0))
    assert isinstance(fleet.cycle(), Done), "while the token works the swap to the mix is made"
    strike(warm.anvil.rpc, warm.deployment.base, fleet.desk.owner)
    before = fleet.nonce(), fleet.native_wei(), fleet.transactions()
    tries, waits = _turns(fleet, lambda: daemon._take_turn(NAME), hours=6)
    assert (fleet.nonce(), fleet.native_wei(), fleet.transactions()) == before, "nothing is signed, nothing is paid"
    assert 6 <= tries <= 10, f"{tries} tries in six hours of a turn every four minutes"
    assert waits == sorted(waits) and waits[-1] >= 4 * waits[0], f"waits grow: {waits}"
    told = fleet.events("keeps_failing")
    assert told and len(told) == len(set(told)) and "failed 3 times in a row" in told[0], told
    assert len(told) <= tries, "told once after a failure, not at every turn"


def _turns(fleet: AtWork, turn: Callable[[], object], *, hours: int) -> tuple[int, list[int]]:
    """A turn every four minutes of chain time: how often an act was tried, and the minutes between failures from the
    third on."""
    failures: dict[int, int] = {}
    for _ in range(hours * 15):
        turn()
        memory = fleet.desk.journal.memory(NAME)
        assert memory.open is None
        times = sum(act.times for act in memory.failing)
        failures.setdefault(times, fleet.now())
        fleet.desk.wait(240)
    moments = [moment for times, moment in sorted(failures.items()) if times >= 3]
    return max(failures), [(after - before) // 60 for before, after in pairwise(moments)]


def test_27_it_goes_on_once_the_token_works_again(warm: Warm, tmp_path: Path) -> None:
    token = warm.deployment.base
    token_pack.turn(warm.anvil.rpc, token, "Pausable")
    fleet, _daemon = at_work(warm, tmp_path, split=(1, 0))
    assert isinstance(fleet.cycle(), Done)
    pause(warm.anvil.rpc, token, "")
    outcome = fleet.cycle()
    assert outcome.kind == "failed" and "Pausable: paused" in outcome.reason
    transact(warm.anvil.rpc, warm.deployment.deployer, token, "unpause()")
    fleet.desk.wait(600)
    assert isinstance(fleet.cycle(), Done) and isinstance(fleet.cycle(), Held)

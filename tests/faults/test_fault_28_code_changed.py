"""A contract that is no longer the one that it was: the strategy halts before anything is signed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper import cli
from keeper.errors import HaltedError
from keeper.model.outcome import Done
from keeper.world.chain.code_pins import PROXY_SLOTS, named_contracts
from tests.faults import token_pack
from tests.faults.at_work import AtWork, at_work
from tests.policy.desk import NAME, Warm

CONTRACTS = ("factory", "positions", "router", "multicall", "pool", "token0", "token1")


def swapped(warm: Warm, folder: Path) -> AtWork:
    """A keeper that has made its swap and would now mint."""
    fleet, _daemon = at_work(warm, folder, split=(1, 0))
    assert isinstance(fleet.cycle(), Done)
    return fleet


def addresses(fleet: AtWork) -> dict[str, str]:
    pool = fleet.desk.venue.pool
    return named_contracts(fleet.desk.warm.contracts, pool.address, pool.token0.address, pool.token1.address)


def test_28_changed_code_of_any_contract_halts_before_a_signature(warm: Warm, tmp_path: Path) -> None:
    fleet = swapped(warm, tmp_path)
    rpc, before = warm.anvil.rpc, (fleet.nonce(), fleet.transactions())
    assert tuple(addresses(fleet)) == CONTRACTS
    for name, address in addresses(fleet).items():
        code = rpc("eth_getCode", address, "latest")
        rpc("anvil_setCode", address, code + "00")  # does the same as before
        with pytest.raises(HaltedError, match=f"the code of {name} .*its hash was 0x.*now it is 0x.*keeper resume"):
            fleet.cycle()
        assert (fleet.nonce(), fleet.transactions()) == before
        rpc("anvil_setCode", address, code)
    assert isinstance(fleet.cycle(), Done), "with the code of before it goes on"


def test_28_another_implementation_behind_a_proxy_halts(warm: Warm, tmp_path: Path) -> None:
    rpc, token = warm.anvil.rpc, warm.deployment.base
    for number, slot in enumerate((PROXY_SLOTS["implementation"], PROXY_SLOTS["zeppelin"])):
        snapshot = warm.anvil.snapshot()
        first, second = (token_pack.deploy_token(rpc, kind) for kind in ("Plain", "Pausable"))
        proxy = token_pack.compiled()["Proxy"].runtime_code.hex()
        proxy = proxy.replace(PROXY_SLOTS["implementation"][2:], slot[2:])
        rpc("anvil_setCode", token, "0x" + proxy)
        rpc("anvil_setStorageAt", token, slot, "0x" + first[2:].rjust(64, "0"))
        fleet = swapped(warm, tmp_path / str(number))
        before = fleet.nonce(), fleet.transactions()
        rpc("anvil_setStorageAt", token, slot, "0x" + second[2:].rjust(64, "0"))
        with pytest.raises(HaltedError, match=r"the proxy token0 .* leads to something else") as halted:
            fleet.cycle()
        assert first.lower() in str(halted.value) and second.lower() in str(halted.value)
        rpc("anvil_setStorageAt", token, slot, "0x" + first[2:].rjust(64, "0"))
        rpc("anvil_setCode", first, rpc("eth_getCode", second, "latest"))
        with pytest.raises(HaltedError, match="leads to something else"):  # the same address with other code
            fleet.cycle()
        assert (fleet.nonce(), fleet.transactions()) == before
        warm.anvil.revert(snapshot)


def test_28_resume_accepts_what_was_seen_and_nothing_else(
    warm: Warm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet, daemon = at_work(warm, tmp_path, split=(1, 0))
    assert isinstance(fleet.cycle(), Done)
    rpc, token = warm.anvil.rpc, warm.deployment.token1
    before, code = fleet.nonce(), rpc("eth_getCode", token, "latest")
    rpc("anvil_setCode", token, code + "00")
    daemon._take_turn(NAME)
    assert fleet.state() == "halted" and "token1" in fleet.events("halted")[0]
    daemon._take_turn(NAME)
    assert fleet.nonce() == before, "halted: nothing is signed"
    resume = ["resume", NAME, "--journal", f"sqlite:///{tmp_path}/keeper.db"]
    rpc("anvil_setCode", token, code + "0000")  # once more, after the operator looked
    assert cli.run(resume) == 0
    assert "accepted the code that is now at" in capsys.readouterr().out
    daemon._take_turn(NAME)
    assert fleet.state() == "halted" and fleet.nonce() == before
    assert cli.run(resume) == 0
    daemon._take_turn(NAME)
    assert fleet.state() == "running" and fleet.nonce() > before

"""``keeper check --online`` on owners that are more than a key: the real Safe, its service, a delegated account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from keeper.chainlab.calls import call_data
from keeper.chainlab.deploy_account import delegation_code, place_batch_account
from keeper.chainlab.deploy_safe import create_safe
from keeper.commands._finding import Finding
from keeper.commands._owner_online import look_at_owner
from keeper.config import KeeperConfig, LoadedConfig
from keeper.config_strategies import load_strategy
from keeper.errors import ConfigError
from keeper.known_safe import BATCH_ACCOUNT
from keeper.world.chain.multicall import MULTICALL3
from tests.safe import service_faults as faults
from tests.safe.conftest import session_treasury, treasury
from tests.safe.transaction_service import Fault, TransactionService
from tests.safe.treasury import Treasury

__all__ = ["session_treasury", "treasury"]

STRATEGY = """\
name: eth
chain: local
pool: "0x0000000000000000000000000000000000000001"
quote: token1
capital: {max_quote: 5_000}
"""


@dataclass
class Looking:
    """What the check says of a configuration over the treasury's chain."""

    treasury: Treasury
    service: TransactionService
    folder: Path
    safe: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.treasury.stranger.address

    def findings(self, mode: str = "safe", key: str | None = None, strategy: str = "", **safe: Any) -> list[Finding]:
        section = {"address": self.treasury.safe, "service_url": self.service.url} | self.safe | safe
        keeper = KeeperConfig.model_validate(
            {
                "chains": {"local": {"chain_id": 31337, "rpc": [self.treasury.anvil.url],
                                     "contracts": {"multicall3": MULTICALL3}}},
                "execution": {"mode": mode},
                "safe": None if mode == "atomic" else section,
            }
        )  # fmt: skip
        file = self.folder / "eth.yaml"
        file.write_text(STRATEGY + strategy)
        loaded = LoadedConfig(self.folder / "keeper.yaml", keeper)
        look = look_at_owner(loaded, load_strategy(file), keeper.chains["local"], self.treasury.node, key or self.key)
        return list(look)

    def told(self, *arguments: Any, **safe: Any) -> str:
        return "\n".join(f"{each.ok} {each.sentence}" for each in self.findings(*arguments, **safe))

    def delegate(self) -> None:
        """The first owner lets the key propose, as the page of docs/multisig.md says."""
        domain = {"name": "Safe Transaction Service", "version": "1.0", "chainId": 31337}
        types = {"Delegate": [{"name": "delegateAddress", "type": "address"}, {"name": "totp", "type": "uint256"}]}
        message = {"delegateAddress": self.key, "totp": int(self.service.board.clock()) // 3_600}
        owner = self.treasury.owners[0]
        signature = owner.sign_message(encode_typed_data(domain, types, message)).signature
        body = {"delegate": self.key, "delegator": owner.address, "label": "keeper", "safe": self.treasury.safe,
                "signature": "0x" + bytes(signature).hex()}  # fmt: skip
        assert self.service.board.add_delegate(body)[0] == 201


@pytest.fixture
def looking(treasury: Treasury, tmp_path: Path) -> Iterator[Looking]:
    with TransactionService(treasury.anvil.rpc, 31337) as service:
        yield Looking(treasury, service, tmp_path)


@pytest.mark.parametrize("mode", ["safe", "dry"])
def test_a_delegate_finds_everything_in_order(looking: Looking, mode: str) -> None:
    looking.delegate()
    found = looking.findings(mode)
    assert all(each.ok for each in found)
    text = "\n".join(each.sentence for each in found)
    assert f"Safe {looking.treasury.safe} 1.4.1, 2 of 3 owners" in text and "next nonce 0" in text
    assert all(owner.address in text for owner in looking.treasury.owners)
    assert "MultiSendCallOnly" in text and "has the code that is known" in text
    assert f"the service at {looking.service.url} answers" in text
    assert "is a delegate: it can propose, and move nothing" in text and "mind:" not in text


def test_a_stranger_is_told_who_can_let_him_in(looking: Looking) -> None:
    assert "False the key" in looking.told() and "Settings, Setup, Proposers" in looking.told()
    owner = looking.treasury.owners[1].address
    assert "True the key" in looking.told("safe", owner) and "one signature of 2" in looking.told("safe", owner)


def test_a_key_that_can_do_everything_is_said_to(looking: Looking) -> None:
    owner = looking.treasury.owners[0].address
    looking.safe["address"] = create_safe(looking.treasury.anvil.rpc, [owner], 1)
    text = looking.told("safe", owner)
    assert "can do everything with the Safe (threshold 1)" in text and "can pay for gas" in text
    looking.treasury.anvil.set_balance(owner, 0)
    assert "False the key" in looking.told("safe", owner) and "no gas money" in looking.told("safe", owner)
    assert "gas money" not in looking.told("safe", owner, execute="never")


def test_modules_and_a_guard_are_named(looking: Looking) -> None:
    module, guard = "0x" + "ab" * 20, "0x" + "cd" * 20
    looking.treasury.by_itself(bytes.fromhex(call_data("enableModule(address)", module)[2:]))
    text = looking.told()
    assert f"True mind: the Safe {looking.treasury.safe} has modules ({module})" in text
    slot = "0x4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8"
    looking.treasury.anvil.rpc("anvil_setStorageAt", looking.treasury.safe, slot, "0x" + guard[2:].rjust(64, "0"))
    assert f"has a guard ({guard})" in looking.told()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda anvil, multisend: anvil.rpc("anvil_setCode", multisend, "0x00"), "is not Safe's MultiSendCallOnly"),
        (lambda anvil, multisend: anvil.rpc("anvil_setCode", multisend, "0x"), "there is no MultiSendCallOnly at"),
    ],
)
def test_another_batch_contract_is_refused(looking: Looking, change: Callable[[Any, str], Any], told: str) -> None:
    change(looking.treasury.anvil, looking.treasury.contracts.multi_send_call_only)
    (wrong,) = [each for each in looking.findings() if not each.ok and "MultiSend" in each.sentence]
    assert told in wrong.sentence
    own = looking.told("safe", multisend=looking.treasury.contracts.fallback_handler)
    assert "is your own; its code is pinned at first sight" in own


@pytest.mark.parametrize(
    ("fault", "unreachable", "told"),
    [
        (faults.down(), True, "Safe service"),
        (faults.status(401, {"detail": "Invalid API key"}), False, "api_key_env"),
        (faults.status(404, {"detail": "Not found."}), False, "does not know"),
        (faults.half_json(), True, "Safe service"),
    ],
)
def test_a_service_that_does_not_serve_is_told(looking: Looking, fault: Fault, unreachable: bool, told: str) -> None:
    looking.service.on(fault)
    last = looking.findings()[-1]
    assert (last.ok, last.unreachable) == (False, unreachable) and told in last.sentence


def test_the_api_key_comes_from_the_environment_and_is_sent(looking: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "False the environment variable SAFE_API_KEY is not set" in looking.told("safe", api_key_env="SAFE_API_KEY")
    assert looking.service.asked == []
    monkeypatch.setenv("SAFE_API_KEY", "canary-of-the-key")
    assert "canary" not in looking.told("safe", api_key_env="SAFE_API_KEY")
    assert {each.headers["Authorization"] for each in looking.service.asked} == {"Bearer canary-of-the-key"}


def test_without_a_service_only_owners_propose(looking: Looking) -> None:
    assert "Safe runs no service that is known for chain id 31337" in looking.told("safe", service_url=None)
    text = looking.told("safe", service_url=None, propose_by="approve_hash")
    assert "False the key" in text and "only owners approve a hash" in text
    owner = looking.treasury.owners[0].address
    assert "False" not in looking.told("safe", owner, service_url=None, propose_by="approve_hash")
    assert looking.service.asked == []


def test_files_need_no_key_and_no_service(looking: Looking) -> None:
    text = looking.told("proposal_file", service_url=None)
    assert "False" not in text and "no key is needed" in text and "proposals are written to" in text


def test_a_strategys_own_safe_counts(looking: Looking) -> None:
    other = create_safe(looking.treasury.anvil.rpc, [each.address for each in looking.treasury.owners], 3)
    own = f'safe: {{address: "{other}", service_url: "{looking.service.url}"}}\n'
    assert f"Safe {other} 1.4.1, 3 of 3 owners" in looking.told("safe", None, own)


def test_what_is_no_safe_is_refused(looking: Looking) -> None:
    with pytest.raises(ConfigError, match="is not a Safe"):
        looking.findings(address="0x" + "77" * 20)


def test_a_delegation_is_looked_at(looking: Looking) -> None:
    rpc, key = looking.treasury.anvil.rpc, looking.key
    with pytest.raises(ConfigError, match="there is no contract at that address on this chain"):
        looking.findings("atomic")
    place_batch_account(rpc)
    assert f"True the account {key} is not delegated yet" in looking.told("atomic")
    rpc("anvil_setCode", key, delegation_code(BATCH_ACCOUNT.address))
    assert f"True the account {key} runs the batch account" in looking.told("atomic")
    other = looking.treasury.contracts.fallback_handler
    rpc("anvil_setCode", key, delegation_code(other))
    (wrong,) = looking.findings("atomic")
    assert not wrong.ok and f"runs the code of {other}" in wrong.sentence and "undelegate" in wrong.sentence


def test_a_batch_account_of_another_make_is_refused(looking: Looking) -> None:
    rpc, other = looking.treasury.anvil.rpc, looking.treasury.contracts.fallback_handler
    rpc("anvil_setCode", BATCH_ACCOUNT.address, "0x00")
    (wrong,) = looking.findings("atomic")
    assert not wrong.ok and "is not the one that is known" in wrong.sentence
    own = f'execution: {{mode: atomic, delegate: "{other}"}}\n'
    assert "is your own; its code is pinned at first sight" in looking.told("atomic", None, own)
    assert "does not run a delegated account" in looking.told("atomic", None, own), "it cannot carry out a batch"


def test_a_plain_key_needs_none_of_this(looking: Looking) -> None:
    assert looking.findings("wallet") == []

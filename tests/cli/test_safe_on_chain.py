"""Mode safe and proposal_file from the command line: a treasury on a chain, its owners, the service on a socket."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from keeper import __version__
from keeper.chainlab.deploy_safe import create_safe, place_safe_contracts
from keeper.chainlab.lab import Lab
from keeper.chainlab.owners import OwnersAtHand
from keeper.world.journal.lock import hold_safe
from keeper.world.safe.stored import safe_tx_of
from tests.cli.operator import Operator, watched
from tests.safe.transaction_service import TransactionService


@dataclass
class Treasury:
    operator: Operator
    lab: Lab
    service: TransactionService
    owners: OwnersAtHand
    safes: tuple[str, str]

    @property
    def journal(self) -> Path:
        return self.operator.folder / "keeper.db"

    def mode(self, mode: str, **safe: str) -> None:
        """``keeper.yaml`` in that mode, with the first Safe."""
        values = {"address": self.safes[0], **safe}
        section = ", ".join(f'{name}: "{value}"' for name, value in values.items())
        self.operator.rewrite(
            "keeper.yaml", "execution: {mode: wallet}", f"execution: {{mode: {mode}}}\nsafe: {{{section}}}"
        )

    def signed(self) -> str:
        """The owners sign and execute what the journal has as proposed."""
        with sqlite3.connect(self.journal) as connection:
            ((body,),) = connection.execute(
                "SELECT body FROM proposals WHERE state IN ('PROPOSED', 'READY')"
            ).fetchall()
        tx = safe_tx_of(body)
        executor = str(self.lab.anvil.rpc("eth_accounts")[9])
        receipt = self.owners.confirm_and_execute(self.lab.anvil.rpc, tx.safe, tx, executor)
        return str(receipt["transactionHash"])


@pytest.fixture
def treasury(operator: Operator, lab: Lab) -> Iterator[Treasury]:
    rpc, deployment = lab.anvil.rpc, lab.deployment
    place_safe_contracts(rpc)
    owners = OwnersAtHand.from_seed(5)
    first, second = (create_safe(rpc, owners.addresses, 2, salt_nonce=number) for number in range(2))
    base, quote = 10 * 10**18, 20_000 * 10**6
    for safe in (first, second):
        lab.market.fund(safe, *((base, quote) if deployment.base_is_token0 else (quote, base)), 0)
    (operator.folder / "keeper.db").unlink()
    watched(lab, operator.folder / "keeper.db", "safe")
    with TransactionService(rpc, deployment.chain_id) as service:
        for safe in (first, second):
            row = {"safe": safe, "delegate": operator.address, "delegator": owners.addresses[0], "label": "keeper"}
            service.board.delegates.append(row | {"expiryDate": None})
        yield Treasury(operator, lab, service, owners, (first, second))


def test_from_nothing_to_a_position(treasury: Treasury) -> None:
    keeper = treasury.operator.keeper
    treasury.mode("safe", service_url=treasury.service.url)
    proposed = keeper("once", "eth")
    assert proposed.code == 0 and "0 of 2 owners have signed" in proposed.out, proposed
    (at_service,) = treasury.service.board.proposals.values()
    told = dict(at_service.origin)
    note = told.pop("note")
    assert told == {"name": f"Range Keeper {__version__}", "strategy": "eth", "decision": 1}
    assert note.startswith("eth: enter, ") and ", to earn " in note and ", costs " in note
    done = treasury.signed()
    answer = keeper("once", "eth")
    assert answer.code == 0 and answer.out.strip() == f"eth: done: {done}"
    (position,) = keeper("positions", "--json").json["positions"]
    assert position["liquidity"] != "0"


def test_two_safes_in_one_daemon(treasury: Treasury) -> None:
    operator = treasury.operator
    treasury.mode("safe", service_url=treasury.service.url)
    text = (operator.folder / "strategies/eth.yaml").read_text().replace("name: eth", "name: second")
    section = f'safe: {{address: "{treasury.safes[1]}", service_url: "{treasury.service.url}"}}\n'
    (operator.folder / "strategies/second.yaml").write_text(text)
    refused = operator.keeper("once")
    assert refused.code == 2 and "give each a wallet (or Safe) of its own" in refused.err
    (operator.folder / "strategies/second.yaml").write_text(text + section)
    answer = operator.keeper("once")
    assert answer.code == 0 and answer.out.count("0 of 2 owners have signed") == 2, answer
    assert {each.safe for each in treasury.service.board.proposals.values()} == set(treasury.safes)


def test_a_dry_run_of_a_safe(treasury: Treasury) -> None:
    treasury.mode("safe", service_url=treasury.service.url, api_key_env="NOT_SET")
    (treasury.operator.folder / "key.json").unlink()  # it is not needed
    answer = treasury.operator.keeper("once", "eth", "--dry-run")
    assert answer.code == 0 and "would succeed as nonce 0 of the Safe (simulated" in answer.out, answer
    assert treasury.service.asked == []


def test_files_without_a_key(treasury: Treasury) -> None:
    (treasury.operator.folder / "keeper.db").unlink()
    watched(treasury.lab, treasury.journal, "proposal_file")
    treasury.mode("proposal_file")
    (treasury.operator.folder / "key.json").unlink()
    assert treasury.operator.keeper("once", "eth").code == 0
    (words,) = (treasury.operator.folder / "proposals").glob("eth-*.md")
    assert "What it should earn" in words.read_text()
    treasury.signed()
    assert "eth: done" in treasury.operator.keeper("once", "eth").out


def test_what_is_wrong_is_said_with_its_line(treasury: Treasury) -> None:
    operator = treasury.operator
    treasury.mode("safe")
    answer = operator.keeper("once", "eth")
    assert answer.code == 2 and "Safe runs no Transaction Service for chain 31337" in answer.err
    operator.rewrite("keeper.yaml", treasury.safes[0], "0x" + "12" * 20)
    answer = operator.keeper("once", "eth")
    assert (
        answer.code == 2 and "is not a Safe that can be used" in answer.err and "correct `safe.address`" in answer.err
    )
    operator.rewrite(
        "keeper.yaml", 'safe: {address: "0x' + "12" * 20, f'safe: {{api_key_env: NOT_SET, address: "{treasury.safes[0]}'
    )
    answer = operator.keeper("once", "eth")
    assert answer.code == 2 and "names NOT_SET, which is not set" in answer.err


def _hold(url: str, safe: str, ready: object, release: object) -> None:
    with hold_safe(url, 31337, safe):
        ready.set()  # type: ignore[attr-defined]
        release.wait(30)  # type: ignore[attr-defined]


def test_two_keepers_with_different_keys_and_one_safe(treasury: Treasury, tmp_path: Path) -> None:
    treasury.mode("safe", service_url=treasury.service.url)
    context = multiprocessing.get_context("fork")
    ready, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(f"sqlite:///{tmp_path}/other.db", treasury.safes[0], ready, release))
    other.start()
    try:
        assert ready.wait(20)
        answer = treasury.operator.keeper("once", "eth")
        assert answer.code == 4 and f"already works on the Safe {treasury.safes[0]}" in answer.err
        assert treasury.service.asked == []
    finally:
        release.set()
        other.join(20)
    assert treasury.operator.keeper("once", "eth").code == 0


def test_resume_names_the_safe_that_it_accepts(treasury: Treasury) -> None:
    keeper, rpc = treasury.operator.keeper, treasury.lab.anvil.rpc
    treasury.mode("safe", service_url=treasury.service.url)
    keeper("once", "eth")
    rpc("anvil_setStorageAt", treasury.safes[0], "0x4", "0x" + f"{1:064x}")
    treasury.lab.anvil.mine()
    halted = keeper("once", "eth")
    assert halted.code == 4 and "its threshold was 2, now it is 1" in halted.err
    resumed = keeper("resume", "eth")
    assert resumed.code == 0 and f"accepted the Safe {treasury.safes[0].lower()}" in resumed.out
    assert "0 of 1 owners have signed" in keeper("once", "eth").out

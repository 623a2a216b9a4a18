"""Row 37: a remote signer that is down, slow, another one, or answers with another transaction. Nothing is sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from keeper.chainlab.lab import Lab
from keeper.errors import TransientError
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.signers.remote import RemoteSigner
from tests.cli.conftest import keeper  # noqa: F401  # a fixture
from tests.cli.operator import PRIVATE_KEY, Operator, make_lab, make_operator  # noqa: F401  # fixtures
from tests.world.signers import scene
from tests.world.signers.lies import CANARY, LIES
from tests.world.signers.web3signer import Web3Signer
from tests.world.signers.written import write

TIMEOUT_SECONDS = 1.0


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    journal = open_journal(f"sqlite:///{tmp_path}/signer.db", "wallet")
    yield journal
    journal.close()


@pytest.mark.parametrize("lie", [*LIES])
def test_37_a_signer_that_lies_is_not_believed(journal: SqlJournal, lie: str) -> None:
    answer, kind, sentence = LIES[lie]
    with Web3Signer(scene.KEY, lie=answer) as server:
        written = write(journal, "swap token0", RemoteSigner(f"{server.url}/{CANARY}", scene.OWNER, TIMEOUT_SECONDS))
        began = time.monotonic()
        with pytest.raises(kind, match=sentence) as refusal:
            written.sign()
        assert time.monotonic() - began < TIMEOUT_SECONDS + 1
        assert server.asked == ["eth_signTransaction"], "it is not asked twice"
    assert type(refusal.value) is kind and CANARY not in str(refusal.value)


def test_37_a_signer_that_is_down(journal: SqlJournal) -> None:
    with Web3Signer(scene.KEY) as server:
        url = server.url
    written = write(journal, "swap token0", RemoteSigner(url, scene.OWNER, TIMEOUT_SECONDS))
    with pytest.raises(TransientError, match="nothing was signed that is known of"):
        written.sign()


def use(operator: Operator, server: Web3Signer, address: str | None = None) -> None:
    section = f'signer: {{kind: remote, url: "{server.url}", address: "{address or operator.address}"}}\n'
    file = operator.folder / "keeper.yaml"
    file.write_text(section + file.read_text())
    (operator.folder / "key.json").unlink()


def sent(lab: Lab, address: str) -> int:
    return int(lab.anvil.rpc("eth_getTransactionCount", address, "latest"), 16)


def test_37_the_keeper_works_with_a_remote_signer_until_it_lies(operator: Operator, lab: Lab) -> None:
    with Web3Signer(Account.from_key(PRIVATE_KEY), chain_id=lab.deployment.chain_id) as server:
        use(operator, server)
        check = operator.keeper("check", "--online", "--json")
        (found,) = [each for each in check.json["online"] if each["subject"] == "signer"]
        assert found["ok"] and operator.address in found["sentence"] and server.url in found["sentence"], check.out
        assert operator.keeper("once", "--dry-run").code == 0
        assert "eth_signTransaction" not in server.asked
        first = operator.keeper("once", "eth", "--json")
        assert first.code == 0 and first.json["outcomes"]["eth"]["kind"] == "done", first.out + first.err
        before = sent(lab, operator.address)
        assert before > 0
        server.lie = LIES["another recipient"][0]
        lied = operator.keeper("once", "eth")
        assert lied.code == 4 and "returned another transaction" in lied.out + lied.err, lied.out + lied.err
        server.lie = None
        server.accounts = []
        unknown = operator.keeper("once", "eth")
        assert unknown.code == 2 and "has no key of" in unknown.err, unknown.out + unknown.err
    down = operator.keeper("once", "eth")
    assert down.code == 3 and "cannot be reached" in down.err
    assert operator.keeper("check", "--online").code == 3
    assert sent(lab, operator.address) == before


def test_37_a_signature_by_another_key_is_not_sent(operator: Operator, lab: Lab) -> None:
    with Web3Signer(Account.from_key(PRIVATE_KEY), chain_id=lab.deployment.chain_id) as server:
        use(operator, server)
        server.lie = LIES["another key"][0]
        answer = operator.keeper("once", "eth")
        assert answer.code == 4 and "returned a signature of" in answer.out + answer.err
    assert sent(lab, operator.address) == 0


def test_37_wrong_settings_are_said_before_anything_else(operator: Operator) -> None:
    operator.rewrite("keeper.yaml", "execution:", "signer: {kind: remote}\nexecution:")
    answer = operator.keeper("check")
    assert answer.code == 2 and "kind remote needs signer.url" in answer.out + answer.err

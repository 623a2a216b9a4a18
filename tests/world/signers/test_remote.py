"""The remote signer against a server that really signs, and its settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from keeper.config import load_keeper
from keeper.config_mistakes import ConfigErrors
from keeper.errors import ConfigError, TransientError
from keeper.plugins import find
from keeper.world.journal.journal import SqlJournal
from keeper.world.signers import passed, remote
from keeper.world.signers.keystore import KeystoreSigner
from keeper.world.signers.remote import RemoteSigner, Settings
from tests.world.signers import batches, scene
from tests.world.signers.lies import CANARY, SAFE_LIES, STRANGER
from tests.world.signers.web3signer import Web3Signer
from tests.world.signers.written import write, write_for


@pytest.mark.parametrize("name", [*scene.PLANS])
def test_it_signs_the_same_bytes_as_the_key_itself(journal: SqlJournal, name: str) -> None:
    with Web3Signer(scene.KEY) as server:
        signer = remote.build(Settings(url=SecretStr(server.url), address=scene.OWNER))
        written = write(journal, name, signer)
        raw = written.sign(scene.PLANS[name][1]).raw
        signer.close()
    written.signer.inner = KeystoreSigner(scene.KEY)
    assert raw == written.sign(scene.PLANS[name][1]).raw
    assert server.asked == ["eth_accounts", "eth_signTransaction"], "each signature is asked for once"


def safe_proposal(journal: SqlJournal, server: Web3Signer) -> tuple[bytes, bytes]:
    """The remote signature of a Safe's transaction, and the key's own."""
    signer = remote.build(Settings(url=SecretStr(server.url), address=scene.OWNER, timeout_seconds=1))
    written = write_for(journal, "safe", batches.REBALANCE, signer=signer)
    tx = batches.safe_tx(batches.REBALANCE, written.deadline)
    remotely = written.propose(tx).raw
    written.signer.inner = KeystoreSigner(scene.KEY)
    return remotely, written.propose(tx).raw


def test_it_signs_a_safes_transaction_as_the_key_itself_does(journal: SqlJournal) -> None:
    with Web3Signer(scene.KEY) as server:
        remotely, itself = safe_proposal(journal, server)
    assert remotely == itself
    assert server.asked == ["eth_accounts", "eth_signTypedData"]


@pytest.mark.parametrize("lie", [*SAFE_LIES])
def test_a_signature_that_it_returns_for_a_safe_is_proved(journal: SqlJournal, lie: str) -> None:
    answer, error, sentence = SAFE_LIES[lie]
    with Web3Signer(scene.KEY, lie=answer) as server, pytest.raises(error, match=sentence):
        safe_proposal(journal, server)
    server.released.set()


def test_it_cannot_delegate_an_account_and_says_so(journal: SqlJournal) -> None:
    sentence = "kind remote cannot sign an EIP-7702 authorization; use a keystore with mode atomic"
    with Web3Signer(scene.KEY) as server:
        signer = remote.build(Settings(url=SecretStr(server.url), address=scene.OWNER))
        written = write_for(journal, "delegated", batches.ENTER, signer=signer)
        with pytest.raises(ConfigError, match=sentence):
            written.ask(batches.delegating(batches.ENTER, written.deadline))
        (case,) = [each for each in batches.key_cases() if each.name == "enter (delegating)"]
        with pytest.raises(ConfigError, match=sentence):
            signer.sign(passed.issue(case.unsigned))
        written.ask(batches.delegated(batches.ENTER, written.deadline))
    assert server.asked == ["eth_accounts", "eth_signTransaction"]


def test_at_the_start_it_must_know_the_address() -> None:
    with Web3Signer(STRANGER) as server:
        with pytest.raises(ConfigError, match=f"has no key of {scene.KEY.address}"):
            remote.build(Settings(url=SecretStr(server.url), address=scene.OWNER))
        server.accounts = {"no": "list"}
        with pytest.raises(TransientError, match="answers, but not as Web3Signer does"):
            remote.build(Settings(url=SecretStr(server.url), address=scene.OWNER))
    with pytest.raises(TransientError, match="cannot be reached"):
        remote.build(Settings(url=SecretStr(server.url), address=scene.OWNER))


def test_the_url_is_never_shown() -> None:
    with Web3Signer(STRANGER) as server:
        url = server.url.replace("://", f"://user:{CANARY}@") + f"/{CANARY}?key={CANARY}"
        settings = Settings(url=SecretStr(url), address=scene.OWNER)
        with pytest.raises(ConfigError) as refusal:
            remote.build(settings)
        signer = RemoteSigner(url, scene.OWNER, 1)
        assert CANARY not in f"{refusal.value!r} {settings!r} {settings} {signer!r} {signer.label}"
    with pytest.raises(ConfigError) as refusal:
        RemoteSigner(f"ftp://{CANARY}", scene.OWNER, 1)
    assert "signer.url is not a URL" in str(refusal.value) and CANARY not in str(refusal.value)


KEEPER = """\
chains:
  mainnet: {{chain_id: 1, rpc: ["http://127.0.0.1:1"]}}
signer: {signer}
"""


@pytest.mark.parametrize(
    ("signer", "sentence"),
    [
        ("{kind: remote}", "kind remote needs signer.url"),
        ("{kind: remote, url: 'http://127.0.0.1:9000'}", "kind remote needs signer.address"),
        (f"{{kind: remote, url: x, address: '{scene.OWNER[:-1]}'}}", "signer.address|expected an address"),
        (f"{{kind: remote, url: x, address: '{scene.OWNER}', timeout_seconds: 0}}", "timeout_seconds"),
        ("{kind: policy}", "there is no signer 'policy'"),
        ("{kind: passed}", "there is no signer 'passed'"),
    ],
)
def test_settings_that_are_wrong(tmp_path: Path, signer: str, sentence: str) -> None:
    (tmp_path / "keeper.yaml").write_text(KEEPER.format(signer=signer))
    with pytest.raises(ConfigErrors) as refusal:
        load_keeper(tmp_path / "keeper.yaml", {})
    assert re.search(sentence, str(refusal.value))


def test_settings_that_are_not_used_are_said(tmp_path: Path) -> None:
    def warnings(signer: str) -> str:
        (tmp_path / "keeper.yaml").write_text(KEEPER.format(signer=signer))
        return " ".join(each.sentence for each in load_keeper(tmp_path / "keeper.yaml", {}).warnings)

    whole = f"{{kind: remote, url: 'http://127.0.0.1:9000', address: '{scene.OWNER}'}}"
    assert warnings(whole) == ""
    assert "signer.path is not used with kind remote" in warnings(whole.replace("}", ", path: key.json}"))
    assert "signer.url is not used with kind keystore" in warnings("{url: 'http://127.0.0.1:9000'}")


def test_it_is_a_plug_in() -> None:
    assert find("signer", "remote") is remote

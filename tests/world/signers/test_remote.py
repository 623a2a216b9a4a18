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
from keeper.world.signers import remote
from keeper.world.signers.keystore import KeystoreSigner
from keeper.world.signers.remote import RemoteSigner, Settings
from tests.world.signers import scene
from tests.world.signers.lies import CANARY, STRANGER
from tests.world.signers.web3signer import Web3Signer
from tests.world.signers.written import write


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

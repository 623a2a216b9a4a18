from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest
from eth_account import Account

from keeper.errors import ConfigError
from keeper.plugins import available, find
from keeper.world.signers import keystore
from tests.world.unpoliced import sign_anything

PASSWORD = "correct horse"
CANARY = "4c0883a69102937d6231471b5dbb6204fe512961708279f2d3f1b3a5e8b8a6e1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "key.json"


def test_a_key_comes_back_and_signs_as_itself(path: Path) -> None:
    address = keystore.create(path, PASSWORD, scrypt_work=2)
    assert path.stat().st_mode & 0o777 == 0o600
    signer = keystore.load(path, PASSWORD)
    assert signer.address == address
    assert keystore.stored_address(path) == address.lower()
    raw = sign_anything(signer, {"type": 2, "chainId": 1, "nonce": 0, "to": address, "value": 0, "data": b"",
                                 "gas": 21_000, "maxFeePerGas": 1, "maxPriorityFeePerGas": 1})  # fmt: skip
    assert Account.recover_transaction(raw) == address


def test_the_default_work_is_that_of_geth(path: Path) -> None:
    keystore.import_key(path, "0x" + CANARY, PASSWORD)
    assert json.loads(path.read_text())["crypto"]["kdfparams"]["n"] == 1 << 18


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_file_others_can_read_is_refused(path: Path, mode: int) -> None:
    keystore.create(path, PASSWORD, scrypt_work=2)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"readable by others \(mode 0{mode:o}\); run: chmod 600 {path}"):
        keystore.load(path, PASSWORD)


def test_what_is_no_key_file_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no key file"):
        keystore.load(path, PASSWORD)
    keystore.create(path, PASSWORD, scrypt_work=2)
    with pytest.raises(ConfigError, match="wrong password for the key file"):
        keystore.load(path, "another")
    link = tmp_path / "link.json"
    link.symlink_to(path)
    with pytest.raises(ConfigError, match="is a symbolic link"):
        keystore.load(link, PASSWORD)
    with pytest.raises(ConfigError, match="never overwritten"):
        keystore.create(path, PASSWORD, scrypt_work=2)
    with pytest.raises(ConfigError, match="cannot be made"):
        keystore.create(tmp_path / "no" / "key.json", PASSWORD, scrypt_work=2)
    with pytest.raises(ConfigError, match="password is empty"):
        keystore.create(tmp_path / "other.json", "", scrypt_work=2)
    for text in ("", "[]", "{}", '{"crypto": {}}', '{"crypto": 3, "version": 3}', "hunter2"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="is not an encrypted key file"):
            keystore.load(path, PASSWORD)


@pytest.mark.parametrize("text", [CANARY[:-1], CANARY + "00", CANARY[:-1] + "g", "0x", "f" * 64])
def test_a_wrong_key_is_refused_without_repeating_it(path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        keystore.import_key(path, text, PASSWORD)
    shown = "".join(traceback.format_exception(refusal.value))
    assert "64 hexadecimal digits" in shown and CANARY[:20] not in shown and not path.exists()


def test_the_signer_shows_no_secret(path: Path) -> None:
    keystore.import_key(path, CANARY, PASSWORD, scrypt_work=2)
    signer = keystore.load(path, PASSWORD)
    assert CANARY not in repr(signer) + str(vars(signer)) + path.read_text()


def test_it_is_built_from_its_section(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = keystore.create(path, PASSWORD, scrypt_work=2)
    assert "keystore" in available("signer")
    module = find("signer", "keystore")
    settings = module.Settings(kind="keystore", path=str(path), password_env="KEY_TEST_PASSWORD")
    with pytest.raises(ConfigError, match="environment variable KEY_TEST_PASSWORD is not set"):
        module.build(settings)
    monkeypatch.setenv("KEY_TEST_PASSWORD", PASSWORD)
    assert module.build(settings).address == address

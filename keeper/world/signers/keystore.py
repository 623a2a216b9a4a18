"""A key in an encrypted file (Web3 Secret Storage, as geth and Foundry write it), readable by its owner alone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, Literal

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.crypto import keccak
from pydantic import BaseModel, ConfigDict, Field

from keeper.errors import ConfigError
from keeper.redaction import never_show
from keeper.world.signers.envelope import with_signature
from keeper.world.signers.passed import Passed, PassedMessage


class Settings(BaseModel):
    """The ``signer:`` section of keeper.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["keystore"] = "keystore"
    path: str = Field(default="key.json", description="the encrypted key file")
    password_env: str = Field(
        default="KEEPER_PASSWORD", description="name of the environment variable that holds its password"
    )


class KeystoreSigner:
    """Implements ``Signer`` with a key that was decrypted into memory."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    @property
    def address(self) -> str:
        """The key's address, checksummed."""
        return str(self._account.address)

    def sign(self, passed: Passed) -> bytes:
        """The raw signed transaction of bytes that the policy has passed; nothing is filled in or changed."""
        signature = self._account.unsafe_sign_hash(Hash32(keccak(passed.unsigned)))
        return with_signature(passed.unsigned, signature.v - 27, signature.r, signature.s)

    def sign_message(self, passed: PassedMessage) -> bytes:
        """r, s and v (27 or 28) over the hash of the passed preimage; nothing is put in front of it."""
        return bytes(self._account.unsafe_sign_hash(Hash32(keccak(passed.preimage))).signature)


def build(settings: Settings) -> KeystoreSigner:
    """The signer of the settings. ConfigError if the file, its mode or the password is not right."""
    password = os.environ.get(settings.password_env)
    if password is None:
        raise ConfigError(
            f"the environment variable {settings.password_env} is not set: it must hold the password of {settings.path}"
        )
    return load(Path(settings.path).expanduser(), password)


def create(path: Path, password: str, *, scrypt_work: int | None = None) -> str:
    """Make a new key in a new file of mode 0600 and return its address.

    ``scrypt_work`` (a power of two; None: 2^18, about a second) is for throw-away keys of tests and the demo.
    ConfigError if the file exists or cannot be made.
    """
    return _write(path, Account.create(), password, scrypt_work)


def import_key(path: Path, private_key: str, password: str, *, scrypt_work: int | None = None) -> str:
    """Put a private key (64 hex digits) into a new file of mode 0600 and return its address.

    ConfigError if it is no key, or the file exists or cannot be made.
    """
    try:
        account = Account.from_key(bytes.fromhex(private_key.strip().removeprefix("0x")))
    except Exception:  # noqa: BLE001  # the library's own words and chain repeat the key
        account = None
    if account is None:
        raise ConfigError("that is not a private key: 64 hexadecimal digits, with or without 0x in front")
    return _write(path, account, password, scrypt_work)


def load(path: Path, password: str) -> KeystoreSigner:
    """The signer in a key file.

    ConfigError if it is missing, a link, readable by others, not a key file, or the password is wrong.
    """
    keystore = _read(path)
    try:
        key = Account.decrypt(keystore, password)
    except (ValueError, KeyError, TypeError) as error:
        if "MAC mismatch" in str(error):
            raise ConfigError(f"wrong password for the key file {path}") from None
        raise ConfigError(f"{path} is not an encrypted key file; make one with `keeper wallet new`") from None
    never_show(bytes(key).hex())  # nobody puts it into a message; a library's traceback might
    return KeystoreSigner(Account.from_key(key))


def stored_address(path: Path) -> str:
    """The address that a key file says it holds, without the password. ConfigError as for ``load``."""
    return "0x" + str(_read(path).get("address", "")).lower().removeprefix("0x")


def _read(path: Path) -> dict[str, Any]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ConfigError(f"there is no key file {path}; make one with `keeper wallet new`") from None
    except OSError as error:
        if path.is_symlink():
            raise ConfigError(f"the key file {path} is a symbolic link; name the file itself") from None
        raise ConfigError(f"the key file {path} cannot be read ({error.strerror})") from None
    with os.fdopen(descriptor) as file:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o077:
            raise ConfigError(f"key file {path} is readable by others (mode {mode:04o}); run: chmod 600 {path}")
        try:
            keystore = json.loads(file.read())
        except (ValueError, OSError):
            keystore = None
    if not isinstance(keystore, dict) or "crypto" not in {str(key).lower() for key in keystore}:
        raise ConfigError(f"{path} is not an encrypted key file; make one with `keeper wallet new`")
    return keystore


def _write(path: Path, account: LocalAccount, password: str, scrypt_work: int | None) -> str:
    if not password:
        raise ConfigError("the password is empty: a key file needs one")
    # The kind is named because the library would otherwise take it from the environment.
    keystore = json.dumps(Account.encrypt(account.key, password, kdf="scrypt", iterations=scrypt_work))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} exists; a key file is never overwritten: choose another name") from None
    except OSError as error:
        raise ConfigError(f"the key file {path} cannot be made ({error.strerror})") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(keystore)
        file.flush()
        os.fsync(descriptor)
    return str(account.address)

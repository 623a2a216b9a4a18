"""A key that another process holds: Web3Signer's eth1 JSON-RPC (``eth_accounts``, ``eth_signTransaction``,
``eth_signTypedData``).

It is asked for one signature and not asked again: a request that got no answer is left to the next turn. What it
returns is trusted no more than any answer from a network; ``policed`` compares it with what was asked, byte by byte.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from eth_utils.address import to_checksum_address
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from keeper.errors import ConfigError, SigningRefusedError, TransientError
from keeper.world.chain.endpoint import Endpoint, UnreachableError
from keeper.world.signers.decoding import decode_unsigned
from keeper.world.signers.passed import Passed, PassedMessage

_MAX_REPLY_BYTES: Final = 1 << 20
_SHOWN_CHARACTERS: Final = 200
_NO_DELEGATION: Final = "kind remote cannot sign an EIP-7702 authorization; use a keystore with mode atomic"


class Settings(BaseModel):
    """The ``signer:`` section of keeper.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["remote"] = "remote"
    url: SecretStr = Field(description="where Web3Signer listens in its eth1 mode")
    address: str = Field(pattern=r"^0x[0-9a-fA-F]{40}$", description="the address it is to sign for")
    timeout_seconds: float = Field(default=10.0, ge=1, le=120)


class RemoteSigner:
    """Implements ``Signer``. ``timeout_seconds`` is the deadline of a whole exchange."""

    def __init__(self, url: str, address: str, timeout_seconds: float) -> None:
        try:
            self._endpoint = Endpoint(url, max_reply_bytes=_MAX_REPLY_BYTES)
        except ConfigError:
            sentence = "signer.url is not a URL of the form https://host[:port]/… (not shown: it may hold a key)"
            raise ConfigError(sentence) from None
        self._address, self._timeout_seconds = to_checksum_address(address), timeout_seconds

    @property
    def address(self) -> str:
        """The address it is to sign for, checksummed."""
        return str(self._address)

    @property
    def label(self) -> str:
        """Scheme and host: the rest of the URL is never shown."""
        return self._endpoint.label

    def require_key(self) -> None:
        """Ask whether it holds the key of the address.

        Raises:
            ConfigError: it does not.
            TransientError: it did not answer.
        """
        accounts = self._ask("eth_accounts", [])
        if not isinstance(accounts, list) or not all(isinstance(each, str) for each in accounts):
            raise TransientError(f"the remote signer {self.label} answers, but not as Web3Signer does")
        if self.address.lower() not in {each.lower() for each in accounts}:
            raise ConfigError(
                f"the remote signer {self.label} has no key of {self.address}: load the key there, or correct "
                "signer.address"
            )

    def sign(self, passed: Passed) -> bytes:
        """What the signer returns for the passed bytes: to be compared with them before it is used.

        Raises:
            TransientError: it did not answer, or would not sign.
            SigningRefusedError: it answered with something that is no transaction.
            ConfigError: the transaction delegates the account, which Web3Signer has no words for.
        """
        wanted = decode_unsigned(passed.unsigned)
        if wanted.authorization is not None:
            raise ConfigError(_NO_DELEGATION)
        request = {
            "from": self.address,
            "to": to_checksum_address(wanted.to),
            "chainId": hex(wanted.chain_id),
            "nonce": hex(wanted.nonce),
            "gas": hex(wanted.gas_limit),
            "maxFeePerGas": hex(wanted.max_fee_wei),
            "maxPriorityFeePerGas": hex(wanted.max_priority_fee_wei),
            "value": hex(wanted.value_wei),
            "data": "0x" + wanted.data.hex(),
        }
        return self._signed("eth_signTransaction", [request], "a signed transaction")

    def sign_message(self, passed: PassedMessage) -> bytes:
        """What the signer returns for the passed typed data: to be compared with the passed preimage before it is used.

        Raises:
            ConfigError: it is an authorization of EIP-7702, which has no such form.
            TransientError, SigningRefusedError: as ``sign``.
        """
        if passed.typed is None:
            raise ConfigError(_NO_DELEGATION)
        # Web3Signer wants the typed data as a text that holds JSON, not as JSON itself.
        typed = json.dumps(passed.typed, separators=(",", ":"))
        return self._signed("eth_signTypedData", [self.address, typed], "a signature")

    def close(self) -> None:
        """Let go of its connections."""
        self._endpoint.close()

    def _signed(self, method: str, params: list[Any], wanted: str) -> bytes:
        answer = self._ask(method, params)
        try:
            if not isinstance(answer, str) or not answer.startswith("0x"):
                raise ValueError
            return bytes.fromhex(answer[2:])
        except ValueError:
            raise SigningRefusedError(
                f"the remote signer {self.label} returned something else than {wanted}: it was thrown away "
                "and nothing was sent; find out what answers there"
            ) from None

    def _ask(self, method: str, params: list[Any]) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        try:
            reply = self._endpoint.post(body, self._timeout_seconds)
        except UnreachableError as error:
            sentence = str(error).replace("its rpc URL", "signer.url")
            raise TransientError(f"the remote signer {sentence}; nothing was signed that is known of") from None
        try:
            answer = json.loads(reply)
            fault, result, number = answer.get("error"), answer.get("result"), answer.get("id")
        except (ValueError, AttributeError, RecursionError):
            raise TransientError(f"the remote signer {self.label} answered with something else than JSON-RPC") from None
        if fault is not None:
            raise TransientError(f"the remote signer {self.label} refused: {self._words(fault)}")
        if number != 1:
            raise TransientError(f"the remote signer {self.label} answered another request than ours")
        return result

    def _words(self, error: Any) -> str:
        """What it says in its own words: short, printable, without any part of the URL."""
        message = error.get("message") if isinstance(error, dict) else error
        shown = "".join(letter for letter in str(message) if letter.isprintable())[:_SHOWN_CHARACTERS]
        return self._endpoint.redact(shown)


def build(settings: Settings) -> RemoteSigner:
    """The signer of the settings, once it has shown that it has the key. Errors as ``require_key``."""
    signer = RemoteSigner(settings.url.get_secret_value(), settings.address, settings.timeout_seconds)
    signer.require_key()
    return signer

"""The Safe Transaction Service, API v2: where a proposal is put so that the owners find it in their wallet.

Nothing that it says is believed without a check: see :mod:`keeper.world.safe.record`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx

from keeper.errors import ServiceRefusedError, TransientError
from keeper.model.safe import SafeTx
from keeper.world.chain import codec
from keeper.world.safe.exchange import Exchange, Reply
from keeper.world.safe.record import ServiceRecord, UnreadableError, address, number, record_of

MOST_ORIGIN_CHARACTERS: Final = 200
"""The service refuses a longer origin."""

_T = TypeVar("_T")
_PAGE: Final = 100
_MOST_PAGES: Final = 20


@dataclass(frozen=True, slots=True)
class ServiceSafe:
    """The Safe as the service sees it: a hint of what is wrong, never evidence."""

    nonce: int
    threshold: int
    owners: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Delegate:
    """Somebody who may propose on behalf of an owner (``delegator``)."""

    delegate: str
    delegator: str
    label: str


class SafeService:
    """The service's word on one Safe. ``url`` is what stands in front of ``/api/v2/…``.

    Raises (from every question):
        ServiceRefusedError: it will not have it: the key, the Safe, the sender or the transaction; in its own words.
        TransientError: down, slow, overloaded, or an answer of no use; for a POST the outcome is then unknown.
    """

    def __init__(
        self,
        url: str,
        chain_id: int,
        safe: str,
        *,
        api_key: str | None = None,
        timeout_seconds: float = 10.0,
        client: httpx.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._exchange = Exchange(
            url, api_key=api_key, timeout_seconds=timeout_seconds, client=client, clock=clock, sleep=sleep
        )
        self._chain_id, self._safe = chain_id, safe.lower()
        self._named = codec.checksum(safe)

    @property
    def label(self) -> str:
        """Scheme and host of the service."""
        return self._exchange.label

    def propose(self, tx: SafeTx, safe_tx_hash: bytes, sender: str, signature: bytes, origin: str) -> None:
        """Put a transaction up, signed by ``sender`` (an owner, or an owner's delegate). Repeating changes nothing.

        Raises:
            ValueError: the transaction is of another Safe or chain, or the origin is too long.
        """
        if (tx.chain_id, tx.safe) != (self._chain_id, self._safe):
            raise ValueError(f"a transaction of {tx.safe} on chain {tx.chain_id} does not belong here")
        if len(origin) > MOST_ORIGIN_CHARACTERS:
            raise ValueError(f"an origin of {len(origin)} characters; the service takes {MOST_ORIGIN_CHARACTERS}")
        body = {
            "to": codec.checksum(tx.to),
            "value": str(tx.value_wei),
            "data": "0x" + tx.data.hex() if tx.data else None,
            "operation": int(tx.operation),
            "safeTxGas": str(tx.safe_tx_gas),
            "baseGas": str(tx.base_gas),
            "gasPrice": str(tx.gas_price),
            "gasToken": codec.checksum(tx.gas_token),
            "refundReceiver": codec.checksum(tx.refund_receiver),
            "nonce": tx.nonce,
            "contractTransactionHash": "0x" + safe_tx_hash.hex(),
            "sender": codec.checksum(sender),
            "signature": "0x" + signature.hex(),
            "origin": origin,
        }
        reply = self._exchange.ask("POST", f"/api/v2/safes/{self._named}/multisig-transactions/", body=body)
        self._require_found(reply)

    def find(self, safe_tx_hash: bytes) -> ServiceRecord | None:
        """What it has under the hash; None where it has nothing."""
        reply = self._exchange.ask("GET", f"/api/v2/multisig-transactions/0x{safe_tx_hash.hex()}/")
        return None if reply.status == 404 else self._read(lambda: record_of(reply.document, self._chain_id))

    def queued(self, nonce_from: int) -> list[ServiceRecord]:
        """Every transaction not executed, of this nonce or later, that somebody with a right to has signed."""
        asked = {"executed": "false", "nonce__gte": str(nonce_from), "trusted": "true", "limit": str(_PAGE)}
        found = self._pages(f"/api/v2/safes/{self._named}/multisig-transactions/", asked)
        return self._read(lambda: [record_of(each, self._chain_id) for each in found])

    def safe_info(self) -> ServiceSafe:
        """How the service sees the Safe. ServiceRefusedError where it does not know it."""
        document = self._require_found(self._exchange.ask("GET", f"/api/v1/safes/{self._named}/")).document
        return self._read(
            lambda: ServiceSafe(
                number(document["nonce"]), number(document["threshold"]),
                tuple(address(each) for each in document["owners"]), str(document.get("version") or "")[:20],
            )
        )  # fmt: skip

    def delegates(self) -> list[Delegate]:
        """Who may propose for whom, in this Safe."""
        found = self._pages("/api/v2/delegates/", {"safe": self._named, "limit": str(_PAGE)})
        return self._read(
            lambda: [
                Delegate(address(each["delegate"]), address(each["delegator"]), str(each.get("label") or "")[:80])
                for each in found
            ]
        )

    def confirm(self, safe_tx_hash: bytes, signature: bytes) -> None:
        """Add an owner's signature. Repeating changes nothing."""
        path = f"/api/v1/multisig-transactions/0x{safe_tx_hash.hex()}/confirmations/"
        self._require_found(self._exchange.ask("POST", path, body={"signature": "0x" + signature.hex()}))

    def delete(self, safe_tx_hash: bytes, signature: bytes) -> None:
        """Take down a proposal that nobody executed; the signature is its proposer's, over the service's own
        ``DeleteRequest``. It stays valid for whoever kept a copy: only its nonce being used ends it."""
        named = "0x" + safe_tx_hash.hex()
        body = {"safeTxHash": named, "signature": "0x" + signature.hex()}
        self._exchange.ask("DELETE", f"/api/v2/multisig-transactions/{named}/", body=body)

    def close(self) -> None:
        """Let go of the connection."""
        self._exchange.close()

    def _pages(self, path: str, params: Mapping[str, str]) -> list[Any]:
        """All results. Of ``next`` only the place in the list is used, and only where it leads to the same host."""
        found: list[Any] = []
        for _page in range(_MOST_PAGES):
            document = self._require_found(self._exchange.ask("GET", path, params=params)).document
            results = document.get("results") if isinstance(document, dict) else None
            if not isinstance(results, list):
                raise self._useless("a list without results")
            found += results
            following = document.get("next")
            if following is None:
                return found
            if not isinstance(following, str) or not self._exchange.same_host(following):
                raise self._useless("a next page on another host")
            turned = dict(parse_qsl(urlsplit(following).query))
            params = {**params, **{name: turned[name] for name in ("limit", "offset") if name in turned}}
        raise self._useless(f"more than {_MOST_PAGES} pages")

    def _require_found(self, reply: Reply) -> Reply:
        if reply.status == 404:
            raise ServiceRefusedError(
                f"the Safe service {self.label} does not know {self._named} or what was asked of it: correct "
                "`safe.address` or `safe.service_url`",
                status=404,
            )
        return reply

    def _read(self, make: Callable[[], _T]) -> _T:
        try:
            return make()
        except (UnreadableError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._useless(str(error) if isinstance(error, UnreadableError) else type(error).__name__) from None

    def _useless(self, what: str) -> TransientError:
        return TransientError(f"the Safe service {self.label} answered with {what}: nothing in it is used")

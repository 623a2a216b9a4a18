"""JSON-RPC nodes behind one face: deadlines, bounded retries with jitter, failover with a breaker.

Two kinds of failure are kept apart: a node that answered "no" (:class:`RpcError`, never repeated) and one that gave no
usable answer (:class:`TransientError`, repeated within bounds where repeating is harmless).
"""

from __future__ import annotations

import itertools
import json
import random as random_module
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from keeper.errors import ConfigError, RpcError, TransientError
from keeper.world.chain.endpoint import Endpoint, UnreachableError, wrong_chain
from keeper.world.chain.replies import result_of, results_of

SendStatus = Literal["accepted", "already_known", "nonce_too_low"]

_ALREADY_KNOWN = ("already known", "known transaction", "already imported", "alreadyknown", "already exists")
_NONCE_TOO_LOW = ("nonce too low", "oldnonce", "nonce is too low", "invalid nonce: too low")
_UNREPEATABLE = ("eth_sendTransaction", "evm_", "anvil_", "hardhat_", "personal_")


class SentHash(str):
    """The hash of a transaction handed to a node, and how the node took it.

    ``nonce_too_low`` means that some transaction with this nonce is mined: perhaps this very one, so ask for its
    receipt before anything else.
    """

    __slots__ = ("status",)
    status: SendStatus

    def __new__(cls, transaction_hash: str, status: SendStatus) -> SentHash:
        sent = super().__new__(cls, transaction_hash)
        sent.status = status
        return sent


class _Route:
    """An endpoint and its breaker: after some failures in a row it is left alone for a while."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.failures = 0
        self.closed_until = 0.0


class HttpNode:
    """Implements ``Node`` over one or more URLs of the same chain, the first being preferred. Safe to share by threads.

    ``timeout_seconds`` bounds each whole exchange; ``retries`` is how often an unanswered one is repeated. With
    ``chain_id``, every fresh connection must first prove that it leads to that chain.

    Raises (from every method that asks):
        RpcError: the node answered with an error; ``code`` and ``data`` are its own.
        TransientError: no usable answer within the bounds.
        ConfigError: a URL leads to another chain.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int | None = None,
        timeout_seconds: float = 10.0,
        retries: int = 4,
        backoff_seconds: float = 0.2,
        max_backoff_seconds: float = 5.0,
        breaker_failures: int = 3,
        breaker_seconds: float = 30.0,
        max_reply_bytes: int = 64 << 20,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        if not urls:
            raise ConfigError("a chain needs at least one rpc URL")
        self._routes = [
            _Route(Endpoint(url, max_reply_bytes=max_reply_bytes, expected_chain_id=chain_id, clock=clock))
            for url in urls
        ]
        self._timeout_seconds = timeout_seconds
        self._retries = retries
        self._backoff_seconds = backoff_seconds
        self._max_backoff_seconds = max_backoff_seconds
        self._breaker_failures = breaker_failures
        self._breaker_seconds = breaker_seconds
        self._clock, self._sleep, self._random = clock, sleep, random
        self._ids = itertools.count(1)
        self._most_in_batch: int | None = None

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """The result of one call."""
        number = next(self._ids)
        call = {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
        body = json.dumps(call, separators=(",", ":")).encode()
        return self._ask(body, lambda reply: result_of(reply, number, method), repeatable=_is_repeatable(method))

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of several calls in order; the first error among them is raised. One exchange, but for nodes that
        take only so many calls at once."""
        outcomes = self.batch_outcomes(requests)
        for outcome in outcomes:
            if isinstance(outcome, RpcError):
                raise outcome
        return outcomes

    def batch_outcomes(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any | RpcError]:
        """As ``batch``, but a call that the node refused has its :class:`RpcError` in its place."""
        most = self._most_in_batch
        if most is not None and len(requests) > most:
            parts = [requests[at : at + most] for at in range(0, len(requests), most)]
            return [outcome for part in parts for outcome in self.batch_outcomes(part)]
        if not requests:
            return []
        try:
            return self._batch_outcomes(requests)
        except RpcError as error:
            # Providers bound how many calls one batch may hold, each at another number, and say so in their own words.
            if len(requests) == 1 or "batch" not in str(error).lower().removeprefix("batch: "):
                raise
            self._most_in_batch = len(requests) // 2
            return self.batch_outcomes(requests)

    def _batch_outcomes(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any | RpcError]:
        numbered = [(next(self._ids), method, list(params)) for method, params in requests]
        calls = [{"jsonrpc": "2.0", "id": number, "method": name, "params": given} for number, name, given in numbered]
        body = json.dumps(calls, separators=(",", ":")).encode()
        names = {number: method for number, method, _ in numbered}
        repeatable = all(map(_is_repeatable, names.values()))
        outcomes: list[Any | RpcError] = self._ask(body, lambda reply: results_of(reply, names), repeatable=repeatable)
        return outcomes

    def send_raw_transaction(self, raw: bytes) -> SentHash:
        """Hands over signed bytes. Repeating is harmless: the bytes are the same, so it can be mined only once.

        Raises:
            RpcError: the node refused it for another reason than the two of :class:`SentHash`.
            TransientError: the outcome is unknown; it may be mined yet.
        """
        from eth_utils.crypto import keccak

        transaction_hash = "0x" + keccak(raw).hex()
        try:
            answer = self.request("eth_sendRawTransaction", ["0x" + raw.hex()])
        except RpcError as error:
            words = str(error).lower()
            if any(known in words for known in _ALREADY_KNOWN):
                return SentHash(transaction_hash, "already_known")
            if any(low in words for low in _NONCE_TOO_LOW):
                return SentHash(transaction_hash, "nonce_too_low")
            raise
        if str(answer).lower() != transaction_hash:
            raise RpcError(f"the node answered transaction {transaction_hash} with another hash, {str(answer)[:80]}")
        return SentHash(transaction_hash, "accepted")

    def check_chain(self, expected_chain_id: int) -> None:
        """Asks every URL which chain it serves, and from now on every fresh connection.

        Raises:
            ConfigError: one of them serves another chain.
            TransientError: none of them answers.
        """
        faults: list[UnreachableError] = []
        body = b'{"jsonrpc":"2.0","id":0,"method":"eth_chainId","params":[]}'
        for route in self._routes:
            route.endpoint.expected_chain_id = expected_chain_id
            try:
                found = int(result_of(route.endpoint.post(body, self._timeout_seconds), 0, "eth_chainId"), 16)
            except UnreachableError as fault:
                faults.append(fault)
                continue
            if found != expected_chain_id:
                raise wrong_chain(route.endpoint.label, found, expected_chain_id)
        if len(faults) == len(self._routes):
            raise TransientError(_no_answer(faults))

    def close(self) -> None:
        """Closes the idle connections; the node can still be used."""
        for route in self._routes:
            route.endpoint.close()

    def _ask(self, body: bytes, parse: Callable[[bytes], Any], *, repeatable: bool) -> Any:
        faults: list[UnreachableError] = []
        tried: set[int] = set()
        for attempt in range(self._retries + 1):
            route = self._choose(tried)
            tried.add(id(route))
            try:
                answer = parse(route.endpoint.post(body, self._timeout_seconds))
            except UnreachableError as fault:
                self._note_failure(route)
                faults.append(fault)
            except RpcError as refusal:
                route.failures = 0
                raise _redacted(refusal, route.endpoint) from None
            else:
                route.failures = 0
                return _redacted(answer, route.endpoint)
            if not repeatable or attempt == self._retries:
                break
            if len(tried) == len(self._routes):
                tried.clear()
                self._sleep(self._pause_seconds(attempt, faults[-1]))
        raise TransientError(_no_answer(faults))

    def _choose(self, tried: set[int]) -> _Route:
        now = self._clock()
        fresh = [route for route in self._routes if id(route) not in tried]
        healthy = [route for route in fresh if route.closed_until <= now]
        return healthy[0] if healthy else min(fresh, key=lambda route: route.closed_until)

    def _note_failure(self, route: _Route) -> None:
        route.failures += 1
        if route.failures >= self._breaker_failures:
            route.closed_until = self._clock() + self._breaker_seconds

    def _pause_seconds(self, attempt: int, fault: UnreachableError) -> float:
        """Exponential with full jitter, but not before the server wants to be asked again."""
        ceiling = min(self._backoff_seconds * 2.0**attempt, self._max_backoff_seconds)
        pause = ceiling * self._random()
        return min(max(pause, fault.retry_after_seconds or 0.0), self._max_backoff_seconds)


def _redacted(answer: Any, endpoint: Endpoint) -> Any:
    """A node may repeat the URL's key in the text of its errors."""
    if isinstance(answer, RpcError):
        return RpcError(endpoint.redact(str(answer)), code=answer.code, data=answer.data)
    return [_redacted(each, endpoint) for each in answer] if isinstance(answer, list) else answer


def _is_repeatable(method: str) -> bool:
    return not method.startswith(_UNREPEATABLE)


def _no_answer(faults: Sequence[UnreachableError]) -> str:
    reasons = list(dict.fromkeys(str(fault) for fault in faults))
    return f"no answer after {len(faults)} attempt{'s' if len(faults) > 1 else ''}: {'; '.join(reasons)}"

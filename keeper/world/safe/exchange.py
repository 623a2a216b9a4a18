"""HTTP with the Safe Transaction Service: one deadline for each exchange, bounded retries, bounded bodies.

httpx limits each read, not the whole: a server that sends one byte a second would be waited for without end. So a
watchdog shuts the socket of an exchange down when its time is over.
"""

from __future__ import annotations

import contextlib
import json
import random as random_module
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from keeper.errors import ConfigError, ServiceRefusedError, TransientError
from keeper.redaction import never_show, printable, redact
from keeper.world.chain.replies import is_too_deep

MOST_REPLY_BYTES: Final = 8 << 20
_RETRIES: Final = 3
_FIRST_PAUSE_SECONDS: Final = 0.5
_SHOWN_CHARACTERS: Final = 300
_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class _UnansweredError(TransientError):
    """One attempt had no usable answer. ``wait_seconds``: what the service asked for."""

    def __init__(self, message: str, wait_seconds: float = 0.0) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Reply:
    """A status below 400, or 404, and its JSON (None where there is none)."""

    status: int
    document: Any


class Exchange:
    """The service at one URL. ``timeout_seconds`` bounds an attempt; all attempts at one question together are bounded
    by three times as much. ``label`` (scheme and host) is all of the URL that is ever shown."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_seconds: float = 10.0,
        client: httpx.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._root, self.label = _root_and_label(url)
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "range-keeper"}
        if api_key:
            if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
                raise ConfigError("the Safe service's API key has letters that no key has: correct the environment")
            never_show(api_key)
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._timeout_seconds = timeout_seconds
        # No proxy and no .netrc out of the environment: what carries the key is only what was configured. No connection
        # is kept: the watchdog must know the socket of each exchange, and there is one every few minutes.
        self._client = client or httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
        self._clock, self._sleep, self._random = clock, sleep, random

    def ask(self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Any = None) -> Reply:
        """One question, asked again where it got no answer: repeating is harmless for all that the service offers.

        Raises:
            ServiceRefusedError: it will not have the question.
            TransientError: no usable answer within the bounds; whether a POST took effect is then unknown.
        """
        deadline = self._clock() + 3 * self._timeout_seconds
        for attempt in range(_RETRIES + 1):
            try:
                return self._attempt(method, path, params, body, deadline)
            except _UnansweredError as fault:
                pause = max(_FIRST_PAUSE_SECONDS * 2**attempt * self._random(), fault.wait_seconds)
                if attempt == _RETRIES or self._clock() + pause >= deadline:
                    raise TransientError(str(fault)) from None
                self._sleep(pause)
        raise AssertionError("unreachable")

    def same_host(self, url: str) -> bool:
        """Whether another URL of the service's leads to the same host (scheme and path change behind many a proxy)."""
        try:
            own, other = urlsplit(self._root), urlsplit(url)
            return own.hostname == other.hostname and other.port in (None, own.port)
        except ValueError:
            return False

    def close(self) -> None:
        """Lets go of the client."""
        self._client.close()

    def _attempt(self, method: str, path: str, params: Mapping[str, str] | None, body: Any, deadline: float) -> Reply:
        seconds = max(0.05, min(self._timeout_seconds, deadline - self._clock()))
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        with _Watchdog(seconds) as watchdog:
            request = self._client.build_request(
                method, self._root + path, params=params, headers=headers, content=content, timeout=seconds,
                extensions={"trace": watchdog.trace},
            )  # fmt: skip
            try:
                response = self._client.send(request, stream=True, follow_redirects=False)
                try:
                    raw = self._read(response)
                finally:
                    response.close()
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                late = watchdog.has_struck or isinstance(error, httpx.TimeoutException)
                what = "did not answer in time" if late else f"did not answer ({type(error).__name__})"
                raise _UnansweredError(f"the Safe service {self.label} {what}") from None
        return self._judged(response, raw)

    def _read(self, response: httpx.Response) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _UnansweredError(f"the Safe service {self.label} sent a compressed answer, unasked")
        pieces, size = [], 0
        for piece in response.iter_raw():
            size += len(piece)
            if size > MOST_REPLY_BYTES:
                raise _UnansweredError(f"the Safe service {self.label} sent more than {MOST_REPLY_BYTES} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def _judged(self, response: httpx.Response, raw: bytes) -> Reply:
        status = response.status_code
        if status in _LATER or status >= 500:
            asked = response.headers.get("Retry-After", "")
            wait = float(asked) if asked.isdecimal() and len(asked) < 6 else 0.0
            busy = "asks to be asked less often" if status == 429 else "cannot answer now"
            raise _UnansweredError(f"the Safe service {self.label} {busy} (HTTP {status})", wait)
        if status in (401, 403):
            raise ServiceRefusedError(
                f"the Safe service {self.label} refuses access (HTTP {status}): set the environment variable that "
                "`safe.api_key_env` names to a key of this service",
                status=status,
            )
        if 300 <= status < 400:
            raise ServiceRefusedError(
                f"the Safe service {self.label} leads elsewhere (HTTP {status}): correct `safe.service_url`",
                status=status,
            )
        document = self._parsed(raw) if status < 400 or status == 404 else None
        if status >= 400 and status != 404:
            raise ServiceRefusedError(
                f"the Safe service {self.label} refused (HTTP {status}): {_own_words(raw)}", status=status
            )
        return Reply(status, document)

    def _parsed(self, raw: bytes) -> Any:
        if not raw.strip():
            return None
        try:
            if is_too_deep(raw):
                raise ValueError
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise _UnansweredError(f"the Safe service {self.label} answered with something else than JSON") from None


class _Watchdog:
    """Shuts down whatever socket the exchange has when the time is over. httpcore tells of each socket it opens."""

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._strike)
        self._timer.daemon = True
        self._stream: Any = None
        self.has_struck = False

    def __enter__(self) -> _Watchdog:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = info["return_value"]
            if self.has_struck:
                self._strike()

    def _strike(self) -> None:
        self.has_struck = True
        line = None if self._stream is None else self._stream.get_extra_info("socket")
        if line is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(
                    line, socket.SHUT_RDWR
                )  # not TLS's own, which another thread is in the middle of


def _root_and_label(url: str) -> tuple[str, str]:
    """The URL without what the paths begin with, and what of it may be shown."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host.isprintable() or " " in host or not host or parts.query:
        raise ConfigError(
            "safe.service_url is not a URL of the form https://host/…, without what begins with /api (it is not shown: "
            "it may hold a key)"
        )
    label = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
    never_show(*(piece for piece in (parts.username, parts.password) if piece))
    return url.rstrip("/").removesuffix("/api"), label


def _own_words(raw: bytes) -> str:
    """The service's sentence: the texts of its JSON, printable and short."""
    try:
        document = None if is_too_deep(raw) else json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    text = " ".join(_texts(document)) or raw[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
    shown = " ".join(printable(redact(text, keep_hashes=True)).split())
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[: _SHOWN_CHARACTERS - 1] + "…"


def _texts(document: Any) -> list[str]:
    if isinstance(document, dict):
        known = ("nonFieldErrors", "detail", "message")
        return [
            text if name in known else f"{name}: {text}" for name, each in document.items() for text in _texts(each)
        ]
    if isinstance(document, list):
        return [text for each in document for text in _texts(each)]
    return [] if document is None else [str(document)]

"""One JSON-RPC URL: kept-open connections, one deadline for each whole exchange, a limit on what may come back.

The standard library's HTTP client answers a small call in a third of the time of httpx, and a deadline that also
holds against a server that sends one byte a second needs the socket itself.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import select
import socket
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from keeper.errors import ConfigError, TransientError

_READ_BYTES = 1 << 18
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class UnreachableError(TransientError):
    """No usable answer came. ``retry_after_seconds`` is what the server asked for, if it did."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class _DeadlineSocket:
    """A socket on which everything until ``deadline`` shares one time limit, however slowly the bytes drip.

    Has what ``http.client`` asks of a socket. As with a real one, closing it takes effect when nothing reads any more.
    """

    def __init__(self, inner: socket.socket, clock: Callable[[], float]) -> None:
        self.deadline = 0.0
        self._inner = inner
        self._clock = clock
        self._readers = 0
        self._closing = False

    def arm(self) -> socket.socket:
        """The socket with what is left of the time."""
        left = self.deadline - self._clock()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._inner.settimeout(left)
        return self._inner

    def sendall(self, data: bytes) -> None:
        self.arm().sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_Reader(self), 1 << 16)

    def is_stale(self) -> bool:
        """Whether the other side has closed it (or said something nobody asked for)."""
        poll = select.poll()
        poll.register(self._inner, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        self._closing = True
        self.release(0)

    def release(self, readers: int) -> None:
        """So many readers are done."""
        self._readers -= readers
        if self._closing and self._readers <= 0:
            self._inner.close()


class _Reader(io.RawIOBase):
    """What one response reads through."""

    def __init__(self, source: _DeadlineSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.arm().recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            self._source.release(1)
        super().close()


@dataclass(frozen=True, slots=True)
class _Line:
    """An open connection and the socket under it."""

    http: http.client.HTTPConnection
    channel: _DeadlineSocket


class Endpoint:
    """One URL. ``label`` is its scheme and host: the rest of a URL often holds an API key and is never shown."""

    def __init__(
        self,
        url: str,
        *,
        max_reply_bytes: int,
        expected_chain_id: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:  # its words repeat the URL
            raise _no_url() from None
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host.isprintable() or not host or " " in host:
            raise _no_url()
        self.label = f"{parts.scheme}://{parts.hostname}" + ("" if port is None else f":{port}")
        self.expected_chain_id = expected_chain_id
        self._host, self._port, self._secure = host, port, parts.scheme == "https"
        pieces = [*re.split(r"[/?&=]", f"{parts.path}?{parts.query}"), parts.username or "", parts.password or ""]
        self._secrets = [piece for piece in pieces if len(piece) >= 8]
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json", "User-Agent": "range-keeper"}
        if parts.username is not None:
            self._headers["Authorization"] = _basic(parts.username, parts.password or "")
        # Most of a reply's bytes are zeros: worth compressing on a network, a waste on the same machine.
        self._headers["Accept-Encoding"] = "identity" if parts.hostname in _LOOPBACK else "gzip"
        self._max_reply_bytes = max_reply_bytes
        self._clock = clock
        self._idle: list[_Line] = []
        self._tls = ssl.create_default_context() if self._secure else None

    def post(self, body: bytes, timeout_seconds: float) -> bytes:
        """The reply's body. Each fresh connection first proves that it leads to the expected chain.

        Raises:
            UnreachableError: no, late, broken, refused or too large an answer.
            ConfigError: the URL leads to another chain.
        """
        deadline = self._clock() + timeout_seconds
        line = self._take(deadline)
        try:
            reply = self._exchange(line, body, deadline)
        except BaseException:
            line.http.close()
            raise
        if line.http.sock is not None:
            self._idle.append(line)
        return reply

    def redact(self, text: str) -> str:
        """``text`` without any part of the URL that could be a key, should the server repeat it."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def close(self) -> None:
        """Closes every idle connection."""
        while self._idle:
            self._idle.pop().http.close()

    def _take(self, deadline: float) -> _Line:
        while self._idle:
            try:
                line = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if not line.channel.is_stale():
                return line
            line.http.close()
        return self._open(deadline)

    def _open(self, deadline: float) -> _Line:
        left = max(deadline - self._clock(), 0.001)
        connection: http.client.HTTPConnection
        if self._tls is not None:
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=left, context=self._tls)
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=left)
        try:
            connection.connect()
            line = _Line(connection, _DeadlineSocket(connection.sock, self._clock))
            connection.sock = line.channel
            if self.expected_chain_id is not None:
                self._prove_chain(line, deadline, self.expected_chain_id)
        except OSError as error:
            connection.close()
            raise UnreachableError(f"{self.label} cannot be reached: {_reason(error)}") from None
        except BaseException:
            connection.close()
            raise
        return line

    def _prove_chain(self, line: _Line, deadline: float, expected: int) -> None:
        question = b'{"jsonrpc":"2.0","id":0,"method":"eth_chainId","params":[]}'
        reply = self._exchange(line, question, deadline)
        try:
            found = int(json.loads(reply)["result"], 16)
        except (ValueError, KeyError, TypeError):
            raise UnreachableError(f"{self.label} did not say which chain it is") from None
        if found != expected:
            raise wrong_chain(self.label, found, expected)

    def _exchange(self, line: _Line, body: bytes, deadline: float) -> bytes:
        line.channel.deadline = deadline
        try:
            line.http.request("POST", self._target, body, self._headers)
            response = line.http.getresponse()
            reply = self._read(response)
        except (OSError, http.client.HTTPException, zlib.error) as error:
            raise UnreachableError(f"{self.label} did not answer: {_reason(error)}") from None
        if response.status != 200:
            _check_status(self.label, response, reply)
        return reply

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_READ_BYTES):
            size += len(piece)
            if size > self._max_reply_bytes:
                raise UnreachableError(f"{self.label} sent more than {self._max_reply_bytes} bytes")
            pieces.append(piece)
        response.close()
        reply = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if response.getheader("Content-Encoding") != "gzip":
            return reply
        inflate = zlib.decompressobj(31)
        reply = inflate.decompress(reply, self._max_reply_bytes)
        if inflate.unconsumed_tail:
            raise UnreachableError(f"{self.label} sent more than {self._max_reply_bytes} bytes")
        return reply


def _no_url() -> ConfigError:
    return ConfigError(
        "an rpc entry is not a URL of the form https://host[:port]/…; correct it (not shown: it may hold a key)"
    )


def wrong_chain(label: str, found: int, expected: int) -> ConfigError:
    """The sentence for a URL that leads to another chain than the configuration says."""
    return ConfigError(
        f"{label} serves chain id {found}, the configuration says {expected}: correct `chain_id` or the rpc URL"
    )


def _check_status(label: str, response: http.client.HTTPResponse, reply: bytes) -> None:
    if response.status == 400 and reply.lstrip().startswith((b"{", b"[")):
        return  # some nodes send a JSON-RPC error with this status
    if response.status in (401, 403):
        raise UnreachableError(f"{label} refuses access (HTTP {response.status}): check the key in its rpc URL")
    asked = response.getheader("Retry-After") or ""
    wait = float(asked) if asked.isdecimal() else None
    busy = "too many requests" if response.status == 429 else "cannot answer now"
    raise UnreachableError(f"{label}: {busy} (HTTP {response.status})", retry_after_seconds=wait)


def _basic(user: str, password: str) -> str:
    import base64
    from urllib.parse import unquote

    return "Basic " + base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()


def _reason(error: Exception) -> str:
    """What went wrong without any text of the request: only the kind, and the system's own words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, http.client.RemoteDisconnected):
        return "it closed the connection"
    return type(error).__name__

"""Asking a node no faster than the operator allows, from however many threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from keeper.errors import RpcError


class BatchNode(Protocol):
    """A node that answers calls one by one or in batches."""

    def request(self, method: str, params: Sequence[Any]) -> Any: ...

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]: ...

    def batch_outcomes(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any | RpcError]: ...

    def send_raw_transaction(self, raw: bytes) -> str: ...


class PacedNode:
    """A node that is asked at most so many calls a second, each call of a batch counting. Implements ``Node``."""

    def __init__(
        self,
        inner: BatchNode,
        requests_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inner = inner
        self._seconds_each = 1.0 / requests_per_second
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._free_at = 0.0
        self.asked = 0

    def request(self, method: str, params: Sequence[Any]) -> Any:
        self._wait(1)
        return self._inner.request(method, params)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        self._wait(len(requests))
        return self._inner.batch(requests)

    def batch_outcomes(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any | RpcError]:
        self._wait(len(requests))
        return self._inner.batch_outcomes(requests)

    def send_raw_transaction(self, raw: bytes) -> str:
        self._wait(1)
        return self._inner.send_raw_transaction(raw)

    def _wait(self, calls: int) -> None:
        """Until it is this one's turn; the next one's comes when the time of all its calls has passed."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._free_at)
            self._free_at = turn + calls * self._seconds_each
            self.asked += calls
        if turn > now:
            self._sleep(turn - now)

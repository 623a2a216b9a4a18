"""A node that knows no ``eth_simulateV1``, as many still do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keeper.errors import RpcError
from keeper.world.protocols import Node


class CannotSimulate:
    """A node that knows no ``eth_simulateV1``."""

    def __init__(self, inner: Node) -> None:
        self._inner = inner
        self.asked = 0

    def request(self, method: str, params: Sequence[Any]) -> Any:
        return self._inner.request(method, params)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        if any(method == "eth_simulateV1" for method, _ in requests):
            self.asked += 1
            raise RpcError("the method eth_simulateV1 does not exist/is not available", code=-32601)
        return self._inner.batch(requests)

    def send_raw_transaction(self, raw: bytes) -> str:
        return self._inner.send_raw_transaction(raw)

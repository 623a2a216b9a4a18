"""Reading in public, sending in private: signed transactions go to one relay and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keeper.world.protocols import Node


class PrivatelySent:
    """Implements ``Node``: asks ``public``, and hands signed transactions to ``private`` alone.

    There is no falling back: where the relay does not answer, the transaction is still pending and offered to it again,
    since the public pool is what an operator who names a relay means to avoid.
    """

    def __init__(self, public: Node, private: Node) -> None:
        self._public, self._private = public, private

    def request(self, method: str, params: Sequence[Any]) -> Any:
        """As the public node's."""
        return self._public.request(method, params)

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """As the public node's."""
        return self._public.batch(requests)

    def send_raw_transaction(self, raw: bytes) -> str:
        """As the relay's."""
        return self._private.send_raw_transaction(raw)

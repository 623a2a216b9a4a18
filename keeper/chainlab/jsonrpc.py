"""JSON-RPC to the local chain over one open connection.

The operator's node is reached through ``world.chain``, with deadlines, retries and failover. A local chain needs none
of these, and the market driver makes thousands of small calls a second: here the standard library is the fastest.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Sequence
from typing import Any, Protocol

from keeper.errors import RpcError, TransientError

CALL_SECONDS = 60.0
_HEADERS = {"Content-Type": "application/json"}


class Rpc(Protocol):
    """Anything that answers JSON-RPC: ``rpc(method, *params)`` returns the result or raises :class:`RpcError`."""

    def __call__(self, method: str, /, *params: Any) -> Any: ...


class Connection:
    """One keep-alive HTTP connection, safe to share between threads."""

    def __init__(self, host: str, port: int) -> None:
        self._http = http.client.HTTPConnection(host, port, timeout=CALL_SECONDS)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def call(self, method: str, params: Sequence[Any]) -> Any:
        """The result of ``method``.

        Raises:
            RpcError: the node answered with an error; carries its code and data.
            TransientError: it did not answer, or not in JSON.
        """
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        with self._lock:
            reply = self._exchange(method, body)
        error = reply.get("error")
        if error is not None:
            data = error.get("data")
            message = f"{method}: {error.get('message', error)}"
            raise RpcError(message, code=error.get("code"), data=data if isinstance(data, str) else None)
        return reply.get("result")

    def _exchange(self, method: str, body: bytes) -> dict[str, Any]:
        try:
            self._http.request("POST", "/", body, _HEADERS)
            reply = json.loads(self._http.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._http.close()  # a half-read reply must not answer the next call
            raise TransientError(f"the local chain did not answer {method}: {error or type(error).__name__}") from error
        if not isinstance(reply, dict):
            raise TransientError(f"the local chain answered {method} with nonsense")
        return reply

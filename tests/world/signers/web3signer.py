"""A stand-in for Web3Signer's eth1 JSON-RPC on a real socket: it signs what it is asked to, or lies in one way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; ``call`` is what was asked."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    call: Any

    def do_POST(self) -> None:
        server: Web3Signer = self.server  # type: ignore[assignment]
        self.call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(self.call["method"])
        if self.call["method"] == "eth_accounts":
            self.reply({"result": server.accounts})
        else:
            (server.lie or honest)(self)

    @property
    def signer(self) -> Web3Signer:
        server: Web3Signer = self.server  # type: ignore[assignment]
        return server

    def reply(self, outcome: dict[str, Any], **changes: Any) -> None:
        self.send(json.dumps({"jsonrpc": "2.0", "id": self.call["id"], **outcome, **changes}).encode())

    def send(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


def signed(request: Request, account: LocalAccount | None = None, **changes: Any) -> str:
    """Sign as Web3Signer does: from the request's fields, with the chain id that it was configured with."""
    (asked,) = request.call["params"]
    numbers = ("nonce", "gas", "maxFeePerGas", "maxPriorityFeePerGas", "value")
    fields: dict[str, Any] = {name: int(asked[name], 16) for name in numbers}
    fields |= {"type": 2, "chainId": request.signer.chain_id, "to": asked["to"], "data": asked["data"], **changes}
    fields["to"] = to_checksum_address(fields["to"])
    key = account or request.signer.account
    return "0x" + bytes(key.sign_transaction(fields).raw_transaction).hex()


def signed_typed(request: Request, account: LocalAccount | None = None, **changes: Any) -> str:
    """Sign EIP-712 data as Web3Signer does: of two parameters, the second a text that holds JSON."""
    address, text = request.call["params"]
    assert isinstance(text, str), "eth_signTypedData should have a list of 2 strings"
    key = account or request.signer.account
    assert address.lower() == str(request.signer.account.address).lower()
    typed = json.loads(text)
    typed["message"] |= changes
    return "0x" + bytes(key.sign_message(encode_typed_data(full_message=typed)).signature).hex()


def honest(request: Request) -> None:
    sign = signed_typed if request.call["method"] == "eth_signTypedData" else signed
    request.reply({"result": sign(request)})


class Web3Signer(ThreadingHTTPServer):
    """Holds one key; ``lie`` answers in its place."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, account: LocalAccount, chain_id: int = 31337, lie: Answer | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.account, self.chain_id, self.lie = account, chain_id, lie
        self.accounts: Any = [str(account.address).lower()]
        self.asked: list[str] = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()

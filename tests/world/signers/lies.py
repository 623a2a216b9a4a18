"""Every way in which a remote signer may answer wrongly, and what the keeper says to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from eth_account import Account

from keeper.errors import KeeperError, SigningRefusedError, TransientError
from tests.world.signers.scene import ATTACKER
from tests.world.signers.web3signer import Answer, Request, signed, signed_typed

STRANGER = Account.from_key(b"\x0b" * 32)
CANARY: Final = "canary0123456789abcdef"


def result(make: Callable[[Request], object]) -> Answer:
    return lambda request: request.reply({"result": make(request)})


def hang(request: Request) -> None:
    request.signer.released.wait(20)


def drip(request: Request) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    for _ in range(40):
        if request.signer.released.wait(0.5):
            return
        try:
            request.wfile.write(b" ")
        except OSError:
            return


def drop(request: Request) -> None:
    request.close_connection = True
    request.connection.close()


# Name -> the answer, the error it must lead to, and a part of its sentence.
LIES: dict[str, tuple[Answer, type[KeeperError], str]] = {
    "another recipient": (result(lambda r: signed(r, to=ATTACKER)), SigningRefusedError, "another transaction"),
    "another value": (result(lambda r: signed(r, value=1)), SigningRefusedError, "another transaction"),
    "another nonce": (result(lambda r: signed(r, nonce=77)), SigningRefusedError, "another transaction"),
    "another chain": (result(lambda r: signed(r, chainId=1)), SigningRefusedError, "another transaction"),
    "a higher fee": (result(lambda r: signed(r, maxFeePerGas=10**12)), SigningRefusedError, "another transaction"),
    "more gas": (result(lambda r: signed(r, gas=9_000_000)), SigningRefusedError, "another transaction"),
    "other calldata": (result(lambda r: signed(r, data="0x12345678")), SigningRefusedError, "another transaction"),
    "an access list": (
        result(lambda r: signed(r, accessList=[{"address": ATTACKER, "storageKeys": []}])),
        SigningRefusedError,
        "something else than a signed transaction",
    ),
    "another key": (result(lambda r: signed(r, STRANGER)), SigningRefusedError, f"signature of {STRANGER.address}"),
    "not hex": (result(lambda _: "0xzz"), SigningRefusedError, "something else than a signed transaction"),
    "no text": (result(lambda _: {"raw": "0x02"}), SigningRefusedError, "something else than a signed transaction"),
    "nothing": (result(lambda _: None), SigningRefusedError, "something else than a signed transaction"),
    "empty": (result(lambda _: "0x"), SigningRefusedError, "something else than a signed transaction"),
    "cut off": (result(lambda r: signed(r)[:-2]), SigningRefusedError, "something else than a signed transaction"),
    "more than one": (result(lambda r: signed(r) * 2), SigningRefusedError, "something else than a signed transaction"),
    "an error": (
        lambda r: r.reply({"error": {"code": -32000, "message": f"not unlocked {CANARY}"}}),
        TransientError,
        "refused: not unlocked",
    ),
    "another request's": (lambda r: r.reply({"result": signed(r)}, id=2), TransientError, "another request than ours"),
    "half JSON": (lambda r: r.send(b'{"jsonrpc": "2.0", "id": 1, "res'), TransientError, "else than JSON-RPC"),
    "no JSON": (lambda r: r.send(b"<html>hello</html>"), TransientError, "else than JSON-RPC"),
    "a list": (lambda r: r.send(b"[]"), TransientError, "else than JSON-RPC"),
    "no access": (lambda r: r.send(b"{}", 401), TransientError, "refuses access"),
    "out of order": (lambda r: r.send(b"", 503), TransientError, "cannot answer now"),
    "too much": (lambda r: r.send(b" " * (1 << 21)), TransientError, "sent more than"),
    "dropped": (drop, TransientError, "did not answer"),
    "slow": (hang, TransientError, "no answer in time"),
    "dripping": (drip, TransientError, "no answer in time"),
}

# The same where a Safe's transaction is to be signed.
SAFE_LIES: dict[str, tuple[Answer, type[KeeperError], str]] = {
    "another target": (result(lambda r: signed_typed(r, to=ATTACKER)), SigningRefusedError, "a signature of"),
    "a delegated call": (result(lambda r: signed_typed(r, operation=0)), SigningRefusedError, "a signature of"),
    "another nonce": (result(lambda r: signed_typed(r, nonce="77")), SigningRefusedError, "a signature of"),
    "another key": (result(lambda r: signed_typed(r, STRANGER)), SigningRefusedError, STRANGER.address),
    "a transaction": (result(lambda _: "0x02c0"), SigningRefusedError, "something else than a signature"),
    "cut off": (result(lambda r: signed_typed(r)[:-2]), SigningRefusedError, "something else than a signature"),
    "no text": (result(lambda _: None), SigningRefusedError, "something else than a signature"),
    "not hex": (result(lambda _: "0xzz"), SigningRefusedError, "something else than a signature"),
    "an error": (lambda r: r.reply({"error": {"code": -32602, "message": "bad"}}), TransientError, "refused: bad"),
    "another request's": (lambda r: r.reply({"result": signed_typed(r)}, id=2), TransientError, "another request"),
    "dropped": (drop, TransientError, "did not answer"),
    "slow": (hang, TransientError, "no answer in time"),
}

"""A conversation with the real service (version 6.10.1), recorded on a local chain: what was asked, what it answered.

The keys are the well-known ones of every local chain. Figures that depend on the moment or on the price of gas are
named in ``VOLATILE`` and compared by kind only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

CHAIN_ID = 31337
SAFE = "0x611c387C57116F3578E9623a5cF85b70D46Ca838"
OWNERS = [
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
]
DELEGATE = "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"
EXECUTOR = "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"
PAYEE = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"
SINGLETON = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
HANDLER = "0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0"
MULTI_SEND = "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9"
TOKEN = "0xdc64a140aa3e981100a9beca4e685f962f0cf6c9"
ZERO = "0x" + "00" * 20
RECORDED_AT = 1_795_243_525.9
"""UNIX time of the first proposal: delegates and deletions are signed over the hour."""

HASH = "0x1b85e00f94dd290da63ac8dfe8edb046a08e11a032b6eb8712375e07b5439c59"
WRONG_HASH = "0x" + "11" * 32
OTHER_HASH = "0xc2d957a03ac0deb2a8bbc0cabfae68d848b81605229d368de99dbe43e9be1311"
EXECUTED_IN = "0x169fc98e45b582e51698e33a59c0050e62f523c712837a7a33b8bc99ea99a01c"
BY_DELEGATE = (
    "0xeb3c7add160189aa629165581717dae9cdd98cae8083422d17396cf7e87822412607abba02bca576fb566201b688ef96f5b94041369872575a"
    "50eaac5dea13fc1b"
)
BY_FIRST = (
    "0xa47f299ec51b795719c7e2aacc463838f43e394908e563821a7460e9eb9d34ac0451ec2429eeced794a52d7e4861fd971312e1329a2fbae886"
    "1345c0da57770b1b"
)
BY_SECOND = (
    "0x8799d6325edc36506eab774e6ccad6d2381588ad7753d3a8ee7dc2aab228c30a62a20292c0295f6e7871369729a2cdd7e9b6485f49696fae00"
    "2f0a411e881fd91c"
)
DELEGATION = (
    "0xc63946b9fc19dca969b99708b40156273f3c178e355d1f3aad1142adf1023f46577d459232dcab5db6d950f211cee5e7f5464cfced77513a5f"
    "da6c697ab7e22c1c"
)
OTHER_BY_DELEGATE = (
    "0x46962583823b921671d4b0131260cc5370c5a6793867e89d58deb0c15801e542168ad5d20d4d55e68a32d99b1392357e31163ab53d0d71c389"
    "85305ea7233d581c"
)
DELETION = (
    "0x279fcd76d1cd03046bf3000730a9a4e077174e8ec3ded23164585e3322b37a4b0a81cfbcbebc04c9644e784f26bbf789f8fe9873ede4ee631e"
    "9d2292dd6c0dad1c"
)


def _word(value: int) -> str:
    return f"{value:064x}"


_TRANSFER = "a9059cbb" + "00" * 12 + PAYEE[2:].lower() + _word(5)
_PACKED = 2 * ("00" + TOKEN[2:] + _word(0) + _word(0x44) + _TRANSFER)
BATCH = "0x8d80ff0a" + _word(32) + _word(len(_PACKED) // 2) + _PACKED + "00" * 14
"""multiSend of two transfers of five units each."""

ORIGIN = '{"name": "lp-keeper", "url": "https://example"}'
_OF_THE_MOMENT = ("submissionDate", "modified", "executionDate", "blockNumber", "transactionHash", "host")
VOLATILE = frozenset({*_OF_THE_MOMENT, "ethGasPrice", "gasUsed", "fee"})

_ASKED = {
    "to": MULTI_SEND, "value": 0, "data": BATCH, "operation": 1, "gasToken": ZERO, "safeTxGas": 0, "baseGas": 0,
    "gasPrice": 0, "refundReceiver": ZERO, "nonce": 0, "contractTransactionHash": HASH, "sender": OWNERS[0],
    "signature": None, "origin": ORIGIN,
}  # fmt: skip
_BY_DELEGATE = {**_ASKED, "sender": DELEGATE, "signature": BY_DELEGATE}
_STRANGER = f"Sender={DELEGATE} is not an owner or delegate. Current owners={OWNERS}. Delegates=set()"
_NOTHING: dict[str, Any] = dict.fromkeys(
    ("executionDate", "blockNumber", "transactionHash", "executor", "isSuccessful", "ethGasPrice", "maxFeePerGas",
     "maxPriorityFeePerGas", "gasUsed", "fee", "payment", "dataDecoded", "signatures")
)  # fmt: skip
_PROPOSED = {
    **_NOTHING,
    "safe": SAFE, "to": MULTI_SEND, "value": "0", "data": BATCH, "operation": 1, "gasToken": ZERO, "safeTxGas": "0",
    "baseGas": "0", "gasPrice": "0", "refundReceiver": ZERO, "nonce": "0",
    "submissionDate": "2026-11-21T06:45:25.894734Z", "modified": "2026-11-21T06:45:26.050799Z", "safeTxHash": HASH,
    "proposer": OWNERS[0], "proposedByDelegate": None, "isExecuted": False,
    "origin": '{"url": "https://example", "name": "lp-keeper"}', "confirmationsRequired": 2, "confirmations": [],
    "trusted": True,
}  # fmt: skip
_CONFIRMED = {
    **_PROPOSED,
    "confirmations": [
        {
            "owner": owner, "submissionDate": "2026-11-21T06:45:26.243991Z", "transactionHash": None,
            "signature": signature, "signatureType": "EOA",
        }
        for owner, signature in ((OWNERS[0], BY_FIRST), (OWNERS[1], BY_SECOND))
    ],
}  # fmt: skip
_EXECUTED = {
    **_CONFIRMED,
    "executionDate": "2026-11-21T06:45:26Z", "blockNumber": 14, "transactionHash": EXECUTED_IN, "executor": EXECUTOR,
    "isExecuted": True, "isSuccessful": True, "ethGasPrice": "1192715821", "gasUsed": 127244, "fee": "151765931927324",
    "payment": "0", "signatures": BY_SECOND + BY_FIRST[2:],
}  # fmt: skip
_EXECUTED_V1 = {**_EXECUTED, "safeTxGas": 0, "baseGas": 0, "nonce": 0}
_DELEGATED = {"safe": SAFE, "delegate": DELEGATE, "delegator": OWNERS[0], "label": "keeper"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange. ``answer`` None: an empty body."""

    method: str
    path: str
    status: int
    body: Any = None
    answer: Any = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path} {self.status}"


def _list(*rows: Any, unique: bool = True) -> dict[str, Any]:
    page = {"count": len(rows), "next": None, "previous": None, "results": list(rows)}
    return {**page, "countUniqueNonce": len(rows)} if unique else page


_SAFES = f"/safes/{SAFE}/"
_TXS = f"{_SAFES}multisig-transactions/"
_TX = f"/multisig-transactions/{HASH}/"
_OTHER = f"/api/v2/multisig-transactions/{OTHER_HASH}/"
_REFUSED_SIGNER = f"Signer={DELEGATE} is not an owner. Current owners={OWNERS}"
_DONE = f"Tx with safe-tx-hash={HASH} for safe={SAFE} was already executed in tx-hash={EXECUTED_IN}"

BEFORE_EXECUTION = [
    Recorded(
        "GET", "/api/v1/about/", 200, None,
        {"name": "Safe Transaction Service", "version": "6.10.1", "api_version": "v1", "secure": False,
         "host": "127.0.0.1:58888", "headers": []},
    ),
    Recorded(
        "GET", f"/api/v1{_SAFES}", 200, None,
        {"address": SAFE, "nonce": "0", "threshold": 2, "owners": OWNERS, "masterCopy": SINGLETON, "modules": [],
         "fallbackHandler": HANDLER, "guard": ZERO, "moduleGuard": ZERO, "version": "1.4.1"},
    ),
    Recorded("POST", f"/api/v2{_TXS}", 422, {**_BY_DELEGATE, "signature": None}, {"nonFieldErrors": [_STRANGER]}),
    Recorded("POST", f"/api/v2{_TXS}", 422, _BY_DELEGATE, {"nonFieldErrors": [_STRANGER]}),
    Recorded(
        "POST", f"/api/v2{_TXS}", 422, {**_ASKED, "contractTransactionHash": WRONG_HASH},
        {"nonFieldErrors": [
            f"Contract-transaction-hash={HASH} does not match provided contract-tx-hash={WRONG_HASH}"]},
    ),
    Recorded("POST", f"/api/v2{_TXS}", 201, _ASKED),
    Recorded(
        "POST", "/api/v2/delegates/", 201, {**_DELEGATED, "signature": DELEGATION},
        {**_DELEGATED, "signature": DELEGATION, "expiryDate": None},
    ),
    Recorded(
        "GET", f"/api/v2/delegates/?safe={SAFE}", 200, None, _list({**_DELEGATED, "expiryDate": None}, unique=False)
    ),
    Recorded("POST", f"/api/v2{_TXS}", 201, _BY_DELEGATE),
    Recorded("POST", f"/api/v2{_TXS}", 201, _BY_DELEGATE),
    Recorded("GET", f"/api/v2{_TX}", 200, None, _PROPOSED),
    Recorded("GET", f"/api/v2{_TXS}?executed=false&nonce__gte=0&trusted=true", 200, None, _list(_PROPOSED)),
    Recorded("POST", f"/api/v1{_TX}confirmations/", 201, {"signature": BY_FIRST}, {"signature": BY_FIRST}),
    Recorded("POST", f"/api/v1{_TX}confirmations/", 201, {"signature": BY_SECOND}, {"signature": BY_SECOND}),
    Recorded("POST", f"/api/v1{_TX}confirmations/", 400, {"signature": BY_DELEGATE}, {"signature": [_REFUSED_SIGNER]}),
    Recorded("GET", f"/api/v2{_TX}", 200, None, _CONFIRMED),
]  # fmt: skip
AFTER_EXECUTION = [
    Recorded("GET", f"/api/v2{_TX}", 200, None, _EXECUTED),
    Recorded("POST", f"/api/v2{_TXS}", 422, _BY_DELEGATE, {"nonFieldErrors": [_DONE]}),
    Recorded(
        "POST", f"/api/v2{_TXS}", 201,
        {**_BY_DELEGATE, "to": PAYEE, "data": None, "operation": 0, "nonce": 1, "contractTransactionHash": OTHER_HASH,
         "signature": OTHER_BY_DELEGATE},
    ),
    Recorded("DELETE", _OTHER, 204, {"safeTxHash": OTHER_HASH, "signature": DELETION}),
    Recorded("GET", _OTHER, 404, None, {"detail": "No MultisigTransaction matches the given query."}),
    Recorded(
        "POST", f"/api/v1{_TXS}estimations/", 200, {"to": MULTI_SEND, "value": 0, "data": BATCH, "operation": 1},
        {"safeTxGas": "0"},
    ),
    Recorded("GET", f"/api/v1{_TXS}", 200, None, _list(_EXECUTED_V1)),
    Recorded("GET", f"/api/v1{_TX}", 200, None, _EXECUTED_V1),
]  # fmt: skip


def same(recorded: Any, answered: Any, path: str = "") -> list[str]:
    """Where an answer differs from the recorded one: each field by value, the volatile ones by kind."""
    name = path.rsplit(".", 1)[-1]
    if name in VOLATILE or name == "":
        recorded_kind, kind = type(recorded).__name__, type(answered).__name__
        if recorded_kind != kind:
            return [f"{path}: {kind}, not {recorded_kind}"]
        if name in VOLATILE:
            return []
    if isinstance(recorded, dict) and isinstance(answered, dict):
        missing = [f"{path}.{key} is missing" for key in recorded.keys() - answered.keys()]
        extra = [f"{path}.{key} is not in the recording" for key in answered.keys() - recorded.keys() - {"settings"}]
        common = [key for key in recorded if key in answered]
        return (
            missing + extra + [each for key in common for each in same(recorded[key], answered[key], f"{path}.{key}")]
        )
    if isinstance(recorded, list) and isinstance(answered, list):
        if len(recorded) != len(answered):
            return [f"{path}: {len(answered)} items, not {len(recorded)}"]
        pairs = enumerate(zip(recorded, answered, strict=True))
        return [each for place, (one, two) in pairs for each in same(one, two, f"{path}[{place}]")]
    return [] if recorded == answered else [f"{path}: {json.dumps(answered)}, not {json.dumps(recorded)}"]

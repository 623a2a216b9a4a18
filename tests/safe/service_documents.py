"""The documents of Safe's Transaction Service: what it takes, the rows that it keeps of them, and what it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_utils.address import is_checksum_address

ADDRESSES = ("to", "gasToken", "refundReceiver", "sender")
NUMBERS = ("value", "safeTxGas", "baseGas", "gasPrice", "nonce")


class RefusedError(Exception):
    """The service's own reason, and the field that it is said of."""

    def __init__(self, reason: str, field_name: str = "nonFieldErrors") -> None:
        self.reason, self.field_name = reason, field_name
        super().__init__(reason)


@dataclass
class Confirmed:
    owner: str
    signature: str
    kind: str
    submitted: float


@dataclass
class Proposal:
    """One row of its table. ``fields``: as JSON names them, numbers as integers."""

    safe: str
    safe_tx_hash: str
    fields: dict[str, Any]
    origin: Any
    proposer: str | None
    proposed_by_delegate: str | None
    trusted: bool
    created: float
    modified: float
    confirmations: list[Confirmed] = field(default_factory=list)
    execution: dict[str, Any] | None = None


def fields_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers come as numbers or as text, addresses must be checksummed."""
    for name in ADDRESSES:
        if not is_checksum_address(body.get(name) or ""):
            raise RefusedError(f"Address {body.get(name)} is not checksumed", name)
    numbers: dict[str, Any] = {}
    for name in NUMBERS:
        try:
            numbers[name] = int(body[name])
        except (KeyError, TypeError, ValueError):
            raise RefusedError("A valid integer is required.", name) from None
    if body.get("operation") not in (0, 1):
        raise RefusedError(f'"{body.get("operation")}" is not a valid choice.', "operation")
    addresses = {name: body[name] for name in ADDRESSES if name != "sender"}
    data = bytes.fromhex((body.get("data") or "0x")[2:])
    return {**addresses, **numbers, "data": data, "operation": body["operation"]}


def origin_of(given: str | None) -> Any:
    """Kept as PostgreSQL's jsonb: the keys in its order, shortest first."""
    if not given:
        return {}
    try:
        document = json.loads(given)
    except ValueError:
        return given
    if not isinstance(document, dict):
        return document
    return {key: document[key] for key in sorted(document, key=lambda each: (len(each), each))}


def matching(rows: list[Proposal], query: Mapping[str, str]) -> list[Proposal]:
    """Newest nonce first."""
    if "executed" in query:
        rows = [each for each in rows if (each.execution is not None) is (query["executed"].lower() == "true")]
    if "trusted" in query:
        rows = [each for each in rows if each.trusted is (query["trusted"].lower() == "true")]
    for name, keep in (("nonce", int.__eq__), ("nonce__gte", int.__ge__), ("nonce__lte", int.__le__)):
        if name in query:
            rows = [each for each in rows if keep(each.fields["nonce"], int(query[name]))]
    return sorted(rows, key=lambda each: (each.fields["nonce"], each.created), reverse=True)


def signer_of(digest: str, signature: str) -> str:
    """Who signed the hash, or a message of it. RefusedError: nobody."""
    raw = bytes.fromhex(signature[2:])
    if len(raw) != 65:
        raise RefusedError(f"Signature={signature} is not valid", "signature")
    try:
        if raw[64] > 30:
            message = encode_defunct(bytes.fromhex(digest[2:]))
            return str(Account.recover_message(message, signature=raw[:64] + bytes([raw[64] - 4])))
        return str(Account._recover_hash(bytes.fromhex(digest[2:]), signature=raw))
    except Exception:  # noqa: BLE001 - no signature at all
        raise RefusedError(f"Signature={signature} is not valid", "signature") from None


def shown(proposal: Proposal, version: int, threshold: int) -> dict[str, Any]:
    """The row as API v1 (gas and nonce are numbers) or v2 (all are text) tells it."""
    fields, done = proposal.fields, proposal.execution or {}
    number = str if version == 2 else int
    return {
        "safe": proposal.safe,
        "to": fields["to"],
        "value": str(fields["value"]),
        "data": "0x" + fields["data"].hex() if fields["data"] else None,
        "operation": fields["operation"],
        "gasToken": fields["gasToken"],
        "safeTxGas": number(fields["safeTxGas"]),
        "baseGas": number(fields["baseGas"]),
        "gasPrice": str(fields["gasPrice"]),
        "refundReceiver": fields["refundReceiver"],
        "nonce": number(fields["nonce"]),
        "executionDate": None,
        "submissionDate": moment(proposal.created),
        "modified": moment(proposal.modified),
        "blockNumber": None,
        "transactionHash": None,
        "safeTxHash": proposal.safe_tx_hash,
        "proposer": proposal.proposer,
        "proposedByDelegate": proposal.proposed_by_delegate,
        "executor": None,
        "isExecuted": False,
        "isSuccessful": None,
        "ethGasPrice": None,
        "maxFeePerGas": None,
        "maxPriorityFeePerGas": None,
        "gasUsed": None,
        "fee": None,
        "payment": None,
        "origin": proposal.origin if isinstance(proposal.origin, str) else json.dumps(proposal.origin),
        "dataDecoded": None,
        "confirmationsRequired": threshold,
        "confirmations": [
            {
                "owner": each.owner,
                "submissionDate": moment(each.submitted),
                "transactionHash": None,
                "signature": each.signature,
                "signatureType": each.kind,
            }
            for each in proposal.confirmations
        ],
        "trusted": proposal.trusted,
        "signatures": None,
        **done,
    }


def moment(seconds: float, *, whole: bool = False) -> str:
    form = "%Y-%m-%dT%H:%M:%SZ" if whole else "%Y-%m-%dT%H:%M:%S.%fZ"
    return datetime.fromtimestamp(seconds, UTC).strftime(form)

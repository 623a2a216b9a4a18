"""What Safe's Transaction Service does with what it is given, as its recorded replies show: the rules without HTTP.

Its view of the chain is its own: hashes come from the contract's ``getTransactionHash``, owners from the contract,
signatures are recovered by eth-account, executions are read from events and calldata. None of it is the keeper's code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils.address import is_checksum_address, to_checksum_address
from eth_utils.crypto import keccak

from keeper.chainlab.calls import read
from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import RpcError

ZERO = "0x" + "00" * 20
SENTINEL = "0x" + "00" * 19 + "01"
GUARD = "0x4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8"
HANDLER = "0x6c9a6c4a39284e37ed1cf53d337577d14212a4870fb976a4366c693b939918d5"
FIELDS = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address"
SUCCESS = "0x" + keccak(text="ExecutionSuccess(bytes32,uint256)").hex()
FAILURE = "0x" + keccak(text="ExecutionFailure(bytes32,uint256)").hex()
EXECUTE = "0x" + keccak(text=f"execTransaction({FIELDS},bytes)")[:4].hex()
ADDRESSES = ("to", "gasToken", "refundReceiver", "sender")
NUMBERS = ("value", "safeTxGas", "baseGas", "gasPrice", "nonce")

Answer = tuple[int, Any]


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


@dataclass
class Board:
    """The service's tables. ``clock`` is UNIX time: it is part of what delegates and deletions are signed over."""

    rpc: Rpc
    chain_id: int
    clock: Callable[[], float]
    proposals: dict[str, Proposal] = field(default_factory=dict)
    delegates: list[dict[str, Any]] = field(default_factory=list)

    # --- the chain ---------------------------------------------------------------------------------------------------

    def owners(self, safe: str) -> list[str]:
        (owners,) = read(self.rpc, safe, "getOwners()", ("address[]",))
        return [to_checksum_address(each) for each in owners]

    def safe_info(self, safe: str) -> Answer:
        try:
            (nonce,), (threshold,), (version,) = (
                read(self.rpc, safe, name, (kind,))
                for name, kind in (("nonce()", "uint256"), ("getThreshold()", "uint256"), ("VERSION()", "string"))
            )
            page = "getModulesPaginated(address,uint256)"
            modules, _ = read(self.rpc, safe, page, ("address[]", "address"), SENTINEL, 50)
            owners = self.owners(safe)
        except (RpcError, Exception):  # noqa: BLE001 - whatever it is, it is no Safe
            return 404, {"detail": "No SafeContract matches the given query."}
        master, handler, guard = (self._stored(safe, slot) for slot in ("0x0", HANDLER, GUARD))
        return 200, {
            "address": safe,
            "nonce": str(nonce),
            "threshold": threshold,
            "owners": owners,
            "masterCopy": master,
            "modules": [to_checksum_address(each) for each in modules],
            "fallbackHandler": handler,
            "guard": guard,
            "moduleGuard": ZERO,
            "version": version,
        }

    def _stored(self, safe: str, slot: str) -> str:
        return str(to_checksum_address("0x" + self.rpc("eth_getStorageAt", safe, slot, "latest")[-40:]))

    def _hash(self, safe: str, fields: Mapping[str, Any]) -> str:
        arguments = (
            fields["to"], fields["value"], fields["data"], fields["operation"], fields["safeTxGas"], fields["baseGas"],
            fields["gasPrice"], fields["gasToken"], fields["refundReceiver"], fields["nonce"],
        )  # fmt: skip
        (digest,) = read(self.rpc, safe, f"getTransactionHash({FIELDS},uint256)", ("bytes32",), *arguments)
        return "0x" + bytes(digest).hex()

    def index(self, safe: str) -> None:
        """Read every execution of the Safe again: what a reorganisation took back is not executed any more."""
        for each in self.proposals.values():
            if each.safe == safe:
                each.execution = None
        asked = {"address": safe, "fromBlock": "0x0", "toBlock": "latest", "topics": [[SUCCESS, FAILURE]]}
        for nonce, log in enumerate(self.rpc("eth_getLogs", asked)):
            digest = log["topics"][1]
            transaction = self.rpc("eth_getTransactionByHash", log["transactionHash"])
            receipt = self.rpc("eth_getTransactionReceipt", log["transactionHash"])
            block = self.rpc("eth_getBlockByHash", log["blockHash"], False)
            price, used = int(receipt["effectiveGasPrice"], 16), int(receipt["gasUsed"], 16)
            signatures = None
            fields = self._executed_fields(transaction, nonce)
            if fields is not None:
                signatures = "0x" + fields.pop("signatures").hex()
                if digest not in self.proposals and self._hash(safe, fields) == digest:
                    now = self.clock()
                    self.proposals[digest] = Proposal(safe, digest, fields, {}, None, None, True, now, now)
            if digest in self.proposals:
                self.proposals[digest].execution = {
                    "executionDate": _moment(int(block["timestamp"], 16), whole=True),
                    "blockNumber": int(log["blockNumber"], 16),
                    "transactionHash": log["transactionHash"],
                    "executor": to_checksum_address(transaction["from"]),
                    "isExecuted": True,
                    "isSuccessful": log["topics"][0] == SUCCESS,
                    "ethGasPrice": str(price),
                    "gasUsed": used,
                    "fee": str(price * used),
                    "payment": str(int(log["data"], 16)),
                    "signatures": signatures,
                }

    def _executed_fields(self, transaction: Mapping[str, Any], nonce: int) -> dict[str, Any] | None:
        if not transaction["input"].startswith(EXECUTE):
            return None
        types = [*FIELDS.split(","), "bytes"]
        values = decode(types, bytes.fromhex(transaction["input"][10:]))
        names = ("to", "value", "data", "operation", "safeTxGas", "baseGas", "gasPrice", "gasToken", "refundReceiver")
        fields = dict(zip((*names, "signatures"), values, strict=True))
        for name in ("to", "gasToken", "refundReceiver"):
            fields[name] = to_checksum_address(fields[name])
        return {**fields, "nonce": nonce}

    # --- proposals ---------------------------------------------------------------------------------------------------

    def propose(self, safe: str, body: Mapping[str, Any]) -> Answer:
        try:
            fields = _fields(body)
            if len(body.get("origin") or "") > 200:
                raise RefusedError("Ensure this field has no more than 200 characters.", "origin")
            self._propose(safe, fields, body)
        except RefusedError as refusal:
            return 422, {refusal.field_name: [refusal.reason]}
        return 201, None

    def _propose(self, safe: str, fields: dict[str, Any], body: Mapping[str, Any]) -> None:
        try:
            digest, owners = self._hash(safe, fields), self.owners(safe)
        except (RpcError, Exception):  # noqa: BLE001 - whatever it is, it is no Safe
            raise RefusedError(f"Safe={safe} does not exist or it's still not indexed") from None
        if digest != body["contractTransactionHash"]:
            given = body["contractTransactionHash"]
            raise RefusedError(f"Contract-transaction-hash={digest} does not match provided contract-tx-hash={given}")
        self._require_open(safe, digest, fields["nonce"])
        delegates = {each["delegate"]: each["delegator"] for each in self.delegates if each["safe"] in (safe, None)}
        self._require_sender(body["sender"], owners, delegates)
        signature = body.get("signature")
        signer = None if signature is None else self._signer(digest, signature)
        if signer is not None and signer not in [*owners, *delegates]:
            raise RefusedError(
                f"Signer={signer} is not an owner or delegate. Current owners={owners}. Delegates={_set(delegates)}"
            )
        if signer is not None and signer != body["sender"]:
            raise RefusedError(f"Signature does not match sender={body['sender']}. Calculated owners={[signer]}")
        self._store(safe, digest, fields, body, owners, delegates, signer)

    def _require_open(self, safe: str, digest: str, nonce: int) -> None:
        self.index(safe)
        for each in self.proposals.values():
            if each.safe == safe and each.fields["nonce"] == nonce and each.execution is not None:
                where = each.execution["transactionHash"]
                if each.safe_tx_hash == digest:
                    named = f"Tx with safe-tx-hash={digest} for safe={safe} was"
                else:
                    named = f"Tx with nonce={nonce} for safe={safe}"
                raise RefusedError(f"{named} already executed in tx-hash={where}")

    def _require_sender(self, sender: str, owners: list[str], delegates: Mapping[str, str]) -> None:
        if sender not in [*owners, *delegates]:
            raise RefusedError(
                f"Sender={sender} is not an owner or delegate. Current owners={owners}. Delegates={_set(delegates)}"
            )

    def _store(
        self, safe: str, digest: str, fields: dict[str, Any], body: Mapping[str, Any], owners: list[str],
        delegates: Mapping[str, str], signer: str | None,
    ) -> None:  # fmt: skip
        """The first to come is its proposer for ever; whoever signs first makes it trusted, and gives it its origin."""
        now, sender, origin = self.clock(), body["sender"], _origin(body.get("origin"))
        proposal = self.proposals.get(digest)
        if proposal is None:
            by_delegate = sender if sender not in owners else None
            proposer = delegates[sender] if by_delegate else sender
            proposal = Proposal(
                safe, digest, fields, origin, proposer, by_delegate, signer is not None, now, now
            )  # fmt: skip
            self.proposals[digest] = proposal
        elif signer is not None and not proposal.trusted:
            proposal.trusted, proposal.origin, proposal.modified = True, origin, now
        if signer in owners:
            self._add_confirmation(proposal, str(signer), body["signature"])

    def _add_confirmation(self, proposal: Proposal, owner: str, signature: str) -> None:
        if owner not in [each.owner for each in proposal.confirmations]:
            kind = "ETH_SIGN" if int(signature[-2:], 16) > 30 else "EOA"
            proposal.confirmations.append(Confirmed(owner, signature, kind, self.clock()))
            proposal.modified = self.clock()

    def confirm(self, digest: str, body: Mapping[str, Any]) -> Answer:
        proposal = self.proposals.get(digest)
        if proposal is None:
            return 404, {"detail": f"Multisig transaction with safe-tx-hash={digest} was not found"}
        self.index(proposal.safe)
        if proposal.execution is not None:
            return 400, {"signature": [f"Transaction with safe-tx-hash={digest} was already executed"]}
        owners = self.owners(proposal.safe)
        try:
            signer = self._signer(digest, body["signature"])
        except RefusedError as refusal:
            return 400, {"signature": [refusal.reason]}
        if signer not in owners:
            return 400, {"signature": [f"Signer={signer} is not an owner. Current owners={owners}"]}
        self._add_confirmation(proposal, signer, body["signature"])
        proposal.trusted = True
        return 201, {"signature": body["signature"]}

    def delete(self, digest: str, body: Mapping[str, Any]) -> Answer:
        proposal = self.proposals.get(digest)
        if proposal is None:
            return 404, {"detail": "No MultisigTransaction matches the given query."}
        self.index(proposal.safe)
        if proposal.execution is not None:
            return 400, {"nonFieldErrors": ["Executed transactions cannot be deleted"]}
        domain = {"verifyingContract": proposal.safe}
        allowed = {proposal.proposer, proposal.proposed_by_delegate}
        for totp in self._passwords():
            message = {"safeTxHash": bytes.fromhex(digest[2:]), "totp": totp}
            types = [("safeTxHash", "bytes32"), ("totp", "uint256")]
            if self._typed_signer("DeleteRequest", types, message, domain, body["signature"]) in allowed:
                del self.proposals[digest]
                return 204, None
        return 400, {"nonFieldErrors": ["Provided owner is not the proposer of the transaction"]}

    def find(self, digest: str, version: int) -> Answer:
        proposal = self.proposals.get(digest)
        if proposal is None:
            return 404, {"detail": "No MultisigTransaction matches the given query."}
        self.index(proposal.safe)
        return 200, self.shown(proposal, version)

    def listed(self, safe: str, query: Mapping[str, str], version: int) -> list[dict[str, Any]]:
        """Newest nonce first."""
        self.index(safe)
        rows = [each for each in self.proposals.values() if each.safe == safe]
        if "executed" in query:
            rows = [each for each in rows if (each.execution is not None) is (query["executed"].lower() == "true")]
        if "trusted" in query:
            rows = [each for each in rows if each.trusted is (query["trusted"].lower() == "true")]
        for name, keep in (("nonce", int.__eq__), ("nonce__gte", int.__ge__), ("nonce__lte", int.__le__)):
            if name in query:
                rows = [each for each in rows if keep(each.fields["nonce"], int(query[name]))]
        rows.sort(key=lambda each: (each.fields["nonce"], each.created), reverse=True)
        return [self.shown(each, version) for each in rows]

    def shown(self, proposal: Proposal, version: int) -> dict[str, Any]:
        """The row as API v1 (gas and nonce are numbers) or v2 (all are text) tells it."""
        fields, done = proposal.fields, proposal.execution or {}
        number = str if version == 2 else int
        (threshold,) = read(self.rpc, proposal.safe, "getThreshold()", ("uint256",))
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
            "submissionDate": _moment(proposal.created),
            "modified": _moment(proposal.modified),
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
                    "submissionDate": _moment(each.submitted),
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

    # --- delegates ---------------------------------------------------------------------------------------------------

    def add_delegate(self, body: Mapping[str, Any]) -> Answer:
        for totp in self._passwords():
            message = {"delegateAddress": body["delegate"], "totp": totp}
            types = [("delegateAddress", "address"), ("totp", "uint256")]
            if self._typed_signer("Delegate", types, message, {}, body["signature"]) == body["delegator"]:
                break
        else:
            return 400, {"nonFieldErrors": [f"Signature does not match provided delegator={body['delegator']}"]}
        if body.get("safe") and body["delegator"] not in self.owners(body["safe"]):
            return 400, {"nonFieldErrors": [f"Provided delegator={body['delegator']} is not an owner of Safe"]}
        row = {name: body.get(name) for name in ("safe", "delegate", "delegator", "label")}
        key = (row["safe"], row["delegate"], row["delegator"])
        self.delegates = [each for each in self.delegates if (each["safe"], each["delegate"], each["delegator"]) != key]
        self.delegates.append({**row, "expiryDate": None})
        return 201, {**row, "signature": body["signature"], "expiryDate": None}

    def _passwords(self) -> tuple[int, int]:
        hour = int(self.clock()) // 3_600
        return hour, hour - 1

    def _typed_signer(
        self, name: str, types: list[tuple[str, str]], message: Mapping[str, Any], domain: Mapping[str, str],
        signature: str,
    ) -> str | None:  # fmt: skip
        own = {"name": "Safe Transaction Service", "version": "1.0", "chainId": self.chain_id, **domain}
        signable = encode_typed_data(own, {name: [{"name": key, "type": kind} for key, kind in types]}, dict(message))
        try:
            return str(Account.recover_message(signable, signature=signature))
        except Exception:  # noqa: BLE001 - no signature at all
            return None

    def _signer(self, digest: str, signature: str) -> str:
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


def _fields(body: Mapping[str, Any]) -> dict[str, Any]:
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


def _origin(given: str | None) -> Any:
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


def _set(delegates: Mapping[str, str]) -> str:
    return repr(set(delegates)) if delegates else "set()"


def _moment(seconds: float, *, whole: bool = False) -> str:
    form = "%Y-%m-%dT%H:%M:%SZ" if whole else "%Y-%m-%dT%H:%M:%S.%fZ"
    return datetime.fromtimestamp(seconds, UTC).strftime(form)

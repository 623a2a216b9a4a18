"""What Safe's Transaction Service does with what it is given, as its recorded replies show: the rules without HTTP.

Its view of the chain is its own: hashes come from the contract's ``getTransactionHash``, owners from the contract,
signatures are recovered by eth-account, executions are read from events and calldata. None of it is the keeper's code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.chainlab.calls import read
from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import RpcError
from tests.safe import service_documents as documents
from tests.safe.service_documents import Confirmed, Proposal, RefusedError, moment, signer_of

ZERO = "0x" + "00" * 20
SENTINEL = "0x" + "00" * 19 + "01"
GUARD = "0x4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8"
HANDLER = "0x6c9a6c4a39284e37ed1cf53d337577d14212a4870fb976a4366c693b939918d5"
FIELDS = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address"
SUCCESS = "0x" + keccak(text="ExecutionSuccess(bytes32,uint256)").hex()
FAILURE = "0x" + keccak(text="ExecutionFailure(bytes32,uint256)").hex()
EXECUTE = "0x" + keccak(text=f"execTransaction({FIELDS},bytes)")[:4].hex()

Answer = tuple[int, Any]


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
                    "executionDate": moment(int(block["timestamp"], 16), whole=True),
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
            fields = documents.fields_of(body)
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
        signer = None if signature is None else signer_of(digest, signature)
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
        now, sender, origin = self.clock(), body["sender"], documents.origin_of(body.get("origin"))
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
            signer = signer_of(digest, body["signature"])
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
        return 200, self._shown(proposal, version)

    def listed(self, safe: str, query: Mapping[str, str], version: int) -> list[dict[str, Any]]:
        """Newest nonce first."""
        self.index(safe)
        rows = documents.matching([each for each in self.proposals.values() if each.safe == safe], query)
        return [self._shown(each, version) for each in rows]

    def _shown(self, proposal: Proposal, version: int) -> dict[str, Any]:
        (threshold,) = read(self.rpc, proposal.safe, "getThreshold()", ("uint256",))
        return documents.shown(proposal, version, threshold)

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


def _set(delegates: Mapping[str, str]) -> str:
    return repr(set(delegates)) if delegates else "set()"

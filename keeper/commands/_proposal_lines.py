"""A proposal as ``keeper proposals`` and ``keeper status`` show it: how far it is, what it does, how to check it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from keeper.known_safe_services import SHORT_NAMES
from keeper.model.decision import Decision
from keeper.model.safe import SafeTx
from keeper.report import describe_rejection, duration, number, when, whole
from keeper.report.proposal_words import describing, title
from keeper.report.words import Paragraph
from keeper.world.journal.proposal_queries import ProposalRecord

# Short names of EIP-3770, which Safe's web app has; those of its Transaction Service are the same but for one.
_APP_NAMES = SHORT_NAMES | {137: "matic"}
_SERVICE_OF_THE_APP = "api.safe.global"

_STATES = {
    "HASHED": "written down; not known to be posted",
    "PROPOSED": "waits for owners' signatures",
    "READY": "has the signatures; waits to be executed",
    "EXECUTED": "executed; not deep enough in the chain yet",
    "FINAL": "executed",
    "REPLACED": "another transaction was executed at its nonce",
    "REJECTED": "its nonce was used up by an empty transaction",
    "EXPIRED": "not executed before its deadline, or taken back",
}


def state_words(record: ProposalRecord, now: int) -> str:
    """``PROPOSED, 1 of 2 signatures, 23 h left``."""
    words = record.state
    if record.threshold and record.state in ("HASHED", "PROPOSED", "READY"):
        words += f", {record.confirmations} of {record.threshold} signatures"
    is_bound = record.state in ("HASHED", "PROPOSED", "READY") and not _rejects(record)  # a rejection is good for ever
    return f"{words}, {time_left(record, now)}" if is_bound else words


def time_left(record: ProposalRecord, now: int) -> str:
    """``23 h left``, or ``void for 5 min``."""
    left = seconds_left(record, now)
    return f"{duration(left)} left" if left > 0 else f"void for {duration(-left)}"


def one_line(record: ProposalRecord, decision: Decision, now: int) -> str:
    """For a list of what is under way."""
    return (
        f"proposed: {headline(record, decision)}, Safe nonce {record.nonce}, {state_words(record, now)} "
        f"(`keeper proposals {record.id}`)"
    )


def in_short(record: ProposalRecord, decision: Decision, now: int) -> dict[str, Any]:
    """The same for machines."""
    return {
        "id": record.id,
        "strategy": record.strategy,
        "title": headline(record, decision),
        "kind": record.kind,
        "chain_id": record.chain_id,
        "safe": record.safe,
        "nonce": record.nonce,
        "hash": record.hash,
        "state": record.state,
        "confirmations": record.confirmations,
        "threshold": record.threshold,
        "deadline_timestamp": record.deadline_timestamp,
        "seconds_left": seconds_left(record, now),
        "note": record.note,
    }


def seconds_left(record: ProposalRecord, now: int) -> int:
    """Until its deadline, by this machine's clock; not earlier than the chain's time when it was signed."""
    return record.deadline_timestamp - max(now, record.signed_timestamp)


def headline(record: ProposalRecord, decision: Decision) -> str:
    """``eth-usdc: rebalance, 12,300 USDC``, or what a rejection is for."""
    return describe_rejection(decision, record.decision_id, record.nonce)[0] if _rejects(record) else title(decision)


def facts(record: ProposalRecord, now: int) -> Iterator[str]:
    """Where it stands, one fact a line."""
    yield f"{state_words(record, now)}: {_STATES.get(record.state, record.state)}"
    yield f"Safe {_checksum(record.safe)} on chain {record.chain_id}, nonce {record.nonce}"
    yield f"hash {record.hash}"
    deadline = "no deadline" if _rejects(record) else f"deadline {when(record.deadline_timestamp)}"
    yield f"{deadline}; decision {record.decision_id} (`keeper explain`)"
    if record.place:
        yield f"found at {record.place}"
    link = app_link(record)
    if link is not None:
        yield f"web app {link}"
    if record.transaction_hash is not None:
        block = "" if record.block_number is None else f", block {record.block_number}"
        moment = "" if record.block_timestamp is None else f", {when(record.block_timestamp)}"
        yield f"executed in {record.transaction_hash}{block}{moment}"
    if record.gas_wei is not None:
        yield f"its executor paid {number(whole(record.gas_wei, 18))} native coin for gas: not the Safe's money"
    if record.note:
        yield f"note: {record.note}"


def app_link(record: ProposalRecord) -> str | None:
    """The queue of the Safe in Safe's web app: only of known chains, and only where it was posted to Safe's service."""
    name = _APP_NAMES.get(record.chain_id)
    if name is None or not record.is_open or _SERVICE_OF_THE_APP not in record.place:
        return None
    return f"https://app.safe.global/transactions/queue?safe={name}:{_checksum(record.safe)}"


def paragraphs(record: ProposalRecord, decision: Decision, horizon_days: float | None) -> tuple[Paragraph, ...]:
    """What it does, why, what it should earn and cost, what a simulation showed."""
    if _rejects(record):
        return (Paragraph("What it does", (describe_rejection(decision, record.decision_id, record.nonce)[1],)),)
    return describing(decision, record.decision_id, record.report, horizon_days=horizon_days)


def verifying(record: ProposalRecord) -> Iterator[str]:
    """How an owner works the hash out without trusting the keeper, the service or its page."""
    from keeper.world.safe.hashing import domain_separator, safe_tx_hash, struct_hash

    tx = record.transaction
    own = "0x" + safe_tx_hash(tx).hex()
    yield "compare these fields with what your wallet shows, and the three hashes with what a hardware wallet shows:"
    for name, value in signed_fields(record).items():
        yield f"  {name}: {value}"
    yield f"  domain: chainId {tx.chain_id}, verifyingContract {_checksum(tx.safe)}"
    yield f"domain hash   0x{domain_separator(tx.chain_id, tx.safe).hex()}"
    yield f"message hash  0x{struct_hash(tx).hex()}"
    yield f"safeTxHash    {own}"
    if own != record.hash:
        yield f"THIS IS NOT THE HASH OF THE JOURNAL, {record.hash}: do not sign, the journal was changed"
    yield "or ask the Safe itself, through a node of your own:"
    yield f"  cast call {_checksum(tx.safe)} {_ASK} {' '.join(_arguments(tx))}"


_ASK = "'getTransactionHash(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,uint256)(bytes32)'"


def signed_fields(record: ProposalRecord) -> dict[str, str | int]:
    """Every field of the SafeTx by the contract's own names; addresses with their checksum."""
    from keeper.world.safe.hashing import typed_data

    return dict(typed_data(record.transaction)["message"])


def as_json(
    record: ProposalRecord, decision: Decision, horizon_days: float | None, now: int, *, in_full: bool
) -> dict[str, Any]:
    """The record, its words, and, in full, what owners sign."""
    document = asdict(record)
    del document["transaction"]
    document |= {
        "is_open": record.is_open,
        "seconds_left": seconds_left(record, now),
        "title": headline(record, decision),
        "words": {each.title: list(each.lines) for each in paragraphs(record, decision, horizon_days)},
        "link": app_link(record),
    }
    if in_full:
        from keeper.world.safe.hashing import typed_data

        document["typed_data"] = typed_data(record.transaction)
    return document


def _arguments(tx: SafeTx) -> Iterator[str]:
    yield from (_checksum(tx.to), str(tx.value_wei), "0x" + tx.data.hex(), str(tx.operation))
    yield from map(str, (tx.safe_tx_gas, tx.base_gas, tx.gas_price))
    yield from (_checksum(tx.gas_token), _checksum(tx.refund_receiver), str(tx.nonce))


def _rejects(record: ProposalRecord) -> bool:
    return record.kind == "rejection"


def _checksum(address: str) -> str:
    from keeper.world.chain.codec import checksum

    return checksum(address)

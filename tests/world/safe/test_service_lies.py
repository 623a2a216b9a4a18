"""The Transaction Service's client where the service lies, or answers what is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from keeper.errors import TransientError
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.record import UnreadableError, number, record_of
from keeper.world.safe.service import SafeService
from keeper.world.safe.signatures import count
from tests.safe import service_faults as faults
from tests.safe.transaction_service import Fault, TransactionService
from tests.safe.treasury import Treasury, sign
from tests.world.safe.proposing import proposed, two_calls

ONES = "0x" + "11" * 20
LIES: dict[str, tuple[Fault, str]] = {
    "recipient": (faults.edited(to=ONES), "its to is"),
    "safe": (faults.edited(safe=ONES), "its safe is"),
    "value": (faults.edited(value="1"), "its value_wei is 1"),
    "data": (faults.lying(lambda row: {**row, "data": row["data"][:-2] + "01"}), "its data is"),
    "no data": (faults.edited(data=None), "its data is"),
    "operation flipped": (faults.lying(lambda row: {**row, "operation": 1 - row["operation"]}), "its operation is 0"),
    "nonce": (faults.edited(nonce="1"), "its nonce is 1"),
    "gas of its own": (faults.edited(safeTxGas="1"), "its safe_tx_gas is 1"),
    "refund": (faults.edited(refundReceiver=ONES), "its refund_receiver is"),
    "gas price": (faults.edited(gasPrice="7"), "its gas_price is 7"),
    "base gas": (faults.edited(baseGas=3), "its base_gas is 3"),
    "gas token": (faults.edited(gasToken=ONES), "its gas_token is"),
    "hash": (faults.edited(safeTxHash="0x" + "22" * 32), "it gives the hash 0x2222"),
}


@pytest.mark.parametrize(("lie", "complaint"), LIES.values(), ids=LIES)
def test_every_edited_field_is_seen(
    treasury: Treasury, server: TransactionService, client: SafeService, lie: Fault, complaint: str
) -> None:
    tx = two_calls(treasury)
    digest = proposed(treasury, client, tx)
    server.on(lie)
    found = client.find(digest)
    assert found is not None
    assert complaint in str(found.complaint(tx, digest))
    (queued,) = client.queued(0)
    assert complaint in str(queued.complaint(tx, digest))


def test_a_record_that_hashes_to_another_transaction_is_seen_whatever_it_claims(treasury: Treasury) -> None:
    """Were a field left out of the comparison, the hash would still tell."""
    tx = two_calls(treasury)
    fields = {"safe": tx.safe, "to": tx.to, "value": 0, "data": "0x" + tx.data.hex(), "operation": 1, "nonce": 0,
              "safeTxGas": 0, "baseGas": 0, "gasPrice": 0, "gasToken": None, "refundReceiver": None,
              "isExecuted": False, "trusted": True, "safeTxHash": "0x" + safe_tx_hash(tx).hex()}  # fmt: skip
    assert record_of(fields, 31337).complaint(tx, safe_tx_hash(tx)) is None
    assert "its own fields have the hash" in str(record_of(fields, 1).complaint(tx, safe_tx_hash(tx)))


def test_confirmations_of_others_do_not_count(
    treasury: Treasury, server: TransactionService, client: SafeService
) -> None:
    digest = proposed(treasury, client, two_calls(treasury))
    foreign = [
        {"owner": owner.address, "signature": "0x" + sign(treasury.stranger, digest).hex()} for owner in treasury.owners
    ]
    server.on(faults.edited(confirmations=foreign))
    found = client.find(digest)
    assert found is not None
    judged = count(digest, found.confirmations, [each.address for each in treasury.owners])
    assert (judged.signatures, len(judged.refused)) == ({}, 3)


def test_a_dropped_proposal_is_missing(treasury: Treasury, server: TransactionService, client: SafeService) -> None:
    digest = proposed(treasury, client, two_calls(treasury))
    server.on(faults.dropped())
    assert client.find(digest) is None
    assert client.queued(0) == []


NONSENSE: dict[str, dict[str, Any]] = {
    "nonce below zero": {"nonce": "-1"},
    "nonce with a point": {"nonce": 1.0},
    "nonce true": {"nonce": True},
    "nonce of thousands of digits": {"nonce": "9" * 5_000},
    "nonce of other digits": {"nonce": "٣"},
    "nonce over 256 bits": {"nonce": str(2**256)},
    "operation 2": {"operation": 2},
    "operation of letters": {"operation": "CALL"},
    "address of letters": {"to": "0xZZ"},
    "odd data": {"data": "0x123"},
    "short hash": {"safeTxHash": "0x12"},
    "flag of letters": {"isExecuted": "false"},
    "confirmations no list": {"confirmations": 7},
    "confirmation without signature": {"confirmations": [{"owner": ONES}]},
    "confirmation no object": {"confirmations": ["x"]},
}


@pytest.mark.parametrize("changes", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_no_answer(
    treasury: Treasury, server: TransactionService, client: SafeService, changes: dict[str, Any]
) -> None:
    digest = proposed(treasury, client, two_calls(treasury))
    server.on(faults.edited(**changes))
    with pytest.raises(TransientError, match="nothing in it is used"):
        client.find(digest)


@pytest.mark.parametrize("document", [None, [], 7, "x", {}, {"results": 7}, {"results": [7]}, {"results": [None]}])
def test_answers_of_another_form_are_no_answers(server: TransactionService, client: SafeService, document: Any) -> None:
    server.on(faults.status(200, document))
    for ask in (lambda: client.find(b"\x01" * 32), lambda: client.queued(0), client.safe_info, client.delegates):
        with pytest.raises(TransientError):
            ask()


def test_numbers() -> None:
    assert [number(each) for each in ("0", 0, "12", 12)] == [0, 0, 12, 12]
    for wrong in (None, "", "0x1", " 1", -1, 1.5, [1]):
        with pytest.raises(UnreadableError):
            number(wrong)

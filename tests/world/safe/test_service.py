"""The client of the Transaction Service: what it sends and reads, and that nothing the service says is believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from keeper.errors import ConfigError, ServiceRefusedError, TransientError
from keeper.model.safe import SafeTx, rejection
from keeper.world.protocols import Call
from keeper.world.safe import service as service_module
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.record import UnreadableError, number, record_of
from keeper.world.safe.service import Delegate, SafeService
from keeper.world.safe.signatures import count
from tests.safe import transaction_service as faults
from tests.safe.transaction_service import Fault, TransactionService
from tests.safe.treasury import Treasury, sign

ORIGIN = '{"name":"range-keeper","note":"rebalance 12"}'


@pytest.fixture
def server(treasury: Treasury) -> Iterator[TransactionService]:
    with TransactionService(treasury.anvil.rpc, 31337) as server:
        yield server


@pytest.fixture
def client(treasury: Treasury, server: TransactionService) -> Iterator[SafeService]:
    client = SafeService(server.url, 31337, treasury.safe, timeout_seconds=5.0, sleep=lambda _seconds: None)
    yield client
    client.close()


def _delegate(treasury: Treasury, server: TransactionService, hours_ago: int = 0) -> None:
    """The first owner lets the stranger propose."""
    domain = {"name": "Safe Transaction Service", "version": "1.0", "chainId": 31337}
    types = {"Delegate": [{"name": "delegateAddress", "type": "address"}, {"name": "totp", "type": "uint256"}]}
    totp = int(server.board.clock()) // 3_600 - hours_ago
    message = {"delegateAddress": treasury.stranger.address, "totp": totp}
    owner = treasury.owners[0]
    signature = owner.sign_message(encode_typed_data(domain, types, message)).signature
    body = {"delegate": treasury.stranger.address, "delegator": owner.address, "label": "keeper", "safe": treasury.safe,
            "signature": "0x" + bytes(signature).hex()}  # fmt: skip
    assert server.board.add_delegate(body)[0] == 201


def _propose(treasury: Treasury, client: SafeService, tx: SafeTx, number: int = 0) -> bytes:
    digest = safe_tx_hash(tx)
    owner = treasury.owners[number]
    client.propose(tx, digest, owner.address, sign(owner, digest), ORIGIN)
    return digest


def _batch(treasury: Treasury, nonce: int = 0) -> SafeTx:
    return treasury.tx([Call("0x" + "12" * 20, b"\x01\x02", 3), Call("0x" + "34" * 20, b"", 2**60)], nonce)


def test_from_proposal_to_execution(treasury: Treasury, server: TransactionService, client: SafeService) -> None:
    _delegate(treasury, server)
    tx = _batch(treasury)
    digest = safe_tx_hash(tx)
    assert client.find(digest) is None
    client.propose(tx, digest, treasury.stranger.address, sign(treasury.stranger, digest), ORIGIN)
    found = client.find(digest)
    assert found is not None
    assert found.complaint(tx, digest) is None
    assert (found.proposer, found.proposed_by_delegate) == (
        treasury.owners[0].address.lower(),
        treasury.stranger.address.lower(),
    )
    assert (found.trusted, found.confirmations, found.confirmations_required) == (True, (), 2)
    assert "range-keeper" in found.origin
    for owner in treasury.owners[:2]:
        client.confirm(digest, sign(owner, digest))
    (found,) = client.queued(0)
    ready = count(digest, found.confirmations, [each.address for each in treasury.owners])
    assert (len(ready.signatures), ready.refused, found.is_executed) == (2, (), False)
    receipt = treasury.execute(tx)
    done = client.find(digest)
    assert done is not None
    assert (done.is_executed, done.is_successful, done.transaction_hash) == (True, True, receipt["transactionHash"])
    assert client.queued(0) == []


def test_a_repeat_is_no_second_proposal(treasury: Treasury, client: SafeService) -> None:
    tx = _batch(treasury)
    for _ in range(3):
        _propose(treasury, client, tx)
    assert [each.tx for each in client.queued(0)] == [tx]


def test_addresses_are_checksummed_and_numbers_are_not_floats(
    treasury: Treasury, server: TransactionService, client: SafeService
) -> None:
    tx = dataclasses.replace(treasury.payment(7, wei=2**200), gas_token="0x" + "ab" * 20, gas_price=2**80)
    _propose(treasury, client, tx)
    body = server.asked[-1].body
    assert (body["value"], body["gasPrice"], body["nonce"]) == (str(2**200), str(2**80), 7)
    assert body["gasToken"] != body["gasToken"].lower()
    found = client.find(safe_tx_hash(tx))
    assert found is not None
    assert found.complaint(tx, safe_tx_hash(tx)) is None


def test_a_rejection_comes_back_as_what_it_is(treasury: Treasury, client: SafeService) -> None:
    """Its data are null on the way there and back."""
    tx = rejection(31337, treasury.safe.lower(), 4)
    digest = _propose(treasury, client, tx)
    found = client.find(digest)
    assert found is not None
    assert found.complaint(tx, digest) is None
    assert found.tx.is_rejection


@pytest.mark.parametrize("fault", [faults.lost_reply(), faults.late(1.0)], ids=["lost", "late"])
def test_a_proposal_whose_answer_did_not_come_is_there_once(
    treasury: Treasury, server: TransactionService, fault: Fault
) -> None:
    client = SafeService(server.url, 31337, treasury.safe, timeout_seconds=0.5, sleep=lambda _seconds: None)
    server.on(fault, method="POST", times=1)
    tx = _batch(treasury)
    digest = _propose(treasury, client, tx)
    assert [each.safe_tx_hash for each in client.queued(0)] == ["0x" + digest.hex()]
    assert [each.method for each in server.asked[:2]] == ["POST", "POST"]


def test_the_queue_begins_at_a_nonce_and_has_pages(
    treasury: Treasury, server: TransactionService, client: SafeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nonce in range(7):
        _propose(treasury, client, treasury.payment(nonce))
    monkeypatch.setattr(service_module, "_PAGE", 2)
    assert [each.tx.nonce for each in client.queued(2)] == [6, 5, 4, 3, 2]
    asked = [each.query for each in server.asked if each.method == "GET"]
    assert [each.get("offset", "0") for each in asked] == ["0", "2", "4"]
    assert {(each["nonce__gte"], each["executed"], each["trusted"]) for each in asked} == {("2", "false", "true")}


@pytest.mark.parametrize(
    "elsewhere", ["http://evil.example/api/v2/x/?offset=2", "http://127.0.0.1:1/?offset=2", 7, "http://["]
)
def test_a_next_page_on_another_host_is_not_followed(
    server: TransactionService, client: SafeService, elsewhere: Any
) -> None:
    page = {"count": 9, "next": elsewhere, "previous": None, "results": []}
    server.on(faults.status(200, page))
    with pytest.raises(TransientError, match="another host"):
        client.queued(0)
    assert len(server.asked) == 1


def test_pages_without_end_end(server: TransactionService, client: SafeService) -> None:
    server.on(faults.status(200, {"next": f"{server.url}/api/?offset=1", "results": []}))
    with pytest.raises(TransientError, match="more than 20 pages"):
        client.queued(0)


def test_what_it_says_of_the_safe_and_of_its_delegates(
    treasury: Treasury, server: TransactionService, client: SafeService
) -> None:
    assert client.delegates() == []
    _delegate(treasury, server, hours_ago=1)
    info = client.safe_info()
    owners = tuple(each.address.lower() for each in treasury.owners)
    assert (info.nonce, info.threshold, info.owners, info.version) == (0, 2, owners, "1.4.1")
    assert client.delegates() == [Delegate(treasury.stranger.address.lower(), owners[0], "keeper")]


def test_a_deleted_proposal_is_gone(treasury: Treasury, server: TransactionService, client: SafeService) -> None:
    digest = _propose(treasury, client, treasury.payment(0))
    domain = {
        "name": "Safe Transaction Service",
        "version": "1.0",
        "chainId": 31337,
        "verifyingContract": treasury.safe,
    }
    types = {"DeleteRequest": [{"name": "safeTxHash", "type": "bytes32"}, {"name": "totp", "type": "uint256"}]}
    message = {"safeTxHash": digest, "totp": int(server.board.clock()) // 3_600}
    signed = treasury.owners[0].sign_message(encode_typed_data(domain, types, message))
    with pytest.raises(ServiceRefusedError, match="not the proposer"):
        client.delete(digest, sign(treasury.owners[0], digest))
    client.delete(digest, bytes(signed.signature))
    assert client.find(digest) is None
    client.delete(digest, bytes(signed.signature))


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_stranger_is_told_that_it_is_one(treasury: Treasury, client: SafeService) -> None:
    tx = treasury.payment(0)
    digest = safe_tx_hash(tx)
    with pytest.raises(ServiceRefusedError, match=r"is not an owner or delegate\. Current owners=") as caught:
        client.propose(tx, digest, treasury.stranger.address, sign(treasury.stranger, digest), ORIGIN)
    assert caught.value.status == 422
    assert isinstance(caught.value, ConfigError)


def test_wrong_hash_executed_and_taken_nonce_are_told_in_its_own_words(treasury: Treasury, client: SafeService) -> None:
    tx, rival = treasury.payment(0), treasury.payment(0, wei=2)
    owner, digest = treasury.owners[0], safe_tx_hash(tx)
    with pytest.raises(ServiceRefusedError, match="does not match provided contract-tx-hash"):
        client.propose(tx, b"\x11" * 32, owner.address, sign(owner, digest), ORIGIN)
    treasury.execute(tx)
    with pytest.raises(ServiceRefusedError, match=f"Tx with safe-tx-hash=0x{digest.hex()}.* already executed"):
        _propose(treasury, client, tx)
    with pytest.raises(ServiceRefusedError, match=r"Tx with nonce=0 .*already executed"):
        _propose(treasury, client, rival)


def test_the_wrong_owners_signature_is_refused(treasury: Treasury, client: SafeService) -> None:
    tx = treasury.payment(0)
    digest = safe_tx_hash(tx)
    with pytest.raises(ServiceRefusedError, match="Signature does not match sender="):
        client.propose(tx, digest, treasury.owners[0].address, sign(treasury.owners[1], digest), ORIGIN)
    _propose(treasury, client, tx)
    with pytest.raises(ServiceRefusedError, match=r"refused \(HTTP 400\): signature: Signer=.* is not an owner"):
        client.confirm(digest, sign(treasury.stranger, digest))


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_names_what_to_set(server: TransactionService, client: SafeService, code: int) -> None:
    server.on(faults.status(code, {"message": "no"}))
    with pytest.raises(ServiceRefusedError, match=r"`safe\.api_key_env`") as caught:
        client.safe_info()
    assert (caught.value.status, len(server.asked)) == (code, 1)


def test_an_unknown_safe_names_what_to_correct(server: TransactionService) -> None:
    client = SafeService(server.url, 31337, "0x" + "99" * 20)
    with pytest.raises(ServiceRefusedError, match=r"`safe\.address` or `safe\.service_url`"):
        client.safe_info()


def test_a_redirect_is_not_followed(server: TransactionService, client: SafeService) -> None:
    server.on(faults.raw(b"", 302, {"Location": f"{server.url}/api/v1/about/"}))
    with pytest.raises(ServiceRefusedError, match="leads elsewhere"):
        client.safe_info()
    assert len(server.asked) == 1


def test_its_words_are_short_and_printable(server: TransactionService, client: SafeService) -> None:
    server.on(faults.status(422, {"nonFieldErrors": ["\x1b[31mred\u202e" + "long " * 1_000]}))
    with pytest.raises(ServiceRefusedError) as caught:
        client.safe_info()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert "red" in str(caught.value)


def test_nothing_of_another_safe_or_with_a_long_origin_is_sent(
    treasury: Treasury, server: TransactionService, client: SafeService
) -> None:
    tx = treasury.payment(0)
    digest, owner = safe_tx_hash(tx), treasury.owners[0]
    with pytest.raises(ValueError, match="does not belong here"):
        client.propose(dataclasses.replace(tx, chain_id=1), digest, owner.address, b"", ORIGIN)
    with pytest.raises(ValueError, match="201 characters"):
        client.propose(tx, digest, owner.address, sign(owner, digest), "x" * 201)
    assert server.asked == []
    client.propose(tx, digest, owner.address, sign(owner, digest), "x" * 200)


# --- lies ------------------------------------------------------------------------------------------------------------

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
    tx = _batch(treasury)
    digest = _propose(treasury, client, tx)
    server.on(lie)
    found = client.find(digest)
    assert found is not None
    assert complaint in str(found.complaint(tx, digest))
    (queued,) = client.queued(0)
    assert complaint in str(queued.complaint(tx, digest))


def test_a_record_that_hashes_to_another_transaction_is_seen_whatever_it_claims(treasury: Treasury) -> None:
    """Were a field left out of the comparison, the hash would still tell."""
    tx = _batch(treasury)
    fields = {"safe": tx.safe, "to": tx.to, "value": 0, "data": "0x" + tx.data.hex(), "operation": 1, "nonce": 0,
              "safeTxGas": 0, "baseGas": 0, "gasPrice": 0, "gasToken": None, "refundReceiver": None,
              "isExecuted": False, "trusted": True, "safeTxHash": "0x" + safe_tx_hash(tx).hex()}  # fmt: skip
    assert record_of(fields, 31337).complaint(tx, safe_tx_hash(tx)) is None
    assert "its own fields have the hash" in str(record_of(fields, 1).complaint(tx, safe_tx_hash(tx)))


def test_confirmations_of_others_do_not_count(
    treasury: Treasury, server: TransactionService, client: SafeService
) -> None:
    digest = _propose(treasury, client, _batch(treasury))
    foreign = [
        {"owner": owner.address, "signature": "0x" + sign(treasury.stranger, digest).hex()} for owner in treasury.owners
    ]
    server.on(faults.edited(confirmations=foreign))
    found = client.find(digest)
    assert found is not None
    judged = count(digest, found.confirmations, [each.address for each in treasury.owners])
    assert (judged.signatures, len(judged.refused)) == ({}, 3)


def test_a_dropped_proposal_is_missing(treasury: Treasury, server: TransactionService, client: SafeService) -> None:
    digest = _propose(treasury, client, _batch(treasury))
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
    digest = _propose(treasury, client, _batch(treasury))
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

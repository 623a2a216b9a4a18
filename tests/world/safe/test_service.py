"""The client of the Transaction Service: what it sends and reads, and that nothing the service says is believed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from keeper.errors import ConfigError, ServiceRefusedError, TransientError
from keeper.model.safe import rejection
from keeper.world.safe import service as service_module
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.service import Delegate, SafeService
from keeper.world.safe.signatures import count
from tests.safe import service_faults as faults
from tests.safe.transaction_service import Fault, TransactionService
from tests.safe.treasury import Treasury, sign
from tests.world.safe.proposing import ORIGIN, proposed, two_calls


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


def test_from_proposal_to_execution(treasury: Treasury, server: TransactionService, client: SafeService) -> None:
    _delegate(treasury, server)
    tx = two_calls(treasury)
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
    tx = two_calls(treasury)
    for _ in range(3):
        proposed(treasury, client, tx)
    assert [each.tx for each in client.queued(0)] == [tx]


def test_addresses_are_checksummed_and_numbers_are_not_floats(
    treasury: Treasury, server: TransactionService, client: SafeService
) -> None:
    tx = dataclasses.replace(treasury.payment(7, wei=2**200), gas_token="0x" + "ab" * 20, gas_price=2**80)
    proposed(treasury, client, tx)
    body = server.asked[-1].body
    assert (body["value"], body["gasPrice"], body["nonce"]) == (str(2**200), str(2**80), 7)
    assert body["gasToken"] != body["gasToken"].lower()
    found = client.find(safe_tx_hash(tx))
    assert found is not None
    assert found.complaint(tx, safe_tx_hash(tx)) is None


def test_a_rejection_comes_back_as_what_it_is(treasury: Treasury, client: SafeService) -> None:
    """Its data are null on the way there and back."""
    tx = rejection(31337, treasury.safe.lower(), 4)
    digest = proposed(treasury, client, tx)
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
    tx = two_calls(treasury)
    digest = proposed(treasury, client, tx)
    assert [each.safe_tx_hash for each in client.queued(0)] == ["0x" + digest.hex()]
    assert [each.method for each in server.asked[:2]] == ["POST", "POST"]


def test_the_queue_begins_at_a_nonce_and_has_pages(
    treasury: Treasury, server: TransactionService, client: SafeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nonce in range(7):
        proposed(treasury, client, treasury.payment(nonce))
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
    digest = proposed(treasury, client, treasury.payment(0))
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
        proposed(treasury, client, tx)
    with pytest.raises(ServiceRefusedError, match=r"Tx with nonce=0 .*already executed"):
        proposed(treasury, client, rival)


def test_the_wrong_owners_signature_is_refused(treasury: Treasury, client: SafeService) -> None:
    tx = treasury.payment(0)
    digest = safe_tx_hash(tx)
    with pytest.raises(ServiceRefusedError, match="Signature does not match sender="):
        client.propose(tx, digest, treasury.owners[0].address, sign(treasury.owners[1], digest), ORIGIN)
    proposed(treasury, client, tx)
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

"""The local service against the recorded one: the same conversation, on a Safe at the same address."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from eth_utils.crypto import keccak

from keeper.chainlab.artifacts import load_own_artifact
from keeper.chainlab.calls import create, send
from keeper.chainlab.deploy_safe import create_safe
from keeper.model.safe import SafeTx
from keeper.world.safe.calldata import execute_calldata
from keeper.world.safe.hashing import safe_tx_hash
from tests.safe import recorded as r
from tests.safe.service_rules import HANDLER
from tests.safe.transaction_service import TransactionService
from tests.safe.treasury import Treasury


def _at(slot: int, key: str) -> str:
    """The storage slot of ``mapping[key]`` at ``slot``."""
    return "0x" + keccak(bytes.fromhex(key[2:]).rjust(32, b"\0") + slot.to_bytes(32, "big")).hex()


@pytest.fixture
def service(treasury: Treasury) -> Iterator[TransactionService]:
    """The Safe of the recording, moved to its address: code and storage of one with the same owners."""
    rpc = treasury.anvil.rpc
    model = create_safe(rpc, r.OWNERS, 2, salt_nonce=99)
    token = create(rpc, rpc("eth_accounts")[0], load_own_artifact("Token").bytecode, ("string", "string", "uint8"),
                   "T", "T", 18)  # fmt: skip
    shared = treasury.contracts
    for copy, original in {
        r.SAFE: model, r.SINGLETON: shared.singleton, r.HANDLER: shared.fallback_handler, r.TOKEN: token,
        r.MULTI_SEND: shared.multi_send_call_only,
    }.items():  # fmt: skip
        rpc("anvil_setCode", copy, rpc("eth_getCode", original, "latest"))
    sentinel = "0x" + "00" * 19 + "01"
    slots = ["0x3", "0x4", "0x5", _at(1, sentinel), *(_at(2, each) for each in (sentinel, *r.OWNERS))]
    values = {slot: rpc("eth_getStorageAt", model, slot, "latest") for slot in slots}
    values |= {"0x0": _word(r.SINGLETON), HANDLER: _word(r.HANDLER)}
    for slot, value in values.items():
        rpc("anvil_setStorageAt", r.SAFE, slot, value)
    rpc("anvil_setStorageAt", r.TOKEN, _at(3, r.SAFE), "0x" + f"{1_000:064x}")
    with TransactionService(rpc, r.CHAIN_ID, clock=lambda: r.RECORDED_AT) as service:
        yield service


def _word(address: str) -> str:
    return "0x" + "00" * 12 + address[2:]


def _ask(service: TransactionService, step: r.Recorded) -> tuple[int, Any]:
    line = http.client.HTTPConnection("127.0.0.1", service.server_port, timeout=10)
    body = None if step.body is None else json.dumps(step.body)
    line.request(step.method, step.path, body, {"Content-Type": "application/json"})
    reply = line.getresponse()
    raw = reply.read()
    line.close()
    return reply.status, json.loads(raw) if raw else None


def test_the_recorded_conversation(treasury: Treasury, service: TransactionService) -> None:
    for step in r.BEFORE_EXECUTION:
        _replay(service, step)
    batch = bytes.fromhex(r.BATCH[2:])
    tx = SafeTx(r.CHAIN_ID, r.SAFE.lower(), r.MULTI_SEND.lower(), 0, batch, 1, 0)
    assert "0x" + safe_tx_hash(tx).hex() == r.HASH
    signatures = bytes.fromhex(r.BY_SECOND[2:] + r.BY_FIRST[2:])
    assert treasury.anvil.rpc("eth_accounts")[9].lower() == r.EXECUTOR.lower()
    receipt = send(treasury.anvil.rpc, r.EXECUTOR, r.SAFE, "0x" + execute_calldata(tx, signatures).hex())
    for step in r.AFTER_EXECUTION:
        _replay(service, step, receipt["transactionHash"])


def _replay(service: TransactionService, step: r.Recorded, executed_in: str = "") -> None:
    code, answer = _ask(service, step)
    expected = json.loads(json.dumps(step.answer).replace(r.EXECUTED_IN, executed_in or r.EXECUTED_IN))
    assert (code, r.same(expected, answer)) == (step.status, []), step.name


def test_a_delegate_who_comes_first_proposes_for_its_owner(treasury: Treasury, service: TransactionService) -> None:
    del treasury
    asked = r.BEFORE_EXECUTION
    _replay(service, asked[6])
    _replay(service, asked[8])
    _, row = _ask(service, asked[10])
    assert (row["proposer"], row["proposedByDelegate"], row["trusted"]) == (r.OWNERS[0], r.DELEGATE, True)
    assert row["confirmations"] == []


def test_an_unsigned_proposal_is_not_trusted_and_not_in_the_queue(
    treasury: Treasury, service: TransactionService
) -> None:
    del treasury
    _replay(service, r.BEFORE_EXECUTION[5])
    _, row = _ask(service, r.BEFORE_EXECUTION[10])
    _, queue = _ask(service, r.BEFORE_EXECUTION[11])
    assert (row["trusted"], queue["count"]) == (False, 0)


def test_a_signature_of_an_hour_ago_still_counts_and_one_of_two_hours_does_not(service: TransactionService) -> None:
    step = r.BEFORE_EXECUTION[6]
    service.board.clock = lambda: r.RECORDED_AT + 3_600
    _replay(service, step)
    service.board.clock = lambda: r.RECORDED_AT + 7_200
    assert _ask(service, step)[0] == 400


def test_the_comparison_sees_differences() -> None:
    assert r.same({"a": [1], "modified": "x"}, {"a": [1], "modified": "y"}) == []
    assert r.same({"nonce": "0"}, {"nonce": 0}) == ['.nonce: 0, not "0"']
    assert r.same({"modified": "x"}, {"modified": None}) == [".modified: NoneType, not str"]
    assert r.same({"a": 1}, {"b": 1}) == [".a is missing", ".b is not in the recording"]

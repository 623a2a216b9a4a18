"""Batches read back: what the library and the keeper's own encoders write, and nothing that they would not write."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from keeper.model.safe import SafeTx
from keeper.world.protocols import Call
from keeper.world.safe import calldata, multisend
from keeper.world.signers.abi_words import DecodingError
from keeper.world.signers.batch_calls import (
    ApproveHashCall,
    ExecuteCall,
    TargetCall,
    account_batch,
    multi_send,
    safe_call,
)
from tests.world.signers import batches

ADDRESS = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
UINT256 = st.integers(0, 2**256 - 1)
DATA = st.binary(max_size=200)
CALLS = st.lists(st.tuples(ADDRESS, DATA), min_size=1, max_size=6)
_EXECUTE = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes"


def written(signature: str, types: list[str], *values: Any) -> bytes:
    return keccak(text=signature)[:4] + encode(types, values)


@given(CALLS)
def test_a_batch_of_an_account_is_read_as_the_library_wrote_it(made: list[tuple[str, bytes]]) -> None:
    data = batches.execute_batch([Call(to, inner) for to, inner in made])
    assert account_batch(data) == tuple(TargetCall(*each) for each in made)


@given(CALLS)
def test_a_batch_of_a_safe_is_read_as_it_was_written(made: list[tuple[str, bytes]]) -> None:
    packed = b"".join(b"\0" + bytes.fromhex(to[2:]) + bytes(32) + len(inner).to_bytes(32) + inner for to, inner in made)
    data = written("multiSend(bytes)", ["bytes"], packed)
    assert data == multisend.multi_send([Call(to, inner) for to, inner in made])
    assert multi_send(data) == tuple(TargetCall(*each) for each in made)


@given(st.tuples(ADDRESS, UINT256, DATA, st.integers(0, 1), UINT256, UINT256, UINT256, ADDRESS, ADDRESS, DATA))
def test_a_call_of_a_safe_is_read_as_the_library_wrote_it(values: tuple[Any, ...]) -> None:
    data = written(f"execTransaction({_EXECUTE})", _EXECUTE.split(","), *values)
    to, value, inner, operation, gas, base_gas, price, token, receiver, signatures = values
    tx = SafeTx(1, to, to, value, inner, operation, 0, gas, base_gas, price, token, receiver)
    assert data == calldata.execute_calldata(tx, signatures)
    assert safe_call(data) == ExecuteCall(*values)


@given(st.binary(min_size=32, max_size=32))
def test_a_hash_that_is_approved(value: bytes) -> None:
    assert safe_call(written("approveHash(bytes32)", ["bytes32"], value)) == ApproveHashCall(value)


DEADLINE = 1_700_002_100
HONEST = {
    account_batch: batches.execute_batch(batches.calls(batches.LEAVE, batches.SAFE, DEADLINE)),
    multi_send: multisend.multi_send(batches.calls(batches.LEAVE, batches.SAFE, DEADLINE)),
    safe_call: calldata.execute_calldata(batches.safe_tx(batches.LEAVE, DEADLINE), batches.SIGNATURES),
}


def rewritten(found: Any) -> bytes:
    """What was read, written again by the library."""
    if isinstance(found, ExecuteCall):
        fields = [getattr(found, name) for name in found.__slots__]
        return written(f"execTransaction({_EXECUTE})", _EXECUTE.split(","), *fields)
    if isinstance(found, ApproveHashCall):
        return written("approveHash(bytes32)", ["bytes32"], found.hash)
    return b""


@settings(max_examples=400)
@given(
    st.sampled_from([*HONEST]), st.integers(0, 10**6), st.integers(0, 255), st.sampled_from(["set", "insert", "cut"])
)
def test_what_is_changed_is_refused_or_is_what_the_library_would_write(
    read: Any, place: int, byte: int, kind: str
) -> None:
    data = HONEST[read]
    at = place % len(data)
    changed = {"set": data[:at] + bytes([byte]) + data[at + 1 :], "insert": data[:at] + bytes([byte]) + data[at:],
               "cut": data[:at] + data[at + 1 :]}[kind]  # fmt: skip
    try:
        found = read(changed)
    except DecodingError:
        return
    calls = [Call(each.target, each.data) for each in found] if isinstance(found, tuple) else []
    again = {account_batch: batches.execute_batch, multi_send: multisend.multi_send}
    assert changed == (again[read](calls) if read in again else rewritten(found))


def packed(operation: int = 0, value: int = 0, size: int = 4, data: bytes = b"abcd", tail: bytes = b"") -> bytes:
    entry = bytes([operation]) + bytes(20) + value.to_bytes(32) + size.to_bytes(32) + data + tail
    return written("multiSend(bytes)", ["bytes"], entry)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (packed(operation=1), "the operation of a call inside multiSend is 1"),
        (packed(operation=2), "the operation of a call inside multiSend is 2"),
        (packed(value=1), "sends value"),
        (packed(size=5), "cut off"),
        (packed(size=2**255), "cut off"),
        (packed(tail=b"\0"), "cut off"),
        (packed(tail=bytes(84)), "cut off"),
        (written("multiSend(bytes)", ["bytes"], b""), "holds no call"),
        (packed() + bytes(32), "stand after the calldata"),
        (packed()[:-1], "cut off"),
        (packed()[:-1] + b"\1", "padding"),
        (b"", "is not that of multiSend"),
    ],
)
def test_what_is_no_batch_of_a_safe(data: bytes, sentence: str) -> None:
    with pytest.raises(DecodingError, match=sentence):
        multi_send(data)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (batches.execute_batch([]), "counts 0 calls"),
        (batches.execute_batch([Call(batches.SAFE, b"", 1)]), "the value of a call"),
        (batches.execute_batch([Call(batches.SAFE, b"ab")])[:-32], "cut off"),
        (batches.execute_batch([Call(batches.SAFE, b"ab")]) + bytes(32), "stand after"),
        (written("execute(address,uint256,bytes)", ["address", "uint256", "bytes"], batches.SAFE, 0, b""), "selector"),
    ],
)
def test_what_is_no_batch_of_an_account(data: bytes, sentence: str) -> None:
    with pytest.raises(DecodingError, match=sentence):
        account_batch(data)


def test_what_is_no_call_of_a_safe() -> None:
    honest = HONEST[safe_call]
    approved = written("approveHash(bytes32)", ["bytes32"], bytes(32))
    for data, sentence in (
        (approved + b"\0", "approveHash has 33 bytes"),
        (approved[:-1], "approveHash has 31 bytes"),
        (honest[:200], "cut off"),
        (honest + b"\0", "stand after"),
        (written("setup()", []), "is not that of execTransaction"),
        (b"", "is not that of execTransaction"),
    ):
        with pytest.raises(DecodingError, match=sentence):
            safe_call(data)

"""Several calls in one transaction: the bytes, and what the real MultiSendCallOnly makes of them."""

from __future__ import annotations

import pytest
from eth_abi.abi import decode
from eth_utils.crypto import keccak

from keeper.errors import RpcError
from keeper.world.protocols import Call
from keeper.world.safe.multisend import batch_of, multi_send
from tests.safe.treasury import Treasury

MULTI_SEND = "0x" + "5E" * 20
ONE = Call("0x" + "Aa" * 20, b"", 5)
TWO = Call("0x" + "bb" * 20, b"\x01\x02\x03", 0)


def test_packed_as_the_contract_reads_them() -> None:
    data = multi_send([ONE, TWO])
    assert data[:4] == keccak(text="multiSend(bytes)")[:4]
    (packed,) = decode(["bytes"], data[4:])
    first = b"\0" + b"\xaa" * 20 + (5).to_bytes(32, "big") + bytes(32)
    second = b"\0" + b"\xbb" * 20 + bytes(32) + (3).to_bytes(32, "big") + b"\x01\x02\x03"
    assert packed == first + second


def test_one_call_stays_a_call() -> None:
    assert batch_of([ONE], MULTI_SEND) == ("0x" + "aa" * 20, 5, b"", 0)


def test_several_become_one_delegate_call_without_value() -> None:
    assert batch_of([ONE, TWO], MULTI_SEND) == (MULTI_SEND.lower(), 0, multi_send([ONE, TWO]), 1)


def test_nothing_is_no_batch() -> None:
    for nothing in (lambda: multi_send([]), lambda: batch_of([], MULTI_SEND)):
        with pytest.raises(ValueError, match="does nothing"):
            nothing()


def _balances(treasury: Treasury, *addresses: str) -> list[int]:
    return [int(treasury.anvil.rpc("eth_getBalance", each, "latest"), 16) for each in addresses]


def test_a_batch_pays_everybody_in_one_transaction(treasury: Treasury) -> None:
    calls = [Call(f"0x{number:040x}", b"\xaa" * number, number) for number in (0x1001, 0x1002, 0x1003)]
    calls = [Call(each.to, each.data[:70], each.value_wei) for each in calls]
    treasury.execute(treasury.tx(calls, 0))
    assert _balances(treasury, *(each.to for each in calls)) == [0x1001, 0x1002, 0x1003]


def test_a_batch_with_a_failing_call_does_nothing_at_all(treasury: Treasury) -> None:
    paid = Call("0x" + "12" * 20, b"", 9)
    failing = Call(treasury.contracts.proxy_factory, b"\xde\xad\xbe\xef")
    with pytest.raises(RpcError):
        treasury.execute(treasury.tx([paid, failing], 0))
    assert _balances(treasury, paid.to) == [0]
    assert treasury.reader.state(treasury.head()).nonce == 0

"""The strict decoder against the libraries: it reads what they write, and takes nothing that they would not write."""

from __future__ import annotations

from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from keeper.model.plan import Approve, Collect, Exit, Increase, Mint, Swap
from keeper.world.signers import calls
from keeper.world.signers.decoding import (
    DecodingError,
    Unsigned,
    decode_signed,
    decode_unsigned,
    unsigned_payload,
)
from keeper.world.signers.envelope import unsigned_bytes
from tests.world.signers import scene

UINT256 = st.integers(0, 2**256 - 1)
UINT128 = st.integers(0, 2**128 - 1)
TICK = st.integers(-(2**23), 2**23 - 1)
FEE = st.integers(0, 2**24 - 1)
ADDRESS = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())


def call(signature: str, types: list[str], *values: Any) -> bytes:
    return keccak(text=signature)[:4] + encode(types, values)


def struct(name: str, types: str, *values: Any) -> bytes:
    return call(f"{name}({types})", [types], values)


@given(UINT256, UINT256, UINT256, UINT256, UINT256, ADDRESS, UINT256, st.binary(max_size=400))
def test_a_transaction_is_read_as_the_library_wrote_it(
    chain_id: int, nonce: int, tip: int, fee: int, gas: int, to: str, value: int, data: bytes
) -> None:
    made = b"\x02" + rlp.encode([chain_id, nonce, tip, fee, gas, bytes.fromhex(to[2:]), value, data, []])
    assert decode_unsigned(made) == Unsigned(chain_id, nonce, tip, fee, gas, to, value, data)


@given(st.binary(max_size=120).map(lambda tail: b"\x02" + tail))
def test_noise_is_refused_or_is_what_the_library_would_write(noise: bytes) -> None:
    try:
        read = decode_unsigned(noise)
    except DecodingError:
        return
    assert noise == b"\x02" + rlp.encode(
        [read.chain_id, read.nonce, read.max_priority_fee_wei, read.max_fee_wei, read.gas_limit,
         bytes.fromhex(read.to[2:]), read.value_wei, read.data, []]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ([1] * 8, "has 8 fields"),
        ([1] * 10, "has 10 fields"),
        ([1, 0, 1, 1, 1, b"\1" * 19, 0, b"", []], "to has 19 bytes"),
        ([1, 0, 1, 1, 1, b"", 0, b"", []], "to has 0 bytes"),
        ([b"\0", 0, 1, 1, 1, b"\1" * 20, 0, b"", []], "chain id begins with a zero byte"),
        ([1, 0, 1, 1, 1, b"\1" * 20, b"\1" * 33, b"", []], "value has 33 bytes"),
        ([1, 0, 1, 1, 1, b"\1" * 20, 0, [], []], "data is a list"),
        ([1, 0, 1, 1, 1, b"\1" * 20, 0, b"", b""], "access list is not empty"),
        ([1, 0, 1, 1, 1, b"\1" * 20, 0, b"", [[b"\1" * 20, []]]], "access list is not empty"),
    ],
)
def test_what_is_not_such_a_transaction(items: list[Any], sentence: str) -> None:
    with pytest.raises(DecodingError, match=sentence):
        decode_unsigned(b"\x02" + rlp.encode(items))


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("", "type is 0x;"),
        ("01c0", "type is 0x01"),
        ("02", "cut off"),
        ("0280", "not a list of fields"),
        ("02c001", "1 bytes stand after"),
        ("02c28101", "single byte in the transaction is written in two"),
        ("02f801" + "80", "in more bytes than it needs"),
        ("02f90001" + "80", "begins with a zero byte"),
        ("02f8", "cut off"),
        ("02ffffffffffffffffff", "cut off"),
        ("02c3b80180", "in more bytes than it needs"),
        ("02c283ff", "cut off"),
        ("02c283ffff", "1 bytes stand after"),
    ],
)
def test_bytes_that_are_not_the_one_spelling(raw: str, sentence: str) -> None:
    with pytest.raises(DecodingError, match=sentence):
        decode_unsigned(bytes.fromhex(raw))
    with pytest.raises(DecodingError, match=sentence):
        decode_signed(bytes.fromhex(raw))
    with pytest.raises(DecodingError, match="at most"):
        decode_unsigned(bytes.fromhex("02") + bytes(1 << 18))


@settings(max_examples=25)  # signing is slow
@given(UINT256, st.integers(0, 2**64 - 2), st.integers(0, 2**100), st.binary(max_size=200))
def test_a_signed_transaction_is_read_as_the_account_library_wrote_it(
    value: int, nonce: int, fee: int, data: bytes
) -> None:
    fields = {"type": 2, "chainId": 1, "nonce": nonce, "to": scene.ATTACKER, "value": value, "data": data,
              "gas": 21_000, "maxFeePerGas": fee, "maxPriorityFeePerGas": fee}  # fmt: skip
    fields["to"] = "0x" + "ba" * 20
    account = Account.from_key(b"\7" * 32)
    signed = account.sign_transaction({**fields, "to": bytes.fromhex("ba" * 20)})
    read = decode_signed(bytes(signed.raw_transaction))
    assert read.payload == unsigned_payload(unsigned_bytes(fields))
    assert read.unsigned == decode_unsigned(unsigned_bytes(fields))
    assert (read.signature.y_parity, read.signature.r, read.signature.s) == (signed.v, signed.r, signed.s)


@given(ADDRESS, UINT256)
def test_an_approval_is_read(spender: str, amount: int) -> None:
    made = call("approve(address,uint256)", ["address", "uint256"], spender, amount)
    assert calls.calls_of(made) == calls.ApproveCall(spender, amount)


@given(ADDRESS, ADDRESS, FEE, ADDRESS, UINT256, UINT256, UINT256, st.integers(0, 2**160 - 1))
def test_swaps_of_either_router_are_read(
    token_in: str, token_out: str, fee: int, to: str, deadline: int, amount: int, least: int, limit: int
) -> None:
    route, bounds = (token_in, token_out, fee, to), (amount, least, limit)
    types = "(address,address,uint24,address,uint256,uint256,uint256,uint160)"
    plain = struct("exactInputSingle", types, *route, deadline, *bounds)
    assert calls.calls_of(plain) == calls.SwapCall(False, *route, deadline, *bounds)
    inner = struct("exactInputSingle", "(address,address,uint24,address,uint256,uint256,uint160)", *route, *bounds)
    wrapped = call("multicall(uint256,bytes[])", ["uint256", "bytes[]"], deadline, [inner])
    assert calls.calls_of(wrapped) == calls.SwapCall(True, *route, deadline, *bounds)


POSITION_CALLS = st.one_of(
    st.builds(calls.MintCall, ADDRESS, ADDRESS, FEE, TICK, TICK, UINT256, UINT256, UINT256, UINT256, ADDRESS, UINT256),
    st.builds(calls.IncreaseCall, UINT256, UINT256, UINT256, UINT256, UINT256, UINT256),
    st.builds(calls.DecreaseCall, UINT256, UINT128, UINT256, UINT256, UINT256),
    st.builds(calls.CollectCall, UINT256, ADDRESS, UINT128, UINT128),
    st.builds(calls.BurnCall, UINT256),
)
TYPES = {
    calls.MintCall: ("mint", "(address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256)"),
    calls.IncreaseCall: ("increaseLiquidity", "(uint256,uint256,uint256,uint256,uint256,uint256)"),
    calls.DecreaseCall: ("decreaseLiquidity", "(uint256,uint128,uint256,uint256,uint256)"),
    calls.CollectCall: ("collect", "(uint256,address,uint128,uint128)"),
}


def encoded(inner: calls.InnerCall) -> bytes:
    if isinstance(inner, calls.BurnCall):
        return call("burn(uint256)", ["uint256"], inner.token_id)
    name, types = TYPES[type(inner)]
    return struct(name, types, *(getattr(inner, field) for field in inner.__dataclass_fields__))


@given(st.lists(POSITION_CALLS, min_size=1, max_size=5))
def test_a_multicall_of_the_position_manager_is_read(inner: list[calls.InnerCall]) -> None:
    made = call("multicall(bytes[])", ["bytes[]"], [encoded(each) for each in inner])
    assert calls.calls_of(made) == calls.PositionCalls(tuple(inner))


@given(st.lists(st.binary(max_size=70), max_size=3))
def test_other_calls_inside_a_multicall_are_refused(items: list[bytes]) -> None:
    with pytest.raises(DecodingError):
        calls.calls_of(call("multicall(bytes[])", ["bytes[]"], items))


def test_every_kind_of_step_has_a_case() -> None:
    assert {type(each.evidence.step) for each in scene.cases()} == {Approve, Collect, Exit, Increase, Mint, Swap}

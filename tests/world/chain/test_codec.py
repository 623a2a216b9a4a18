"""The lean codec against keccak-256 and the general ABI codec."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from keeper.resources import abi, abis_dir
from keeper.world.chain import codec
from keeper.world.v3 import reads

WORDS = st.integers(0, 2**256 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20)
U128, I24 = st.integers(0, 2**128 - 1), st.integers(-(2**23), 2**23 - 1)


def hexed(raw: bytes) -> str:
    return "0x" + raw.hex()


def test_every_selector_and_topic_is_the_hash_of_its_signature() -> None:
    assert {name: keccak(text=name)[:4] for name in codec.SELECTORS} == codec.SELECTORS
    assert {name: hexed(keccak(text=name)) for name in codec.TOPICS} == codec.TOPICS


@given(st.lists(st.tuples(ADDRESSES, st.binary(max_size=200)), max_size=8))
def test_aggregate3_is_encoded_as_the_general_codec_does(calls: list[tuple[bytes, bytes]]) -> None:
    items = [codec.aggregate3_item(hexed(target), data) for target, data in calls]
    general = encode(["(address,bool,bytes)[]"], [[(hexed(target), True, data) for target, data in calls]])
    assert codec.aggregate3(items) == keccak(text="aggregate3((address,bool,bytes)[])")[:4] + general


@given(st.lists(st.tuples(ADDRESSES, WORDS, st.binary(max_size=200)), max_size=8))
def test_a_batch_is_encoded_as_the_general_codec_does(calls: list[tuple[bytes, int, bytes]]) -> None:
    name, given = "executeBatch((address,uint256,bytes)[])", [(hexed(to), value, data) for to, value, data in calls]
    general = keccak(text=name)[:4] + encode(["(address,uint256,bytes)[]"], [given])
    assert codec.call_with_calls(name, given) == general


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=200)), max_size=8))
def test_aggregate3_is_decoded(results: list[tuple[bool, bytes]]) -> None:
    raw = encode(["(bool,bytes)[]"], [results])
    assert codec.decode_aggregate3(raw) == [data if success else None for success, data in results]


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=100)), min_size=1, max_size=4), st.data())
def test_a_cut_result_is_refused(results: list[tuple[bool, bytes]], data: st.DataObject) -> None:
    raw = encode(["(bool,bytes)[]"], [results])
    cut = data.draw(st.integers(0, len(raw) - 32))
    with pytest.raises(ValueError, match="aggregate3"):
        codec.decode_aggregate3(raw[:cut])


@given(st.binary(max_size=300))
def test_nonsense_is_refused_or_decoded_but_never_crashes(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        codec.decode_aggregate3(raw)


@given(st.lists(st.binary(max_size=100), max_size=5), WORDS)
def test_bytes_arrays(items: list[bytes], leading: int) -> None:
    name = "multicall(uint256,bytes[])"
    assert codec.call_with_bytes_array(name, items, leading) == codec.SELECTORS[name] + encode(
        ["uint256", "bytes[]"], [leading, items]
    )
    name = "multicall(bytes[])"
    assert codec.call_with_bytes_array(name, items) == codec.SELECTORS[name] + encode(["bytes[]"], [items])


@given(st.lists(st.integers(0, 2**32 - 1), max_size=5))
def test_integer_arrays(values: list[int]) -> None:
    name = "observe(uint32[])"
    assert codec.call_with_integers(name, values) == codec.SELECTORS[name] + encode(["uint32[]"], [values])


@given(st.integers(-(2**255), 2**255 - 1), WORDS)
def test_words_there_and_back(signed: int, unsigned: int) -> None:
    raw = encode(["int256", "uint256"], [signed, unsigned])
    assert codec.word(signed) + codec.word(unsigned) == raw
    assert (codec.signed(raw), codec.unsigned(raw, 1)) == (signed, unsigned)


@given(
    st.integers(0, 2**96 - 1),
    st.tuples(ADDRESSES, ADDRESSES, st.integers(0, 2**24 - 1), I24, I24, U128, WORDS, WORDS, U128, U128),
)
def test_a_position_record(nonce: int, fields: tuple[bytes, bytes, int, int, int, int, int, int, int, int]) -> None:
    token0, token1, *rest = fields
    types = ["uint96", "address", "address", "address", "uint24", "int24", "int24", "uint128", "uint256", "uint256"]
    operator = "0x" + "ab" * 20
    raw = encode([*types, "uint128", "uint128"], [nonce, operator, hexed(token0), hexed(token1), *rest])
    assert reads.decode_position(raw) == fields


@given(U128, st.integers(-(2**127), 2**127 - 1), WORDS, WORDS)
def test_a_tick_record(gross: int, net: int, outside_0: int, outside_1: int) -> None:
    types = ["uint128", "int128", "uint256", "uint256", "int56", "uint160", "uint32", "bool"]
    raw = encode(types, [gross, net, outside_0, outside_1, -5, 2**160 - 1, 7, True])
    assert reads.decode_tick(raw) == (gross, net, outside_0, outside_1)


@given(st.integers(0, 2**160 - 1), I24, st.integers(0, 2**16 - 1), st.integers(0, 255))
def test_slot0(price: int, tick: int, cardinality: int, fee_protocol: int) -> None:
    types = ["uint160", "int24", "uint16", "uint16", "uint16", "uint8", "bool"]
    raw = encode(types, [price, tick, 65_535, cardinality, 65_535, fee_protocol, True])
    assert reads.decode_slot0(raw) == (price, tick, cardinality, fee_protocol)


@given(st.lists(st.integers(-(2**55), 2**55 - 1), max_size=4))
def test_tick_cumulatives(values: list[int]) -> None:
    raw = encode(["int56[]", "uint160[]"], [values, [5] * len(values)])
    assert reads.decode_tick_cumulatives(raw) == values


def test_text_as_string_or_as_bytes32() -> None:
    assert codec.text(encode(["string"], ["USD₮0"])) == "USD₮0"
    assert codec.text(b"MKR".ljust(32, b"\0")) == "MKR"
    assert codec.text(encode(["string"], ["a\x1b[31m\nb"])) == "a[31mb"
    address = bytes.fromhex("c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2")
    assert codec.address(address.rjust(32, b"\0")) == "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"


def _signature(entry: dict[str, Any]) -> str:
    def kind(item: dict[str, Any]) -> str:
        inside = ",".join(kind(each) for each in item.get("components", ()))
        return f"({inside}){item['type'][5:]}" if item["type"].startswith("tuple") else str(item["type"])

    return f"{entry['name']}({','.join(kind(item) for item in entry['inputs'])})"


def test_every_signature_stands_in_a_shipped_abi_and_no_abi_holds_more() -> None:
    entries = [entry for file in abis_dir.glob("*.json") for entry in abi(file.stem)]
    functions = {_signature(entry) for entry in entries if entry["type"] == "function"}
    events = {_signature(entry) for entry in entries if entry["type"] == "event"}
    assert functions == codec.SELECTORS.keys()
    assert events == codec.TOPICS.keys()

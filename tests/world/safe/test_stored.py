"""A Safe's transaction as the journal keeps it: nothing is lost, and nothing but its one form is taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.model.safe import SafeTx, rejection
from keeper.world.safe.stored import body_of, safe_tx_of

ADDRESS = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
UINT256 = st.integers(0, 2**256 - 1)
ANY = st.builds(SafeTx, UINT256, ADDRESS, ADDRESS, UINT256, st.binary(max_size=300), st.sampled_from([0, 1]), UINT256,
                UINT256, UINT256, UINT256, ADDRESS, ADDRESS)  # fmt: skip
TX = rejection(31337, "0x" + "5a" * 20, 3)


@given(ANY)
def test_what_is_stored_comes_back(tx: SafeTx) -> None:
    assert safe_tx_of(body_of(tx)) == tx


def test_it_is_canonical_json_of_every_field() -> None:
    assert body_of(TX) == (
        b'{"base_gas":0,"chain_id":31337,"data":"0x","gas_price":0,"gas_token":"0x' + b"00" * 20 + b'","nonce":3,'
        b'"operation":0,"refund_receiver":"0x' + b"00" * 20 + b'","safe":"0x' + b"5a" * 20 + b'","safe_tx_gas":0,'
        b'"to":"0x' + b"5a" * 20 + b'","value_wei":0}'
    )
    assert json.loads(body_of(TX)).keys() == set(SafeTx.__slots__)


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "3"}, {"nonce": True}, {"nonce": 3.0}, {"nonce": -1}, {"operation": 2}, {"data": "00"},
        {"data": "0X"}, {"data": "0x0"}, {"data": "0xAB"}, {"data": None}, {"to": 7}, {"to": "0x" + "5A" * 20},
        {"more": 1}, {"nonce": None},
    ],
)  # fmt: skip
def test_what_is_not_its_form_is_refused(change: dict[str, Any]) -> None:
    found = json.loads(body_of(TX)) | change
    body = json.dumps({key: value for key, value in found.items() if value is not None},
                      sort_keys=True, separators=(",", ":")).encode()  # fmt: skip
    with pytest.raises(ValueError, match=r".+"):
        safe_tx_of(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", body_of(TX) + b" ", body_of(TX).replace(b":3", b": 3")])
def test_nor_another_spelling(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        safe_tx_of(body)

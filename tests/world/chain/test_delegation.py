"""Whose code an account runs, as the node shows it and as signed bytes set it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from keeper.chainlab.deploy_account import delegation_code as lab_code
from keeper.errors import RpcError
from keeper.known_safe import BATCH_ACCOUNT
from keeper.world.chain.delegation import (
    as_signed,
    delegate_in,
    delegation_code,
    delegation_of,
    execute_batch,
    overriding,
    unless_set,
)
from keeper.world.protocols import Call

OURS, OWNER = BATCH_ACCOUNT.address, "0x" + "0e" * 20
CALL = Call(OWNER, b"x", delegate=OURS)


class Shows:
    """A node that shows one code at every address."""

    def __init__(self, code: Any) -> None:
        self.code = code

    def request(self, method: str, params: Sequence[Any]) -> Any:
        assert (method, params[1]) == ("eth_getCode", "latest")
        return self.code

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        raise AssertionError(requests)

    def send_raw_transaction(self, raw: bytes) -> str:
        raise AssertionError(raw)


@pytest.mark.parametrize(
    ("code", "delegate"),
    [
        ("0x", None),
        (lab_code(OURS), OURS),
        (lab_code(OURS) + "00", None),
        (lab_code(OURS)[:-2], None),
        ("0xef0101" + OURS[2:].lower(), None),
        ("0x" + "60" * 23, None),
    ],
)
def test_a_delegation_is_a_code_of_exactly_its_form(code: str, delegate: str | None) -> None:
    assert delegation_of(Shows(code), OWNER) == delegate
    assert delegate_in(bytes.fromhex(code[2:])) == delegate


def test_the_code_is_written_as_it_is_read() -> None:
    assert "0x" + delegation_code(OURS).hex() == lab_code(OURS)
    assert overriding(OWNER, CALL) == {OWNER: delegation_code(OURS)}
    assert overriding(OWNER, Call(OWNER, b"x")) == {}


def test_it_is_set_where_it_is_not_yet() -> None:
    assert unless_set(Shows("0x"), OWNER, CALL) == CALL
    assert unless_set(Shows(lab_code("0x" + "ab" * 20)), OWNER, CALL) == CALL
    assert unless_set(Shows(lab_code(OURS)), OWNER, CALL) == Call(OWNER, b"x")


@pytest.mark.parametrize("answer", [None, 5, "0xzz", []])
def test_what_is_no_code_is_the_nodes_fault(answer: Any) -> None:
    with pytest.raises(RpcError, match="something else than code"):
        delegation_of(Shows(answer), OWNER)


def test_plain_bytes_are_replaced_by_plain_ones() -> None:
    assert as_signed(CALL, b"\x02whatever") == Call(OWNER, b"x")


def test_an_empty_batch_is_none() -> None:
    with pytest.raises(ValueError, match="does nothing"):
        execute_batch([])

"""Whose transaction used a nonce, on a real chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from keeper.chainlab.anvil import CHAIN_ID, Anvil, AnvilOptions
from keeper.errors import RpcError
from keeper.world.chain.node import HttpNode
from keeper.world.chain.strangers import used_by

BLOCKS = 40


@pytest.fixture(scope="module", name="anvil")
def make_anvil() -> Iterator[Anvil]:
    with Anvil(AnvilOptions()) as anvil:
        yield anvil


def test_the_transaction_of_every_nonce_is_found(anvil: Anvil) -> None:
    one, other = anvil.rpc("eth_accounts")[:2]
    hashes = []
    for number in range(BLOCKS):
        if number % 3 == 0:
            hashes.append(anvil.rpc("eth_sendTransaction", {"from": one, "to": other, "value": hex(number + 1)}))
        anvil.rpc("eth_sendTransaction", {"from": other, "to": one, "value": "0x1"})
        anvil.mine()
    head = int(anvil.rpc("eth_blockNumber"), 16)
    node = HttpNode([anvil.url])
    assert [used_by(node, one, nonce, head) for nonce in range(len(hashes))] == hashes
    assert used_by(node, one, len(hashes), head) is None, "not used yet"
    assert used_by(_WithoutOldStates(node, head - 3), one, 2, head) is None, "too old for this node"


def test_an_authorization_that_somebody_else_delivered_is_found(anvil: Anvil) -> None:
    """Its nonce is in no transaction of the address's own."""
    authority, sponsor = (Account.from_key(keccak(text=name)) for name in ("authority", "sponsor"))
    anvil.set_balance(sponsor.address, 10**18)
    granted = authority.sign_authorization({"chainId": CHAIN_ID, "address": "0x" + "ab" * 20, "nonce": 0})
    signed = sponsor.sign_transaction(
        {"chainId": CHAIN_ID, "nonce": 0, "to": sponsor.address, "value": 0, "data": "0x", "gas": 200_000,
         "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "authorizationList": [granted]}
    )  # fmt: skip
    digest = anvil.rpc("eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())
    anvil.mine()
    anvil.mine()
    head, node = int(anvil.rpc("eth_blockNumber"), 16), HttpNode([anvil.url])
    assert used_by(node, authority.address, 0, head) == digest
    assert used_by(node, sponsor.address, 0, head) == digest
    assert used_by(node, authority.address, 1, head) is None


class _WithoutOldStates:
    """A node that keeps the states of its last blocks alone."""

    def __init__(self, inner: HttpNode, oldest: int) -> None:
        self._inner, self._oldest = inner, oldest

    def request(self, method: str, params: list[Any]) -> Any:
        if method == "eth_getTransactionCount" and int(params[1], 16) < self._oldest:
            raise RpcError("missing trie node", code=-32000)
        return self._inner.request(method, params)

    def batch(self, requests: Any) -> list[Any]:
        raise AssertionError(requests)

    def send_raw_transaction(self, raw: bytes) -> str:
        raise AssertionError(raw)

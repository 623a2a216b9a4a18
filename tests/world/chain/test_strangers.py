"""Whose transaction used a nonce, on a real chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
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

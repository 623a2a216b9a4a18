"""The head of the chain and its fees, from nodes of several ages."""

from __future__ import annotations

from typing import Any

import pytest

from keeper.errors import TransientError
from keeper.world.chain.head import read_head
from keeper.world.chain.node import HttpNode
from tests.world.chain.hostile import Exchange, HostileServer
from tests.world.conftest import Desk

HASH = "0x" + "ab" * 32
OWNER = "0x" + "33" * 20
HEADER = {"number": "0x10", "hash": HASH, "timestamp": "0x64", "baseFeePerGas": "0x7"}


def serve(header: Any, **methods: Any) -> HostileServer:
    """A node that knows only these methods."""
    known = {"eth_getBlockByNumber": header, "eth_getTransactionCount": "0x4", **methods}

    def outcome(call: dict[str, Any]) -> dict[str, Any]:
        if call["method"] in known:
            return {"jsonrpc": "2.0", "id": call["id"], "result": known[call["method"]]}
        return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32601, "message": "method not found"}}

    def answer(exchange: Exchange) -> None:
        import json

        call = exchange.call
        replies = [outcome(each) for each in call] if isinstance(call, list) else outcome(call)
        exchange.send(json.dumps(replies).encode())

    return HostileServer(answer)


@pytest.mark.parametrize(
    ("header", "methods", "base_fee_wei", "priority_fee_wei"),
    [
        (HEADER, {"eth_maxPriorityFeePerGas": "0x3"}, 7, 3),
        (HEADER, {"eth_feeHistory": {"reward": [["0x1"], ["0x9"], ["0x5"]]}}, 7, 5),
        (HEADER, {"eth_feeHistory": {"reward": None}, "eth_gasPrice": "0xb"}, 7, 4),
        (HEADER, {"eth_gasPrice": "0x2"}, 7, 0),
        ({**HEADER, "baseFeePerGas": None}, {"eth_gasPrice": "0xb"}, 11, 0),
    ],
)
def test_fees_come_from_whatever_the_node_knows(
    header: Any, methods: dict[str, Any], base_fee_wei: int, priority_fee_wei: int
) -> None:
    with serve(header, **methods) as server:
        head = read_head(HttpNode([server.url]), 5, OWNER)
    assert (head.block.chain_id, head.block.number, head.block.hash, head.block.timestamp) == (5, 16, HASH, 100)
    assert (head.block.base_fee_wei, head.priority_fee_wei) == (base_fee_wei, priority_fee_wei)
    assert head.sent_count == 4


@pytest.mark.parametrize(("header", "methods"), [(None, {}), ({"number": "0x1"}, {}), (HEADER, {})])
def test_a_node_without_a_head_or_any_fee_is_refused(header: Any, methods: dict[str, Any]) -> None:
    with serve(header, **methods) as server, pytest.raises(TransientError):
        read_head(HttpNode([server.url], retries=0), 5, OWNER)


def test_of_the_local_chain(desk: Desk) -> None:
    head, block = read_head(desk.node, 31337, desk.owner), desk.latest()
    assert (head.block.hash, head.block.base_fee_wei) == (block["hash"], int(block["baseFeePerGas"], 16))
    assert head.priority_fee_wei == int(desk.node.request("eth_maxPriorityFeePerGas", []), 16)

"""What a node may answer: real answers pass, and each of them with a field broken does not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from keeper.errors import TransientError
from keeper.world.chain.node import HttpNode
from keeper.world.chain.shapes import is_usable
from tests.world.chain.hostile import HostileServer, good
from tests.world.conftest import Desk

NONSENSE = ["0xzz", "2a", "0x", 42, True, [], {}, [1, 2], "0x" + "f" * 65]


def test_real_answers_pass(desk: Desk) -> None:
    receipt = desk.mint(10)
    block = desk.latest()
    assert receipt["logs"] and is_usable("eth_getTransactionReceipt", receipt)
    assert is_usable("eth_getBlockByNumber", block) and is_usable("eth_getBlockByHash", None)
    assert is_usable("eth_getCode", desk.node.request("eth_getCode", [desk.deployment.pool, "latest"]))
    for name in ("transactionHash", "blockHash", "blockNumber", "status", "gasUsed", "effectiveGasPrice", "from"):
        assert not is_usable("eth_getTransactionReceipt", receipt | {name: None}), name
    for name in ("hash", "number", "timestamp"):
        assert not is_usable("eth_getBlockByNumber", block | {name: "0xzz"}), name
    for name in ("address", "data", "logIndex", "topics"):
        broken: dict[str, Any] = copy.deepcopy(receipt)
        broken["logs"][0][name] = 7
        assert not is_usable("eth_getTransactionReceipt", broken), name


@pytest.mark.parametrize("result", NONSENSE)
@pytest.mark.parametrize("method", ["eth_getBalance", "eth_getTransactionCount", "eth_getBlockByNumber"])
def test_nonsense_counts_as_no_answer(method: str, result: Any) -> None:
    assert not is_usable(method, result)
    with HostileServer(good(result)) as server, pytest.raises(TransientError, match=f"{method} is not one"):
        HttpNode([server.url], retries=0).request(method, [])


def test_another_node_is_asked_instead() -> None:
    with HostileServer(good(None)) as lying, HostileServer(good("0x2a")) as sound:
        assert HttpNode([lying.url, sound.url]).request("eth_blockNumber", []) == "0x2a"

"""What the Safe carried out, from its events: both forms of them, and nodes that give a few blocks at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from keeper.errors import RpcError, TransientError
from keeper.model.safe import DELEGATE_CALL, SafeExecution, SafeTx
from keeper.world.chain import codec
from keeper.world.safe.executions import FAILURE_TOPIC, SUCCESS_TOPIC, executions
from keeper.world.safe.hashing import safe_tx_hash
from tests.safe.treasury import Treasury

SAFE = "0x" + "5a" * 20


def test_success_and_failure_in_their_order(treasury: Treasury) -> None:
    """A failure that does not revert needs a gas limit of its own inside the Safe."""
    start = treasury.height() + 1
    done = treasury.payment(0)
    failing = SafeTx(31337, treasury.safe.lower(), treasury.safe.lower(), 0, b"\xde\xad\xbe\xef", 0, 1, safe_tx_gas=1)
    first, second = treasury.execute(done), treasury.execute(failing)
    found = treasury.reader.executions(start, treasury.height())
    assert [(each.safe_tx_hash, each.succeeded) for each in found] == [
        ("0x" + safe_tx_hash(done).hex(), True),
        ("0x" + safe_tx_hash(failing).hex(), False),
    ]
    for each, receipt in zip(found, (first, second), strict=True):
        assert each.transaction_hash == receipt["transactionHash"]
        assert (each.block_number, each.block_hash) == (int(receipt["blockNumber"], 16), receipt["blockHash"])
    assert treasury.reader.executions(start, start) == found[:1]


def test_without_a_gas_limit_of_its_own_a_failure_reverts_and_leaves_no_event(treasury: Treasury) -> None:
    failing = SafeTx(31337, treasury.safe.lower(), treasury.safe.lower(), 0, b"\xde\xad\xbe\xef", 0, 0)
    with pytest.raises(RpcError):
        treasury.execute(failing)
    assert treasury.reader.executions(0, treasury.height()) == ()
    assert DELEGATE_CALL == 1


class LogNode:
    """A node that refuses more than ``most`` blocks, and knows the logs it is given."""

    def __init__(self, logs: Sequence[Any], most: int = 10**9) -> None:
        self.logs, self.most, self.asked = logs, most, 0

    def request(self, method: str, params: Sequence[Any]) -> Any:
        assert method == "eth_getLogs"
        self.asked += 1
        first, last = int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16)
        if last - first + 1 > self.most:
            raise RpcError("eth_getLogs: too many blocks for your plan")
        return [log for log in self.logs if not isinstance(log, dict) or first <= int(log["blockNumber"], 16) <= last]

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        raise NotImplementedError

    def send_raw_transaction(self, raw: bytes) -> str:
        raise NotImplementedError


def log(number: int, topic: str = SUCCESS_TOPIC, *, indexed: bool = True, **changes: Any) -> dict[str, Any]:
    digest = codec.word(number + 1)
    payment = codec.word(0)
    return {
        "address": SAFE,
        "topics": [topic, "0x" + digest.hex()] if indexed else [topic],
        "data": "0x" + (payment if indexed else digest + payment).hex(),
        "blockNumber": hex(number),
        "blockHash": "0x" + codec.word(7 + number).hex(),
        "transactionHash": "0x" + codec.word(9 + number).hex(),
        "logIndex": "0x3",
        "removed": False,
        **changes,
    }


def expected(number: int, succeeded: bool = True) -> SafeExecution:
    hashes = ["0x" + codec.word(number + each).hex() for each in (1, 9, 7)]
    return SafeExecution(hashes[0], succeeded, hashes[1], number, hashes[2], 3)


def test_both_forms_of_the_event() -> None:
    node = LogNode([log(12, FAILURE_TOPIC, indexed=False), log(11), log(11)])
    assert executions(node, SAFE, 0, 100) == (expected(11), expected(12, succeeded=False))


def test_a_node_with_a_small_limit_is_asked_in_smaller_pieces() -> None:
    node = LogNode([log(number) for number in range(0, 25_000, 500)], most=800)
    assert executions(node, SAFE, 0, 24_999) == tuple(expected(number) for number in range(0, 25_000, 500))
    assert node.asked < 60


def test_a_node_that_refuses_a_single_block_is_told_of() -> None:
    with pytest.raises(RpcError, match="too many blocks"):
        executions(LogNode([], most=0), SAFE, 5, 9)


WRONG = {
    "of another contract": log(5, address="0x" + "11" * 20),
    "removed": log(5, removed=True),
    "of another event": log(5, "0x" + "ab" * 32),
    "cut short": log(5, data="0x00"),
    "of a block that nobody asked for": log(500),
    "without a hash": {name: value for name, value in log(5).items() if name != "blockHash"},
    "with half a hash": log(5, transactionHash="0x1234"),
    "no log at all": 7,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_was_not_asked_for_is_no_answer(wrong: Any) -> None:
    class Wrong(LogNode):
        def request(self, method: str, params: Sequence[Any]) -> Any:
            del method, params
            return [log(4), wrong]

    with pytest.raises(RpcError, match="something else than the logs"):
        executions(Wrong([]), SAFE, 0, 100)


def test_no_list_is_no_answer() -> None:
    class Odd(LogNode):
        def request(self, method: str, params: Sequence[Any]) -> Any:
            del method, params
            return {"logs": []}

    with pytest.raises(TransientError):
        executions(Odd([]), SAFE, 0, 100)

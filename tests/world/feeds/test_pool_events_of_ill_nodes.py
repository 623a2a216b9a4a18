"""The tape and nodes that refuse, lie, lag or hang: nothing wrong is kept, and nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from keeper.errors import RpcError, TransientError
from keeper.world.feeds.swap_logs import SwapLogs
from tests.world.feeds.between import Between, Request
from tests.world.feeds.conftest import CHAIN_ID, Reel

REFUSALS = [
    (-32005, "query returned more than 10000 results"),
    (-32602, "range 1000000 exceeds limit of 10000"),
    (-32602, "Query returned more than 10000 results. Try with this block range [0x118dc91, 0x1198cc3]."),
    (-32000, "block range is too wide"),
    (-32000, "eth_getLogs is limited to a 10,000 range"),
    (-32600, "You can make eth_getLogs requests with up to a 10 block range."),
    (-32614, "eth_getLogs is limited to a 10,000 range"),
    (-32000, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),
    (-32005, "logs matched by query exceeds limit of 10000"),
    (-32000, "query timeout exceeded"),
    (-32000, "exceed maximum block range: 5000"),
    (35, "ranges over 10000 blocks are not supported: max range 10000"),
]


@pytest.mark.parametrize(("code", "words"), REFUSALS)
def test_smaller_pieces_are_asked_for_where_too_much_is_refused(reel: Reel, code: int, words: str) -> None:
    reel.step(12)

    def limited(request: Request, answer: Any) -> Any:
        if request[0] == "eth_getLogs" and int(request[1][0]["toBlock"], 16) - int(request[1][0]["fromBlock"], 16) >= 5:
            return RpcError(f"eth_getLogs: {words}", code=code)
        return answer

    node = Between(reel.desk.node, limited)
    assert reel.tape(node=node).follow(reel.head()).missing is None
    assert reel.logs_on_tape() == reel.logs_on_chain()
    refused = [span for span in node.spans if span > 5]
    assert len(refused) <= 9  # it is learnt, not tried again and again


@pytest.mark.parametrize("words", ["rate limit exceeded", "too many requests", "daily request count exceeded"])
def test_a_node_that_is_asked_too_often_is_left_alone(reel: Reel, words: str) -> None:
    reel.step(2)
    node = Between(reel.desk.node, lambda request, answer: RpcError(words) if request[0] == "eth_getLogs" else answer)
    followed = reel.tape(node=node).follow(reel.head())
    assert len(node.spans) == 1
    assert followed.segment is None
    assert followed.missing is not None and words in followed.missing


@pytest.mark.parametrize(
    "words", ["missing trie node 1f", "history has been pruned for this block", "archive node required"]
)
def test_a_node_without_old_logs_is_asked_no_further(reel: Reel, words: str) -> None:
    reel.step(20)
    floor = reel.head().number - 7

    def young(request: Request, answer: Any) -> Any:
        return (
            RpcError(words) if request[0] == "eth_getLogs" and int(request[1][0]["fromBlock"], 16) < floor else answer
        )

    node = Between(reel.desk.node, young)
    tape = reel.tape(node=node, first_blocks=4)
    followed = tape.follow(reel.head())
    assert followed.segment is not None
    assert followed.missing is not None and words in followed.missing
    assert reel.logs_on_tape() == [row for row in reel.logs_on_chain() if row[0] >= followed.segment.from_block]
    assert len(reel.logs_on_tape()) > 0
    asked = len(node.spans)
    reel.step(1)
    later = tape.follow(reel.head())
    assert len(node.spans) == asked + 1  # only the new block
    assert later.segment is not None and later.missing is not None


def test_timestamps_come_from_headers_where_logs_have_none(reel: Reel) -> None:
    reel.step(9)

    def old_node(request: Request, answer: Any) -> Any:
        if request[0] != "eth_getLogs":
            return answer
        return [{key: value for key, value in log.items() if key != "blockTimestamp"} for log in answer]

    reel.tape().follow(reel.head())
    expected = reel.journal.tape(CHAIN_ID, reel.desk.deployment.pool).swaps(0, 1 << 60)
    node = Between(reel.desk.node, old_node)
    head = reel.head()
    piece = SwapLogs(node, reel.desk.deployment.pool).read_down_from(head.number, 0, 1e18)
    assert list(piece.swaps) == expected
    assert len(node.asked) == 2


def _lie(**changes: Any) -> Callable[[Request, Any], Any]:
    def change(request: Request, answer: Any) -> Any:
        if request[0] != "eth_getLogs" or not answer:
            return answer
        return [*answer[:-1], answer[-1] | changes]

    return change


LIES = {
    "another block": _lie(blockNumber="0xffffff"),
    "another fork": _lie(blockHash="0x" + "11" * 32),
    "another contract": _lie(address="0x" + "22" * 20),
    "removed": _lie(removed=True),
    "short": _lie(data="0x00"),
    "no log": _lie(topics=None),
    "no topic": _lie(topics=[]),
    "a number that no database takes": _lie(logIndex=hex(1 << 70)),
    "an impossible tick": lambda request, answer: (
        [log | {"data": log["data"][:-64] + "7" + "f" * 63} for log in answer]
        if request[0] == "eth_getLogs"
        else answer
    ),
    "an impossible price": lambda request, answer: (
        [log | {"data": log["data"][:130] + "0" * 64 + log["data"][194:]} for log in answer]
        if request[0] == "eth_getLogs"
        else answer
    ),
    "from another time": _lie(blockTimestamp="0xffffffff"),
    "twice": lambda request, answer: [*answer, answer[-1]] if request[0] == "eth_getLogs" else answer,
    "null": lambda request, answer: None if request[0] == "eth_getLogs" else answer,
}


@pytest.mark.parametrize("lie", LIES)
def test_nonsense_is_not_kept(reel: Reel, lie: str) -> None:
    reel.step(3)
    followed = reel.tape(node=Between(reel.desk.node, LIES[lie])).follow(reel.head())
    assert followed.missing is not None
    assert followed.segment is None
    assert reel.logs_on_tape() == []


def test_a_header_without_its_parent_is_no_defect(reel: Reel) -> None:
    reel.step(3)

    def orphan(request: Request, answer: Any) -> Any:
        if request[0] != "eth_getBlockByNumber":
            return answer
        return {key: value for key, value in answer.items() if key != "parentHash"}

    reel.tape().follow(reel.head())
    reel.step(1)
    assert reel.tape(node=Between(reel.desk.node, orphan)).follow(reel.head()).segment is None


def test_a_node_that_was_ill_is_asked_for_more_again(reel: Reel) -> None:
    reel.step(12)
    ill, now = [True], [0.0]

    def sick(request: Request, answer: Any) -> Any:
        return RpcError("query timeout") if ill[0] and request[0] == "eth_getLogs" else answer

    node = Between(reel.desk.node, sick)
    logs = SwapLogs(node, reel.desk.deployment.pool, clock=lambda: now[0])
    head = reel.head().number
    with pytest.raises(TransientError):
        logs.read_down_from(head, 0, 1e18)
    assert logs.blocks == 1
    ill[0] = False
    now[0] += 3_600
    below = head
    while below > 0 and logs.blocks < 8:
        below = logs.read_down_from(below, 0, 1e18).first.number - 1
    assert logs.blocks == 8


def test_headers_are_not_waited_for_beyond_the_budget(reel: Reel) -> None:
    reel.step(60)
    now = [0.0]

    def slow_old_node(request: Request, answer: Any) -> Any:
        now[0] += 0.1
        if request[0] != "eth_getLogs":
            return answer
        return [{key: value for key, value in log.items() if key != "blockTimestamp"} for log in answer]

    logs = SwapLogs(Between(reel.desk.node, slow_old_node), reel.desk.deployment.pool, clock=lambda: now[0])
    head = reel.head().number
    with pytest.raises(TransientError, match="in time"):
        logs.read_down_from(head, 0, 4.0)
    assert now[0] < 4.0 + 6.0
    assert logs.blocks < 2_000
    now[0] = 0.0
    while True:
        try:
            piece = logs.read_down_from(head, 0, now[0] + 4.0)
            break
        except TransientError:
            continue
    assert piece.swaps


def test_a_block_replaced_while_it_is_read_is_not_kept(reel: Reel) -> None:
    reel.step(3)
    head = reel.head()
    reel.desk.chain.anvil.rpc("anvil_reorg", 1, [])
    followed = reel.tape().follow(head)
    assert followed.missing is not None and "replaced" in followed.missing
    assert reel.logs_on_tape() == []


def test_a_node_that_hangs_holds_nobody_up(reel: Reel) -> None:
    reel.step(3)

    class Silent:
        def batch_outcomes(self, _requests: Sequence[Request]) -> list[Any]:
            raise TransientError("no answer after 2 attempts: no answer in time")

    now = [0.0]

    def clock() -> float:
        now[0] += 3.0
        return now[0]

    logs = SwapLogs(Silent(), reel.desk.deployment.pool, clock=clock)
    with pytest.raises(TransientError):
        logs.read_down_from(5_000, 0, 10.0)
    assert logs.blocks < 2_000
    assert now[0] < 30


def test_logs_that_come_later_than_their_block_are_not_taken_for_none(reel: Reel) -> None:
    reel.step(8)
    late = [False]
    known = reel.head().number

    def slow_index(request: Request, answer: Any) -> Any:
        if request[0] != "eth_getLogs" or not late[0]:
            return answer
        return [log for log in answer if int(log["blockNumber"], 16) <= known]

    observer = reel.observer(reel.tape(node=Between(reel.desk.node, slow_index)))
    assert observer.observe().missing == ()
    late[0] = True
    reel.step(3)
    (missing,) = observer.observe().missing
    assert "leaves swaps out" in missing.reason
    late[0] = False
    assert observer.observe().missing == ()
    assert reel.logs_on_tape() == reel.logs_on_chain()

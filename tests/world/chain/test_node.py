"""The node against servers that do what bad servers do."""

from __future__ import annotations

import gzip
import json
import sys
import time
from typing import Any

import pytest
from eth_utils.crypto import keccak

from keeper.errors import RpcError, TransientError
from tests.world.chain import hostile
from tests.world.chain.hostile import ABSENT, Exchange, HostileServer, good, node


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(
    "fault",
    [
        hostile.status(429), hostile.status(500), hostile.status(502), hostile.half_json, hostile.cut_off,
        hostile.hang_up, hostile.wrong_id, hostile.body(b""), hostile.body(b"[]"), hostile.body(b"\xff\xfe"),
        hostile.body(b"[" * 100_000), hostile.error(-32005, "limit exceeded"),
        hostile.error(-32000, "header not found"), hostile.body(b"not gzip at all", Content_Encoding="gzip"),
    ],
)  # fmt: skip
def test_a_fault_is_outlived_and_a_lasting_one_is_transient(fault: hostile.Answer) -> None:
    with HostileServer(fault, fault, good()) as server:
        assert node(server.url).request("eth_blockNumber", []) == "0x2a"
        assert len(server.seen) == 3
    with HostileServer(fault) as server:
        with pytest.raises(TransientError, match=r"no answer after 3 attempts") as caught:
            node(server.url, retries=2).request("eth_blockNumber", [])
        assert not isinstance(caught.value, RpcError)
        assert len(server.seen) == 3


@pytest.mark.parametrize("fault", [hostile.hang, hostile.drip])
def test_a_deadline_holds_against_silence_and_against_dripping(fault: hostile.Answer) -> None:
    with HostileServer(fault) as server:
        start = time.monotonic()
        with pytest.raises(TransientError, match="no answer in time"):
            node(server.url, timeout_seconds=0.3, retries=0).request("eth_blockNumber", [])
        assert time.monotonic() - start < 1.0


def test_a_huge_body_is_refused_while_it_arrives() -> None:
    huge = hostile.body(b"x" * 2_000_000)
    bomb = hostile.body(gzip.compress(b"x" * 2_000_000), Content_Encoding="gzip")
    for answer in (huge, bomb):
        with HostileServer(answer) as server, pytest.raises(TransientError, match="more than 1000000 bytes"):
            node(server.url, retries=0, max_reply_bytes=1_000_000).request("eth_blockNumber", [])


@pytest.mark.parametrize("hidden", [b"", b'"]]]]"', b'"\\"]]",'])
def test_deep_nesting_cannot_overflow_the_stack(hidden: bytes) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)  # as some libraries do
    try:
        deep = hostile.body((b"[" + hidden) * 100_000)
        with HostileServer(deep) as server, pytest.raises(TransientError):
            node(server.url, retries=0).request("eth_blockNumber", [])
    finally:
        sys.setrecursionlimit(limit)


def test_many_brackets_side_by_side_are_fine() -> None:
    logs = [{"topics": ["]]", '"[{', "\\"], "data": []}] * 3_000
    with HostileServer(good(logs)) as server:
        assert node(server.url, retries=0).request("eth_getLogs", []) == logs


def test_gzip_is_understood() -> None:
    def packed(exchange: Exchange) -> None:
        reply = b'{"jsonrpc":"2.0","id":%d,"result":"0x2a"}' % exchange.call["id"]
        exchange.send(gzip.compress(reply), 200, {"Content-Encoding": "gzip"})

    with HostileServer(packed) as server:
        assert node(server.url).request("eth_blockNumber", []) == "0x2a"


def test_a_refusal_is_not_repeated_and_keeps_code_and_data() -> None:
    with HostileServer(hostile.error(3, "execution reverted: OLD", data="0x08c379a0")) as server:
        with pytest.raises(RpcError, match="eth_call: execution reverted: OLD") as caught:
            node(server.url).request("eth_call", [])
        assert (caught.value.code, caught.value.data) == (3, "0x08c379a0")
        assert len(server.seen) == 1


def test_backoff_grows_with_jitter_and_respects_retry_after() -> None:
    clock = Time()
    with HostileServer(
        hostile.status(500), hostile.status(500), hostile.status(429, **{"Retry-After": "3"}), good()
    ) as server:
        settings = {"backoff_seconds": 0.4, "clock": clock_of(clock), "sleep": clock.sleep, "random": lambda: 0.5}
        assert node(server.url, **settings).request("eth_blockNumber", []) == "0x2a"
    assert clock.slept == [0.2, 0.4, 3.0]


def clock_of(clock: Time) -> Any:
    return lambda: clock.now


def test_failover_is_immediate_and_the_breaker_leaves_a_dead_url_alone() -> None:
    clock = Time()
    with HostileServer(hostile.status(503)) as first, HostileServer(good()) as second:
        both = node(
            first.url, second.url, breaker_failures=2, breaker_seconds=30.0, clock=clock_of(clock), sleep=clock.sleep
        )
        for _ in range(5):
            assert both.request("eth_blockNumber", []) == "0x2a"
        assert (len(first.seen), len(second.seen), clock.slept) == (2, 5, [])
        clock.now += 31
        first.script = [good("0x1")]
        assert both.request("eth_blockNumber", []) == "0x1"


def test_an_absent_first_url_does_not_matter() -> None:
    with HostileServer(good()) as server:
        assert node(ABSENT, server.url).request("eth_blockNumber", []) == "0x2a"
    with pytest.raises(TransientError, match=r"http://127.0.0.1:9 cannot be reached: Connection refused"):
        node(ABSENT, retries=1).request("eth_blockNumber", [])


def test_a_connection_is_kept_and_a_closed_one_replaced_unnoticed() -> None:
    def close_after(exchange: Exchange) -> None:
        exchange.reply({"result": "0x1"})
        exchange.close_connection = True

    with HostileServer(good(), good(), close_after, good()) as server:
        asked = node(server.url, retries=0)
        for _ in range(3):
            asked.request("eth_blockNumber", [])
        assert len(server.connections) == 1
        time.sleep(0.05)
        assert asked.request("eth_blockNumber", []) == "0x2a"
        assert len(server.connections) == 2


@pytest.mark.parametrize(
    "refusal", ["maximum 3 calls in 1 batch", "Batch of more than 3 requests are not allowed on free tier"]
)
def test_a_batch_beyond_a_providers_bound_is_cut_and_the_bound_remembered(refusal: str) -> None:
    def bounded(exchange: Exchange) -> None:
        if len(exchange.call) > 3:
            error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32014, "message": refusal}}
            return exchange.send(json.dumps(error).encode())
        results = [{"jsonrpc": "2.0", "id": each["id"], "result": each["params"][0]} for each in exchange.call]
        exchange.send(json.dumps(results).encode())

    with HostileServer(bounded) as server:
        asked = node(server.url)
        calls = [("a", [number]) for number in range(22)]
        assert asked.batch(calls) == list(range(22))
        before = len(server.seen)
        assert asked.batch(calls) == list(range(22)) and len(server.seen) - before == 11  # 22, 11, 5, then by two
    never = b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "no batch, of whatever size"}}'
    with HostileServer(hostile.body(never)) as server:
        with pytest.raises(RpcError, match="of whatever size"):
            node(server.url).batch([("a", []), ("b", [])])
        assert len(server.seen) == 2, "by one at last, and no further"


def test_batches_come_back_in_order_with_refusals_in_their_place() -> None:
    def shuffled(exchange: Exchange) -> None:
        first, second, third = exchange.call
        replies = [
            {"jsonrpc": "2.0", "id": third["id"], "error": {"code": -32601, "message": "no such method"}},
            {"jsonrpc": "2.0", "id": first["id"], "result": 1},
            {"jsonrpc": "2.0", "id": second["id"], "result": None},
        ]
        exchange.send(json.dumps(replies).encode())

    with HostileServer(shuffled) as server:
        asked = node(server.url)
        calls = [("a", []), ("b", [1]), ("c", [])]
        one, two, three = asked.batch_outcomes(calls)
        assert (one, two) == (1, None)
        assert isinstance(three, RpcError)
        with pytest.raises(RpcError, match="c: no such method"):
            asked.batch(calls)
    short = hostile.body(b'[{"id": 1, "result": 5}]')
    with HostileServer(short) as server, pytest.raises(TransientError, match="leaves calls out"):
        node(server.url, retries=0).batch([("a", []), ("b", [])])


RAW = bytes.fromhex("02f86b")
RAW_HASH = "0x" + keccak(RAW).hex()


@pytest.mark.parametrize(
    ("answer", "taken_as"),
    [
        (good(RAW_HASH), "accepted"),
        (hostile.error(-32000, "already known"), "already_known"),
        (hostile.error(-32003, "transaction already imported"), "already_known"),
        (hostile.error(-32000, "nonce too low: next nonce 5, tx nonce 3"), "nonce_too_low"),
    ],
)
def test_sent_bytes_have_a_typed_outcome(answer: hostile.Answer, taken_as: str) -> None:
    with HostileServer(answer) as server:
        sent = node(server.url).send_raw_transaction(RAW)
        assert (sent, sent.status) == (RAW_HASH, taken_as)


def test_a_lost_reply_repeats_only_the_very_same_bytes() -> None:
    with HostileServer(hostile.hang_up, hostile.error(-32000, "already known")) as server:
        assert node(server.url).send_raw_transaction(RAW).status == "already_known"
        assert [call["params"] for call in server.seen] == [["0x" + RAW.hex()]] * 2
    for answer, words in ((hostile.error(-32000, "insufficient funds"), "insufficient funds"),
                          (good("0x" + "00" * 32), "another hash")):  # fmt: skip
        with HostileServer(answer) as server, pytest.raises(RpcError, match=words):
            node(server.url).send_raw_transaction(RAW)


@pytest.mark.parametrize("method", ["eth_sendTransaction", "evm_mine", "anvil_setBalance"])
def test_what_is_not_harmless_is_never_repeated(method: str) -> None:
    with HostileServer(hostile.hang_up, good()) as server:
        with pytest.raises(TransientError):
            node(server.url).request(method, [])
        assert len(server.seen) == 1


def test_many_threads_share_a_node() -> None:
    from concurrent.futures import ThreadPoolExecutor

    def echo(exchange: Exchange) -> None:
        exchange.reply({"result": exchange.call["params"][0]})

    with HostileServer(echo) as server, ThreadPoolExecutor(8) as pool:
        asked = node(server.url)
        assert list(pool.map(lambda number: asked.request("echo", [number]), range(300))) == list(range(300))

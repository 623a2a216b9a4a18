"""Row 24: answers that are JSON and no answer. They are a node's fault to be waited out, never a defect that halts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keeper.chainlab.anvil import Anvil, AnvilOptions
from keeper.errors import TransientError
from keeper.model.outcome import Done, Pending
from keeper.world.protocols import Node
from tests.world import words
from tests.world.executors import bench as bench_module
from tests.world.executors.bench import STEPS, STRATEGY, Bench

ACT = STEPS[1:]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Anvil(AnvilOptions(genesis_seconds=words.START)) as anvil:
        made = bench_module.make(anvil, tmp_path)
        yield made
        made.journal.close()


@dataclass
class Odd:
    """Bends the answers to one method."""

    inner: Node
    method: str
    bend: Callable[[Any], Any]

    def request(self, method: str, params: Sequence[Any]) -> Any:
        answer = self.inner.request(method, params)
        return self.bend(answer) if method == self.method else answer

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        answers = zip(requests, self.inner.batch(requests), strict=True)
        return [self.bend(answer) if method == self.method else answer for (method, _), answer in answers]

    def send_raw_transaction(self, raw: bytes) -> str:
        return self.inner.send_raw_transaction(raw)


def without(*names: str) -> Callable[[Any], Any]:
    return lambda answer: answer and {name: value for name, value in answer.items() if name not in names}


def but(**values: Any) -> Callable[[Any], Any]:
    return lambda answer: answer and {**answer, **values}


BEFORE_SIGNING: list[tuple[str, Callable[[Any], Any]]] = [
    ("eth_getBlockByNumber", lambda _answer: None),
    ("eth_getBlockByNumber", without("timestamp")),
    ("eth_getBlockByNumber", but(timestamp="soon")),
    ("eth_getTransactionCount", lambda _answer: None),
    ("eth_chainId", lambda _answer: {}),
    ("eth_maxPriorityFeePerGas", lambda _answer: None),
]
AFTERWARDS: list[tuple[str, Callable[[Any], Any]]] = [
    ("eth_getBlockByNumber", lambda _answer: None),
    ("eth_getTransactionCount", lambda _answer: "many"),
    ("eth_getTransactionReceipt", without("blockHash")),
    ("eth_getTransactionReceipt", but(blockNumber=None)),
    ("eth_getTransactionReceipt", without("transactionHash")),
    ("eth_getTransactionReceipt", without("status")),  # as before Byzantium
    ("eth_getTransactionReceipt", lambda answer: answer and [answer]),
]


@pytest.mark.parametrize(("method", "bend"), BEFORE_SIGNING)
def test_24_odd_answers_before_a_signature_sign_nothing(bench: Bench, method: str, bend: Callable[[Any], Any]) -> None:
    submission, plan = bench.open(ACT)
    whole = bench.node.inner
    bench.node.inner = Odd(whole, method, bend)
    with pytest.raises(TransientError):
        bench.submit(submission, plan)
    assert bench.node.sent == []
    bench.node.inner = whole
    assert isinstance(bench.settle(), Done)


@pytest.mark.parametrize(("method", "bend"), AFTERWARDS)
def test_24_odd_answers_afterwards_decide_nothing(bench: Bench, method: str, bend: Callable[[Any], Any]) -> None:
    submission, plan = bench.open(ACT)
    whole = bench.node.inner

    def after(name: str) -> None:
        if name == "send":
            bench.node.inner = Odd(whole, method, bend)

    bench.node.after = after
    assert isinstance(bench.submit(submission, plan), Pending)
    bench.node.inner, bench.node.after = whole, lambda _name: None
    assert isinstance(bench.settle(), Done)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 1, 0)


@pytest.mark.parametrize("bend", [without("blockHash"), lambda answer: answer and 7])
def test_24_odd_receipts_are_no_reorganisation(bench: Bench, bend: Callable[[Any], Any]) -> None:
    assert isinstance(bench.submit(*bench.open(ACT)), Done)
    whole = bench.node.inner
    bench.node.inner = Odd(whole, "eth_getTransactionReceipt", bend)
    with pytest.raises(TransientError):
        bench.executor().recover(STRATEGY)
    bench.node.inner = whole
    assert bench.executor().recover(STRATEGY) is None

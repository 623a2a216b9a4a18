"""Nodes that lag behind their neighbours, and the way out when gas is dear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from keeper.errors import TransientError
from keeper.model.outcome import Done, Failed
from keeper.model.plan import Exit, Withdrawal
from tests.world.executors.bench import STEPS, STRATEGY, Bench, FailingNode

ACT = STEPS[1:]
EXIT = (Exit((Withdrawal(7, 1, 0, 0, True),)),)


@dataclass
class LaggingNode(FailingNode):
    """Counts one transaction less than there are, or does not show receipts, for the next ``times`` batches."""

    hides: str = "nonce"
    times: int = 10**9

    def batch(self, requests: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        answers = super().batch(requests)
        methods = [method for method, _ in requests]
        hidden = "eth_getTransactionCount" if self.hides == "nonce" else "eth_getTransactionReceipt"
        if hidden not in methods or self.times <= 0:
            return answers
        self.times -= 1
        for at, method in enumerate(methods):
            if method == hidden:
                answers[at] = hex(max(0, int(answers[at], 16) - 1)) if self.hides == "nonce" else None
        return answers


def test_a_nonce_that_is_mined_is_not_signed_for_again(bench: Bench) -> None:
    assert isinstance(bench.submit(*bench.open(ACT)), Done)
    bench.node = LaggingNode(bench.node.inner)
    with pytest.raises(TransientError, match="lags behind"):
        bench.submit(*bench.open(ACT, number=2))
    assert bench.node.sent == []
    bench.node = FailingNode(bench.node.inner)
    assert isinstance(bench.settle(), Done)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (2, 2, 0)


@pytest.mark.parametrize("looks", [1, 3])
def test_a_receipt_that_comes_late_is_no_stranger(bench: Bench, looks: int) -> None:
    bench.node = LaggingNode(bench.node.inner, hides="receipt", times=looks + 1)
    assert isinstance(bench.submit(*bench.open(ACT)), Done)
    assert bench.journal.memory(STRATEGY).state == "running"
    assert (bench.count(), bench.ledger_difference_wei()) == (1, 0)


def test_an_exit_has_no_ceiling(bench: Bench) -> None:
    bench.max_fee_wei = 10**9
    assert isinstance(bench.submit(*bench.open(ACT)), Failed)
    assert isinstance(bench.submit(*bench.open(EXIT, number=2)), Done)
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (1, 1, 0)


def test_receipts_that_are_indexed_very_late_are_no_stranger(bench: Bench) -> None:
    """The nonce is used at final depth, and for a long time no receipt is shown: the block itself says it is ours."""
    bench.node = LaggingNode(bench.node.inner, hides="receipt", times=9)
    assert isinstance(bench.submit(*bench.open(ACT)), Done)
    assert bench.journal.memory(STRATEGY).state == "running"
    assert (bench.count(), bench.ledger_difference_wei()) == (1, 0)

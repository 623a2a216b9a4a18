from __future__ import annotations

import pytest

from keeper.errors import RpcError
from keeper.world.chain.reverts import decode, is_refusal, reason

STF = "0x08c379a0" + f"{32:064x}" + f"{3:064x}" + b"STF".hex().ljust(64, "0")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (STF, "STF"),
        ("0x4e487b71" + f"{0x11:064x}", "panic: arithmetic overflow"),
        ("0x4e487b71" + f"{0x99:064x}", "panic: 0x99"),
        ("0x8baa579f", "custom error 0x8baa579f"),
        ("0x", None),
        ("0xzz", None),
    ],
)
def test_decode(data: str, words: str | None) -> None:
    assert decode(data) == words


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (RpcError("execution reverted", code=3, data=STF), True),
        (RpcError("execution reverted", code=-32000), True),
        (RpcError("insufficient funds for gas * price + value", code=-32000), True),
        (RpcError("internal error", code=-32603), False),
        (RpcError("missing trie node", code=-32000), False),
    ],
)
def test_a_refusal_is_told_from_a_node_that_cannot_answer(error: RpcError, refused: bool) -> None:
    assert is_refusal(error) is refused


def test_the_contract_has_the_first_word() -> None:
    assert reason(RpcError("execution reverted", code=3, data=STF)) == "STF"
    assert reason(RpcError("insufficient funds", code=-32000)) == "insufficient funds"

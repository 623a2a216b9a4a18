"""The signing policy about a nonce that was signed for before: dearer bytes, and taking it back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keeper.errors import SigningRefusedError
from keeper.world.signers import policy
from keeper.world.signers.envelope import unsigned_bytes, with_signature
from keeper.world.signers.evidence import Evidence, PastAttempt
from tests.world.signers import scene
from tests.world.signers.asking import one, refused, sign

SWAP = scene.swap(True)
RAISED: dict[str, Any] = {"maxFeePerGas": 33 * 10**8, "maxPriorityFeePerGas": 11 * 10**7}


def attempt(known: Evidence, cancels: bool = False, **changes: Any) -> PastAttempt:
    made = scene.transaction(known.step, known.deadline_timestamp, **changes)
    if cancels:
        made |= {"to": scene.OWNER, "data": b"", "gas": 21_000}
    return PastAttempt(with_signature(unsigned_bytes(made), 0, 7, 8), cancels)


def out(**changes: Any) -> Evidence:
    """A swap that is out at nonce 5."""
    known = replace(one(SWAP), nonce=5, lowest_nonce=6, **changes)
    return replace(known, attempts=(attempt(known),))


@pytest.mark.parametrize("state", ["running", "exiting", "paused"])
def test_a_replacement_differs_in_its_fees_alone(state: str) -> None:
    known = out(strategy_state=state)
    assert sign(known, **RAISED).debit_quote == 0, "what it swaps was counted when it was first signed"
    sign(replace(known, plan_state="undone"), **RAISED)
    refused(replace(known, plan_state="failed"), "the plan's state is failed", **RAISED)
    refused(known, "the fee cap of a replacement", **(RAISED | {"maxFeePerGas": 33 * 10**8 - 1}))
    refused(known, "the priority fee of a replacement", **(RAISED | {"maxPriorityFeePerGas": 11 * 10**7 - 1}))
    refused(known, "the gas limit of a replacement", **RAISED, gas=600_001)
    refused(known, "the nonce is 6", **RAISED, nonce=6)
    refused(known, "the nonce is 4", **RAISED, nonce=4)
    refused(replace(known, is_settled=True), "the step's transaction is settled", **RAISED)
    other = attempt(one(replace(SWAP, amount_in=5)))
    refused(replace(known, attempts=(other,)), "the calldata of a replacement", **RAISED)
    refused(replace(known, attempts=(attempt(known, cancels=True),)), "a replacement of a cancellation", **RAISED)


def cancel(known: Evidence, **changes: Any) -> policy.Allowed:
    empty: dict[str, Any] = {"to": scene.OWNER, "data": b"", "gas": 21_000, **RAISED}
    return sign(replace(known, cancels=True), **(empty | changes))


@pytest.mark.parametrize("state", ["running", "exiting", "paused"])
def test_a_cancellation_sends_nothing_to_ourselves(state: str) -> None:
    known = out(strategy_state=state)
    assert cancel(replace(known, head_timestamp=10**10)).debit_quote == 0
    wrong: list[dict[str, Any]] = [
        {"to": scene.ATTACKER}, {"data": b"\0"}, {"value": 1}, {"nonce": 6}, {"maxFeePerGas": 3 * 10**9},
        {"maxPriorityFeePerGas": 10**8}, {"chainId": 1},
    ]  # fmt: skip
    for changes in wrong:
        with pytest.raises(SigningRefusedError):
            cancel(known, **changes)
    for unasked in (replace(known, attempts=()), replace(known, attempts=(), nonce=None)):
        with pytest.raises(SigningRefusedError, match=r"what is to be replaced|state is paused"):
            cancel(unasked)


def test_halted_means_not_even_a_cancellation() -> None:
    for halted in (replace(out(), strategy_state="halted"), replace(out(), signer_state="halted")):
        with pytest.raises(SigningRefusedError, match="state is halted"):
            cancel(halted)

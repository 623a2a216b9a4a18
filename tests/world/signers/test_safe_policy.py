"""The signing policy for a Safe: what its owners may be asked for, and what our own key may send to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keeper.errors import SigningLimitError, SigningRefusedError
from keeper.model.plan import Approve, Batch, Collect, Step
from keeper.model.safe import SafeTx, rejection
from keeper.world.safe.calldata import approve_hash_calldata, execute_calldata, packed_signatures
from keeper.world.safe.hashing import safe_tx_hash, signing_preimage, typed_data
from keeper.world.signers import policy, safe_policy
from keeper.world.signers.envelope import unsigned_bytes, with_signature
from keeper.world.signers.evidence import Evidence, PastAttempt, Spent
from keeper.world.signers.safe_policy import AllowedProposal
from tests.world.signers import batches, scene
from tests.world.signers.batches import ENTER, LEAVE, SAFE, SAFE_NONCE, SIGNATURES, asked, envelope
from tests.world.signers.scene import ATTACKER, OWNER, TOKEN0

KNOWN = batches.evidence("safe", ENTER)
DEADLINE = KNOWN.deadline_timestamp
TX = batches.safe_tx(ENTER, DEADLINE)
BACK = rejection(31337, SAFE, SAFE_NONCE)
SWAPPED = 1_000 * 10**6


def propose(known: Evidence = KNOWN, tx: SafeTx = TX, **rules: Any) -> AllowedProposal:
    return safe_policy.check_proposal(batches.rules("safe", **rules), known, tx)


def refused(sentence: str, known: Evidence = KNOWN, tx: SafeTx = TX, **rules: Any) -> None:
    with pytest.raises(SigningRefusedError, match=sentence):
        propose(known, tx, **rules)


@pytest.mark.parametrize("name", [*batches.BATCHES])
def test_the_batches_of_the_keeper_pass(name: str) -> None:
    step = batches.BATCHES[name]
    tx = batches.safe_tx(step, DEADLINE)
    allowed = propose(batches.evidence("safe", step), tx)
    assert allowed.passed.preimage == signing_preimage(tx) and allowed.passed.typed == typed_data(tx)
    assert (allowed.debit_quote > 0) == any(each.kind == "swap" for each in step.steps)


@pytest.mark.parametrize("step", [scene.EXIT, Collect((7,)), Approve(TOKEN0, "router", 0)])
def test_a_single_step_is_a_plain_call(step: Step) -> None:
    tx = batches.safe_tx(step, DEADLINE)
    assert tx.operation == 0
    propose(batches.evidence("safe", step), tx)
    refused("the operation of a single call", batches.evidence("safe", step), replace(tx, operation=1))


def test_a_safe_gives_no_allowance_that_outlives_its_transaction() -> None:
    alone = Approve(TOKEN0, "router", SWAPPED)
    known = batches.evidence("safe", alone, scene.swap(True))
    refused("the amount approved outside a batch", known, batches.safe_tx(alone, DEADLINE))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"signer_state": "halted"}, "the signer's state is halted"),
        ({"strategy_state": "halted"}, "the strategy's state is halted"),
        ({"strategy_state": "paused"}, "the strategy's state is paused"),
        ({"plan_state": "failed"}, "the plan's state is failed"),
        ({"step_state": "DONE"}, "the step is DONE"),
        ({"owner": OWNER}, "the plan's owner"),
        ({"step": LEAVE}, "the step is Batch"),
        ({"head_timestamp": DEADLINE + 1}, "the deadline is"),
        ({"lowest_safe_nonce": SAFE_NONCE + 1}, "the nonce of the Safe's transaction is 3; allowed is at least 4"),
        ({"own_token_ids": frozenset(), "step": LEAVE, "decided_steps": (LEAVE,)}, "the number of calls"),
    ],
)
def test_the_journal_must_agree(change: dict[str, Any], sentence: str) -> None:
    refused(sentence, replace(KNOWN, **change))


def test_the_rules_of_the_step_hold_for_a_safe_too() -> None:
    lame = batches.batch(replace(scene.swap(True), amount_out_min=0))
    refused("the least that the swap pays", batches.evidence("safe", lame), batches.safe_tx(lame, DEADLINE))
    refused("the worth of the amounts", max_capital_quote=1)
    for account in ("key", "multicall", "delegated"):
        with pytest.raises(SigningRefusedError, match=f"the owner's account is {account}"):
            safe_policy.check_proposal(replace(batches.rules("safe"), account=account), KNOWN, TX)


def test_an_early_deadline_is_waited_for() -> None:
    with pytest.raises(SigningLimitError, match="the deadline"):
        propose(replace(KNOWN, head_timestamp=KNOWN.head_timestamp - 90))


def test_what_it_swaps_is_held_to_the_limits_and_its_gas_is_not() -> None:
    limits = scene.rules().limits
    assert propose().debit_quote == SWAPPED
    full = Spent(limits.gas_wei_per_day + 1, limits.swapped_quote_per_hour - SWAPPED, 0)
    propose(replace(KNOWN, spent_hour=full))
    for spent, sentence in (
        (replace(full, swapped_quote=full.swapped_quote + 1), "what is swapped within one hour"),
        (replace(full, transactions=limits.transactions_per_hour), "the number of transactions within one hour"),
    ):
        with pytest.raises(SigningLimitError, match=sentence):
            propose(replace(KNOWN, spent_hour=spent))


def test_a_step_has_one_transaction_on_one_nonce() -> None:
    """On another nonce it would be carried out twice. The very same may be signed again, and counts once."""
    again = replace(KNOWN, proposals=(asked(TX, "HASHED", SWAPPED),))
    assert propose(again).debit_quote == 0
    refused("what the owners were asked for the step", again, replace(TX, nonce=SAFE_NONCE + 1))
    for state in ("FINAL", "REPLACED", "REJECTED", "EXPIRED"):
        refused("what the owners were asked for the step", replace(KNOWN, proposals=(asked(TX, state),)))


@pytest.mark.parametrize("state", ["HASHED", "PROPOSED", "READY", "EXPIRED"])
@pytest.mark.parametrize("strategy", ["running", "exiting", "paused", "exited"])
def test_what_was_asked_for_is_rejected_on_its_own_nonce(state: str, strategy: str) -> None:
    over = replace(
        KNOWN, cancels=True, proposals=(asked(TX, state),), strategy_state=strategy, plan_state="expired",
        step_state="FAILED", head_timestamp=DEADLINE + 10**6, lowest_safe_nonce=SAFE_NONCE + 5,
    )  # fmt: skip
    assert propose(over, BACK).debit_quote == 0
    assert propose(replace(over, proposals=(*over.proposals, asked(BACK))), BACK).debit_quote == 0
    refused("a rejection", over, TX)
    refused("the nonce of a rejection is 4", over, rejection(31337, SAFE, SAFE_NONCE + 1))
    refused("the Safe of the Safe's transaction", over, rejection(31337, ATTACKER, SAFE_NONCE))
    refused("the chain id of the Safe's transaction", over, rejection(1, SAFE, SAFE_NONCE))
    refused("the gas price", over, replace(BACK, gas_price=1))
    refused("the refund receiver", over, replace(BACK, refund_receiver=ATTACKER))
    refused("the strategy's state is halted", replace(over, strategy_state="halted"), BACK)
    refused("the signer's state is halted", replace(over, signer_state="halted"), BACK)
    refused("the operation|the number of calls|the target", replace(over, cancels=False, plan_state="open",
            step_state="READY", strategy_state="running", head_timestamp=KNOWN.head_timestamp, proposals=(),
            lowest_safe_nonce=0), BACK)  # fmt: skip


@pytest.mark.parametrize("state", ["EXECUTED", "FINAL", "REPLACED", "REJECTED"])
def test_what_is_settled_is_not_rejected(state: str) -> None:
    refused("the nonce of a rejection", replace(KNOWN, cancels=True, proposals=(asked(TX, state),)), BACK)
    refused("the nonce of a rejection", replace(KNOWN, cancels=True, proposals=(asked(BACK),)), BACK)


# What our own key sends.

ASKED = replace(KNOWN, proposals=(asked(TX, "READY", SWAPPED),))


def send(data: bytes, known: Evidence = ASKED, **changes: Any) -> policy.Allowed:
    return policy.check(batches.rules("safe"), known, unsigned_bytes(envelope(SAFE, data) | changes))


def not_sent(sentence: str, data: bytes, known: Evidence = ASKED, **changes: Any) -> None:
    with pytest.raises(SigningRefusedError, match=sentence):
        send(data, known, **changes)


EXECUTE, APPROVE = execute_calldata(TX, SIGNATURES), approve_hash_calldata(safe_tx_hash(TX))


@pytest.mark.parametrize("state", ["HASHED", "PROPOSED", "READY"])
@pytest.mark.parametrize("data", [EXECUTE, APPROVE])
def test_the_key_carries_out_or_approves_what_stands(state: str, data: bytes) -> None:
    allowed = send(data, replace(KNOWN, proposals=(asked(TX, state, SWAPPED),)))
    assert (allowed.debit_quote, allowed.debit_gas_wei) == (0, 1_600_000 * 3 * 10**9)
    unsigned_for = replace(KNOWN, proposals=(asked(TX, state),))  # nobody signed and counted: now it counts
    assert send(data, unsigned_for).debit_quote == SWAPPED


@pytest.mark.parametrize("data", [EXECUTE, APPROVE])
def test_the_key_sends_nothing_else(data: bytes) -> None:
    other = batches.safe_tx(ENTER, DEADLINE, nonce=SAFE_NONCE + 1)
    for state in ("EXECUTED", "FINAL", "REPLACED", "REJECTED", "EXPIRED"):
        not_sent("what the owners were asked for is nothing", data, replace(KNOWN, proposals=(asked(TX, state),)))
    not_sent("what the owners were asked for is nothing", data, KNOWN)
    not_sent("the target", data, to=ATTACKER)
    not_sent("the value, wei", data, value=1)
    not_sent("the deadline", data, replace(ASKED, head_timestamp=DEADLINE + 1))
    not_sent("the strategy's state is paused", data, replace(ASKED, strategy_state="paused"))
    if data == APPROVE:
        not_sent("the hash that is approved", data, replace(KNOWN, proposals=(asked(other),)))


def test_a_row_of_the_journal_that_is_not_the_step_is_of_no_use() -> None:
    """Whoever writes a proposal of his own into the journal gets neither signature nor gas for it."""
    for change, sentence in (
        ({"to": ATTACKER}, "the target of a DELEGATECALL"),
        ({"operation": 0}, "the operation of a batch"),
        ({"data": TX.data[:-1] + b"\1"}, "a part of the bytes"),
        ({"value_wei": 1}, "the value"),
        ({"gas_price": 1}, "the gas price"),
    ):
        forged = replace(TX, **change)
        known = replace(KNOWN, proposals=(asked(forged),))
        not_sent(sentence, execute_calldata(forged, SIGNATURES), known)
        not_sent(sentence, approve_hash_calldata(safe_tx_hash(forged)), known)
    stolen = replace(TX, data=batches.safe_tx(LEAVE, DEADLINE).data)
    not_sent("the number of calls", execute_calldata(stolen, SIGNATURES), replace(KNOWN, proposals=(asked(stolen),)))
    row = replace(asked(TX), rejects=True)
    not_sent("a rejection", EXECUTE, replace(KNOWN, proposals=(row,)))


def test_a_rejection_is_carried_out_when_its_plan_is_over() -> None:
    over = replace(
        KNOWN, proposals=(asked(TX, "EXPIRED"), asked(BACK, "READY")), plan_state="expired", step_state="FAILED",
        strategy_state="paused", head_timestamp=DEADLINE + 10**6,
    )  # fmt: skip
    assert send(execute_calldata(BACK, SIGNATURES), over).debit_quote == 0
    assert send(approve_hash_calldata(safe_tx_hash(BACK)), over).debit_quote == 0
    not_sent("what the owners|to of execTransaction", EXECUTE, over)
    not_sent("the hash that is approved", APPROVE, over)
    halted = replace(over, strategy_state="halted")
    not_sent("the strategy's state is halted", execute_calldata(BACK, SIGNATURES), halted)


def test_the_keys_consent_as_a_sender_is_not_enough() -> None:
    """It would hold at whatever nonce the Safe has by then: what somebody carried out already would happen again."""
    by_sender = packed_signatures({OWNER: None})
    not_sent("the only consent is that of the sender", execute_calldata(TX, by_sender))
    send(execute_calldata(TX, packed_signatures({ATTACKER: None})))
    send(execute_calldata(TX, packed_signatures({OWNER: None, ATTACKER: SIGNATURES[:65]})))
    not_sent("the length of the signatures is 64", execute_calldata(TX, SIGNATURES[:64]))
    not_sent("the length of the signatures is 0", execute_calldata(TX, b""))
    not_sent("the length of the signatures is 8193", execute_calldata(TX, bytes(8_193)))


def test_what_is_out_is_replaced_word_for_word_and_its_nonce_taken_back() -> None:
    raised: dict[str, Any] = {"maxFeePerGas": 33 * 10**8, "maxPriorityFeePerGas": 11 * 10**7}
    first = with_signature(unsigned_bytes(envelope(SAFE, EXECUTE)), 0, 7, 8)
    for state in ("READY", "EXECUTED", "FINAL", "REPLACED", "REJECTED", "EXPIRED"):
        out = replace(
            KNOWN, proposals=(asked(TX, state),), nonce=5, lowest_nonce=6, attempts=(PastAttempt(first, False),)
        )
        assert send(EXECUTE, out, **raised).debit_quote == 0
        # Somebody else was quicker, and the plan is over.
        assert send(EXECUTE, replace(out, plan_state="done", step_state="DONE"), **raised).debit_quote == 0
        not_sent("the strategy's state is halted", EXECUTE, replace(out, strategy_state="halted"), **raised)
        not_sent("the deadline", EXECUTE, replace(out, head_timestamp=DEADLINE + 1), **raised)
        not_sent("the calldata of a replacement", execute_calldata(TX, SIGNATURES[65:]), out, **raised)
        not_sent("the calldata of a replacement", APPROVE, out, **raised)
        back = replace(out, cancels=True, plan_state="failed", step_state="FAILED")
        send(b"", back, to=OWNER, gas=21_000, **raised)
        not_sent("the target of a cancellation", b"", back, **raised)
        not_sent("the calldata of a cancellation", EXECUTE, back, to=OWNER, **raised)


def test_a_batch_is_of_the_pinned_contract_alone() -> None:
    refused("the target of a DELEGATECALL", multisend=ATTACKER)
    refused("the target of a DELEGATECALL", multisend=None)
    assert isinstance(ENTER, Batch)

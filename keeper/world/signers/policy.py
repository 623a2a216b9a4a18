"""The signing policy: the last look at a transaction before a key touches it. What is not allowed here is not signed.

It is given the final bytes, decodes them with a decoder of its own, and compares every field twice: with the rules of
the strategy, and with the one step that the journal says is to be carried out now. Nothing here writes, waits or asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keeper.model.plan import Batch
from keeper.world.signers import passed, safe_policy
from keeper.world.signers.batch_calls import TargetCall, account_batch
from keeper.world.signers.batch_rules import check_step
from keeper.world.signers.decoding import DecodingError, Unsigned, decode_signed, decode_unsigned
from keeper.world.signers.delegation import check_authorization, preimage_of
from keeper.world.signers.evidence import Evidence, Rules
from keeper.world.signers.limits import check_limits, leaves
from keeper.world.signers.passed import Passed, PassedMessage
from keeper.world.signers.refusal import (
    refuse,
    refuse_unreadable,
    require_at_least,
    require_at_most,
    require_same,
    require_within,
)
from keeper.world.signers.standing import check_deadline, check_standing
from keeper.world.signers.wanted import require_calls, wanted_calls

# Nodes take a replacement only if both of its fees are a tenth higher.
_RAISE_PERCENT: Final = 110


@dataclass(frozen=True, slots=True)
class Allowed:
    """A transaction that may be signed, and what it counts against the limits: wei, raw quote units."""

    passed: Passed
    debit_gas_wei: int
    debit_quote: int


def check(rules: Rules, evidence: Evidence, unsigned: bytes) -> Allowed:
    """Let an unsigned transaction of EIP-1559, or of EIP-7702 with its signed authorization, pass, or not.

    Raises:
        SigningRefusedError: one sentence with the field, what was found in it and what is allowed.
        SigningLimitError: all is as it must be, but it would cost more than is allowed now.
    """
    _, gas_wei, debit_quote = _examine(rules, evidence, unsigned, signed=True)
    return Allowed(passed.issue(unsigned), gas_wei, debit_quote)


def check_consent(rules: Rules, evidence: Evidence, unsigned: bytes) -> PassedMessage:
    """Let the authorization of an EIP-7702 transaction pass that lacks nothing but the signature of that. Errors as
    ``check``."""
    transaction, _, _ = _examine(rules, evidence, unsigned, signed=False)
    if transaction.authorization is None:
        refuse("the authorization", "missing", "one of the strategy's own delegate")
    return passed.issue_message(preimage_of(transaction.authorization))


def _examine(rules: Rules, evidence: Evidence, unsigned: bytes, *, signed: bool) -> tuple[Unsigned, int, int]:
    """The transaction, the most that its gas costs (wei), and what it swaps and is not counted yet (raw quote)."""
    debit_quote, takes_back = 0, False
    try:
        transaction = decode_unsigned(unsigned)
        asked = safe_policy.asked_for(rules, evidence, transaction)
        takes_back = asked is not None and asked.rejects
        # A Safe's plan may be over, by somebody else's hand, while the nonce of our own key is still to be settled.
        outlives = takes_back or (rules.account == "safe" and bool(evidence.attempts))
        check_standing(rules, evidence, takes_back=outlives)
        _check_envelope(rules, evidence, transaction, takes_back=takes_back)
        _check_nonce(evidence, transaction)
        if evidence.cancels:
            _check_cancellation(rules, evidence, transaction)
        elif asked is not None:
            debit_quote = safe_policy.check_sent(rules, evidence, asked)
        else:
            _check_act(rules, evidence, transaction)
            # A replacement is word for word what has passed already: what it swaps is counted, and its positions and
            # balances may look otherwise by now, after a reorganisation.
            debit_quote = 0 if evidence.attempts else check_step(rules, evidence)
        check_authorization(rules, evidence, transaction, signed=signed)
    except DecodingError as error:
        refuse_unreadable(error)
    # Last, so that what is wrong is never taken for what is only dear.
    gas_units, tip_wei = transaction.gas_limit, transaction.max_priority_fee_wei
    require_within("the gas limit (signing.max_gas_units)", gas_units, rules.limits.max_gas_units)
    field = "the priority fee, wei per gas (signing.max_priority_fee_gwei),"
    require_within(field, tip_wei, rules.max_priority_fee_wei)
    gas_wei = gas_units * transaction.max_fee_wei
    check_limits(rules, evidence, gas_wei=gas_wei, swapped_quote=debit_quote, takes_back=takes_back)
    return transaction, gas_wei, debit_quote


def _check_envelope(rules: Rules, evidence: Evidence, transaction: Unsigned, *, takes_back: bool) -> None:
    """What every transaction has, whatever it does."""
    require_same("the chain id", transaction.chain_id, rules.chain_id)
    require_same("the value, wei", transaction.value_wei, 0)
    require_at_least("the gas limit", transaction.gas_limit, 21_000)
    is_out = leaves(evidence, takes_back=takes_back)
    ceiling = rules.max_exit_fee_wei if is_out else rules.max_fee_wei
    require_at_least("the fee cap, wei per gas", transaction.max_fee_wei, 1)
    if ceiling is not None:
        require_at_most("the fee cap, wei per gas", transaction.max_fee_wei, ceiling)
    require_at_most("the priority fee, wei per gas", transaction.max_priority_fee_wei, transaction.max_fee_wei)


def _check_nonce(evidence: Evidence, transaction: Unsigned) -> None:
    """A fresh nonce for a step without a transaction; else its own, and fees that replace what stands there."""
    if evidence.nonce is None or not evidence.attempts:
        if evidence.cancels or evidence.attempts or evidence.nonce is not None:
            refuse("what is to be replaced", "nothing that was signed for the step", "only a transaction that is out")
        require_at_least("the nonce", transaction.nonce, evidence.lowest_nonce)
        return
    require_same("the step's transaction", "settled" if evidence.is_settled else "out", "out")
    require_same("the nonce", transaction.nonce, evidence.nonce)
    for attempt in evidence.attempts:
        before = decode_signed(attempt.raw).unsigned
        least_fee = -(-before.max_fee_wei * _RAISE_PERCENT // 100)
        least_tip = -(-before.max_priority_fee_wei * _RAISE_PERCENT // 100)
        require_at_least("the fee cap of a replacement", transaction.max_fee_wei, least_fee)
        require_at_least("the priority fee of a replacement", transaction.max_priority_fee_wei, least_tip)
        if evidence.cancels:
            continue
        if attempt.cancels:
            refuse("a replacement of a cancellation", "the act again", "only another cancellation")
        # The two fees apart, a replacement is the same transaction.
        require_same("the gas limit of a replacement", transaction.gas_limit, before.gas_limit)
        require_same("the target of a replacement", transaction.to, before.to)
        require_same("the calldata of a replacement", transaction.data.hex(), before.data.hex())
        require_same("the delegation of a replacement", _delegate(transaction), _delegate(before))


def _check_cancellation(rules: Rules, evidence: Evidence, transaction: Unsigned) -> None:
    """Nothing is sent to ourselves, to take a nonce back that has something of ours on it."""
    if not evidence.attempts:
        refuse("the nonce of a cancellation", "free", "only one that was signed for")
    require_same("the target of a cancellation", transaction.to, rules.signer)
    require_same("the calldata of a cancellation", transaction.data.hex(), "")


def _check_act(rules: Rules, evidence: Evidence, transaction: Unsigned) -> None:
    """Target and calldata are those of the step, word for word, and its deadline is near and not past."""
    check_deadline(rules, evidence)
    wanted = wanted_calls(rules, evidence.step, evidence.deadline_timestamp)
    if isinstance(evidence.step, Batch) and rules.account == "delegated":
        require_same("the target of a batch", transaction.to, rules.owner)
        require_calls(account_batch(transaction.data), wanted)
    else:
        require_calls((TargetCall(transaction.to, transaction.data),), wanted)


def _delegate(transaction: Unsigned) -> str | None:
    return None if transaction.authorization is None else transaction.authorization.address

"""The signing policy for a Safe: what its owners are asked for, and what our own key may send to it.

A key that is an owner, or a delegate, signs SafeTx of exactly one kind: the step's calls, for the Safe itself, without
a refund to anybody; and the rejection of one of those on its own nonce. What the key sends carries out, or approves on
chain, one that stands in the journal.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from keeper.model.safe import CALL, DELEGATE_CALL, ZERO_ADDRESS, SafeTx
from keeper.world.safe.hashing import safe_tx_hash, signing_preimage, typed_data
from keeper.world.signers import passed
from keeper.world.signers.batch_calls import ApproveHashCall, ExecuteCall, TargetCall, multi_send, safe_call
from keeper.world.signers.batch_rules import check_step
from keeper.world.signers.decoding import DecodingError, Unsigned
from keeper.world.signers.evidence import Evidence, PastProposal, Rules
from keeper.world.signers.limits import check_limits
from keeper.world.signers.passed import PassedMessage
from keeper.world.signers.refusal import refuse, refuse_unreadable, require_at_least, require_at_most, require_same
from keeper.world.signers.standing import check_deadline, check_standing
from keeper.world.signers.wanted import require_calls, wanted_calls

_ASKED: Final = ("HASHED", "PROPOSED", "READY")
_EXPIRED: Final = "EXPIRED"
_SIGNATURE_BYTES: Final = 65
_MOST_SIGNATURE_BYTES: Final = 8_192
_BY_SENDER: Final = 1


@dataclass(frozen=True, slots=True)
class AllowedProposal:
    """A Safe's transaction that may be signed, and what it counts against the limits: raw quote units."""

    passed: PassedMessage
    debit_quote: int


def check_proposal(rules: Rules, evidence: Evidence, tx: SafeTx) -> AllowedProposal:
    """Let a Safe's transaction pass, or not.

    Raises:
        SigningRefusedError: one sentence with the field, what was found in it and what is allowed.
        SigningLimitError: all is as it must be, but more would be swapped than is allowed now.
    """
    require_same("the owner's account", rules.account, "safe")
    check_standing(rules, evidence, takes_back=evidence.cancels)
    _check_fields(rules, tx)
    debit_quote = 0
    if evidence.cancels:
        _check_rejection(evidence, tx)
    else:
        require_at_least("the nonce of the Safe's transaction", tx.nonce, evidence.lowest_safe_nonce)
        try:
            debit_quote = _check_act(rules, evidence, tx) - _counted(evidence, tx)
        except DecodingError as error:
            refuse_unreadable(error)
    check_limits(rules, evidence, gas_wei=0, swapped_quote=max(0, debit_quote))
    return AllowedProposal(passed.issue_message(signing_preimage(tx), typed_data(tx)), max(0, debit_quote))


def asked_for(rules: Rules, evidence: Evidence, transaction: Unsigned) -> PastProposal | None:
    """The proposal that a transaction of our own key carries out or approves; None where the owner is no Safe, or the
    key's own nonce is taken back.

    Raises:
        SigningRefusedError: it does something else, or none stands.
        DecodingError: it is no such call.
    """
    if rules.account != "safe" or evidence.cancels:
        return None
    require_same("the target", transaction.to, rules.owner)
    call = safe_call(transaction.data)
    # What is out already is only paid better, though the Safe may have moved on: somebody else was quicker.
    standing = [each for each in evidence.proposals if evidence.attempts or each.state in _ASKED]
    if not standing:
        refuse("what the owners were asked for", "nothing that stands", "a proposal of the step")
    if isinstance(call, ApproveHashCall):
        hashes = {safe_tx_hash(each.transaction): each for each in standing}
        if call.hash not in hashes:
            allowed = " or ".join(f"0x{each.hex()}" for each in hashes)
            refuse("the hash that is approved", f"0x{call.hash.hex()}", allowed)
        return hashes[call.hash]
    _check_signatures(rules, call.signatures)
    found = next((each for each in standing if _differing(call, each.transaction) is None), None)
    if found is None:
        field = _differing(call, standing[-1].transaction)
        assert field is not None
        refuse(f"{field} of execTransaction", getattr(call, field), getattr(standing[-1].transaction, field))
    return found


def check_sent(rules: Rules, evidence: Evidence, asked: PastProposal) -> int:
    """What was asked for is itself what it must be; what it swaps and was not counted when it was, raw quote units.

    Raises:
        SigningRefusedError, SigningLimitError, DecodingError: it is not.
    """
    _check_fields(rules, asked.transaction)
    if asked.rejects:
        require_same("a rejection", asked.transaction.is_rejection, True)
        return 0
    if evidence.attempts:  # word for word what has passed already
        check_deadline(rules, evidence)
        return 0
    return max(0, _check_act(rules, evidence, asked.transaction) - asked.debit_quote)


def _check_fields(rules: Rules, tx: SafeTx) -> None:
    """What every transaction of the Safe has, whatever it does: nothing is paid to anybody for carrying it out."""
    found = (
        ("the chain id", tx.chain_id, rules.chain_id),
        ("the Safe", tx.safe, rules.owner),
        ("the value, wei,", tx.value_wei, 0),
        ("the gas (safeTxGas)", tx.safe_tx_gas, 0),
        ("the base gas", tx.base_gas, 0),
        ("the gas price", tx.gas_price, 0),
        ("the gas token", tx.gas_token, ZERO_ADDRESS),
        ("the refund receiver", tx.refund_receiver, ZERO_ADDRESS),
    )
    for field, value, allowed in found:
        require_same(f"{field} of the Safe's transaction", value, allowed)


def _check_rejection(evidence: Evidence, tx: SafeTx) -> None:
    """Nothing, on a nonce that something of ours for this step stands on."""
    require_same("a rejection", tx.is_rejection, True)
    states = (*_ASKED, _EXPIRED)
    nonces = [each.transaction.nonce for each in evidence.proposals if not each.rejects and each.state in states]
    if tx.nonce not in nonces:
        refuse("the nonce of a rejection", tx.nonce, f"one that a proposal of the step stands on ({nonces})")


def _check_act(rules: Rules, evidence: Evidence, tx: SafeTx) -> int:
    """Exactly the step's calls, near enough in time; the worth of what they swap, raw quote units."""
    for each in evidence.proposals:
        if not each.rejects:  # two nonces would carry the step out twice
            require_same("what the owners were asked for the step", tx, each.transaction)
            if each.state not in _ASKED:
                refuse("what the owners were asked for the step", each.state, "still to be carried out")
    check_deadline(rules, evidence)
    wanted = wanted_calls(rules, evidence.step, evidence.deadline_timestamp)
    if len(wanted) == 1:
        require_same("the operation of a single call", tx.operation, CALL)
        require_calls((TargetCall(tx.to, tx.data),), wanted)
    else:
        require_same("the operation of a batch", tx.operation, DELEGATE_CALL)
        require_same("the target of a DELEGATECALL", tx.to, rules.multisend)
        require_calls(multi_send(tx.data), wanted)
    return check_step(rules, evidence)


def _counted(evidence: Evidence, tx: SafeTx) -> int:
    """What an earlier signature of the very same has counted."""
    return sum(each.debit_quote for each in evidence.proposals if each.transaction == tx)


def _differing(call: ExecuteCall, tx: SafeTx) -> str | None:
    """The first argument that is not the transaction's; its nonce, chain and Safe are no arguments."""
    names = [field.name for field in fields(call) if field.name != "signatures"]
    return next((name for name in names if getattr(call, name) != getattr(tx, name)), None)


def _check_signatures(rules: Rules, signatures: bytes) -> None:
    """Any, but not the key's consent by its being the sender alone: that would hold at any nonce of the Safe, so what
    was carried out already could be once more."""
    require_at_least("the length of the signatures", len(signatures), _SIGNATURE_BYTES)
    require_at_most("the length of the signatures", len(signatures), _MOST_SIGNATURE_BYTES)
    is_senders = signatures[64] == _BY_SENDER and signatures[12:32].hex() == rules.signer.removeprefix("0x")
    if is_senders and len(signatures) < 2 * _SIGNATURE_BYTES:
        refuse("the only consent", "that of the sender, which holds at any nonce", "a signature over the hash")

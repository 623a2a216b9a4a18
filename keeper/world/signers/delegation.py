"""An account that runs a contract's code as its own (EIP-7702): to whose code, by whose consent, and back to none.

The consent is a signature of its own inside the transaction: whoever holds it may use it. So it is asked for only once
all the rest of the transaction has passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from keeper.model.plan import Batch
from keeper.world.chain.fees import Fees
from keeper.world.protocols import Signer
from keeper.world.signers import passed
from keeper.world.signers.decoding import Authorization, DecodingError, Signature, Unsigned, decode_unsigned
from keeper.world.signers.envelope import authorization_preimage, delegating_bytes
from keeper.world.signers.evidence import Evidence, Rules
from keeper.world.signers.passed import Passed
from keeper.world.signers.refusal import (
    refuse,
    refuse_unreadable,
    require_at_least,
    require_at_most,
    require_same,
    require_within,
)
from keeper.world.signers.returned import complaint, consent, require_ours

NOBODY: Final = "0x" + "00" * 20
# Where the signature of a consent will stand; no key makes this one.
UNSIGNED: Final = Signature(0, 0, 0)
_LEAST_GAS: Final = 21_000
# The transaction itself, 25,000 for its authorization (EIP-7702), and as much again for margin.
_MOST_UNDELEGATION_GAS: Final = 100_000


def authorization_of(chain_id: int, address: str, transaction_nonce: int) -> Authorization:
    """A consent not signed yet. The sender's nonce is raised before it is looked at, hence the next one (EIP-7702)."""
    return Authorization(chain_id, address.lower(), transaction_nonce + 1, UNSIGNED)


def check_authorization(rules: Rules, evidence: Evidence, transaction: Unsigned, *, signed: bool) -> None:
    """The authorization of a transaction, if it has one. ``signed`` False: its signature is still to be asked for.

    Raises:
        SigningRefusedError: it delegates what it may not, or to whom it may not, or without the key's consent.
    """
    given = transaction.authorization
    if given is None:
        return
    found = f"of the code at {given.address}"
    if rules.account != "delegated" or rules.delegate is None:
        refuse("an authorization", found, "none: the account is not to be delegated")
    if evidence.cancels or not isinstance(evidence.step, Batch):
        refuse("an authorization", found, "none but with a batch")
    _check_terms(given, rules.chain_id, rules.delegate, transaction.nonce)
    _check_consent(given, rules.signer, signed=signed)


def preimage_of(given: Authorization) -> bytes:
    """What is signed for a consent."""
    return authorization_preimage(given.chain_id, given.address, given.nonce)


@dataclass(frozen=True, slots=True)
class UndelegationLimits:
    """The most that taking a delegation back may cost: the tip in wei per gas, and all its gas in wei."""

    tip_wei: int
    gas_wei: int


def check_undelegation(
    unsigned: bytes, *, chain_id: int, signer: str, nonce: int, limits: UndelegationLimits
) -> Passed:
    """A transaction that does nothing but end the delegation of the signer's own account.

    Raises:
        SigningRefusedError: it is anything else.
        SigningLimitError: it would cost more than ``limits`` allow: what it offers is by the node's word.
    """
    _require_undelegation(unsigned, chain_id, signer, nonce, limits, signed=True)
    return passed.issue(unsigned)


def sign_undelegation(
    signer: Signer, chain_id: int, nonce: int, fees: Fees, gas_units: int, limits: UndelegationLimits
) -> bytes:
    """The raw transaction of type 4 by which the signer's account runs nobody's code any more; it takes two nonces.

    Raises:
        SigningRefusedError: it would be something else, or the signer returned something else.
        SigningLimitError: as ``check_undelegation``.
        ConfigError: this kind of signer cannot sign an authorization.
        TransientError: a remote signer did not answer.
    """
    transaction: dict[str, Any] = {
        "type": 4, "chainId": chain_id, "nonce": nonce, "to": signer.address, "value": 0, "data": b"",
        "gas": gas_units, "maxFeePerGas": fees.max_fee_wei, "maxPriorityFeePerGas": fees.max_priority_fee_wei,
    }  # fmt: skip
    wanted = authorization_of(chain_id, NOBODY, nonce)
    _require_undelegation(delegating_bytes(transaction, wanted), chain_id, signer.address, nonce, limits, signed=False)
    given = consent(signer, passed.issue_message(preimage_of(wanted)), wanted)
    unsigned = delegating_bytes(transaction, given)
    raw = signer.sign(
        check_undelegation(unsigned, chain_id=chain_id, signer=signer.address, nonce=nonce, limits=limits)
    )
    require_ours(raw, unsigned, signer.address)
    return raw


def _require_undelegation(
    unsigned: bytes, chain_id: int, signer: str, nonce: int, limits: UndelegationLimits, *, signed: bool
) -> None:
    signer = signer.lower()
    try:
        transaction = decode_unsigned(unsigned)
    except DecodingError as error:
        refuse_unreadable(error)
    require_same("the chain id", transaction.chain_id, chain_id)
    require_at_least("the chain id", chain_id, 1)
    require_same("the nonce", transaction.nonce, nonce)
    require_same("the target", transaction.to, signer)
    require_same("the value, wei", transaction.value_wei, 0)
    require_same("the calldata", transaction.data.hex(), "")
    require_at_least("the gas limit", transaction.gas_limit, _LEAST_GAS)
    require_at_most("the gas limit", transaction.gas_limit, _MOST_UNDELEGATION_GAS)
    require_at_most("the priority fee, wei per gas", transaction.max_priority_fee_wei, transaction.max_fee_wei)
    if transaction.authorization is None:
        refuse("the authorization", "missing", f"one of {NOBODY}")
    _check_terms(transaction.authorization, chain_id, NOBODY, nonce)
    _check_consent(transaction.authorization, signer, signed=signed)
    # Last, so that what is wrong is never taken for what is only dear.
    require_within("the priority fee, wei per gas,", transaction.max_priority_fee_wei, limits.tip_wei)
    require_within("the gas cost, wei,", transaction.gas_limit * transaction.max_fee_wei, limits.gas_wei)


def _check_terms(given: Authorization, chain_id: int, delegate: str, nonce: int) -> None:
    """For this chain alone (0 would be any), once, and to that code alone."""
    require_same("the chain id of the authorization", given.chain_id, chain_id)
    require_at_least("the chain id of the authorization", given.chain_id, 1)
    require_same("the address of the authorization", given.address, delegate)
    require_same("the nonce of the authorization", given.nonce, nonce + 1)


def _check_consent(given: Authorization, signer: str, *, signed: bool) -> None:
    if not signed:
        require_same("the signature of the authorization", given.signature, UNSIGNED)
        return
    wrong = complaint(signer, preimage_of(given), given.signature)
    if wrong is not None:
        refuse("the consent in the authorization", wrong, f"a signature of {signer}")

"""An account that runs a contract's code: who may consent to that, to whose code, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_account.typed_transactions.set_code_transaction import Authorization as LibraryAuthorization
from eth_utils.crypto import keccak

from keeper.errors import SigningLimitError, SigningRefusedError
from keeper.model.plan import Approve
from keeper.world.chain.fees import Fees
from keeper.world.journal.journal import SqlJournal
from keeper.world.protocols import Signer
from keeper.world.signers import policy
from keeper.world.signers.decoding import Authorization, Signature, Unsigned, decode_signed, decode_unsigned
from keeper.world.signers.delegation import (
    NOBODY,
    UNSIGNED,
    UndelegationLimits,
    check_authorization,
    check_undelegation,
    sign_undelegation,
)
from keeper.world.signers.envelope import authorization_preimage, delegating_bytes, unsigned_bytes, with_signature
from keeper.world.signers.evidence import Evidence, PastAttempt
from keeper.world.signers.keystore import KeystoreSigner
from keeper.world.signers.passed import Passed, PassedMessage
from tests.world.signers import batches, scene
from tests.world.signers.batches import DELEGATE, ENTER, TIDY
from tests.world.signers.scene import ATTACKER, KEY, OWNER
from tests.world.signers.written import CountingSigner, write_for

KNOWN = batches.evidence("delegated", TIDY)
DEADLINE = KNOWN.deadline_timestamp
FIELDS = {name: value for name, value in batches.delegating(TIDY, DEADLINE).items() if name != "delegate"}
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def consent(key: Any = KEY, **changes: Any) -> Authorization:
    """What the library signs for the terms."""
    terms = {"chainId": 31337, "address": DELEGATE, "nonce": 6} | changes
    made = key.sign_authorization(terms)
    signature = Signature(made.y_parity, made.r, made.s)
    return Authorization(made.chain_id, "0x" + bytes(made.address).hex(), made.nonce, signature)


def check(given: Authorization, known: Evidence = KNOWN, fields: dict[str, Any] = FIELDS, **rules: Any) -> None:
    policy.check(batches.rules("delegated", **rules), known, delegating_bytes(fields, given))


def test_the_bytes_are_those_of_the_library() -> None:
    preimage = authorization_preimage(31337, DELEGATE, 6)
    assert keccak(preimage) == LibraryAuthorization(31337, bytes.fromhex(DELEGATE[2:]), 6).hash()
    unsigned = delegating_bytes(FIELDS, consent())
    listed = [KEY.sign_authorization({"chainId": 31337, "address": DELEGATE, "nonce": 6})]
    raw = bytes(KEY.sign_transaction({**FIELDS, "to": KEY.address, "authorizationList": listed}).raw_transaction)
    signature = decode_signed(raw).signature
    assert with_signature(unsigned, signature.y_parity, signature.r, signature.s) == raw
    assert decode_signed(raw).unsigned == decode_unsigned(unsigned) == Unsigned(
        31337, 5, 10**8, 3 * 10**9, 1_600_000, OWNER, 0, FIELDS["data"], consent()
    )  # fmt: skip


def flipped(given: Authorization) -> Authorization:
    """The other signature that proves the same."""
    y_parity, r, s = given.signature.y_parity, given.signature.r, given.signature.s
    return replace(given, signature=Signature(1 - y_parity, r, ORDER - s))


def test_the_strategys_own_delegate_and_nobody_else() -> None:
    check(consent())
    wrong: list[tuple[Authorization, str]] = [
        (consent(address=ATTACKER), "the address of the authorization"),
        (consent(address=NOBODY), "the address of the authorization"),
        (consent(chainId=0), "the chain id of the authorization is 0"),
        (consent(chainId=1), "the chain id of the authorization is 1"),
        (consent(nonce=5), "the nonce of the authorization is 5; allowed is 6"),
        (consent(nonce=7), "the nonce of the authorization is 7; allowed is 6"),
        (consent(batches.STRANGER), f"the consent in the authorization is a signature of {batches.STRANGER.address}"),
        (replace(consent(), signature=UNSIGNED), "a signature that no chain accepts"),
        (flipped(consent()), "a signature that no chain accepts"),
        (replace(consent(), signature=consent(nonce=7).signature), "the consent in the authorization"),
    ]
    for given, sentence in wrong:
        with pytest.raises(SigningRefusedError, match=sentence):
            check(given)
    for rules in ({"delegate": None}, {"delegate": ATTACKER}):
        with pytest.raises(SigningRefusedError, match="authorization"):
            check(consent(), **rules)
    for account in ("key", "multicall", "safe"):
        known = batches.evidence(account, TIDY)
        with pytest.raises(SigningRefusedError):
            policy.check(replace(batches.rules(account), delegate=DELEGATE), known,
                         delegating_bytes(FIELDS, consent()))  # fmt: skip


def test_a_consent_for_any_chain_is_none() -> None:
    """Not even where the rules themselves said so."""
    anywhere = decode_unsigned(delegating_bytes(FIELDS | {"chainId": 0}, consent(chainId=0)))
    with pytest.raises(SigningRefusedError, match="the chain id of the authorization is 0; allowed is at least 1"):
        check_authorization(batches.rules("delegated", chain_id=0), KNOWN, anywhere, signed=True)


def test_only_with_a_batch_and_never_to_take_a_nonce_back() -> None:
    alone = Approve(scene.TOKEN0, "router", 0)
    single = batches.evidence("delegated", alone)
    call = scene.transaction(alone, DEADLINE) | {"type": 4}
    with pytest.raises(SigningRefusedError, match="allowed is none but with a batch"):
        check(consent(), single, call)
    first = PastAttempt(with_signature(delegating_bytes(FIELDS, consent()), 0, 7, 8), False)
    out = replace(KNOWN, nonce=5, lowest_nonce=7, attempts=(first,))
    raised = {"maxFeePerGas": 33 * 10**8, "maxPriorityFeePerGas": 11 * 10**7}
    back: dict[str, Any] = {"to": OWNER, "data": b"", "gas": 21_000} | raised
    with pytest.raises(SigningRefusedError, match="allowed is none but with a batch"):
        check(consent(), replace(out, cancels=True), FIELDS | back)
    plain = scene.transaction(alone, DEADLINE, **back)
    policy.check(batches.rules("delegated"), replace(out, cancels=True), unsigned_bytes(plain))


def test_a_replacement_delegates_as_the_first_one_did() -> None:
    raised = {"maxFeePerGas": 33 * 10**8, "maxPriorityFeePerGas": 11 * 10**7}
    delegating = PastAttempt(with_signature(delegating_bytes(FIELDS, consent()), 0, 7, 8), False)
    plain = batches.delegated(TIDY, DEADLINE)
    undelegating = PastAttempt(with_signature(unsigned_bytes(plain), 0, 7, 8), False)
    out = replace(KNOWN, nonce=5, lowest_nonce=7, attempts=(delegating,))
    check(consent(), out, FIELDS | raised)
    with pytest.raises(SigningRefusedError, match="the delegation of a replacement is None"):
        policy.check(batches.rules("delegated"), out, unsigned_bytes(plain | raised))
    with pytest.raises(SigningRefusedError, match=f"the delegation of a replacement is {DELEGATE}; allowed is None"):
        check(consent(), replace(out, attempts=(undelegating,)), FIELDS | raised)


# Through the policed key.


@pytest.mark.parametrize("step", [TIDY, ENTER])
def test_the_key_consents_once_all_the_rest_has_passed(journal: SqlJournal, step: Any) -> None:
    written = write_for(journal, "delegated", step)
    signed = written.ask(batches.delegating(step, written.deadline))
    message, transaction = written.signer.reached
    assert message == authorization_preimage(31337, DELEGATE, 6)
    assert decode_unsigned(transaction).authorization == consent()
    assert decode_signed(signed.raw).unsigned == decode_unsigned(transaction)
    assert (signed.debit_quote > 0) == (step == ENTER)


@pytest.mark.parametrize(
    "changes",
    [
        {"delegate": ATTACKER}, {"delegate": NOBODY}, {"delegate": "0x12"}, {"delegate": 7}, {"to": ATTACKER},
        {"data": b""}, {"value": 1}, {"chainId": 1}, {"chainId": 0}, {"type": 2}, {"nonce": -1}, {"extra": 1},
        {"gas": 10_000_001}, {"maxFeePerGas": 10**14}, {"data": batches.delegated(ENTER, DEADLINE)["data"]},
    ],
)  # fmt: skip
def test_the_key_consents_to_nothing_that_does_not_pass(journal: SqlJournal, changes: dict[str, Any]) -> None:
    written = write_for(journal, "delegated", TIDY)
    with pytest.raises(Exception, match=r"the signing policy refused|a limit of the signing policy"):
        written.ask(batches.delegating(TIDY, written.deadline) | changes)
    assert written.signer.reached == []


def test_a_plain_key_is_never_delegated(journal: SqlJournal) -> None:
    written = write_for(journal, "key", scene.EXIT)
    with pytest.raises(SigningRefusedError):
        written.ask(scene.transaction(scene.EXIT, written.deadline) | {"type": 4, "delegate": DELEGATE})
    assert written.signer.reached == []


@pytest.mark.parametrize("account", ["key", "multicall", "safe"])
def test_only_an_account_that_is_to_be_delegated_is(account: Any) -> None:
    """Whatever else the rules name: what the owner can do decides."""
    rules, known = replace(batches.rules("delegated"), account=account), KNOWN
    transaction = decode_unsigned(delegating_bytes(FIELDS, consent()))
    with pytest.raises(SigningRefusedError, match="the account is not to be delegated"):
        check_authorization(rules, known, transaction, signed=True)


CONSENTS: dict[str, Callable[[bytes], Any]] = {
    "of another key": lambda _: bytes(batches.STRANGER.unsafe_sign_hash(keccak(b"x")).signature),
    "cut off": lambda raw: raw[:-1],
    "nothing": lambda _: b"",
    "v of 0": lambda raw: raw[:64] + bytes([raw[64] - 27]),
    "a bit": lambda raw: bytes([raw[0] ^ 1]) + raw[1:],
    "high s": lambda raw: raw[:32] + (ORDER - int.from_bytes(raw[32:64])).to_bytes(32) + bytes([55 - raw[64]]),
}


@pytest.mark.parametrize("lie", [*CONSENTS])
def test_a_consent_that_is_not_ours_is_thrown_away(journal: SqlJournal, lie: str) -> None:
    class Liar(KeystoreSigner):
        def sign_message(self, passed: PassedMessage) -> bytes:
            answer: bytes = CONSENTS[lie](super().sign_message(passed))
            return answer

    written = write_for(journal, "delegated", TIDY, signer=Liar(KEY))
    with pytest.raises(SigningRefusedError, match=r"the signer returned .* thrown away"):
        written.ask(batches.delegating(TIDY, written.deadline))
    assert len(written.signer.reached) == 1, "the transaction never got there"


# The way back.

FEES = Fees(3 * 10**9, 10**8)
MOST = UndelegationLimits(10**9, 10**15)
UNDELEGATION: dict[str, Any] = {
    "type": 4, "chainId": 31337, "nonce": 5, "to": OWNER, "value": 0, "data": b"", "gas": 60_000,
    "maxFeePerGas": FEES.max_fee_wei, "maxPriorityFeePerGas": FEES.max_priority_fee_wei,
}  # fmt: skip


def ended(given: Authorization, chain_id: int = 31337, **changes: Any) -> Passed:
    unsigned = delegating_bytes(UNDELEGATION | changes, given)
    return check_undelegation(unsigned, chain_id=chain_id, signer=KEY.address, nonce=5, limits=MOST)


def test_a_delegation_is_ended_by_the_key_alone() -> None:
    signer = CountingSigner()
    raw = sign_undelegation(signer, 31337, 5, FEES, 60_000, MOST)
    nobody = consent(address=NOBODY)
    assert decode_signed(raw).unsigned == decode_unsigned(delegating_bytes(UNDELEGATION, nobody))
    assert signer.reached == [authorization_preimage(31337, NOBODY, 6), ended(nobody).unsigned]


def test_and_by_nothing_else() -> None:
    nobody = consent(address=NOBODY)
    wrong: list[tuple[Callable[[], Any], str]] = [
        (lambda: ended(consent()), "the address of the authorization"),
        (lambda: ended(consent(address=NOBODY, nonce=5)), "the nonce of the authorization"),
        (lambda: ended(consent(address=NOBODY, chainId=0)), "the chain id of the authorization"),
        (lambda: ended(consent(address=NOBODY, chainId=0), chain_id=0, chainId=0), "the chain id is 0"),
        (lambda: ended(consent(batches.STRANGER, address=NOBODY)), "the consent in the authorization"),
        (lambda: ended(replace(nobody, signature=UNSIGNED)), "the consent in the authorization"),
        (lambda: ended(nobody, to=ATTACKER), "the target"),
        (lambda: ended(nobody, value=1), "the value"),
        (lambda: ended(nobody, data=b"\1"), "the calldata"),
        (lambda: ended(nobody, nonce=6), "the nonce is 6"),
        (lambda: ended(nobody, chainId=1), "the chain id is 1"),
        (lambda: ended(nobody, gas=100_001), "the gas limit"),
        (lambda: ended(nobody, gas=20_999), "the gas limit"),
        (lambda: ended(nobody, maxPriorityFeePerGas=10**10), "the priority fee"),
        (lambda: check_undelegation(unsigned_bytes(UNDELEGATION | {"type": 2}), chain_id=31337, signer=OWNER, nonce=5,
                                    limits=MOST),
         "the authorization is missing"),
        (lambda: check_undelegation(b"\4", chain_id=31337, signer=OWNER, nonce=5,
                                    limits=MOST), "a part of the bytes"),
    ]  # fmt: skip
    for make, sentence in wrong:
        with pytest.raises(SigningRefusedError, match=sentence):
            make()
    signer: Signer = CountingSigner()
    for chain_id, gas in ((0, 60_000), (31337, 1_000_000)):
        with pytest.raises(SigningRefusedError):
            sign_undelegation(signer, chain_id, 5, FEES, gas, MOST)
    assert isinstance(signer, CountingSigner) and signer.reached == []


def test_a_nodes_word_on_fees_does_not_spend_the_gas_money() -> None:
    """A tip is paid in full: whoever says what is usual must not be able to give the account's coin to a miner."""
    for fees, said in (
        (Fees(2 * 10**9, 10**9 + 1), "the priority fee"),
        (Fees(10**15 // 60_000 + 1, 10**8), "the gas cost"),
    ):
        signer = CountingSigner()
        with pytest.raises(SigningLimitError, match=said):
            sign_undelegation(signer, 31337, 5, fees, 60_000, MOST)
        assert signer.reached == [], "not even the consent is asked for"
    least = Fees(10**15 // 60_000, 10**9)
    assert decode_signed(sign_undelegation(CountingSigner(), 31337, 5, least, 60_000, MOST)).unsigned.nonce == 5

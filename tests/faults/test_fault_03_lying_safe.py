"""Row 3: whatever a service, a page or an encoder makes of a Safe's transaction, only what was decided is signed.

The hash is computed here, from fields that were compared one by one; a batch is decoded again from its own bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from keeper.errors import SigningLimitError, SigningRefusedError
from keeper.model.plan import Step
from keeper.model.safe import SafeTx
from keeper.world.journal import tables
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.safe.hashing import safe_tx_hash, signing_preimage, typed_data
from keeper.world.signers import safe_policy
from keeper.world.signers.keystore import KeystoreSigner
from keeper.world.signers.passed import PassedMessage
from tests.world.signers import batches, safe_mutations, scene
from tests.world.signers.batches import ENTER, SAFE
from tests.world.signers.safe_mutations import OTHER_ADDRESSES, Proposal, SafeMutator, is_intended, single_field
from tests.world.signers.scene import ATTACKER, OWNER
from tests.world.signers.written import Written, write_for

PROPOSALS = safe_mutations.proposals()
MUTATIONS, SOAK_MUTATIONS = 5_000, 300_000
SEED = 3
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    journal = open_journal(f"sqlite:///{tmp_path}/lying.db", "safe")
    yield journal
    journal.close()


def passes(proposal: Proposal, tx: SafeTx) -> bool:
    """Anything but a refusal of the policy's own is an error of the policy."""
    try:
        allowed = safe_policy.check_proposal(batches.rules("safe"), proposal.evidence, tx)
    except (SigningRefusedError, SigningLimitError):
        return False
    assert allowed.passed.preimage == signing_preimage(tx) and allowed.passed.typed == typed_data(tx)
    return True


@pytest.mark.parametrize("proposal", PROPOSALS, ids=lambda each: each.name)
def test_03_every_single_change_is_refused(proposal: Proposal) -> None:
    """But for the nonce, from the first that is free: which one it is the chain says, and the Safe checks."""
    assert passes(proposal, proposal.tx) and is_intended(proposal, proposal.tx)
    tried = 0
    for field, tx in single_field(proposal.tx):
        tried += 1
        if passes(proposal, tx):
            assert field == "nonce" and is_intended(proposal, tx), (field, tx)
    assert tried > 150


def mutate(count: int) -> tuple[int, int]:
    """How many of so many random changes passed with another nonce; and how many escaped."""
    mutator = SafeMutator(PROPOSALS, SEED)
    harmless = escapes = 0
    for _ in range(count):
        proposal, tx = mutator.next()
        if passes(proposal, tx):
            harmless += is_intended(proposal, tx)
            escapes += not is_intended(proposal, tx)
    return harmless, escapes


def test_03_random_changes_do_not_escape() -> None:
    harmless, escapes = mutate(MUTATIONS)
    assert escapes == 0 and 0 < harmless < MUTATIONS // 20


@pytest.mark.soak
def test_03_three_hundred_thousand_random_changes_do_not_escape() -> None:
    assert mutate(SOAK_MUTATIONS)[1] == 0


@pytest.mark.parametrize("blind", ["_check_fields", "require_calls"])
def test_03_the_oracle_sees_a_policy_that_looks_away(blind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_policy, blind, lambda *_arguments: None)
    assert mutate(500)[1] > 0


# Through the policed key itself: nothing of all this reaches it.


def refuses(written: Written, tx: SafeTx, sentence: str = "the signing policy refused the transaction") -> None:
    with pytest.raises(SigningRefusedError, match=sentence):
        written.propose(tx)
    assert written.signer.reached == []


def proposing(journal: SqlJournal, step: Step = ENTER) -> tuple[Written, SafeTx]:
    written = write_for(journal, "safe", step)
    return written, batches.safe_tx(step, written.deadline)


def test_03_what_was_decided_is_signed_over_the_hash_that_owners_see(journal: SqlJournal) -> None:
    written, tx = proposing(journal)
    signed = written.propose(tx)
    assert signed.debit_quote == 1_000 * 10**6
    shown = encode_typed_data(full_message=typed_data(tx))
    assert str(Account.recover_message(shown, signature=signed.raw)).lower() == OWNER
    assert written.signer.reached == [signing_preimage(tx)]


FLIPS: list[tuple[str, Any]] = [
    ("operation", 0), ("to", ATTACKER), ("to", SAFE), ("to", OWNER), ("value_wei", 1), ("safe_tx_gas", 1),
    ("base_gas", 1), ("gas_price", 1), ("gas_token", scene.TOKEN0), ("refund_receiver", ATTACKER), ("chain_id", 1),
    ("safe", ATTACKER), ("data", b""),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), FLIPS)
def test_03_a_flipped_field_is_not_signed(journal: SqlJournal, field: str, value: Any) -> None:
    written, tx = proposing(journal)
    refuses(written, replace(tx, **{field: value}))


@pytest.mark.parametrize("target", [each for each in OTHER_ADDRESSES if each != batches.MULTI_SEND])
def test_03_nothing_is_delegated_to_but_the_pinned_contract(journal: SqlJournal, target: str) -> None:
    written, tx = proposing(journal)
    refuses(written, replace(tx, to=target), "the target of a DELEGATECALL")


@pytest.mark.parametrize("step", [scene.EXIT, scene.PARTIAL])
def test_03_a_single_call_is_never_a_delegated_one(journal: SqlJournal, step: Step) -> None:
    written, tx = proposing(journal, step)
    refuses(written, replace(tx, operation=1), "the operation of a single call is 1")
    refuses(written, replace(tx, operation=1, to=batches.MULTI_SEND), "the operation of a single call is 1")
    written.propose(tx)


BATCHES = safe_mutations.wrong_batches(batches.calls(ENTER, SAFE, scene.evidence((ENTER,)).deadline_timestamp))


@pytest.mark.parametrize("name", [*BATCHES])
def test_03_a_batch_that_is_not_the_steps_is_not_signed(journal: SqlJournal, name: str) -> None:
    written, tx = proposing(journal)
    refuses(written, replace(tx, data=BATCHES[name]))


def test_03_a_nonce_that_is_used_is_not_signed_for(journal: SqlJournal) -> None:
    written, tx = proposing(journal)
    settled = batches.safe_tx(batches.LEAVE, written.deadline, nonce=7)
    written.put(tables.steps, id=999, plan_id=1, ordinal=9, kind="batch", state="DONE", body="{}")
    written.put_proposal(settled, "FINAL", step_id=999)
    written.set(tables.proposals, state="EXPIRED")
    written.propose(replace(tx, nonce=7))
    written.signer.reached.clear()
    written.set(tables.proposals, state="REPLACED")
    refuses(written, replace(tx, nonce=7), "the nonce of the Safe's transaction is 7; allowed is at least 8")
    written.propose(replace(tx, nonce=8))


LIES: dict[str, tuple[Callable[[PassedMessage, bytes], Any], str]] = {
    "over another hash": (
        lambda *_: bytes(scene.KEY.unsafe_sign_hash(safe_tx_hash(PROPOSALS[0].tx)).signature),
        "a signature of .*, not of",
    ),
    "of another key": (
        lambda passed, _: KeystoreSigner(batches.STRANGER).sign_message(passed),
        f"a signature of {batches.STRANGER.address}",
    ),
    "high s": (
        lambda _, raw: raw[:32] + (ORDER - int.from_bytes(raw[32:64])).to_bytes(32) + bytes([55 - raw[64]]),
        "a signature that no chain accepts",
    ),
    "v of a personal message": (lambda _, raw: raw[:64] + bytes([raw[64] + 4]), "a signature that no chain accepts"),
    "v of an approved hash": (lambda _, raw: raw[:64] + b"\1", "a signature that no chain accepts"),
    "cut off": (lambda _, raw: raw[:64], "something else than a signature of 65 bytes"),
    "nothing": (lambda *_: b"", "something else than a signature of 65 bytes"),
    "text": (lambda _, raw: raw.hex(), "something else than a signature of 65 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("lie", [*LIES])
def test_03_a_signature_that_is_not_ours_is_thrown_away(journal: SqlJournal, lie: str) -> None:
    change, sentence = LIES[lie]

    class Liar(KeystoreSigner):
        def sign_message(self, passed: PassedMessage) -> bytes:
            answer: bytes = change(passed, super().sign_message(passed))
            return answer

    written = write_for(journal, "safe", ENTER, signer=Liar(scene.KEY))
    with pytest.raises(SigningRefusedError, match=sentence):
        written.propose(batches.safe_tx(ENTER, written.deadline))

"""The policed key of a Safe's owner over a real journal: proposals are evidence, spending, and what may be sent."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from keeper.errors import SigningLimitError, SigningRefusedError
from keeper.model.safe import SafeTx, rejection
from keeper.world.journal import tables
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.protocols import Purpose
from keeper.world.safe.calldata import approve_hash_calldata, execute_calldata
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.signers.decoding import decode_signed
from tests.world.signers import batches, scene
from tests.world.signers.batches import ENTER, SAFE, SAFE_NONCE, SIGNATURES, envelope
from tests.world.signers.written import HEAD, Written, write_for

SWAPPED = 1_000 * 10**6
RAISED: dict[str, Any] = {"maxFeePerGas": 33 * 10**8, "maxPriorityFeePerGas": 11 * 10**7}


def proposing(journal: SqlJournal) -> tuple[Written, SafeTx]:
    written = write_for(journal, "safe", ENTER)
    return written, batches.safe_tx(ENTER, written.deadline)


def execution(tx: SafeTx, **changes: Any) -> dict[str, Any]:
    return envelope(SAFE, execute_calldata(tx, SIGNATURES)) | changes


def test_from_the_proposal_to_its_execution(journal: SqlJournal) -> None:
    """Each is signed for once it stands in the journal, and what it swaps is counted once."""
    written, tx = proposing(journal)
    with pytest.raises(SigningRefusedError, match="what the owners were asked for is nothing that stands"):
        written.ask(execution(tx))
    assert written.propose(tx).debit_quote == SWAPPED
    written.put_proposal(tx, "HASHED", quote=SWAPPED)
    assert written.propose(tx).debit_quote == 0
    written.set(tables.proposals, state="READY")
    sent = written.ask(execution(tx))
    assert sent.debit_quote == 0
    read = decode_signed(sent.raw).unsigned
    assert (read.to, read.data) == (SAFE, execute_calldata(tx, SIGNATURES))
    written.ask(envelope(SAFE, approve_hash_calldata(safe_tx_hash(tx))))
    written.set(tables.proposals, state="FINAL")
    with pytest.raises(SigningRefusedError, match="what the owners were asked for"):
        written.ask(execution(tx))


def test_its_nonce_is_taken_back_to_ourselves(journal: SqlJournal) -> None:
    written, tx = proposing(journal)
    written.put_proposal(tx, "READY")
    first = written.ask(execution(tx))
    written.put_transaction(written.step_ids[0], 5, HEAD)
    with written.engine.begin() as connection:
        (transaction_id,) = connection.execute(select(tables.transactions.c.id)).one()
        connection.execute(insert(tables.attempts).values(
            transaction_id=transaction_id, hash="0x1", raw=first.raw, gas_limit=1, max_fee_wei="1",
            max_priority_fee_wei="1", cancels=False,
        ))  # fmt: skip
    written.set(tables.plans, state="failed")
    written.set(tables.steps, state="FAILED")
    written.ask(envelope(scene.OWNER, b"", gas=21_000) | RAISED, cancels=True, head=HEAD + 10**6)
    for to in (SAFE, scene.ATTACKER):
        with pytest.raises(SigningRefusedError, match="the target of a cancellation"):
            written.ask(envelope(to, b"", gas=21_000) | RAISED, cancels=True)


def test_a_rejection_outlives_the_plan(journal: SqlJournal) -> None:
    written, tx = proposing(journal)
    back = rejection(31337, SAFE, SAFE_NONCE)
    with pytest.raises(SigningRefusedError, match="the nonce of a rejection"):
        written.propose(back, cancels=True)
    written.put_proposal(tx, "EXPIRED", quote=SWAPPED)
    written.set(tables.plans, state="expired")
    written.set(tables.steps, state="FAILED")
    assert written.propose(back, cancels=True, head=HEAD + 10**6).debit_quote == 0
    written.put_proposal(back, "READY")
    written.ask(execution(back), head=HEAD + 10**6)
    with pytest.raises(SigningRefusedError, match=r"the plan's state|to of execTransaction"):
        written.ask(execution(tx), head=HEAD + 10**6)
    written.set(tables.strategies, state="halted")
    with pytest.raises(SigningRefusedError, match="the strategy's state is halted"):
        written.propose(back, cancels=True, head=HEAD + 10**6)


@pytest.mark.parametrize("body", [b"{}", b"", b'{"nonce":3}'])
def test_a_row_that_is_no_proposal_is_refused(journal: SqlJournal, body: bytes) -> None:
    written, tx = proposing(journal)
    written.put_proposal(tx)
    written.set(tables.proposals, body=body)
    with pytest.raises(SigningRefusedError, match="the signing policy refused the transaction"):
        written.ask(execution(tx))
    assert written.signer.reached == []


def test_a_row_whose_hash_is_anothers_is_of_no_use(journal: SqlJournal) -> None:
    """The hash that is approved is computed from the fields, whatever stands in the row."""
    written, tx = proposing(journal)
    written.put_proposal(tx)
    other = safe_tx_hash(batches.safe_tx(batches.LEAVE, written.deadline))
    written.set(tables.proposals, hash="0x" + other.hex())
    with pytest.raises(SigningRefusedError, match="the hash that is approved"):
        written.ask(envelope(SAFE, approve_hash_calldata(other)))


def test_what_was_proposed_counts_until_it_comes_to_nothing(journal_url: str) -> None:
    """An hour and a day back; with the gas of the key that carried it out, but not twice."""
    journal = open_journal(journal_url, "safe")
    written, tx = proposing(journal)
    written.put(tables.steps, id=900, plan_id=1, ordinal=9, kind="batch", state="DONE", body="{}")
    purpose = Purpose(written.step_ids[0], HEAD)

    def spent(state: str, at: int = HEAD, *, executed: bool = False) -> tuple[tuple[int, int, int], ...]:
        with written.engine.begin() as connection:
            connection.execute(delete(tables.transactions))
            connection.execute(delete(tables.proposals))
        written.put_proposal(tx, state, step_id=900, at=at, quote=70)
        if executed:
            written.put_transaction(900, 1, HEAD, gas_wei=500)
        seen = journal.signing.evidence(purpose, 31337, scene.OWNER)
        return tuple(
            (each.gas_wei, each.swapped_quote, each.transactions) for each in (seen.spent_hour, seen.spent_day)
        )

    nothing = ((0, 0, 0), (0, 0, 0))
    for state in ("HASHED", "PROPOSED", "READY", "EXECUTED", "FINAL"):
        assert spent(state) == ((0, 70, 1), (0, 70, 1))
        assert spent(state, executed=True) == ((500, 70, 1), (500, 70, 1))
    assert spent("READY", HEAD - 3_600) == ((0, 0, 0), (0, 70, 1))
    assert spent("READY", HEAD - 3_600, executed=True) == ((500, 0, 0), (500, 70, 1))
    assert spent("READY", HEAD - 86_400) == nothing
    for state in ("REPLACED", "REJECTED", "EXPIRED"):
        assert spent(state) == nothing
        assert spent(state, executed=True) == ((500, 0, 1), (500, 0, 1)), "a transaction is one, whatever it was for"
    spent("READY")
    with written.engine.begin() as connection:
        body = connection.execute(select(tables.steps.c.body).where(tables.steps.c.id != 900)).scalar_one()
    written.set(tables.steps, body=body)
    own = journal.signing.evidence(Purpose(900, HEAD), 31337, scene.OWNER)
    assert own.spent_day.swapped_quote == 0 and [each.state for each in own.proposals] == ["READY"]
    limits = scene.rules().limits
    written.set(tables.proposals, debit_quote=str(limits.swapped_quote_per_hour - SWAPPED + 1))
    with pytest.raises(SigningLimitError, match="what is swapped within one hour"):
        written.propose(batches.safe_tx(ENTER, written.deadline, nonce=SAFE_NONCE + 9))
    written.set(tables.proposals, state="REJECTED")
    written.propose(batches.safe_tx(ENTER, written.deadline, nonce=SAFE_NONCE + 9))


def test_a_nonce_of_the_safe_is_used_by_what_was_carried_out_on_it(journal: SqlJournal) -> None:
    written, tx = proposing(journal)
    written.put(tables.steps, id=900, plan_id=1, ordinal=9, kind="batch", state="DONE", body="{}")
    written.put_proposal(tx, "PROPOSED", step_id=900)

    def lowest() -> int:
        return journal.signing.evidence(Purpose(written.step_ids[0], HEAD), 31337, scene.OWNER).lowest_safe_nonce

    for state in ("HASHED", "PROPOSED", "READY", "EXPIRED"):
        written.set(tables.proposals, state=state)
        assert lowest() == 0
    for state in ("EXECUTED", "FINAL", "REPLACED", "REJECTED"):
        written.set(tables.proposals, state=state)
        assert lowest() == SAFE_NONCE + 1
    written.set(tables.proposals, safe=scene.ATTACKER)
    assert lowest() == 0


def test_a_delegating_transaction_takes_two_nonces(journal: SqlJournal) -> None:
    written = write_for(journal, "delegated", batches.TIDY)
    written.put(tables.steps, id=900, plan_id=1, ordinal=9, kind="batch", state="DONE", body="{}")
    written.put_transaction(900, 5, HEAD, state="FINAL_OK")
    made = batches.delegated(batches.TIDY, written.deadline)
    written.ask(made | {"nonce": 6})
    written.set(tables.transactions, nonces=2)
    with pytest.raises(SigningRefusedError, match="the nonce is 6; allowed is at least 7"):
        written.ask(made | {"nonce": 6})
    written.ask(made | {"nonce": 7})

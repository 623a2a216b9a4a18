"""Proposals in the journal: one commit before anything is posted, the chain's word alone closes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.exc import IntegrityError

from keeper.model.ledger import Effects, LedgerEntry, OpenedPosition
from keeper.model.outcome import Failed
from keeper.model.plan import Batch, Mint, MintRange
from keeper.model.safe import SafeTx, rejection
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.journal.proposal_rows import Execution, StoredProposal
from keeper.world.journal.proposals import Draft
from keeper.world.safe.hashing import safe_tx_hash
from tests.world.words import OWNER, START, USDC, decision

SAFE = OWNER.lower()
MINT = Mint((MintRange(199_500, 200_100, 1, 1, 0, 0, 1_000_000),), 199_600, 200_900)
LINE = LedgerEntry("mint", USDC.address, -40, 7, "0xa1", 3, 12, START + 900)
EFFECTS = Effects((LINE,), (OpenedPosition(7, 199_500, 200_100, 10**30, 10, 20),), ())


@pytest.fixture
def journal(journal_url: str) -> Iterator[SqlJournal]:
    opened = open_journal(journal_url, "safe")
    yield opened
    opened.close()


def draft(nonce: int = 4, *, data: bytes = b"\x01", rejects: bool = False) -> Draft:
    tx = rejection(31337, SAFE, nonce) if rejects else SafeTx(31337, SAFE, "0x" + "77" * 20, 0, data, 0, nonce)
    kind = "rejection" if rejects else "act"
    digest = "0x" + safe_tx_hash(tx).hex()
    return Draft(tx, digest, kind, "0x" + "AA" * 20, b"\x05" * 65, START, START + 600, 77, report="it would")  # type: ignore[arg-type]


def execution(number: int = 12, block_hash: str = "0xb1", *, succeeded: bool = True) -> Execution:
    receipt = {"transactionHash": "0xA1", "blockNumber": hex(number), "blockHash": block_hash, "gasUsed": "0x64",
               "effectiveGasPrice": "0x5", "logs": []}  # fmt: skip
    return Execution(receipt, START + 900, succeeded)


def opened(journal: SqlJournal, number: int = 1) -> int:
    made = decision(number, action="enter", steps=(Batch((MINT,)),))
    submission = journal.open_plan(journal.record_decision(made), made.plan)
    (step,) = journal.transactions.steps(submission.plan_id)
    return step.id


def states(journal: SqlJournal) -> tuple[str, str, str]:
    """Of the first plan, its step and its proposal."""
    with journal.reading() as query:
        return tuple(query(f"SELECT state FROM {table} ORDER BY id")[0][0] for table in ("plans", "steps", "proposals"))  # type: ignore[return-value]


def test_it_is_kept_whole(journal: SqlJournal) -> None:
    step_id, made = opened(journal), draft()
    stored = journal.proposals.record_hashed(step_id, made)
    assert journal.proposals.of_step(step_id) == stored
    assert (stored.transaction, stored.hash, stored.signature) == (made.transaction, made.hash, made.signature)
    assert (stored.state, stored.report, stored.proposer, stored.since_block) == (
        "HASHED",
        "it would",
        "0x" + "aa" * 20,
        1,
    )
    assert journal.proposals.live(31337, OWNER) == (stored,) and journal.proposals.live(1, OWNER) == ()
    journal.proposals.record_posted(stored.id, "a board")
    journal.proposals.record_progress(stored.id, "READY", 2, 2)
    found = journal.proposals.of_step(step_id)
    assert found is not None and (found.state, found.place, found.confirmations) == ("READY", "a board", 2)


def test_effects_step_and_proposal_end_together(journal: SqlJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = journal.proposals.record_hashed(opened(journal), draft())

    def fails(*_: object) -> None:
        raise IntegrityError("no room", None, Exception())

    with monkeypatch.context() as patch:
        patch.setattr("keeper.world.journal.undoing.close_undone", fails)
        with pytest.raises(IntegrityError):
            journal.proposals.record_final(stored.id, execution(), EFFECTS)
    assert states(journal) == ("open", "READY", "HASHED")
    assert journal.memory("eth-usdc").held == ()
    journal.proposals.record_final(stored.id, execution(), EFFECTS)
    assert states(journal) == ("open", "DONE", "FINAL")
    assert [each.token_id for each in journal.memory("eth-usdc").held] == [7]
    found = journal.proposals.of_plan(1)[0]
    assert found.execution is not None and found.execution.succeeded and found.execution.gas_wei == 500


def test_one_that_failed_inside(journal: SqlJournal) -> None:
    stored = journal.proposals.record_hashed(opened(journal), draft())
    journal.proposals.record_final(stored.id, execution(succeeded=False), Effects((), (), ()))
    assert states(journal) == ("open", "FAILED", "FINAL")
    found = journal.proposals.of_plan(1)[0]
    assert found.execution is not None and not found.execution.succeeded


def closed(journal: SqlJournal) -> StoredProposal:
    """A proposal that was carried out, with its plan done."""
    from keeper.model.outcome import Done

    stored = journal.proposals.record_hashed(opened(journal), draft())
    journal.proposals.record_final(stored.id, execution(), EFFECTS)
    submission = journal.memory("eth-usdc").open
    assert submission is not None
    journal.close_plan(submission, Done(submission, EFFECTS))
    assert states(journal) == ("done", "DONE", "FINAL")
    return stored


def test_taken_back_and_booked_again_elsewhere(journal: SqlJournal) -> None:
    stored = closed(journal)
    assert [each.id for each in journal.proposals.watched("eth-usdc", 31337, 128)] == [stored.id]
    journal.proposals.record_undone(stored.id)
    assert states(journal) == ("undone", "READY", "PROPOSED")
    assert journal.memory("eth-usdc").held == ()
    with journal.reading() as query:
        assert query("SELECT 1 FROM ledger WHERE kind = 'mint'") == []
    ((submission, again),) = journal.proposals.undone("eth-usdc")
    assert again.transaction_hash is None and submission.plan_id == 1
    journal.proposals.record_final(stored.id, execution(14, "0xb2"), EFFECTS)
    assert states(journal) == ("done", "DONE", "FINAL") and journal.proposals.undone("eth-usdc") == ()
    assert len(journal.memory("eth-usdc").held) == 1


def test_taken_back_and_replaced(journal: SqlJournal) -> None:
    stored = closed(journal)
    journal.proposals.record_undone(stored.id)
    journal.proposals.record_ended(stored.id, "REPLACED", "a rival", execution(14, "0xb2"))
    assert states(journal) == ("failed", "FAILED", "REPLACED")
    assert journal.memory("eth-usdc").held == () and journal.memory("eth-usdc").in_transition is False


def test_what_comes_late_makes_the_plan_done(journal: SqlJournal) -> None:
    stored = journal.proposals.record_hashed(opened(journal), draft())
    journal.proposals.record_ended(stored.id, "EXPIRED", "nobody signed", block_number=20)
    submission = journal.memory("eth-usdc").open
    assert submission is not None
    journal.close_plan(submission, Failed(submission, "expired"))
    assert states(journal) == ("failed", "FAILED", "EXPIRED")
    assert [each.id for each in journal.proposals.watched("eth-usdc", 31337, 1)] == [stored.id], "however old"
    journal.proposals.record_undone(stored.id)
    journal.proposals.record_final(stored.id, execution(30), EFFECTS)
    assert states(journal) == ("done", "DONE", "FINAL") and len(journal.memory("eth-usdc").held) == 1


def test_later_plans_fall_with_an_end_that_was_not_kept(journal: SqlJournal) -> None:
    stored = journal.proposals.record_hashed(opened(journal), draft())
    journal.proposals.record_ended(stored.id, "EXPIRED", "nobody signed", block_number=20)
    submission = journal.memory("eth-usdc").open
    assert submission is not None
    journal.close_plan(submission, Failed(submission, "expired"))
    opened(journal, 2)
    journal.proposals.record_undone(stored.id)
    later = journal.memory("eth-usdc").open
    assert later is not None and later.deadline_timestamp == 0


def test_a_rejection_is_written_once(journal: SqlJournal) -> None:
    step_id = opened(journal)
    journal.proposals.record_hashed(step_id, draft())
    first = journal.proposals.record_hashed(step_id, draft(rejects=True))
    assert journal.proposals.record_hashed(step_id, draft(rejects=True)) == first
    assert journal.proposals.open_rejections("eth-usdc") == (first,)
    journal.proposals.record_final(first.id, execution(), Effects((), (), ()))
    assert states(journal)[:2] == ("open", "READY"), "a rejection ends no step"
    assert journal.proposals.open_rejections("eth-usdc") == ()


def test_what_is_asked_for_again_word_for_word_is_the_new_step_s(journal: SqlJournal) -> None:
    first = journal.proposals.record_hashed(opened(journal), draft())
    journal.proposals.record_ended(first.id, "EXPIRED", "nobody signed", block_number=20)
    submission = journal.memory("eth-usdc").open
    assert submission is not None
    journal.close_plan(submission, Failed(submission, "expired"))
    step_id = opened(journal, 2)
    again = journal.proposals.record_hashed(step_id, draft())
    assert (again.id, again.step_id, again.state, again.note) == (first.id, step_id, "HASHED", "")


def test_what_executors_paid_counts_as_a_cost(journal: SqlJournal) -> None:
    closed(journal)
    with journal.reading() as query:
        ((cost,),) = query("SELECT cost_quote FROM plans")
    seen = decision(1).observation
    assert int(cost) == seen.gas.native_price.quote_amount_rounding_up(500)


def test_the_pin_of_a_safe(journal: SqlJournal) -> None:
    pins = journal.safe_pins
    assert pins.of(1, SAFE) is None
    pins.add(1, OWNER, {"threshold": 2})
    pins.add(1, OWNER, {"threshold": 3})
    assert pins.of(1, SAFE) == {"threshold": 2} and pins.of(2, SAFE) is None
    pins.note_change(1, SAFE, "eth-usdc", {"threshold": 1})
    assert pins.of(1, SAFE) == {"threshold": 2}
    assert journal.resume("other", "", 0).safe is None
    assert journal.resume("eth-usdc", "", 0).safe == SAFE and pins.of(1, SAFE) == {"threshold": 1}
    assert journal.resume("eth-usdc", "", 0).safe is None

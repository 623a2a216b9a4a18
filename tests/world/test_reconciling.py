"""The rows of a reconciliation, on either database: one commit, told once, and sums that follow the ledger."""

from __future__ import annotations

from keeper.model.ledger import NATIVE, LedgerEntry
from keeper.model.observation import Block
from keeper.world.journal.books import Adopted, Findings, Subject, Told
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from tests.world.words import OWNER, USDC, decision

NAME = "eth-usdc"
DAY = 86_400


def block(number: int, timestamp: int = 10**9) -> Block:
    return Block(1, number, f"0x{number:064x}", timestamp, 1)


def subject(journal: SqlJournal) -> Subject:
    """The one of ``words``; the first sight of its wallet opens its accounts."""
    made = decision(1)
    journal.record_decision(made)
    seen = made.observation
    return Subject(NAME, seen.block.chain_id, OWNER, seen.pool.address, OWNER)


def line(amount: int, number: int, evidence: str) -> LedgerEntry:
    return LedgerEntry("deposit", USDC.address, amount, None, evidence, -1, number, 10**9)


def test_everything_that_was_found_is_written_together(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    whose, log = subject(journal), journal.reconciliations
    before = log.books(whose)
    assert (before.reconciled_block, before.positions, before.signer.first_nonce) == (None, (), None)
    found = Findings(
        entries=(line(7, 900, "reconciled at block 900"),),
        adopted=(Adopted(5, -60, 60, 10**30, 1, 2),),
        told=(Told("deposit", "block 900", "seven"),),
        first_nonce=3,
    )
    assert log.write(whose, block(900), found) == found.told
    assert log.write(whose, block(901), found) == (), "told once a day, booked once for ever"
    after = log.books(whose)
    token = USDC.address.lower()
    assert after.balances[token] - before.balances[token] == 7 and NATIVE in after.balances
    assert (after.reconciled_block, after.last_block, after.signer.first_nonce) == (901, 900, 3)
    assert [(each.token_id, each.liquidity) for each in after.positions] == [(5, 10**30)]
    assert [each.token_id for each in journal.memory(NAME).held] == [5]
    assert log.write(whose, block(902, 10**9 + DAY + 1), found) == found.told
    log.write(whose, block(903), Findings(endings=((5, "moved"),)))
    assert log.books(whose).positions == ()
    log.write(whose, block(904), Findings(adopted=found.adopted))
    assert [each.token_id for each in journal.memory(NAME).held] == [5], "it came back"
    assert log.first_genesis(1, "0xaa") == log.first_genesis(1, "0xbb") == "0xaa"
    assert log.first_genesis(2, "0xbb") == "0xbb"
    journal.close()


def test_a_halt_is_in_the_same_commit_and_resume_lifts_it_once(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    whose, log = subject(journal), journal.reconciliations
    log.write(whose, block(900), Findings(halts=("gone",), signer_halt="a stranger", first_nonce=4, is_settled=False))
    books = log.books(whose)
    assert (journal.memory(NAME).state, journal.memory(NAME).state_reason) == ("halted", "gone")
    assert (books.signer.halted_because, books.reconciled_block, books.accepts_difference) == (
        "a stranger",
        None,
        False,
    )
    journal.set_state(NAME, "halted", "gone", 1)
    with journal.reading() as query:
        assert query("SELECT count(*) FROM events WHERE kind = 'halted'") == [(1,)]
    assert [each.reason for each in journal.resume(NAME, "seen", 2).signers] == ["a stranger"]
    books = log.books(whose)
    assert (books.signer.halted_because, books.signer.first_nonce, books.accepts_difference) == (None, None, True)
    log.write(whose, block(901), Findings(uses_acceptance=True))
    assert log.books(whose).accepts_difference is False
    journal.close()

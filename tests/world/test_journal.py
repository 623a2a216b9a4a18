from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from keeper.errors import TransientError
from keeper.model.ledger import NATIVE, Effects, LedgerEntry, OpenedPosition
from keeper.model.memory import FailingAct, HeldRange, PastAct
from keeper.model.outcome import Done, Failed, Pending
from keeper.model.plan import Action, Approve, Exit, Mint, MintRange, Step, Swap, Withdrawal
from keeper.world.journal import queries
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.journal.outcomes import transition_after
from keeper.world.journal.reading import read_journal
from keeper.world.journal.transactions import Attempt, Ending
from tests.world import words
from tests.world.words import OWNER, START, USDC, WETH, decision, observation

NAME = "eth-usdc"
EXIT = Exit((Withdrawal(7, 10**18, 1, 1, True),))
SWAP = Swap(True, 1_000, 900, 950, 1 << 96)
MINT = Mint((MintRange(199_500, 200_100, 1, 1, 0, 0, 400_000), MintRange(200_100, 201_000, 1, 1, 0, 0, 600_000)),
            199_600, 200_900)  # fmt: skip
REBALANCE: tuple[Step, ...] = (
    EXIT,
    Approve(USDC.address, "router", 5),
    SWAP,
    Approve(WETH.address, "positions", 6),
    MINT,
)


def gas(number: int, wei: int, kind_hash: str) -> LedgerEntry:
    return LedgerEntry("gas", NATIVE, -wei, None, kind_hash, -1, number, START + 300 * number)


def run(journal: SqlJournal, number: int, steps: tuple[Step, ...], effects: Effects, action: str = "rebalance") -> None:
    made = decision(number, action=action, steps=steps)  # type: ignore[arg-type]
    submission = journal.open_plan(journal.record_decision(made), made.plan)
    journal.close_plan(submission, Done(submission, effects))


def minted(number: int, wei: int = 10**14) -> Effects:
    opened = (OpenedPosition(7, 199_500, 200_100, 10**30, 10, 20), OpenedPosition(8, 200_100, 201_000, 5, 30, 40))
    lines = (LedgerEntry("mint", USDC.address, -40, 7, f"0xa{number}", 3, number, START + 300 * number),)
    return Effects((*lines, gas(number, wei, f"0xa{number}")), opened, ())


def test_the_account_opens_once_with_what_is_there(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    journal.record_decision(decision(1))
    richer = replace(observation(2), wallet=replace(observation(2).wallet, balance_0=1, native_wei=1))
    journal.record_decision(decision(2, seen=richer))
    reopened = open_journal(journal_url, "wallet")
    reopened.record_decision(decision(3, seen=richer))
    reopened.record_decision(decision(4, seen=observation(4, chain_id=1)))
    expected = {USDC.address: 5_000_000_000, WETH.address: 3 * 10**18, NATIVE: 10**19}
    with read_journal(journal_url) as query:
        assert queries.ledger_balance(query, 31337, OWNER) == expected
        assert queries.ledger_totals(query, 1, OWNER) == {"deposit": expected}


def test_an_act_that_fails_is_counted_until_it_is_done(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")

    def fail(number: int, steps: tuple[Step, ...]) -> None:
        made = decision(number, steps=steps)
        submission = journal.open_plan(journal.record_decision(made), made.plan)
        journal.close_plan(submission, Failed(submission, "simulation failed"))

    def failing() -> list[tuple[str, int, int]]:
        return [(each.act, each.times, each.last_timestamp) for each in journal.memory(NAME).failing]

    fail(1, (MINT,))
    fail(2, (Approve(USDC.address, "positions", 5), MINT))
    run(journal, 3, (SWAP,), Effects((gas(3, 1, "0xe"),), (), ()))  # another act that is done changes nothing
    fail(4, (EXIT,))
    assert failing() == [("exit", 1, START + 1_200), ("mint", 2, START + 600)]
    assert journal.memory(NAME).failing[0] == FailingAct("exit", 1, START + 1_200)
    assert [act.act for act in journal.memory(NAME).recent] == ["swap"]  # none of them has cost anything
    assert journal.memory("another").failing == ()
    run(journal, 5, (MINT,), minted(5))
    assert failing() == [("exit", 1, START + 1_200)]


def test_each_plan_of_a_rebalance_is_an_act_with_its_real_cost(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    run(journal, 1, (MINT,), minted(1), "enter")
    assert not journal.memory(NAME).in_transition
    exited = Effects((LedgerEntry("collect", USDC.address, 9, 7, "0xb", 4, 9, START + 2_700), gas(9, 10**15, "0xb")),
                     (), (7, 8))  # fmt: skip
    run(journal, 9, REBALANCE, exited)
    between = journal.memory(NAME)
    assert between.in_transition and between.held == ()
    run(journal, 10, REBALANCE[1:], Effects((gas(10, 10**15, "0xc"),), (), ()))
    assert journal.memory(NAME).in_transition
    opened = (OpenedPosition(9, 199_500, 200_100, 1, 1, 1),)
    run(journal, 11, (MINT,), Effects((gas(11, 1, "0xd"),), opened, ()), "enter")
    after = journal.memory(NAME)
    assert not after.in_transition
    assert after.held == (HeldRange(9, 199_500, 200_100, 199_600, 200_900, 400_000, START + 3_300),)
    # 1e15 wei at 2000 USDC is 2.000000, one wei a unit, rounded up; 1000 planned for the swap
    assert after.recent == (
        PastAct("enter", "mint", START + 300, 200_000),
        PastAct("rebalance", "exit", START + 2_700, 2_000_000),
        PastAct("rebalance", "swap", START + 3_000, 2_000_000 + 1_000),
        PastAct("enter", "mint", START + 3_300, 1),
    )
    with read_journal(journal_url) as query:
        records = queries.positions(query)
        assert [(each.token_id, each.closed_timestamp) for each in records] == [
            (7, START + 2_700), (8, START + 2_700), (9, None),
        ]  # fmt: skip
        assert records[0].fees == {USDC.address: 9} and records[0].liquidity == 10**30
        acts = queries.acts(query)
        assert [each.steps for each in acts] == [("mint",), ("exit",), ("approve", "swap"), ("mint",)]
        assert [each.cost_quote for each in acts] == [each.cost_quote for each in after.recent]


@pytest.mark.parametrize(
    ("action", "steps", "before", "after"),
    [
        ("rebalance", REBALANCE, False, True),  # the exit is done, the mint is to come
        ("enter", (SWAP, MINT), False, True),
        ("enter", (Approve(WETH.address, "positions", 6), MINT), True, False),
        ("tidy", (Approve(USDC.address, "router", 0),), True, True),
        ("tidy", (Approve(USDC.address, "router", 0),), False, False),
        ("exit", (EXIT, SWAP), True, False),
    ],
)
def test_transition(action: Action, steps: tuple[Step, ...], before: bool, after: bool) -> None:
    assert transition_after(decision(1, action=action, steps=steps).plan, before) is after


def test_only_one_plan_is_open_and_a_block_has_one_plan(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    made = decision(1, action="enter", steps=(MINT,))
    number = journal.record_decision(made)
    submission = journal.open_plan(number, made.plan)
    assert journal.memory(NAME).open == submission
    later = words.at_block(made, 2)
    with pytest.raises(TransientError, match="has a plan open"):
        journal.open_plan(journal.record_decision(later), later.plan)
    assert journal.close_plan(submission, Pending(submission, "waiting")).kind == "pending"
    assert journal.memory(NAME).open == submission
    journal.close_plan(submission, Failed(submission, "simulation reverted: STF"))
    assert journal.memory(NAME).open is None and journal.memory(NAME).recent == ()
    with pytest.raises(TransientError, match="next block"):
        journal.open_plan(number, made.plan)
    other = decision(1, action="enter", steps=(MINT,), strategy="another")
    journal.open_plan(journal.record_decision(other), other.plan)


def test_a_plan_survives_the_process(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    made = decision(1, action="enter", steps=(MINT,))
    submission = journal.open_plan(journal.record_decision(made), made.plan)
    journal.close()
    again = open_journal(journal_url, "wallet")
    assert again.memory(NAME).open == submission
    (step,) = again.transactions.steps(submission.plan_id)
    assert step.step == MINT and step.state == "READY"
    again.close_plan(submission, Done(submission, minted(1)))
    before = again.memory(NAME)
    again.close_plan(submission, Failed(submission, "told twice"))
    assert again.memory(NAME) == before
    with again.reading() as query:
        assert [(act.state, act.note) for act in queries.acts(query)] == [("done", "")]
    assert {each.token_id for each in again.memory(NAME).held} == {7, 8}


def test_effects_written_twice_count_once(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    made = decision(1, action="enter", steps=(MINT,))
    submission = journal.open_plan(journal.record_decision(made), made.plan)
    (step,) = journal.transactions.steps(submission.plan_id)
    journal.transactions.record_attempt(step.id, 31337, OWNER, 4, Attempt("0x01", b"raw", 21_000, 1 << 70, 1))
    receipt = {"blockNumber": "0x1", "blockHash": "0xab", "transactionHash": "0x01"}
    journal.transactions.record_ending(1, Ending("FINAL_OK", receipt, START + 300), minted(1))
    journal.close_plan(submission, Done(submission, minted(1)))
    with journal.reading() as query:
        totals = queries.ledger_totals(query, 31337, OWNER)
    assert totals["mint"] == {USDC.address: -40} and totals["gas"] == {NATIVE: -(10**14)}
    assert len(journal.memory(NAME).held) == 2


def test_a_nonce_is_used_for_one_transaction(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    made = decision(1, action="enter", steps=(Approve(USDC.address, "positions", 1), MINT))
    submission = journal.open_plan(journal.record_decision(made), made.plan)
    first, second = journal.transactions.steps(submission.plan_id)
    log = journal.transactions
    assert log.highest_live_nonce(31337, OWNER) is None
    log.record_attempt(first.id, 31337, OWNER, 4, Attempt("0x01", b"raw", 21_000, 1 << 70, 1))
    with pytest.raises(IntegrityError):
        log.record_attempt(second.id, 31337, OWNER, 4, Attempt("0x02", b"raw", 21_000, 1, 1))
    log.record_broadcast(1)
    assert log.highest_live_nonce(31337, OWNER.lower()) == 4
    (stored, _) = log.steps(submission.plan_id)
    assert stored.transaction is not None and stored.transaction.attempts[0].max_fee_wei == 1 << 70
    with journal.reading() as query:
        (pending,) = queries.pending_transactions(query)
    assert (pending.step, pending.nonce, pending.state, pending.hashes) == ("approve", 4, "BROADCAST", ("0x01",))
    log.record_lost_nonce(1, "nonce 4 was used by another sender", START)
    assert log.highest_live_nonce(31337, OWNER) is None
    remembered = journal.memory(NAME)
    assert (remembered.state, remembered.open) == ("halted", None)


def test_states_are_kept_and_an_exit_completes(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    run(journal, 1, (MINT,), minted(1), "enter")
    journal.set_state(NAME, "paused", "by the operator", START)
    journal.set_state(NAME, "exiting", "by the operator", START + 1)
    assert journal.memory(NAME).state_reason == "by the operator"
    run(journal, 2, (EXIT,), Effects((gas(2, 1, "0xb"),), (), (7, 8)), "exit")
    assert journal.memory(NAME).state == "exited" and journal.memory(NAME).held == ()
    journal.set_state(NAME, "exiting", "again", START + 2)
    journal.record_decision(decision(3, memory=journal.memory(NAME)))
    assert journal.memory(NAME).state == "exited"
    journal.record_event(None, "alert", "the node lags", START + 3)
    with read_journal(journal_url) as query:
        (status,) = queries.statuses(query)
        assert (status.state, status.last_block, status.objections) == ("exited", 3, ("not_worth_it",))
        assert [each.action for each in queries.decision_list(query)] == ["enter", "exit", "hold"]
        assert [(each.strategy, each.kind, each.timestamp - START) for each in queries.events(query)] == [
            (NAME, "paused", 0), (NAME, "exiting", 1), (NAME, "exiting", 2), (None, "alert", 3),
        ]  # fmt: skip


def test_old_acts_are_forgotten_but_the_last_of_each_kind(journal_url: str) -> None:
    journal = open_journal(journal_url, "wallet")
    for number in (1, 2):
        run(journal, number, (SWAP,), Effects((gas(number, 1, f"0x{number}"),), (), ()), "tidy")
    journal.record_decision(decision(2 + 3 * 288))
    assert [act.timestamp for act in journal.memory(NAME).recent] == [START + 600]

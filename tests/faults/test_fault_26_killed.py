"""Row 26: the keeper dies between signing, posting and writing down; the chain takes an execution back."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any

import pytest

from keeper.world.journal.proposals import ProposalLog
from keeper.world.safe.boards import ServiceBoard
from tests.faults.treasury import Treasury, whale_away
from tests.faults.treasury_keeper import Keeper

NOTHING = {0}


def killed(treasury: Treasury, where: Any, name: str, *, after: bool) -> None:
    """One cycle in a process of its own, which kills itself before or after that call."""
    child = os.fork()
    if child == 0:
        really = getattr(where, name)

        def deadly(*arguments: Any, **named: Any) -> None:
            if after:
                really(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(where, name, deadly)
        with suppress(BaseException), treasury.at_work() as keeper:
            keeper.cycle()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "it came to the end, or never began"


POINTS = {
    "before it is written down": (ProposalLog, "record_hashed", False),
    "after it is written down": (ProposalLog, "record_hashed", True),
    "before it is posted": (ServiceBoard, "post", False),
    "after it is posted": (ServiceBoard, "post", True),
    "before the posting is written down": (ProposalLog, "record_posted", False),
    "after the posting is written down": (ProposalLog, "record_posted", True),
}


OFTEN = ("before it is written down", "after it is written down", "after it is posted")


@pytest.mark.parametrize(
    "point", [pytest.param(each, marks=() if each in OFTEN else pytest.mark.soak) for each in POINTS]
)
def test_26_killed_while_proposing(treasury: Treasury, point: str) -> None:
    where, name, after = POINTS[point]
    killed(treasury, where, name, after=after)
    with treasury.at_work() as keeper:
        before = keeper.proposals()
        assert len(before) == (0 if point == "before it is written down" else 1)
        at_service = set(treasury.service.board.proposals)
        assert at_service <= {each.hash for each in before}, "not a byte leaves that the journal does not hold"
        assert keeper.cycle().kind == "pending"
        (found,) = keeper.proposals()
        assert not before or (found.hash, found.signature) == (before[0].hash, before[0].signature)
        assert set(treasury.service.board.proposals) == {found.hash}
        treasury.executes_it(found.transaction, 0, 1)
        assert keeper.cycle().kind == "done" and set(keeper.difference().values()) == NOTHING


END_POINTS = {
    "before the end is booked": (ProposalLog, "record_final", False),
    "after the end is booked": (ProposalLog, "record_final", True),
}


@pytest.mark.parametrize("point", END_POINTS)
def test_26_killed_while_booking(treasury: Treasury, point: str) -> None:
    where, name, after = END_POINTS[point]
    with treasury.at_work() as keeper:
        found = keeper.proposed()
    treasury.executes_it(found.transaction, 0, 1)
    killed(treasury, where, name, after=after)
    with treasury.at_work() as keeper:
        assert keeper.cycle().kind == "done"
        assert set(keeper.difference().values()) == NOTHING
        assert len(keeper.journal.memory("treasury").held) == 1


@pytest.mark.parametrize("name", ["record_hashed", "record_ended"])
def test_26_killed_while_it_expires(treasury: Treasury, name: str) -> None:
    with treasury.at_work() as keeper:
        keeper.proposed()
    treasury.passes(86_400 + 60)
    killed(treasury, ProposalLog, name, after=True)
    with treasury.at_work() as keeper:
        assert keeper.cycle().kind == "failed"
        act, rejecting = keeper.proposals()
        assert act.state == "EXPIRED" and rejecting.kind == "rejection"
        keeper.cycle()
        assert keeper.proposals()[1].state == "PROPOSED"


def test_26_the_execution_is_taken_back_and_comes_again(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    before = treasury.rpc("evm_snapshot")
    treasury.executes_it(proposal.transaction, 0, 1)
    assert keeper.cycle().kind == "done"
    assert len(keeper.journal.memory("treasury").held) == 1
    treasury.rpc("evm_revert", before)
    treasury.mine(2)
    outcome = keeper.cycle()
    assert outcome.kind == "pending" and "owners have signed" in outcome.note
    assert keeper.act().state == "PROPOSED" and keeper.journal.memory("treasury").held == ()
    with keeper.journal.reading() as query:
        assert query("SELECT 1 FROM ledger WHERE kind <> 'deposit'") == []
    treasury.executes_it(proposal.transaction, 1, 2)
    assert keeper.cycle().kind == "held"
    assert keeper.act().state == "FINAL" and set(keeper.difference().values()) == NOTHING
    with keeper.journal.reading() as query:
        assert query("SELECT state FROM plans") == [("done",)]


def test_26_the_execution_is_taken_back_and_a_rival_comes(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    before = treasury.rpc("evm_snapshot")
    treasury.executes_it(proposal.transaction, 0, 1)
    keeper.cycle()
    treasury.rpc("evm_revert", before)
    treasury.rival(proposal.nonce)
    treasury.mine(2)
    keeper.cycle()
    assert keeper.proposals()[0].state == "REPLACED"
    with keeper.journal.reading() as query:
        assert query("SELECT state FROM plans ORDER BY id")[0] == ("failed",)
    assert keeper.journal.memory("treasury").held == ()


def test_26_a_rival_is_taken_back_and_ours_comes(keeper: Keeper, treasury: Treasury) -> None:
    proposal = keeper.proposed()
    before = treasury.rpc("evm_snapshot")
    treasury.rival(proposal.nonce)
    assert keeper.cycle().kind == "failed"
    treasury.rpc("evm_revert", before)
    treasury.executes_it(proposal.transaction, 0, 1)
    treasury.mine(2)
    keeper.cycle()
    assert keeper.proposals()[0].state == "FINAL" and len(keeper.journal.memory("treasury").held) == 1
    assert set(keeper.difference().values()) == NOTHING


def test_26_in_another_block_it_is_booked_there(treasury: Treasury) -> None:
    treasury.confirmations = 3
    with treasury.at_work() as keeper:
        proposal = keeper.proposed()
        before = treasury.rpc("evm_snapshot")
        treasury.executes_it(proposal.transaction, 0, 1)
        assert keeper.cycle().kind == "pending" and keeper.act().state == "EXECUTED"
        first = keeper.act().block_hash
        treasury.rpc("evm_revert", before)
        treasury.mine()
        outcome = keeper.cycle()
        assert outcome.kind == "pending" and keeper.act().state == "PROPOSED" and keeper.act().block_hash is None
        treasury.executes_it(proposal.transaction, 0, 1)
        treasury.mine(2)
        assert keeper.cycle().kind == "done"
        assert keeper.act().block_hash not in (None, first)


def test_26_a_rebalance_is_taken_back(keeper: Keeper, treasury: Treasury) -> None:
    assert keeper.carried_out().kind == "done"
    whale_away(treasury)
    proposal = keeper.proposed()
    held = keeper.journal.memory("treasury").held
    before = treasury.rpc("evm_snapshot")
    treasury.executes_it(proposal.transaction, 0, 1)
    assert keeper.cycle().kind == "done" and keeper.journal.memory("treasury").held != held
    treasury.rpc("evm_revert", before)
    treasury.mine(2)
    assert keeper.cycle().kind == "pending" and keeper.journal.memory("treasury").held == held
    treasury.executes_it(proposal.transaction, 0, 1)
    keeper.cycle()
    assert set(keeper.difference().values()) == NOTHING and keeper.act().state == "FINAL"

"""Row 26 and 3: the service is down, slow, refuses, lies, or shows what somebody edited."""

from __future__ import annotations

from typing import Any

import pytest

from keeper.errors import HaltedError, TransientError
from keeper.model.outcome import Outcome, Pending
from tests.faults.treasury import Treasury
from tests.faults.treasury_keeper import Keeper
from tests.safe import service_faults as faults
from tests.safe.transaction_service import TransactionService

_POST: dict[str, Any] = {"method": "POST", "path": "multisig-transactions"}


def note_of(outcome: Outcome) -> str:
    assert isinstance(outcome, Pending) and outcome.waits_for == "people", outcome
    return outcome.note


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (faults.down(), "did not answer"),
        (faults.status(500), "cannot answer now (HTTP 500)"),
        (faults.status(429, {"detail": "slow down"}, retry_after="600"), "asks to be asked less often (HTTP 429)"),
        (faults.status(401), "refuses access (HTTP 401)"),
        (faults.status(422, {"nonFieldErrors": ["Sender is not an owner"]}), "Sender is not an owner"),
        (faults.half_json(), "something else than JSON"),
    ],
    ids=["down", "500", "429", "401", "422", "half-json"],
)
@pytest.mark.usefixtures("quick")
def test_26_what_the_service_will_not_take_waits(
    keeper: Keeper, treasury: Treasury, service: TransactionService, fault: Any, said: str
) -> None:
    """Signed and written down before it was posted; the very same is posted once the service takes it."""
    service.on(fault, **_POST)
    assert said in note_of(keeper.cycle())
    first = keeper.act()
    assert first.state == "HASHED" and first.signature is not None
    assert said in note_of(keeper.cycle())
    service.calm()
    assert "0 of 2 owners" in note_of(keeper.cycle())
    (again,) = keeper.proposals()
    assert (again.hash, again.signature, again.state) == (first.hash, first.signature, "PROPOSED")
    posted = [each.body for each in service.asked if each.method == "POST"]
    assert all(each == posted[0] for each in posted)
    refused = [message for kind, message in keeper.events() if kind == "board_refused"]
    assert len(refused) == (1 if said in ("refuses access (HTTP 401)", "Sender is not an owner") else 0)
    del treasury


@pytest.mark.usefixtures("quick")
def test_26_nothing_is_proposed_while_the_queue_is_not_known(keeper: Keeper, service: TransactionService) -> None:
    service.on(faults.down(), method="GET")
    with pytest.raises(TransientError, match="did not answer"):
        keeper.cycle()
    assert keeper.proposals() == ()
    service.calm()
    assert keeper.cycle().kind == "pending" and len(keeper.proposals()) == 1


@pytest.mark.usefixtures("quick")
def test_26_what_could_not_be_proposed_for_long_is_decided_anew(
    keeper: Keeper, treasury: Treasury, service: TransactionService
) -> None:
    service.on(faults.down(), method="GET")
    with pytest.raises(TransientError):
        keeper.cycle()
    treasury.passes(1_000)
    service.calm()
    outcome = keeper.cycle()
    assert outcome.kind == "failed" and "it is made anew" in outcome.reason
    assert keeper.cycle().kind == "pending"


@pytest.mark.usefixtures("quick")
def test_26_a_service_that_is_down_does_not_keep_an_expired_plan_open(
    keeper: Keeper, treasury: Treasury, service: TransactionService
) -> None:
    keeper.proposed()
    treasury.passes(86_400 + 60)
    service.on(faults.down())
    assert keeper.cycle().kind == "failed"
    assert keeper.proposals()[1].state == "HASHED", "the rejection is signed, and not posted"
    service.calm()
    keeper.cycle()
    assert keeper.proposals()[1].state == "PROPOSED"


@pytest.mark.usefixtures("quick")
def test_26_what_the_chain_shows_counts_though_the_service_is_down(
    keeper: Keeper, treasury: Treasury, service: TransactionService
) -> None:
    proposal = keeper.proposed()
    service.on(faults.down())
    treasury.executes_it(proposal.transaction, 0, 1)
    assert keeper.cycle().kind == "done"


@pytest.mark.usefixtures("quick")
def test_26_a_reply_is_lost(keeper: Keeper, service: TransactionService) -> None:
    service.on(faults.lost_reply(), times=1, **_POST)
    assert "0 of 2 owners" in note_of(keeper.cycle())
    assert len(service.board.proposals) == 1 and keeper.act().state == "PROPOSED"


LIES = {
    "to": faults.edited(to="0x" + "99" * 20),
    "operation": faults.edited(operation=0),
    "value": faults.edited(value="1"),
    "data": faults.edited(data="0x1234"),
    "nonce": faults.edited(nonce="7"),
    "hash": faults.edited(safeTxHash="0x" + "12" * 32),
    "refund": faults.edited(gasPrice="1", refundReceiver="0x" + "99" * 20),
}
OFTEN = [("posting", "to"), ("posting", "hash"), ("counting", "operation"), ("counting", "refund")]


@pytest.mark.parametrize(
    ("when", "lie"),
    [
        pytest.param(when, lie, marks=() if (when, lie) in OFTEN else pytest.mark.soak)
        for when in ("posting", "counting")
        for lie in LIES
    ],
)
def test_26_a_board_that_shows_something_else_halts(
    keeper: Keeper, service: TransactionService, when: str, lie: str
) -> None:
    if when == "counting":
        keeper.proposed()
    service.on(LIES[lie], method="GET", path="/api/v2/multisig-transactions/")
    with pytest.raises(HaltedError, match="shows another transaction"):
        keeper.cycle()


def test_26_a_proposal_that_was_deleted_is_posted_again(
    keeper: Keeper, treasury: Treasury, service: TransactionService
) -> None:
    proposal = keeper.proposed()
    del service.board.proposals[proposal.hash]
    assert "0 of 2 owners" in note_of(keeper.cycle())
    assert proposal.hash in service.board.proposals
    treasury.confirms(proposal, 0, 1)
    assert "2 of 2 owners" in note_of(keeper.cycle())


def test_26_foreign_signatures_count_for_nothing_and_are_told(
    keeper: Keeper, treasury: Treasury, service: TransactionService
) -> None:
    proposal = keeper.proposed()
    treasury.confirms(proposal, 0)
    stranger = treasury.signatures(proposal.transaction, 1)[treasury.owners.addresses[1].lower()]

    def added(document: dict[str, Any]) -> dict[str, Any]:
        forged = {"owner": treasury.owners.addresses[2], "signature": "0x" + stranger.hex()}
        garbage = {"owner": treasury.owners.addresses[1], "signature": "0x" + "11" * 65}
        return document | {"confirmations": [*document["confirmations"], forged, garbage]}

    service.on(faults.lying(added), method="GET", path="/api/v2/multisig-transactions/")
    assert "1 of 2 owners" in note_of(keeper.cycle())
    assert (keeper.act().state, keeper.act().confirmations) == ("PROPOSED", 1)
    assert any(kind == "signature_ignored" for kind, _ in keeper.events())


def test_26_the_service_says_executed_and_is_not_believed(
    keeper: Keeper, treasury: Treasury, service: TransactionService
) -> None:
    keeper.proposed()
    service.on(faults.edited(isExecuted=True, isSuccessful=True, transactionHash="0x" + "21" * 32), method="GET",
               path="/api/v2/multisig-transactions/")  # fmt: skip
    assert keeper.cycle().kind == "pending" and keeper.act().state == "PROPOSED"
    del treasury


def test_26_owners_read_at_the_service_what_it_is_for(keeper: Keeper, treasury: Treasury) -> None:
    origin = treasury.service.board.proposals[keeper.proposed().hash].origin
    assert origin["strategy"] == "treasury" and "enter" in origin["note"]

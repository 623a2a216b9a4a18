"""What is not sent though it could be: for a paused strategy, and to the public pool what was kept from it."""

from __future__ import annotations

import pytest

from keeper.model.outcome import Failed, Pending
from keeper.model.plan import Mint, MintRange
from tests.world.executors.bench import STEPS, STRATEGY, Bench, Killed
from tests.world.executors.test_wallet import at, states

ACT = STEPS[1:]


def test_a_paused_strategy_finishes_what_is_out_and_begins_nothing(bench: Bench) -> None:
    submission, plan = bench.open()
    bench.node.after = at("send", Killed())  # the approval is out
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    bench.restart()
    bench.journal.set_state(STRATEGY, "paused", "by hand", 0)
    outcome = bench.settle()
    assert isinstance(outcome, Failed) and "the strategy is paused" in outcome.reason
    assert states(bench, submission.plan_id) == [("DONE", "FINAL_OK"), ("READY", None)]
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (0, 1, 0)


def test_an_exit_asked_for_meanwhile_lets_nothing_new_be_minted(bench: Bench) -> None:
    mint = Mint((MintRange(-60, 60, 1, 1, 0, 0, 1_000_000),), -60, 60)
    submission, plan = bench.open((STEPS[0], mint))
    bench.node.after = at("send", Killed())  # the approval is out
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    bench.restart()
    bench.journal.set_state(STRATEGY, "exiting", "by hand", 0)
    outcome = bench.settle()
    assert isinstance(outcome, Failed) and "the strategy is exiting" in outcome.reason
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (0, 1, 0)


def test_what_went_to_a_relay_never_reaches_the_public_pool(bench: Bench) -> None:
    """The relay is taken out of the configuration meanwhile: it is waited for, then its nonce is taken back."""
    submission, plan = bench.open(ACT, lifetime_seconds=100)
    bench.route, bench.node.before = "private", at("send", Killed())
    with pytest.raises(Killed):
        bench.submit(submission, plan)
    (private,) = bench.node.sent
    bench.restart()
    bench.route = "public"
    outcome = bench.settle()
    assert isinstance(outcome, Pending) and "private relay" in outcome.note
    assert bench.node.sent == []
    bench.anvil.mine(bench.time() + 101)
    assert isinstance(bench.settle(), Failed)
    assert private not in bench.node.sent and len(set(bench.node.sent)) == 1
    assert (bench.count(), bench.nonce(), bench.ledger_difference_wei()) == (0, 1, 0)

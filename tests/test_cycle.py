"""One turn: what is observed, decided, looked at once more, and only then handed to the executor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from keeper.assembly import build_strategy
from keeper.config_strategies import settings_body
from keeper.cycle import run_cycle
from keeper.errors import HaltedError
from keeper.model.memory import OpenSubmission
from keeper.model.observation import Observation
from keeper.model.outcome import Held, Outcome, Pending
from keeper.model.plan import Plan
from keeper.world.journal import queries
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from tests.policy.world import observation, settings

RICH = (20_000 * 10**6, 10**18)


@dataclass
class Seen:
    """An observer that answers what it is given, one after the other."""

    answers: list[Observation]

    def observe(self) -> Observation:
        return self.answers.pop(0)


@dataclass
class Books:
    """A reconciler that notes what it is shown, and may find that memory is another now, or something amiss."""

    changes: bool = False
    fault: Exception | None = None
    shown: list[Observation] = field(default_factory=list)

    def reconcile(self, observation: Observation) -> bool:
        self.shown.append(observation)
        if self.fault is not None:
            raise self.fault
        return self.changes


@dataclass
class Hands:
    """An executor that notes what it is given."""

    plans: list[Plan] = field(default_factory=list)

    def recover(self, strategy: str) -> Outcome | None:  # noqa: ARG002
        return None

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome:
        self.plans.append(plan)
        return Pending(submission, "on its way")

    def settle(self, submission: OpenSubmission) -> Outcome:
        return Pending(submission, "still on its way")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    opened = open_journal(f"sqlite:///{tmp_path}/keeper.db", "wallet")
    yield opened
    opened.close()


def turn(journal: SqlJournal, hands: Hands, *seen: Observation, books: Books | None = None) -> Outcome:
    strategy = build_strategy(settings())
    journal.record_settings(strategy.settings_digest, settings_body(strategy.settings))
    return run_cycle(Seen(list(seen)), books or Books(), hands, strategy, journal)


def later(obs: Observation, base_fee_wei: int) -> Observation:
    block = replace(obs.block, number=101, hash="0x" + "cd" * 32, base_fee_wei=base_fee_wei)
    return replace(obs, block=block, gas=replace(obs.gas, base_fee_wei=base_fee_wei))


def test_a_plan_that_still_costs_the_same_is_carried_out(journal: SqlJournal) -> None:
    obs, hands = observation(balances=RICH), Hands()
    outcome = turn(journal, hands, obs, later(obs, obs.gas.base_fee_wei))
    assert isinstance(outcome, Pending) and hands.plans[0].action == "enter"


def test_a_plan_that_became_dear_is_given_up_before_anything_is_prepared(journal: SqlJournal) -> None:
    obs, hands = observation(balances=RICH), Hands()
    outcome = turn(journal, hands, obs, later(obs, obs.gas.base_fee_wei * 1_000))
    assert isinstance(outcome, Held) and outcome.objections[0].code == "requote"
    assert hands.plans == [] and journal.memory("test").open is None
    with journal.reading() as query:
        assert len(queries.decision_list(query)) == 1
        ((kind, message),) = query("SELECT kind, message FROM events", ())
    assert kind == "abandoned" and "[requote]" in message
    # Nothing is in the way of the next turn.
    assert isinstance(turn(journal, hands, later(obs, 10**9), later(obs, 10**9)), Pending)


def test_the_books_come_before_the_decision_and_memory_is_read_after_them(
    journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read = journal.memory
    monkeypatch.setattr(journal, "memory", lambda name: (asked.append(name), read(name))[1])  # type: ignore[func-returns-value]
    obs, books = observation(), Books(changes=True)
    assert isinstance(turn(journal, Hands(), obs, books=books), Held)
    assert books.shown == [obs] and len(asked) == 2
    turn(journal, Hands(), obs, books=Books())
    assert len(asked) == 3


def test_nothing_is_decided_when_the_books_do_not_close(journal: SqlJournal) -> None:
    with pytest.raises(HaltedError):
        turn(journal, Hands(), observation(), books=Books(fault=HaltedError("less than the ledger says")))
    with journal.reading() as query:
        assert queries.decision_list(query) == []


def test_a_hold_is_not_looked_at_twice(journal: SqlJournal) -> None:
    hands = Hands()
    assert isinstance(turn(journal, hands, observation()), Held)
    assert hands.plans == []

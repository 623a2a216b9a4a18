from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.errors import ConfigError, FatalError
from keeper.model import canonical
from keeper.world.journal import decisions
from keeper.world.journal.opening import open_journal
from keeper.world.journal.reading import read_journal
from tests.world.words import decision, history, observation, sample


def test_a_decision_comes_back_byte_for_byte(journal_url: str) -> None:
    journal = open_journal(journal_url, "dry")
    made = [decision(number) for number in (1, 2, 3)]
    changed = replace(history(3, 100), samples=(*history(3, 50).samples, replace(sample(53), sqrt_price_x96=9),
                                                *history(54, 49).samples))  # fmt: skip
    made.append(decision(4, seen=replace(observation(4), history=changed)))
    made.append(decision(5, seen=replace(observation(5), history=history(0, 0))))
    made.append(decision(6, seen=replace(observation(6), history=history(0, 130))))
    numbers = [journal.record_decision(each) for each in made]
    journal.record_settings("5" * 64, b'{"name":"eth-usdc"}')
    journal.close()
    with read_journal(journal_url) as query:
        found = list(decisions.stored_decisions(query))
        assert [each.id for each in found] == numbers
        assert [each.canonical for each in found] == [canonical.encode(each) for each in made]
        assert [each.decision for each in found] == made
        assert {each.settings for each in found} == {b'{"name":"eth-usdc"}'}
        assert decisions.decision(query, numbers[3]) == made[3]
        assert decisions.decision_bytes(query, numbers[3]) == canonical.encode(made[3])
        assert list(decisions.stored_decisions(query, "another")) == []
        with pytest.raises(ConfigError, match="no decision 99"):
            decisions.decision(query, 99)


def test_decisions_are_packed_against_each_other_and_come_back(journal_url: str) -> None:
    journal = open_journal(journal_url, "dry")
    made = [decision(number, strategy=name) for number in range(40) for name in ("one", "two")]
    made.insert(5, decision(99, strategy="one", seen=observation(99, ticks=300)))
    for index, each in enumerate(made):
        if index in (0, 6, 20):  # a decision that is rolled back leaves nothing to refer to
            broken = replace(each, observation=replace(each.observation, wallet=None))  # type: ignore[arg-type]
            with pytest.raises(AttributeError):
                journal.record_decision(broken)
        journal.record_decision(each)
    with journal.reading() as query:
        found = list(decisions.stored_decisions(query))
        assert [each.canonical for each in found] == [canonical.encode(each) for each in made]
        (whole,) = query("SELECT avg(length(body)) FROM decisions WHERE keyframe_id IS NULL")
        (packed,) = query("SELECT avg(length(body)) FROM decisions WHERE keyframe_id IS NOT NULL")
        assert float(packed[0]) < float(whole[0]) / 2
        assert decisions.decision(query, found[70].id) == made[70]


def test_each_sample_is_stored_once_over_restarts_and_windows(journal_url: str) -> None:
    for number in range(4):
        journal = open_journal(journal_url, "dry")
        journal.record_decision(decision(number))
        for later in (number, number + 1):  # two windows on one series, taking turns
            journal.record_decision(decision(later, strategy="short", seen=observation(later + 80, samples=20)))
            journal.record_decision(decision(later))
        journal.close()
    with read_journal(journal_url) as query:
        assert query("SELECT count(*), count(DISTINCT timestamp) FROM series_samples") == [(104, 104)]


def test_a_changed_journal_is_noticed(journal_url: str) -> None:
    journal = open_journal(journal_url, "dry")
    journal.record_decision(decision(1))
    with journal._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE series_samples SET sqrt_price_x96 = '1' WHERE seq = 7")
    with journal.reading() as query, pytest.raises(FatalError, match="does not match its digest"):
        decisions.decision(query, 1)

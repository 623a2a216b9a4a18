"""Which newest block may be decided on: every rule by its table, the clock an argument."""

from __future__ import annotations

import pytest

from keeper.model.observation import Block
from keeper.world.chain.head_rules import HeadRules, HeadVerdict, Seen, grace_seconds, judge_head

NOW = 1_700_000_000
RULES = HeadRules(120, 300)
DAY = 86_400


def block(number: int, timestamp: int) -> Block:
    return Block(1, number, f"0x{number:064x}", timestamp, 1)


@pytest.mark.parametrize(
    ("number", "age_seconds", "seen", "refusal"),
    [
        (100, 0, None, ""),
        (100, 120, None, ""),
        (100, 121, None, "121 s old, more than 120 s; the node lags, or the chain stands still"),
        (100, -15, None, ""),
        (100, -16, None, "16 s in the future; the node is wrong, or this machine's clock is"),
        (0, 0, None, "block 0"),
        (100, 0, Seen(164, NOW - 5), ""),
        (100, 0, Seen(165, NOW - 5), "went back from block 165 to block 100"),
        (101, 5, Seen(100, NOW - 4), "dated 1 s before block 100"),
        (101, 5, Seen(100, NOW - 5), ""),  # some rollups date several blocks alike
        (100, 5, Seen(100, NOW - 5), ""),
        (99, 10, Seen(100, NOW - 5), ""),
        (101, DAY, Seen(100, NOW - DAY - 12), "its blocks go on, so this machine's clock is wrong"),
        (100, DAY, Seen(100, NOW - DAY), "the node is wrong, or this machine's clock is"),
        (101, -DAY, Seen(100, NOW + DAY - 12), "its blocks go on, so this machine's clock is wrong"),
    ],
)
def test_heads_that_are_refused(number: int, age_seconds: int, seen: Seen | None, refusal: str) -> None:
    verdict = judge_head(block(number, NOW - age_seconds), seen, NOW, RULES)
    assert (refusal in verdict.refusal) if refusal else verdict.refusal == ""


def test_without_a_clock_only_the_order_counts() -> None:
    assert judge_head(block(5, 1), Seen(4, 1), NOW, HeadRules()).refusal == ""
    assert judge_head(block(0, NOW), None, NOW, HeadRules()).refusal != ""


def looks(rules: HeadRules, *heads: tuple[int, int, int]) -> list[HeadVerdict]:
    """Verdicts in turn on (number, timestamp, wall clock), all relative to NOW."""
    seen, verdicts = None, []
    for number, timestamp, clock in heads:
        verdicts.append(judge_head(block(number, NOW + timestamp), seen, NOW + clock, rules))
        seen = verdicts[-1].seen
    return verdicts


def test_a_refused_head_is_not_what_later_ones_are_held_against() -> None:
    future, honest = looks(RULES, (10**6, DAY, 0), (100, 0, 0))
    assert future.refusal and not honest.refusal
    assert looks(RULES, (1000, 0, 0), (100, 1, 1), (1001, 2, 2))[-1].refusal == ""


def test_grace_follows_a_standstill_and_ends() -> None:
    verdicts = looks(RULES, (100, 0, 0), (100, 0, 200), (100, 0, 900), (101, 1_000, 1_001), (150, 1_299, 1_299),
                     (151, 1_300, 1_300), (200, 1_500, 1_500))  # fmt: skip
    assert [bool(each.refusal) for each in verdicts] == [False, True, True, False, False, False, False]
    assert [bool(each.grace) for each in verdicts] == [False, False, False, True, True, False, False]
    assert "stood still for 900 s or longer" in verdicts[3].grace


def test_a_burst_of_old_blocks_is_still_the_standstill() -> None:
    verdicts = looks(RULES, (100, 0, 0), (100, 0, 600), (300, 400, 640), (600, 630, 650))
    assert [bool(each.refusal) for each in verdicts] == [False, True, True, False]
    assert "is back for 0 s" in verdicts[3].grace


def test_no_grace_where_no_sequencer_is() -> None:
    assert not looks(HeadRules(120, 0), (100, 0, 0), (100, 0, 600), (101, 610, 610))[-1].grace
    assert (grace_seconds(8453, None), grace_seconds(1, None), grace_seconds(1, 60), grace_seconds(8453, 0)) == (
        300, 0, 60, 0,
    )  # fmt: skip

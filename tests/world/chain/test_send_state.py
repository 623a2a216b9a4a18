"""The give-up rules as a table: what was tried, what is seen, what must be done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.world.chain.fees import Fees, with_room
from keeper.world.chain.send_state import (
    Cancel,
    Finish,
    Include,
    Lose,
    Move,
    Patience,
    Replace,
    Resend,
    Seen,
    Tried,
    Wait,
    next_move,
    within_bounds,
)

GWEI = 10**9
FIRST = Tried(Fees(100 * GWEI, 2 * GWEI), 1_000)
DEAR = Tried(Fees(190 * GWEI, GWEI), 1_000)
CANCEL = Tried(Fees(113 * GWEI, 3 * GWEI), 1_700, cancels=True)
PATIENCE = Patience(confirmations=3, bump_after_seconds=36, ceiling_wei=200 * GWEI, looks_before_lost=5)
DEADLINE = 1_600
CHEAP = Fees(50 * GWEI, GWEI)
SEEN = Seen(head_number=50, head_timestamp=1_010, offered=CHEAP, in_pool=True)
BUMPED = Fees(112_500_000_000, 2_250_000_000)


@pytest.mark.parametrize(
    ("what", "tried", "seen", "move"),
    [
        ("in the newest block", [FIRST], {"mined_in": 50}, Include()),
        ("one block short of final", [FIRST], {"mined_in": 49}, Include()),
        ("deep enough", [FIRST], {"mined_in": 48}, Finish()),
        ("deep enough, though long expired", [FIRST], {"mined_in": 40, "head_timestamp": 9_999}, Finish()),
        ("used, no receipt, first look", [FIRST], {"used": True, "used_finally": True, "looks": 1}, Wait),
        ("used, not at final depth", [FIRST], {"used": True, "looks": 99}, Wait),
        ("used for good, seen often", [FIRST], {"used": True, "used_finally": True, "looks": 5}, Lose()),
        ("used by the cancellation's rival", [FIRST, CANCEL], {"used": True, "used_finally": True, "looks": 5}, Lose()),
        ("in the pool, still fresh", [FIRST], {}, Wait),
        ("nobody knows it", [FIRST], {"in_pool": False}, Resend()),
        ("an earlier one is missing", [FIRST], {"gap": True, "head_timestamp": 1_500}, Wait),
        ("an earlier one is missing, and it is unknown", [FIRST], {"gap": True, "in_pool": False}, Resend()),
        ("blocks went by: a second short", [FIRST], {"head_timestamp": 1_035}, Wait),
        ("blocks went by", [FIRST], {"head_timestamp": 1_036}, Replace(BUMPED)),
        ("blocks went by and gas rose", [FIRST], {"head_timestamp": 1_036, "offered": Fees(150 * GWEI, GWEI)},
         Replace(Fees(150 * GWEI, 2_250_000_000))),
        ("gas rose above the ceiling", [FIRST], {"head_timestamp": 1_036, "offered": Fees(900 * GWEI, GWEI)},
         Replace(Fees(200 * GWEI, 2_250_000_000))),
        ("the ceiling forbids a tenth more", [DEAR], {"head_timestamp": 1_036}, Wait),
        ("evicted, and the ceiling forbids more", [DEAR],
         {"head_timestamp": 1_036, "in_pool": False}, Resend()),
        ("the node wants more at once", [FIRST], {"underpriced": True, "in_pool": False}, Replace(BUMPED)),
        ("tried often enough", [FIRST] * 12, {"head_timestamp": 1_500}, Wait),
        ("at the deadline", [FIRST], {"head_timestamp": 1_600, "in_pool": False}, Replace(BUMPED)),
        ("past the deadline", [FIRST], {"head_timestamp": 1_601}, Cancel(BUMPED)),
        ("past the deadline and unknown", [FIRST], {"head_timestamp": 1_601, "in_pool": False}, Cancel(BUMPED)),
        ("past the deadline behind a gap", [FIRST], {"head_timestamp": 1_601, "gap": True}, Cancel(BUMPED)),
        ("the cancellation is in the pool", [FIRST, CANCEL], {"head_timestamp": 1_710}, Wait),
        ("the cancellation is lost", [FIRST, CANCEL], {"head_timestamp": 1_710, "in_pool": False}, Resend()),
        ("the cancellation is stuck", [FIRST, CANCEL], {"head_timestamp": 1_736},
         Replace(Fees(127_125_000_000, 3_375_000_000))),
    ],
)  # fmt: skip
def test_table(what: str, tried: list[Tried], seen: dict[str, object], move: Move | type) -> None:
    found = next_move(tried, DEADLINE, replace(SEEN, **seen), PATIENCE)  # type: ignore[arg-type]
    assert isinstance(found, move) if isinstance(move, type) else found == move, what


def test_a_cancellation_has_a_ceiling_of_its_own() -> None:
    late = replace(SEEN, head_timestamp=DEADLINE + 1)
    assert isinstance(next_move([FIRST], DEADLINE, late, replace(PATIENCE, cancel_ceiling_wei=112 * GWEI)), Wait)
    assert next_move([FIRST], DEADLINE, late, replace(PATIENCE, cancel_ceiling_wei=113 * GWEI)) == Cancel(BUMPED)


FEES = st.tuples(st.integers(0, 10**12), st.integers(0, 10**12)).map(lambda pair: Fees(max(pair), min(pair)))


@given(
    st.lists(st.builds(Tried, FEES, st.integers(0, 2_000), st.booleans()), min_size=1, max_size=14),
    st.builds(
        Seen, st.integers(1, 100), st.integers(0, 3_000), FEES, st.none() | st.integers(1, 100), st.booleans(),
        st.booleans(), st.booleans(), st.booleans(), st.integers(0, 9), st.booleans(),
    ),
    st.none() | st.integers(0, 10**12),
)  # fmt: skip
def test_what_holds_of_every_move(tried: list[Tried], seen: Seen, ceiling: int | None) -> None:
    patience = Patience(confirmations=2, ceiling_wei=ceiling, cancel_ceiling_wei=ceiling)
    move = next_move(tried, DEADLINE, seen, patience)
    last = tried[-1].fees
    if isinstance(move, (Replace, Cancel)):
        assert not seen.used and seen.mined_in is None
        assert move.fees.max_fee_wei * 10 >= last.max_fee_wei * 11
        assert move.fees.max_priority_fee_wei * 10 >= last.max_priority_fee_wei * 11
        assert move.fees.max_priority_fee_wei <= move.fees.max_fee_wei
        assert ceiling is None or move.fees.max_fee_wei <= ceiling
    if isinstance(move, Lose):
        assert seen.used and seen.used_finally and seen.mined_in is None
    if isinstance(move, Finish):
        assert seen.mined_in is not None and seen.head_number - seen.mined_in >= 1
    if isinstance(move, Cancel):
        assert seen.head_timestamp > DEADLINE and not tried[-1].cancels


def test_what_all_gas_may_cost_bounds_the_offer_per_gas() -> None:
    patience = replace(PATIENCE, most_gas_wei=10**14, most_exit_gas_wei=10**15)
    assert within_bounds(patience, None, is_exit=False, gas_units=1_000_000).ceiling_wei == 10**8
    assert within_bounds(patience, None, is_exit=True, gas_units=1_000_000).ceiling_wei == 10**9
    assert within_bounds(patience, None, is_exit=False, gas_units=100).ceiling_wei == 200 * GWEI


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(1, 10**12))
def test_an_act_can_always_be_taken_back(ceiling: int, exit_ceiling: int, most_tip: int) -> None:
    """At the most that an act may ever offer, a cancellation still fits under its own ceilings."""
    patience = Patience(ceiling_wei=ceiling, most_tip_wei=most_tip)
    bounded = within_bounds(patience, exit_ceiling, is_exit=False, gas_units=100_000)
    tip = with_room(most_tip)
    assert bounded.ceiling_wei is not None and tip is not None
    dearest = Tried(Fees(bounded.ceiling_wei, min(tip, bounded.ceiling_wei)), 1_000)
    late = replace(SEEN, head_timestamp=DEADLINE + 1)
    assert isinstance(next_move([dearest], DEADLINE, late, bounded), Cancel) or exit_ceiling < 2 or most_tip < 2

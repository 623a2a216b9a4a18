"""Compounding: when fees and idle tokens go back into the open ranges, and when that costs too much."""

from __future__ import annotations

from dataclasses import replace

from keeper.model.observation import Position
from keeper.model.plan import Increase
from keeper.policy.compound import plan_compound
from tests.policy.world import held, kinds, observation, settings


def test_compounding_collects_then_adds_what_is_idle() -> None:
    position = Position(7, 198_600, 201_000, 10**17, 60 * 10**6, 2 * 10**16)
    strategy = settings(compound={"min_fees_quote": "50"})
    obs = observation(positions=(position,), base_fee_wei=1)
    draft = plan_compound(obs, (position,), (held(position),), strategy)
    assert draft is not None and kinds(draft.plan.next_steps) == ["collect"] and draft.plan.steps[-1].kind == "increase"
    collected = replace(position, uncollected_0=0, uncollected_1=0)
    idle = observation(positions=(collected,), balances=(60 * 10**6, 2 * 10**16), base_fee_wei=1)
    after = plan_compound(idle, (collected,), (held(collected),), strategy)
    assert after is not None and "collect" not in kinds(after.plan.steps) and not after.objections
    assert plan_compound(observation(positions=(collected,)), (collected,), (held(collected),), strategy) is None


def test_additions_have_minimums_and_must_be_worth_it() -> None:
    position = Position(7, 198_600, 201_000, 10**17, 60 * 10**6, 2 * 10**16)
    obs = observation(positions=(position,), base_fee_wei=1)
    draft = plan_compound(obs, (position,), (held(position),), settings(compound={"min_fees_quote": "50"}))
    assert draft is not None and isinstance(draft.plan.steps[-1], Increase)
    (addition,) = draft.plan.steps[-1].additions
    assert 0 < addition.amount_0_min < addition.amount_0_desired
    assert 0 < addition.amount_1_min < addition.amount_1_desired
    # Both tokens together are worth the least, but a thin range takes only a little of one of them.
    one_kind = replace(position, uncollected_0=0, uncollected_1=2 * 10**18)
    dry = replace(observation(positions=(one_kind,), base_fee_wei=1))
    assert plan_compound(dry, (one_kind,), (held(one_kind),), settings(compound={"min_fees_quote": "999999"})) is None


def test_compounding_that_costs_too_much_is_objected_to() -> None:
    position = Position(7, 198_600, 201_000, 10**17, 60 * 10**6, 2 * 10**16)
    obs = observation(positions=(position,), base_fee_wei=100 * 10**9)
    draft = plan_compound(obs, (position,), (held(position),), settings(compound={"min_fees_quote": "50"}))
    assert draft is not None and [o.code for o in draft.objections] == ["compounding_costs_too_much"]


def test_out_of_range_positions_are_not_compounded() -> None:
    position = Position(7, 201_000, 202_200, 10**17, 10**9, 10**18)
    obs = observation(positions=(position,))
    assert plan_compound(obs, (position,), (held(position),), settings(compound={"min_fees_quote": "1"})) is None


def test_what_the_swap_takes_of_the_fees_counts_against_the_threshold() -> None:
    strategy = settings(compound={"min_fees_quote": "50", "max_cost_pct": 100})

    def plan(fees_quote: int) -> object:
        position = Position(7, 198_600, 201_000, 10**17, fees_quote, 0)
        return plan_compound(
            observation(positions=(position,), base_fee_wei=1), (position,), (held(position),), strategy
        )

    assert plan(50 * 10**6) is None  # half of it is swapped, and the pool's fee leaves less than 50 to add
    assert plan(51 * 10**6) is not None

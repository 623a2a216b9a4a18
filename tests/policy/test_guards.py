"""Guards: each hard condition at its edge, with the figures that it gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.model.decision import Objection
from keeper.model.memory import FailingAct, PastAct
from keeper.model.observation import MissingInput, Observation, Position, Twap
from keeper.model.plan import Approve, Collect, Cost, Exit, Plan, Step, Swap
from keeper.policy import guards, price_guards
from keeper.policy.settings import Limits
from tests.policy.world import NOW, memory, observation, settings

SWAP = Swap(True, 1, 1, 1, 1)
EXIT = Exit(())
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def plan(*steps: Step, gas_units: int = 0, cost: Cost | None = None) -> Plan:
    return Plan("rebalance", steps, NOW, 0, 0, cost or Cost(gas_units, 0, 0, 0))


def figures(objection: Objection | None) -> dict[str, object]:
    assert objection is not None
    return {figure.name: figure.value for figure in objection.figures}


@pytest.mark.parametrize(
    ("spot", "mean", "holds"),
    [
        (100, 0, False), (101, 0, True), (-100, 0, False), (-101, 0, True), (-50, 51, True), (-50, 50, False),
        (-887_272, -887_173, False), (887_271, 887_170, True), (-300_000, -300_101, True), (0, 0, False),
    ],
)  # fmt: skip
def test_spot_against_mean(spot: int, mean: int, holds: bool) -> None:
    obs = observation(tick=0)
    obs = replace(obs, pool=replace(obs.pool, tick=spot), twaps=(Twap(60, spot), Twap(600, mean)))
    objection = price_guards.short_twap_objection(obs, Limits())
    assert (objection is not None) is holds
    if holds:
        assert figures(objection) == {
            "deviation_ticks": abs(spot - mean), "allowed_ticks": 100, "twap_mean_tick": mean, "spot_tick": spot,
            "twap_seconds": 600,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("act", "times", "seconds_ago", "holds"),
    [
        ("swap", 2, 0, False),
        ("swap", 3, 299, True), ("swap", 3, 300, False),
        ("swap", 4, 599, True), ("swap", 4, 600, False),
        ("swap", 7, 79 * MINUTE, True), ("swap", 7, 80 * MINUTE, False),
        ("swap", 60, DAY - 1, True), ("swap", 60, DAY, False), ("swap", 10**9, DAY - 1, True),
        ("exit", 60, HOUR - 1, True), ("exit", 60, HOUR, False),
        ("mint", 60, 0, False),
    ],
)  # fmt: skip
def test_an_act_that_keeps_failing_waits_twice_as_long_each_time(
    act: str, times: int, seconds_ago: int, holds: bool
) -> None:
    failing = FailingAct(act, times, NOW - seconds_ago)  # type: ignore[arg-type]
    wanted = plan(Approve("0x" + "11" * 20, "router", 1), SWAP) if act != "exit" else plan(EXIT)
    objection = guards.failing_objection(observation(), memory(failing=(failing,)), wanted)
    assert (objection is not None) is holds
    if holds:
        assert figures(objection)["failures_in_row"] == times
    assert guards.failing_objection(observation(), memory(failing=(failing,)), plan()) is None


def test_a_failing_act_does_not_hold_another() -> None:
    failing = (FailingAct("exit", 9, NOW), FailingAct("mint", 9, NOW))
    assert guards.failing_objection(observation(), memory(failing=failing), plan(SWAP)) is None
    assert guards.failing_objection(observation(), memory(failing=failing), plan(EXIT, SWAP)) is not None
    assert guards.failing_objection(observation(), memory(failing=failing), plan(Collect((1,)), EXIT)) is None


def pace(*seconds_ago: int, **limits: int) -> list[str]:
    recent = tuple(PastAct("rebalance", "exit", NOW - each, 0) for each in seconds_ago)
    given = settings(limits={"cooldown_minutes": 60, "max_rebalances_per_day": 2, **limits})
    return [each.code for each in guards.pace_objections(observation(), memory(recent=recent), given)]


def test_pace() -> None:
    assert pace() == []
    assert pace(3_599) == ["cooldown"] and pace(3_600) == []
    assert pace(DAY - 1, 5_000) == ["daily_count"] and pace(DAY, 5_000) == []
    assert pace(5_000, 60) == ["cooldown", "daily_count"]
    assert pace(max_rebalances_per_day=0) == ["daily_count"]
    assert pace(0, cooldown_minutes=0, max_rebalances_per_day=9) == []


def test_only_the_exits_of_rebalances_set_the_pace() -> None:
    recent = (
        PastAct("exit", "exit", NOW, 0),
        PastAct("rebalance", "swap", NOW, 0),
        PastAct("compound", "collect", NOW, 0),
    )
    assert list(guards.pace_objections(observation(), memory(recent=recent), settings())) == []


def test_costs_of_a_day() -> None:
    recent = (PastAct("rebalance", "exit", NOW - DAY, 10**9), PastAct("enter", "mint", NOW - DAY + 1, 70 * 10**6))
    limits = settings(limits={"max_cost_quote_per_day": "100"}).limits
    within, above = (
        plan(cost=Cost(0, 20_000_000, 9_000_000, 1_000_000)),
        plan(cost=Cost(0, 20_000_000, 9_000_000, 1_000_001)),
    )
    assert guards.cost_objection(observation(), memory(recent=recent), within, limits) is None
    objection = guards.cost_objection(observation(), memory(recent=recent), above, limits)
    assert figures(objection) == {
        "spent_quote_raw": 70_000_000, "plan_quote_raw": 30_000_001, "cap_quote_raw": 100_000_000,
    }  # fmt: skip
    assert guards.cost_objection(observation(), memory(recent=recent), above, Limits()) is None


def gas_codes(obs: Observation, wanted: Plan, *, spare_reserve: bool, **limits: object) -> list[str]:
    given = settings(limits=limits).limits
    return [each.code for each in guards.gas_objections(obs, wanted, given, spare_reserve=spare_reserve)]


def test_gas_price_and_gas_money() -> None:
    obs = observation(base_fee_wei=10**9)  # and a tip of 0.1 gwei
    assert gas_codes(obs, plan(), spare_reserve=False, max_gas_gwei="1.1") == []
    assert gas_codes(obs, plan(), spare_reserve=False, max_gas_gwei="1.099") == ["gas_price"]
    assert gas_codes(obs, plan(), spare_reserve=True, max_gas_gwei="1.099") == []  # an exit has its own budget
    assert gas_codes(obs, plan(), spare_reserve=True, max_exit_gas_gwei="1.1") == []
    assert gas_codes(obs, plan(), spare_reserve=True, max_exit_gas_gwei="1.099") == ["gas_price"]

    needed = 1_000_000 * 1_100_000_000
    poor = replace(obs, wallet=replace(obs.wallet, native_wei=needed + 5 * 10**16))
    assert gas_codes(poor, plan(gas_units=1_000_000), spare_reserve=False) == []
    assert gas_codes(poor, plan(gas_units=1_000_001), spare_reserve=False) == ["gas_money"]
    last = replace(obs, wallet=replace(obs.wallet, native_wei=needed))
    assert gas_codes(last, plan(gas_units=1_000_000), spare_reserve=True) == []
    assert gas_codes(last, plan(gas_units=1_000_001), spare_reserve=True) == ["gas_money"]


def test_price_impact_is_a_part_of_what_is_swapped() -> None:
    assert guards.impact_objection(plan(cost=Cost(0, 0, 0, 20, 10_000)), Limits()) is None
    objection = guards.impact_objection(plan(cost=Cost(0, 0, 0, 21, 10_000)), Limits())
    assert figures(objection) == {"price_impact_bps": 21.0, "allowed_bps": 20}
    assert guards.impact_objection(plan(cost=Cost(0, 0, 0, 0, 0)), Limits()) is None


def test_positions_that_nobody_has_explained() -> None:
    stray = (Position(7, 0, 60, 1, 0, 0), Position(9, 0, 60, 1, 0, 0))
    objection = guards.unknown_position_objection(stray, Limits())
    assert objection is not None and "7, 9" in objection.message and figures(objection) == {"unknown_positions": 2}
    assert guards.unknown_position_objection((), Limits()) is None
    for choice in ("adopt", "ignore"):
        assert guards.unknown_position_objection(stray, settings(limits={"on_unknown_position": choice}).limits) is None


@pytest.mark.parametrize(
    ("name", "code", "holds_exit"),
    [
        ("second_opinion", "second_opinion_differs", True),
        ("second_opinion_absent", "second_opinion_missing", False),
        ("sequencer", "sequencer_grace", False),
        ("tape", None, False),
    ],
)
def test_doubts_of_the_observation_itself(name: str, code: str | None, holds_exit: bool) -> None:
    seen = replace(observation(), missing=(MissingInput(name, "why"),))
    assert [each.code for each in guards.trust_objections(seen, is_exit=False)] == ([code] if code else [])
    assert bool(list(guards.trust_objections(seen, is_exit=True))) is holds_exit

"""Row 5: a price that was pushed before we look. The means and the oracle agree with it, or nothing is done.

What one can do to a pool's own mean by holding the price is bounded too, and stated in ``Attacker.bound``; that nobody
can do more where an oracle is set is the last test.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keeper.model.outcome import Done, Held
from tests.faults.attack import Attack, Moment, Result
from tests.faults.attacker import Attacker, attacker_at
from tests.faults.campaign import AT_ONCE, attacked, describe, within_slippage
from tests.faults.oracle_desk import with_oracle
from tests.policy.conftest import warm
from tests.policy.desk import ORDERS, Warm, at_desk

__all__ = ["warm"]

ATTACKS = int(os.environ.get("KEEPER_ATTACKS", "1000"))
FIRST: tuple[Moment, ...] = ("before_decide", "held")


def assert_held_or_bounded(attacker: Attacker, result: Result) -> None:
    within_slippage(attacker, result)
    if attacker.bounds.must_hold(result.attack):
        # Taking a leftover allowance back depends on no price.
        assert isinstance(result.outcome, Held) or result.act == "approve", result


def attacked_before(warm: Warm, folder: Path, seed: int, rounds: int, each: int) -> list[Result]:
    results = attacked(warm, folder, seed, rounds, each, FIRST, assert_held_or_bounded)
    assert {"swap", "mint", "exit"} & {each.act for each in results}
    assert any(each.act == "nothing" for each in results)
    return results


@ORDERS
def test_05_random_pushes_before_the_decision(warm: Warm, tmp_path: Path) -> None:
    attacked_before(warm, tmp_path, seed=5, rounds=2, each=9)


@pytest.mark.soak
@ORDERS
def test_05_random_pushes_before_the_decision_long(
    warm: Warm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = attacked_before(warm, tmp_path, seed=50, rounds=max(1, ATTACKS // 40), each=20)
    with capsys.disabled():
        print(f"\npushes before the decision: {describe(results)}")  # noqa: T201


@ORDERS
@pytest.mark.parametrize("push", [101, -101])
def test_05_a_push_beyond_the_band_holds_with_its_figures(warm: Warm, tmp_path: Path, push: int) -> None:
    desk = at_desk(warm, tmp_path, limits=AT_ONCE, profit={"gate": "none"})
    attacker = attacker_at(desk)
    result = attacker.strike(Attack("before_decide", push))
    assert isinstance(result.outcome, Held)
    (found,) = (each for each in result.outcome.objections if each.code == "spot_far_from_twap")
    figures = {figure.name: figure.value for figure in found.figures}
    assert figures["deviation_ticks"] == 101 and figures["allowed_ticks"] == 100
    assert figures["spot_tick"] == attacker.honest_tick + push
    assert desk.receipts() == []


def test_05_a_push_held_until_the_short_mean_follows_meets_the_long_mean(warm: Warm, tmp_path: Path) -> None:
    """Ten minutes at 460 ticks: the short mean is the pushed price, the long one a third of the way there."""
    desk = at_desk(warm, tmp_path, limits=AT_ONCE, profit={"gate": "none"})
    attacker = attacker_at(desk)
    result = attacker.strike(Attack("held", 460, 600))
    assert isinstance(result.outcome, Held)
    assert [each.code for each in result.outcome.objections] == ["spot_far_from_long_twap"]


@ORDERS
@pytest.mark.parametrize("base_is_quote", [False, True], ids=["stable quote", "base quote"])
def test_05_a_push_held_for_hours_meets_the_oracle(warm: Warm, tmp_path: Path, base_is_quote: bool) -> None:
    """The pool's own means follow whoever pays long enough. A price from outside does not."""
    beside = with_oracle(warm, tmp_path, base_is_quote=base_is_quote, limits=AT_ONCE, profit={"gate": "none"})
    beside.push()
    desk, attacker = beside.desk, attacker_at(beside.desk)
    for push in (400, -400):
        result = attacker.strike(Attack("held", push, 3 * 3_600))
        assert isinstance(result.outcome, Held)
        assert [each.code for each in result.outcome.objections] == ["spot_far_from_oracle"]
    assert isinstance(desk.cycle(), Done), "with the honest price back it goes on"

"""Row 6: whoever trades around our transaction in its own block takes no more than the operator allowed.

``KEEPER_ATTACKS`` attacks in the long run (1,000 if not given). The bound is derived in ``Attacker.bound``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from keeper.model.outcome import Done, Failed
from tests.faults.attack import Attack, Moment, Result
from tests.faults.attacker import Attacker, attacker_at, preview
from tests.faults.campaign import AT_ONCE, assert_bounded, attacked, describe, within_slippage
from tests.policy.conftest import warm
from tests.policy.desk import ORDERS, Warm, at_desk

__all__ = ["warm"]

ATTACKS = int(os.environ.get("KEEPER_ATTACKS", "1000"))
IN_BLOCK: tuple[Moment, ...] = ("before_signature", "front_run", "sandwich", "just_in_time")


def attacked_in_block(warm: Warm, folder: Path, seed: int, rounds: int, each: int) -> list[Result]:
    results = attacked(warm, folder, seed, rounds, each, IN_BLOCK, within_slippage)
    struck = [each for each in results if each.struck]
    assert len(struck) >= len(results) // 2
    assert {"swap", "mint"} <= {each.act for each in struck}, "attacks on nothing prove nothing"
    assert any(each.act == "nothing" for each in struck), "no attack was too large"
    return results


@ORDERS
def test_06_random_attacks_around_our_transaction(warm: Warm, tmp_path: Path) -> None:
    attacked_in_block(warm, tmp_path, seed=6, rounds=3, each=9)


@pytest.mark.soak
@ORDERS
def test_06_random_attacks_around_our_transaction_long(
    warm: Warm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = attacked_in_block(warm, tmp_path, seed=60, rounds=max(1, ATTACKS // 40), each=20)
    with capsys.disabled():
        print(f"\nsandwiches and pushes in the block: {describe(results)}")  # noqa: T201


def ready_to(act: str, warm: Warm, folder: Path, split: tuple[int, int], **limits: Any) -> Attacker:
    desk = at_desk(warm, folder, split=split, limits=AT_ONCE | limits, profit={"gate": "none"})
    attacker = attacker_at(desk)
    while preview(desk).plan.next_steps[-1].kind != act:
        assert isinstance(desk.cycle(), Done)
        attacker.rest()
    return attacker


@ORDERS
@pytest.mark.parametrize("split", [(1, 0), (0, 1)])
def test_06_a_sandwich_one_tick_too_large_reverts_and_costs_gas_alone(
    warm: Warm, tmp_path: Path, split: tuple[int, int]
) -> None:
    """Ours pays about a tick itself: with 40 bp allowed a push of 30 goes through at a loss, one of 42 reverts."""
    ours_is_zero_for_one = (split == (1, 0)) == warm.deployment.base_is_token0
    against = -1 if ours_is_zero_for_one else 1
    attacker = ready_to("swap", warm, tmp_path, split, max_slippage_bps=40)
    refused = attacker.strike(Attack("sandwich", 42 * against))
    assert isinstance(refused.outcome, Failed) and "reverted" in refused.outcome.reason
    assert refused.loss == 0 and refused.gas_wei > 0 and refused.struck
    taken = attacker.strike(Attack("sandwich", 30 * against))
    assert taken.act == "swap" and 0.5 < taken.ratio <= 1
    assert_bounded(taken, 40, warm.deployment.fee_pips)


@ORDERS
def test_06_a_mint_pushed_within_the_band_loses_no_more_than_the_band_allows(warm: Warm, tmp_path: Path) -> None:
    attacker = ready_to("mint", warm, tmp_path, (1, 1))
    beyond = attacker.strike(Attack("sandwich", 130))
    assert isinstance(beyond.outcome, Failed) and beyond.loss == 0
    within = attacker.strike(Attack("sandwich", -98))
    assert within.act == "mint" and 0.5 < within.ratio <= 1


@ORDERS
@pytest.mark.parametrize("push", [90, -90])
def test_06_a_push_around_our_exit_pays_us(warm: Warm, tmp_path: Path, push: int) -> None:
    attacker = ready_to("mint", warm, tmp_path, (1, 1))
    assert isinstance(attacker.desk.cycle(), Done)
    attacker.desk.journal.set_state("test", "exiting", "the operator asked", 0)
    attacker.rest()
    result = attacker.strike(Attack("sandwich", push))
    assert result.act == "exit" and result.loss < 0 and result.attacker_profit < 0

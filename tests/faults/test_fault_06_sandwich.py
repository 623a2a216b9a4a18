"""Row 6: whoever trades around our transaction in its own block takes no more than the operator allowed.

``KEEPER_ATTACKS`` attacks in the long run (1,000 if not given). The bound is derived in ``Attacker.bound``.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from keeper.model.outcome import Done, Failed
from tests.faults.attack import Attack, Moment, Result
from tests.faults.attacker import Attacker, attacker_at, preview
from tests.faults.campaign import campaign, describe
from tests.policy.conftest import warm
from tests.policy.desk import ORDERS, Desk, Warm, at_desk

__all__ = ["warm"]

ATTACKS = int(os.environ.get("KEEPER_ATTACKS", "1000"))
BPS, PIPS = 10_000, 1_000_000
IN_BLOCK: tuple[Moment, ...] = ("before_signature", "front_run", "sandwich", "just_in_time")
AT_ONCE: dict[str, Any] = {"cooldown_minutes": 0, "max_rebalances_per_day": 1_000}


def random_desk(warm: Warm, folder: Path, numbers: random.Random) -> Desk:
    """A strategy whose limits and range nobody chose."""
    slippage_bps, most_value = numbers.choice([(5, 500), (10, 5_000), (30, 50_000), (100, 300_000), (300, 300_000)])
    limits = AT_ONCE | {
        "max_slippage_bps": slippage_bps,
        "max_price_impact_bps": 1_000,
        "max_twap_deviation_ticks": numbers.choice([20, 50, 100, 300]),
        "twap_seconds": numbers.choice([300, 600, 1_200]),
        "max_long_twap_deviation_ticks": numbers.choice([100, 300]),
    }
    width = numbers.choice([1, 2, 5, 10])
    ladder = numbers.choice([None, [{"scale": 1, "share_pct": 60}, {"scale": 3, "share_pct": 40}]])
    kind = {"kind": "fixed", "lower_pct": width, "upper_pct": width} | ({"ladder": ladder} if ladder else {})
    folder.mkdir()
    profit = {"gate": "none", "min_fee_history_hours": 2}
    split = numbers.choice([(1, 0), (0, 1), (1, 1), (1, 4)])
    value = numbers.choice([500, most_value])  # a large swap's own impact leaves no room for a small slippage
    return at_desk(warm, folder, split=split, quote_value=value, limits=limits, range=kind, profit=profit,
                   base_is_quote=numbers.random() < 0.5)  # fmt: skip


def assert_bounded(result: Result, slippage_bps: int, fee_pips: int) -> None:
    """The derived bound; and for a swap, in the operator's own words: slippage and fee of what was swapped."""
    assert result.loss <= result.bound, result
    if result.act == "swap" and result.attack.moment != "held":
        # The mean tick is rounded down: a part of a tick, at most one basis point, is nobody's.
        allowed = result.swapped * ((slippage_bps + 1) * PIPS + fee_pips * BPS) // (BPS * PIPS) + 1
        assert result.loss <= allowed, result


def attacked(warm: Warm, folder: Path, seed: int, rounds: int, each: int) -> list[Result]:
    results: list[Result] = []
    snapshot = warm.anvil.snapshot()
    for number in range(rounds):
        numbers = random.Random(f"{seed}/{number}")
        desk = random_desk(warm, folder / str(number), numbers)
        attacker = attacker_at(desk)
        campaign(attacker, numbers, each, IN_BLOCK)
        limits = desk.strategy.settings.limits
        for result in attacker.results:
            assert_bounded(result, limits.max_slippage_bps, warm.deployment.fee_pips)
        assert set(desk.difference().values()) == {0}, "the ledger is the chain, to the wei"
        results += attacker.results
        desk.journal.close()
        warm.anvil.revert(snapshot)
        snapshot = warm.anvil.snapshot()
    struck = [each for each in results if each.struck]
    assert len(struck) >= len(results) // 2
    assert {"swap", "mint"} <= {each.act for each in struck}, "attacks on nothing prove nothing"
    assert any(each.act == "nothing" for each in struck), "no attack was too large"
    return results


@ORDERS
def test_06_random_attacks_around_our_transaction(warm: Warm, tmp_path: Path) -> None:
    attacked(warm, tmp_path, seed=6, rounds=3, each=9)


@pytest.mark.soak
@ORDERS
def test_06_random_attacks_around_our_transaction_long(
    warm: Warm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = attacked(warm, tmp_path, seed=60, rounds=max(1, ATTACKS // 40), each=20)
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

"""Attack after attack on a keeper at work, drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keeper.policy.settings import Limits
from tests.faults.attack import Attack, Moment, Result
from tests.faults.attacker import Attacker, attacker_at, preview
from tests.policy.desk import NAME, Desk, Warm, at_desk, put_back

BPS, PIPS = 10_000, 1_000_000
AT_ONCE: dict[str, Any] = {"cooldown_minutes": 0, "max_rebalances_per_day": 1_000}


def random_attack(random_numbers: random.Random, limits: Limits, moments: tuple[Moment, ...]) -> Attack:
    """Sizes from a tick to three times the slippage or the band; both directions."""
    moment = random_numbers.choice(moments)
    most = random_numbers.choice(
        [limits.max_slippage_bps, 3 * limits.max_slippage_bps, limits.max_twap_deviation_ticks]
    )
    if moment in ("held", "before_decide"):
        most = random_numbers.choice([most, 2 * limits.max_twap_deviation_ticks])
    ticks = random_numbers.choice([-1, 1]) * random_numbers.randint(1, max(2, most))
    held = random_numbers.choice([12, 60, limits.twap_seconds // 2, limits.twap_seconds, 1_500])
    return Attack(moment, ticks, held if moment == "held" else 0)


def campaign(attacker: Attacker, random_numbers: random.Random, count: int, moments: tuple[Moment, ...]) -> None:
    """``count`` attacks on a keeper that always has something to do: where it rests, the market leaves its range."""
    desk = attacker.desk
    for _ in range(count):
        next_up = preview(desk)
        if next_up.verdict.objections:
            if not any(each.code in ("inside_trigger", "keeps_failing") for each in next_up.verdict.objections):
                raise AssertionError(f"the keeper cannot go on: {next_up.verdict.objections}")
            held = desk.journal.memory(NAME).held
            if held:
                ends = min(each.trigger_lower_tick for each in held), max(each.trigger_upper_tick for each in held)
                away = random_numbers.randint(1, 60)
                attacker.honest_move(random_numbers.choice([ends[0] - away, ends[1] + away]))
            if any(each.code == "keeps_failing" for each in next_up.verdict.objections):
                desk.wait(86_400)
        attack = random_attack(random_numbers, desk.strategy.settings.limits, moments)
        attacker.strike(attack)


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


def within_slippage(attacker: Attacker, result: Result) -> None:
    """``assert_bounded`` by what this keeper allows."""
    desk = attacker.desk
    assert_bounded(result, desk.strategy.settings.limits.max_slippage_bps, desk.warm.deployment.fee_pips)


def attacked(
    warm: Warm,
    folder: Path,
    seed: int,
    rounds: int,
    each: int,
    moments: tuple[Moment, ...],
    check: Callable[[Attacker, Result], None],
) -> list[Result]:
    """``rounds`` keepers of random settings, ``each`` attacks on every one; all of them judged, the chain put back."""
    results: list[Result] = []
    for number in range(rounds):
        numbers = random.Random(f"{seed}/{number}")
        with put_back(warm):
            desk = random_desk(warm, folder / str(number), numbers)
            attacker = attacker_at(desk)
            campaign(attacker, numbers, each, moments)
            for result in attacker.results:
                check(attacker, result)
            assert set(desk.difference().values()) == {0}, "the ledger is the chain, to the wei"
            results += attacker.results
            desk.journal.close()
    return results


def describe(results: list[Result]) -> str:
    """The figures of a campaign, one line."""
    worst = max(results, key=lambda each: each.ratio)
    done = [each for each in results if each.act != "nothing"]
    return (
        f"{len(results)} attacks, {len(done)} acts went through, {len(results) - len(done)} held or reverted; worst "
        f"loss/bound {worst.ratio:.4f} ({worst.act}, {worst.attack.moment}, {worst.attack.ticks} ticks); "
        f"best profit of the attacker {max(each.attacker_profit for each in results)} raw token1 before gas; "
        f"gas of attempts that did nothing {sum(each.gas_wei for each in results if each.act == 'nothing')} wei"
    )

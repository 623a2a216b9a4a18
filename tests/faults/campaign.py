"""Attack after attack on a keeper at work, drawn at random."""

from __future__ import annotations

import random

from keeper.policy.settings import Limits
from tests.faults.attack import Attack, Moment, Result
from tests.faults.attacker import Attacker, preview
from tests.policy.desk import NAME


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

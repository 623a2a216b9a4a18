"""What a step may hold: every amount, range, minimum and position against the rules and what was observed.

The journal's row is not trusted any more than the bytes: a step that breaks a rule is refused, however it came there.
"""

from __future__ import annotations

from keeper.model.observation import Position
from keeper.model.plan import (
    Addition,
    Approve,
    Collect,
    Exit,
    Increase,
    Mint,
    MintRange,
    SingleStep,
    Step,
    Swap,
    Withdrawal,
    singles,
)
from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.world.signers import twap_bounds
from keeper.world.signers.evidence import Evidence, Rules
from keeper.world.signers.holdings import Holdings
from keeper.world.signers.refusal import refuse, require_at_least, require_at_most, require_same
from keeper.world.signers.twap_bounds import Band


def check_single(rules: Rules, evidence: Evidence, step: SingleStep, act: Step, held: Holdings) -> int:
    """The worth of what the step swaps, raw quote units (0 where it swaps nothing).

    ``act`` is what an approval is for. ``held``: what is there to be put in; what the step takes and brings is counted.

    Raises:
        SigningRefusedError: the step breaks a rule of the strategy.
    """
    match step:
        case Approve():
            _check_approval(rules, step, act, held)
        case Exit():
            band = twap_bounds.band_of(rules, evidence.observation)
            _require_distinct([each.token_id for each in step.withdrawals])
            for withdrawal in step.withdrawals:
                position = _own_position(rules, evidence, withdrawal.token_id)
                _check_withdrawal(band, position, withdrawal)
                held.release(position, withdrawal.liquidity)
        case Collect():
            _require_distinct(list(step.token_ids))
            for token_id in step.token_ids:
                held.release(_own_position(rules, evidence, token_id), 0)
        case Swap():
            return _check_swap(rules, evidence, step, held)
        case Mint():
            band = _check_deposit(step.ranges, held)
            for each in step.ranges:
                _check_range(rules, band, each)
        case Increase():
            band = _check_deposit(step.additions, held)
            _require_distinct([each.token_id for each in step.additions])
            for addition in step.additions:
                position = _own_position(rules, evidence, addition.token_id)
                _check_minimums(band, position.lower_tick, position.upper_tick, addition)
    return 0


def taken_by(act: Step, spender: str) -> tuple[int, int]:
    """What the act takes of each token through that spender, raw units."""
    total_0 = total_1 = 0
    for step in singles((act,)):
        if isinstance(step, Swap) and spender == "router":
            total_0 += step.amount_in if step.zero_for_one else 0
            total_1 += 0 if step.zero_for_one else step.amount_in
        if isinstance(step, Mint | Increase) and spender == "positions":
            parts = step.ranges if isinstance(step, Mint) else step.additions
            total_0 += sum(each.amount_0_desired for each in parts)
            total_1 += sum(each.amount_1_desired for each in parts)
    return total_0, total_1


def _check_approval(rules: Rules, step: Approve, act: Step, held: Holdings) -> None:
    """Nothing, or exactly what the act takes: never an allowance that could be left over."""
    token = step.token.lower()
    if token not in (rules.token0, rules.token1):
        refuse("the token that is approved", token, f"{rules.token0} or {rules.token1}")
    if step.amount == 0:
        return
    needed = taken_by(act, step.spender)
    require_same("the amount approved", step.amount, needed[0] if token == rules.token0 else needed[1])
    held.require(*((step.amount, 0) if token == rules.token0 else (0, step.amount)))


def _check_withdrawal(band: Band, position: Position, withdrawal: Withdrawal) -> None:
    require_at_least("the liquidity withdrawn", withdrawal.liquidity, 0)
    require_at_most("the liquidity withdrawn", withdrawal.liquidity, position.liquidity)
    if withdrawal.burn:
        require_same("the liquidity withdrawn before a burn", withdrawal.liquidity, position.liquidity)
    ticks = position.lower_tick, position.upper_tick
    least_0, least_1 = twap_bounds.least_of_withdrawal(band, *ticks, withdrawal.liquidity)
    require_at_least("the least of token0 withdrawn", withdrawal.amount_0_min, least_0)
    require_at_least("the least of token1 withdrawn", withdrawal.amount_1_min, least_1)


def _check_swap(rules: Rules, evidence: Evidence, step: Swap, held: Holdings) -> int:
    require_at_least("the amount swapped", step.amount_in, 1)
    amounts = (step.amount_in, 0) if step.zero_for_one else (0, step.amount_in)
    band = held.require(*amounts)
    least = twap_bounds.least_out(rules, band, step.zero_for_one, step.amount_in)
    require_at_least("the least that the swap pays", step.amount_out_min, least)
    furthest, limit = twap_bounds.furthest_limit_x96(rules, band, step.zero_for_one), step.sqrt_price_limit_x96
    spot_x96 = evidence.observation.pool.sqrt_price_x96
    if step.zero_for_one:
        require_at_least("the swap's price limit", limit, furthest)
        require_at_most("the swap's price limit", limit, spot_x96 - 1)
    else:
        require_at_most("the swap's price limit", limit, furthest)
        require_at_least("the swap's price limit", limit, spot_x96 + 1)
    held.swap(step)
    return twap_bounds.worth_quote(rules, band, *amounts)


def _check_deposit(parts: tuple[MintRange, ...] | tuple[Addition, ...], held: Holdings) -> Band:
    """All that is put into ranges together: it is there, and within the strategy's capital."""
    for each in parts:
        require_at_least("an amount of token0", each.amount_0_desired, 0)
        require_at_least("an amount of token1", each.amount_1_desired, 0)
        require_at_least("what a range is given", each.amount_0_desired + each.amount_1_desired, 1)
    total_0, total_1 = sum(each.amount_0_desired for each in parts), sum(each.amount_1_desired for each in parts)
    return held.deposit(total_0, total_1)


def _check_range(rules: Rules, band: Band, each: MintRange) -> None:
    lower, upper = each.lower_tick, each.upper_tick
    if not MIN_TICK <= lower < upper <= MAX_TICK or lower % rules.tick_spacing or upper % rules.tick_spacing:
        refuse("the range", f"{lower} to {upper}", f"only rising multiples of {rules.tick_spacing}")
    _check_minimums(band, lower, upper, each)


def _check_minimums(band: Band, lower_tick: int, upper_tick: int, part: MintRange | Addition) -> None:
    amounts = part.amount_0_desired, part.amount_1_desired
    least_0, least_1 = twap_bounds.least_of_deposit(band, lower_tick, upper_tick, *amounts)
    require_at_least("the least of token0 deposited", part.amount_0_min, least_0)
    require_at_least("the least of token1 deposited", part.amount_1_min, least_1)
    require_at_most("the least of token0 deposited", part.amount_0_min, amounts[0])
    require_at_most("the least of token1 deposited", part.amount_1_min, amounts[1])


def _own_position(rules: Rules, evidence: Evidence, token_id: int) -> Position:
    """The position as it was observed, which must be the strategy's own, or one that it may adopt."""
    may_adopt = rules.adopts_unknown_positions and token_id not in evidence.foreign_token_ids
    if token_id not in evidence.own_token_ids and not may_adopt:
        refuse("the position", token_id, f"only the strategy's own ({sorted(evidence.own_token_ids)})")
    found = [each for each in evidence.observation.positions if each.token_id == token_id]
    if len(found) != 1:
        refuse("the position", token_id, "only one that was observed in the pool")
    return found[0]


def _require_distinct(token_ids: list[int]) -> None:
    if not token_ids or len({*token_ids}) != len(token_ids):
        refuse("the list of positions", token_ids, "at least one, each once")

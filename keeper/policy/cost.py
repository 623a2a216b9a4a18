"""What a plan costs: gas by step, the pool's fee and our own price impact, in raw units of the quote token."""

from __future__ import annotations

from collections.abc import Sequence

from keeper.model.observation import Account, Observation
from keeper.model.plan import Approve, Batch, Cost, Exit, Mint, Plan, SingleStep, Step, Swap, singles
from keeper.policy.ratio import Fit, market_without
from keeper.policy.valuation import value_in_quote

PIPS = 1_000_000

# Gas units of each act on the real contracts: the most that a local chain measures and some 12 % more (tests hold them
# to it). A transaction's own 21,000 is in them. Approvals have more room: well-known tokens stand behind a proxy.
APPROVE_GAS = 56_000
SWAP_GAS, SWAP_GAS_PER_CROSSED_TICK = 142_000, 28_000
EXIT_GAS, EXIT_GAS_PER_POSITION = 100_000, 240_000
COLLECT_GAS, COLLECT_GAS_PER_POSITION = 90_000, 155_000
MINT_GAS, MINT_GAS_PER_RANGE = 195_000, 420_000
INCREASE_GAS, INCREASE_GAS_PER_POSITION = 60_000, 190_000
# In a transaction with others a step spares its own 21,000. An allowance that is given and taken back in it costs
# little, most of it being refunded (room for proxies as above); what a burned position leaves warm its successor finds.
TRANSACTION_GAS, APPROVE_AT_ONCE_GAS, REVOKE_AT_ONCE_GAS = 21_000, 13_000, 9_000
SPARED_GAS_PER_RENEWAL = 135_000
# What the owner's own contract takes: for the transaction (its first, the dearest: a Safe's nonce leaves zero, an
# account delegates; two owners' signatures are in it, each further one takes some 7,500), and for each call in it.
AT_ONCE_GAS: dict[Account, int] = {"key": 0, "multicall": 0, "delegated": 17_000, "safe": 63_000}
AT_ONCE_GAS_PER_CALL: dict[Account, int] = {"key": 0, "multicall": 0, "delegated": 1_600, "safe": 800}


def gas_units(step: Step, ticks_crossed: int = 0) -> int:
    """An upper estimate of the gas that the step's transaction uses; a swap pays for each initialized tick crossed."""
    match step.kind:
        case "approve":
            return APPROVE_GAS
        case "swap":
            return SWAP_GAS + SWAP_GAS_PER_CROSSED_TICK * ticks_crossed
        case "exit":
            return EXIT_GAS + EXIT_GAS_PER_POSITION * len(step.withdrawals)
        case "collect":
            return COLLECT_GAS + COLLECT_GAS_PER_POSITION * len(step.token_ids)
        case "mint":
            return MINT_GAS + MINT_GAS_PER_RANGE * len(step.ranges)
        case "increase":
            return INCREASE_GAS + INCREASE_GAS_PER_POSITION * len(step.additions)
        case "batch":
            return TRANSACTION_GAS + sum(_gas_beside_others(each, ticks_crossed) for each in step.steps) - _spared(step)


def _gas_beside_others(step: SingleStep, ticks_crossed: int) -> int:
    if isinstance(step, Approve):
        return APPROVE_AT_ONCE_GAS if step.amount else REVOKE_AT_ONCE_GAS
    return gas_units(step, ticks_crossed) - TRANSACTION_GAS


def _spared(batch: Batch) -> int:
    """For each position that is burned and followed by another."""
    burned = sum(each.burn for step in batch.steps if isinstance(step, Exit) for each in step.withdrawals)
    opened = sum(len(step.ranges) for step in batch.steps if isinstance(step, Mint))
    return SPARED_GAS_PER_RENEWAL * min(burned, opened)


def _gas_of_owner(account: Account, steps: Sequence[Step]) -> int:
    """What carrying the calls takes beside themselves. A delegated account makes a single call as any key does."""
    calls = len(singles(steps))
    if account == "delegated" and calls < 2:
        return 0
    return AT_ONCE_GAS[account] + AT_ONCE_GAS_PER_CALL[account] * calls


def cost_of(observation: Observation, steps: list[Step], fit: Fit | None) -> Cost:
    """Gas at the block's base fee and tip; the swap's fee and impact at the price before it, rounded up."""
    crossed = 0 if fit is None else fit.ticks_crossed
    units = sum(gas_units(step, crossed) for step in steps)
    gas = observation.gas
    wei = units * (gas.base_fee_wei + gas.priority_fee_wei)
    swap_cost = (0, 0, 0) if fit is None or fit.amount_in == 0 else _swap_cost(observation, fit)
    return Cost(units, gas.native_price.quote_amount_rounding_up(wei), *swap_cost)


def cost_at_once(observation: Observation, steps: Sequence[Step], nominal: Plan) -> Cost:
    """The cost of a plan whose steps are ``steps`` instead: their gas, and its swap in proportion where it was cut."""
    crossed_gas = nominal.cost.gas_units - sum(map(gas_units, nominal.steps))
    units = sum(map(gas_units, steps)) + _gas_of_owner(observation.wallet.account, steps) + crossed_gas
    gas, cost = observation.gas, nominal.cost
    wei = units * (gas.base_fee_wei + gas.priority_fee_wei)
    before, now = (
        sum(each.amount_in for each in singles(found) if isinstance(each, Swap)) for found in (nominal.steps, steps)
    )
    fee, impact, swapped = (
        -(-each * now // max(before, 1)) for each in (cost.swap_fee_quote, cost.price_impact_quote, cost.swapped_quote)
    )
    return Cost(units, gas.native_price.quote_amount_rounding_up(wei), fee, impact, swapped)


def fresh_cost_quote(plan: Plan, fresh: Observation) -> int:
    """What the whole plan would cost in ``fresh``: its gas at the fees of now, its swap through the pool of now, which
    the positions that it leaves have left. TickRangeExceeded where the swap has no price any more."""
    gas = fresh.gas
    total = gas.native_price.quote_amount_rounding_up(plan.cost.gas_units * (gas.base_fee_wei + gas.priority_fee_wei))
    leaving = {each.token_id for step in singles(plan.steps) if isinstance(step, Exit) for each in step.withdrawals}
    market = market_without(fresh.pool, tuple(each for each in fresh.positions if each.token_id in leaving))
    root, first = fresh.pool.sqrt_price_x96, fresh.quote_is_token0
    for step in singles(plan.steps):
        if isinstance(step, Swap):
            sold = market.sell(step.zero_for_one, step.amount_in)
            given, got = max(sold.amount0, sold.amount1), -min(sold.amount0, sold.amount1)
            amounts = ((given, 0), (0, got)) if step.zero_for_one else ((0, given), (got, 0))
            total += value_in_quote(*amounts[0], root, first) - value_in_quote(*amounts[1], root, first)
    return total


def swap_gas_quote(observation: Observation) -> int:
    """What the gas of a small swap and its approval costs, raw quote units."""
    gas = observation.gas
    wei = (APPROVE_GAS + SWAP_GAS) * (gas.base_fee_wei + gas.priority_fee_wei)
    return gas.native_price.quote_amount_rounding_up(wei)


def recentring_gas_quote(observation: Observation) -> int:
    """What the gas of leaving one position, a small swap, and opening another costs, approvals included."""
    gas = observation.gas
    units = EXIT_GAS + EXIT_GAS_PER_POSITION + SWAP_GAS + MINT_GAS + MINT_GAS_PER_RANGE + 3 * APPROVE_GAS
    return gas.native_price.quote_amount_rounding_up(units * (gas.base_fee_wei + gas.priority_fee_wei))


def _swap_cost(observation: Observation, fit: Fit) -> tuple[int, int, int]:
    """Fee, price impact, and the worth of what is given."""
    pool = observation.pool

    def worth(amount: int, is_token0: bool) -> int:
        amounts = (amount, 0) if is_token0 else (0, amount)
        return value_in_quote(*amounts, pool.sqrt_price_x96, observation.quote_is_token0)

    given = worth(fit.amount_in, fit.zero_for_one)
    received = worth(fit.amount_out, not fit.zero_for_one)
    fee = -(-given * pool.fee_pips // PIPS)
    return fee, max(0, given - received - fee), given

"""What a plan costs: gas by step, the pool's fee and our own price impact, in raw units of the quote token."""

from __future__ import annotations

from keeper.model.observation import Observation
from keeper.model.plan import Cost, Step
from keeper.policy.ratio import Fit
from keeper.policy.valuation import value_in_quote

PIPS = 1_000_000

# Gas units of each act on the real contracts, rounded up from what a local chain measures (tests hold them to it).
# A transaction's own 21,000 is in them.
APPROVE_GAS = 60_000
SWAP_GAS = 180_000
EXIT_GAS, EXIT_GAS_PER_POSITION = 60_000, 260_000
COLLECT_GAS, COLLECT_GAS_PER_POSITION = 50_000, 170_000
MINT_GAS, MINT_GAS_PER_RANGE = 60_000, 460_000
INCREASE_GAS, INCREASE_GAS_PER_POSITION = 60_000, 280_000


def gas_units(step: Step) -> int:
    """An upper estimate of the gas that the step's transaction uses."""
    match step.kind:
        case "approve":
            return APPROVE_GAS
        case "swap":
            return SWAP_GAS
        case "exit":
            return EXIT_GAS + EXIT_GAS_PER_POSITION * len(step.withdrawals)
        case "collect":
            return COLLECT_GAS + COLLECT_GAS_PER_POSITION * len(step.token_ids)
        case "mint":
            return MINT_GAS + MINT_GAS_PER_RANGE * len(step.ranges)
        case "increase":
            return INCREASE_GAS + INCREASE_GAS_PER_POSITION * len(step.additions)


def cost_of(observation: Observation, steps: list[Step], fit: Fit | None) -> Cost:
    """Gas at the block's base fee and tip; the swap's fee and impact at the price before it, rounded up."""
    units = sum(gas_units(step) for step in steps)
    gas = observation.gas
    wei = units * (gas.base_fee_wei + gas.priority_fee_wei)
    swap_cost = (0, 0, 0) if fit is None or fit.amount_in == 0 else _swap_cost(observation, fit)
    return Cost(units, gas.native_price.quote_amount_rounding_up(wei), *swap_cost)


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

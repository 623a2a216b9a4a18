"""Whatever the planner makes for an honest strategy, the policy passes: a false refusal would halt it with its money in
a range. Random pools, prices, decimals, settings, ladders, balances and positions, by either router and side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, target
from hypothesis import settings as examples
from hypothesis import strategies as st

from keeper.assembly_signing import signing_rules
from keeper.model.decision import Ladder, TargetRange
from keeper.model.memory import HeldRange
from keeper.model.observation import Account, Allowance, Observation, Position, Spender, Twap
from keeper.model.plan import Batch, Increase, Mint, Plan, SingleStep, Swap, singles
from keeper.model.safe import SafeTx
from keeper.model.ticks import MAX_TICK, MIN_TICK, sqrt_price_at_tick
from keeper.policy.at_once import at_once
from keeper.policy.compound import plan_compound
from keeper.policy.rebalance import Draft, plan_change, plan_exit, plan_tidy
from keeper.policy.settings import StrategySettings
from keeper.world.chain.contracts import RouterKind
from keeper.world.protocols import Call
from keeper.world.safe.multisend import batch_of
from keeper.world.signers import policy, safe_policy
from keeper.world.signers.envelope import unsigned_bytes
from keeper.world.signers.evidence import Evidence
from keeper.world.v3.calldata import call_for
from keeper.world.v3.identity import PoolIdentity
from tests.policy import world
from tests.world.signers import batches, scene

DECIMALS = st.sampled_from([0, 2, 6, 8, 18, 24])
SPACINGS = {100: 1, 500: 10, 3_000: 60, 10_000: 200}
MOST_DEVIATION = 100
ACCOUNTS: tuple[Account, ...] = ("key", "multicall", "delegated", "safe")
EXAMPLES, SOAK_EXAMPLES = 200, 10_000
SAFE_NONCE = 3


@dataclass(frozen=True, slots=True)
class Case:
    settings: StrategySettings
    seen: Observation
    ladder: Ladder
    leftover_bps: int
    router: RouterKind
    account: Account


def ladder(draw: Any, tick: int, spacing: int) -> Ladder:
    """One to four ranges anywhere near the price, above, below and around it, some at the very ends."""
    ranges = []
    for _ in range(draw(st.integers(1, 4))):
        low = tick // spacing + draw(st.integers(-40, 40))
        lower, upper = low * spacing, (low + draw(st.integers(1, 60))) * spacing
        if draw(st.integers(0, 9)) == 0:
            lower = -(MAX_TICK // spacing) * spacing
        if draw(st.integers(0, 9)) == 0:
            upper = MAX_TICK // spacing * spacing
        assume(MIN_TICK <= lower < upper <= MAX_TICK)
        ranges.append(TargetRange(lower, upper, draw(st.integers(1, 1_000_000))))
    whole = sum(each.share_ppm for each in ranges)  # the shares of a ladder are parts of one whole
    ranges = [replace(each, share_ppm=each.share_ppm * 1_000_000 // whole) for each in ranges]
    return Ladder("test", tuple(ranges), ranges[0].lower_tick, ranges[0].upper_tick, "drawn")


@st.composite
def cases(draw: Any) -> Case:
    fee = draw(st.sampled_from(sorted(SPACINGS)))
    spacing, decimals = SPACINGS[fee], (draw(DECIMALS), draw(DECIMALS))
    tick = round(math.log(draw(st.floats(1e-6, 1e6)) * 10.0 ** (decimals[1] - decimals[0])) / math.log(1.0001))
    raw_1 = draw(st.integers(0, 10**12)) * 10 ** decimals[1] // 10**3
    share = draw(st.sampled_from([0.0, 1e-6, 0.3, 0.5, 0.97, 1.0]))
    balances = round(share * raw_1 / 1.0001**tick), round((1 - share) * raw_1)
    depth = round(draw(st.sampled_from([1, 50, 10**4])) * raw_1 / 1.0001 ** (tick / 2)) + 10**6
    positions, straddle = [], draw(st.booleans())
    for number in range(draw(st.integers(0, 3))):
        below, above = (0, 30) if straddle else (-20, 70)
        low = tick // spacing - draw(st.integers(below, 30))
        lower, upper = low * spacing, (max(low, tick // spacing) + draw(st.integers(1, above))) * spacing
        liquidity = draw(st.sampled_from([0, 1, depth // 500, depth // 3]))
        positions.append(Position(7 + number, lower, upper, liquidity, *(draw(st.integers(0, 10**9)) for _ in "01")))
    quote_is_token0 = draw(st.booleans())
    spenders: tuple[Spender, ...] = ("router", "positions")
    allowances = tuple(
        Allowance(token, spender, draw(st.sampled_from([0, 0, 5, balances[0]])))
        for token in (world.ADDRESS_0, world.ADDRESS_1)
        for spender in spenders
    )
    seen = world.observation(
        quote_is_token0=quote_is_token0, decimals=decimals, tick=tick, spacing=spacing, fee_pips=fee,
        pool_liquidity=depth, balances=balances, positions=tuple(positions), base_fee_wei=1, allowances=allowances,
    )  # fmt: skip
    # Somewhere between this tick and the next.
    low, high = sqrt_price_at_tick(tick), sqrt_price_at_tick(tick + 1)
    price = low + (high - low) * draw(st.sampled_from([0, 1, 500, 999])) // 1_000
    mean = tick + draw(st.sampled_from([0, 0, 1, -1, 7, -30, MOST_DEVIATION, -MOST_DEVIATION]))
    seen = replace(
        seen, pool=replace(seen.pool, sqrt_price_x96=price), twaps=tuple(Twap(each, mean) for each in (600, 1_800))
    )
    settings = world.settings(
        quote="token0" if quote_is_token0 else "token1",
        capital={"max_quote": draw(st.sampled_from(["0.01", "12.345678", "50000", "1000000000000000000000"]))},
        limits={"max_slippage_bps": draw(st.sampled_from([0, 1, 30, 1_000])),
                "max_twap_deviation_ticks": MOST_DEVIATION,
                "max_drift_bps": draw(st.sampled_from([0, 10, 100]))},
        swap={"route": draw(st.sampled_from(["pool", "pool", "none"]))},
        compound={"min_fees_quote": "0.000001", "max_cost_pct": 100},
    )  # fmt: skip
    return Case(settings, seen, ladder(draw, tick, spacing), draw(st.sampled_from([1, 10, 9_999])),
                draw(st.sampled_from(["router", "router02"])), draw(st.sampled_from(ACCOUNTS)))  # fmt: skip


def plans(case: Case) -> list[Plan]:
    """All that could be done now and has nothing said against it."""
    settings, seen, positions = case.settings, case.seen, case.seen.positions
    drafts = [plan_change(seen, case.ladder, (), settings, leftover_bps=case.leftover_bps)]
    if positions:
        drafts += [plan_exit(seen, positions, settings)]
        drafts += [plan_change(seen, case.ladder, positions, settings, leftover_bps=case.leftover_bps)]
        ranges = tuple(
            HeldRange(p.token_id, p.lower_tick, p.upper_tick, p.lower_tick, p.upper_tick, 500_000, 1) for p in positions
        )
        compounded = plan_compound(seen, positions, ranges, settings)
        drafts += [] if compounded is None else [compounded]
    owned = replace(seen, wallet=replace(seen.wallet, account=case.account))
    tidy = Draft(plan_tidy(seen, settings))
    whole = [at_once(draft, owned, settings).plan for draft in (*drafts, tidy) if not draft.objections]
    return [plan for plan in whole if plan.steps and not any(map(is_for_nothing, plan.acts))]


def is_for_nothing(act: SingleStep) -> bool:
    """A part that the cut amounts of a batch leave nothing for: the contracts revert there, so it is never signed."""
    parts = act.ranges if isinstance(act, Mint) else act.additions if isinstance(act, Increase) else ()
    empty = any(each.amount_0_desired + each.amount_1_desired == 0 for each in parts)
    return empty or (isinstance(act, Swap) and act.amount_in == 0)


def require_passed(case: Case, plan: Plan) -> list[str]:
    """Each of the next steps, one after the other, as its executor would have it signed."""
    seen = case.seen
    pool = PoolIdentity(
        seen.pool.address, seen.pool.token0, seen.pool.token1, seen.pool.fee_pips, seen.pool.tick_spacing
    )
    contracts = scene.contracts(case.router)
    rules = signing_rules(
        31337, contracts, case.settings, pool, world.OWNER, account=case.account, multisend=batches.MULTI_SEND
    )
    # The positions here may be worth many times the capital; a limit that is reached makes wait, it does not halt.
    most = dict.fromkeys(("swapped_quote_per_transaction", "swapped_quote_per_hour", "swapped_quote_per_day"), 2**256)
    rules = replace(rules, limits=replace(rules.limits, **most))
    for ordinal, step in enumerate(plan.next_steps):
        known: Evidence = replace(
            scene.evidence((step,)), strategy="test", owner=world.OWNER, step=step, ordinal=ordinal,
            decided_steps=plan.next_steps, deadline_timestamp=plan.deadline_timestamp,
            decided_deadline_timestamp=plan.deadline_timestamp, observation=seen,
            head_timestamp=seen.block.timestamp + 12, own_token_ids=frozenset(p.token_id for p in seen.positions),
        )  # fmt: skip
        several = isinstance(step, Batch) and case.account != "multicall"
        parts = singles((step,)) if several else (step,)
        calls = [call_for(contracts, pool, part, world.OWNER, plan.deadline_timestamp) for part in parts]
        if case.account == "safe":
            tx = SafeTx(31337, world.OWNER.lower(), *batch_of(calls, batches.MULTI_SEND), SAFE_NONCE)
            safe_policy.check_proposal(rules, known, tx)
            continue
        (call,) = [Call(world.OWNER, batches.execute_batch(calls))] if several else calls
        made = {"type": 2, "chainId": 31337, "nonce": 5, "to": call.to, "data": call.data, "value": 0,
                "gas": 600_000, "maxFeePerGas": 3 * 10**9, "maxPriorityFeePerGas": 10**8}  # fmt: skip
        policy.check(rules, known, unsigned_bytes(made))
    return [step.kind for step in plan.next_steps]


def examine(case: Case) -> Sequence[str]:
    kinds = [kind for plan in plans(case) for kind in require_passed(case, plan)]
    target(float(len(set(kinds))))
    return kinds


@examples(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_what_the_planner_makes_is_signed(case: Case) -> None:
    examine(case)


@pytest.mark.soak
@examples(max_examples=SOAK_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_what_the_planner_makes_is_signed_ten_thousand_times(case: Case) -> None:
    examine(case)

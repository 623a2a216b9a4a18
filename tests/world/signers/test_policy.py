"""Each rule of the signing policy by itself: evidence or rules that break it, and the field that is named."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

import pytest

from keeper.errors import SigningLimitError, SigningRefusedError
from keeper.model.plan import Approve, Collect, Exit, Increase, Mint, Step, Swap
from keeper.world.signers import policy
from keeper.world.signers.envelope import unsigned_bytes
from keeper.world.signers.evidence import Evidence, Spent
from tests.world.signers import scene
from tests.world.signers.asking import one, refused, sign

SWAP, MINT, EXIT, INCREASE = scene.swap(True), scene.MINT, scene.EXIT, scene.INCREASE
FIRST, RANGE, ADDED = EXIT.withdrawals[0], MINT.ranges[0], INCREASE.additions[0]


def test_the_debits_are_the_most_that_it_can_cost() -> None:
    allowed = sign(one(SWAP))
    assert (allowed.debit_gas_wei, allowed.debit_quote) == (600_000 * 3 * 10**9, 1_000 * 10**6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"strategy_state": "halted"}, "the strategy's state is halted; allowed is running or exiting"),
        ({"strategy_state": "paused"}, "the strategy's state is paused"),
        ({"strategy_state": "exited"}, "the strategy's state is exited"),
        ({"strategy_state": "unknown"}, "the strategy's state is unknown"),
        ({"signer_state": "halted"}, "the signer's state is halted"),
        ({"plan_state": "failed"}, "the plan's state is failed"),
        ({"plan_state": "undone"}, "the plan's state is undone"),
        ({"step_state": "DONE"}, "the step is DONE"),
        ({"strategy": "another"}, "the strategy is another"),
        ({"chain_id": 1}, "the plan's chain id is 1"),
        ({"owner": scene.ATTACKER}, "the plan's owner"),
        ({"deadline_timestamp": 2}, "the plan's deadline is 2"),
        ({"ordinal": 1}, "the step's number in its plan is 1"),
        ({"ordinal": -1}, "the step's number in its plan is -1"),
        ({"step": replace(SWAP, amount_in=1)}, "the step is Swap"),
        ({"cancels": True}, "what is to be replaced"),
        ({"nonce": 5}, "what is to be replaced"),
        ({"lowest_nonce": 6}, "the nonce is 5; allowed is at least 6"),
        ({"head_timestamp": 10**10}, "the deadline is"),
        ({"head_timestamp": 10**9}, "the deadline is"),
    ],
)
def test_the_journal_must_agree(change: dict[str, Any], sentence: str) -> None:
    refused(replace(one(SWAP), **change), sentence)


@pytest.mark.parametrize("state", ["running", "exiting"])
def test_a_strategy_at_work_may_sign(state: str) -> None:
    sign(replace(one(SWAP), strategy_state=state))


@pytest.mark.parametrize(
    ("part", "change", "sentence"),
    [
        ("block", {"chain_id": 1}, "the observed chain id"),
        ("wallet", {"owner": scene.ATTACKER}, "the observed owner"),
        ("pool", {"address": scene.ATTACKER}, "the observed pool"),
        ("pool", {"fee_pips": 3000}, "the pool's fee"),
        ("pool", {"tick_spacing": 1}, "the pool's tick spacing"),
        ("wallet", {"balance_0": 999 * 10**6}, "the amount of token0 is 1000000000; allowed is at most 999000000"),
    ],
)
def test_the_observation_must_be_of_the_strategy(part: str, change: dict[str, Any], sentence: str) -> None:
    known = one(SWAP)
    seen = replace(known.observation, **{part: replace(getattr(known.observation, part), **change)})
    refused(replace(known, observation=seen), sentence)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"chainId": 1}, "the chain id is 1; allowed is 31337"),
        ({"value": 1}, "the value, wei is 1; allowed is 0"),
        ({"to": scene.ATTACKER}, "the target"),
        ({"gas": 10_000_001}, "the gas limit"),
        ({"gas": 20_999}, "the gas limit"),
        ({"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}, "the fee cap"),
        ({"maxPriorityFeePerGas": 4 * 10**9}, "the priority fee"),
        ({"maxPriorityFeePerGas": 501 * 10**9, "maxFeePerGas": 502 * 10**9}, "the priority fee"),
        ({"maxFeePerGas": 900 * 10**9}, "the gas cost, wei"),
        ({"data": b""}, "a part of the bytes is not what the keeper makes"),
    ],
)
def test_the_envelope(changes: dict[str, Any], sentence: str) -> None:
    refused(one(SWAP), sentence, **changes)


def test_an_exit_has_a_ceiling_of_its_own() -> None:
    rules = replace(scene.rules(), max_fee_wei=2 * 10**9, max_exit_fee_wei=5 * 10**9)
    refused(one(SWAP), "the fee cap, wei per gas is 3000000000; allowed is at most 2000000000", rules)
    sign(one(EXIT), rules)
    refused(one(EXIT), "the fee cap", rules, maxFeePerGas=6 * 10**9)
    sign(one(EXIT), maxFeePerGas=3_000 * 10**9)
    refused(one(EXIT), "the gas cost, wei", maxFeePerGas=4_000 * 10**9)


STEPS: list[tuple[Step, str]] = [
    (replace(SWAP, amount_in=0), "the amount swapped is 0"),
    (replace(SWAP, amount_out_min=SWAP.amount_out_min * 99 // 100), "the least that the swap pays"),
    (replace(SWAP, amount_out_min=0), "the least that the swap pays"),
    (replace(SWAP, sqrt_price_limit_x96=0), "the swap's price limit"),
    (replace(SWAP, sqrt_price_limit_x96=SWAP.sqrt_price_limit_x96 - 1), "the swap's price limit"),
    (replace(SWAP, sqrt_price_limit_x96=2**159), "the swap's price limit"),
    (replace(scene.swap(False), sqrt_price_limit_x96=0), "the swap's price limit"),
    (replace(scene.swap(False), sqrt_price_limit_x96=2**159), "the swap's price limit"),
    (replace(SWAP, zero_for_one=False), "the least that the swap pays|the swap's price limit"),
    (replace(MINT, ranges=(replace(RANGE, lower_tick=199_505),)), "the range is 199505 to 201000"),
    (replace(MINT, ranges=(replace(RANGE, upper_tick=199_500),)), "the range"),
    (replace(MINT, ranges=(replace(RANGE, lower_tick=-887_280),)), "the range"),
    (replace(MINT, ranges=(replace(RANGE, amount_0_min=RANGE.amount_0_min - 1),)), "the least of token0 deposited"),
    (replace(MINT, ranges=(replace(RANGE, amount_1_min=RANGE.amount_1_min - 1),)), "the least of token1 deposited"),
    (replace(MINT, ranges=(replace(RANGE, amount_1_min=2 * 10**18),)), "the least of token1 deposited"),
    (replace(MINT, ranges=(replace(RANGE, amount_0_desired=0, amount_1_desired=0),)), "what a range is given is 0"),
    (replace(MINT, ranges=MINT.ranges * 2), "the amount of token1"),
    (Mint((), 0, 1), "a part of the bytes"),
    (replace(INCREASE, additions=(replace(ADDED, token_id=10),)), "the position is 10"),
    (replace(INCREASE, additions=(replace(ADDED, token_id=11),)), "the position is 11"),
    (replace(INCREASE, additions=(ADDED, ADDED)), "the list of positions"),
    (replace(INCREASE, additions=(replace(ADDED, amount_0_min=0),)), "the least of token0 deposited"),
    (Exit((replace(FIRST, token_id=10),)), "the position is 10"),
    (Exit((FIRST, FIRST)), "the list of positions"),
    (Exit((replace(FIRST, amount_0_min=FIRST.amount_0_min - 1),)), "the least of token0 withdrawn"),
    (Exit((replace(FIRST, amount_1_min=0),)), "the least of token1 withdrawn"),
    (Exit((replace(FIRST, liquidity=FIRST.liquidity + 1),)), "the liquidity withdrawn"),
    (Exit((replace(FIRST, liquidity=FIRST.liquidity - 1),)), "the liquidity withdrawn before a burn"),
    (Collect((11,)), "the position is 11"),
    (Collect((7, 7)), "the list of positions"),
    (Approve(scene.ATTACKER, "router", 0), "the token that is approved"),
    (Approve(scene.TOKEN0, "router", 1), "the amount approved is 1; allowed is 0"),
    (Approve(scene.TOKEN0, "router", 2**256 - 1), "the amount approved"),
]


@pytest.mark.parametrize(("step", "sentence"), STEPS)
def test_a_step_that_breaks_a_rule_is_refused_though_the_journal_holds_it(step: Step, sentence: str) -> None:
    if isinstance(step, Mint) and not step.ranges:
        made = scene.transaction(MINT, one(step).deadline_timestamp)
        with pytest.raises(SigningRefusedError):
            policy.check(scene.rules(), one(step), unsigned_bytes(made))
        return
    refused(one(step), sentence)


def test_no_more_is_approved_than_the_act_takes() -> None:
    for amount in (999 * 10**6, 1_001 * 10**6):
        plan = (Approve(scene.TOKEN0, "router", amount), SWAP)
        refused(scene.evidence(plan), "the amount approved")
    refused(scene.evidence((Approve(scene.TOKEN0, "positions", 1_000 * 10**6), SWAP)), "the amount approved")
    refused(scene.evidence((Approve(scene.TOKEN1, "router", 1_000 * 10**6), SWAP)), "the amount approved")


def test_nothing_beyond_the_capital() -> None:
    poor = replace(scene.rules(), max_capital_quote=999 * 10**6)
    refused(one(SWAP), "the worth of the amounts, raw quote units is 1000000000; allowed is at most 999000000", poor)
    refused(one(MINT), "the worth of the amounts", poor)
    refused(scene.evidence((Approve(scene.TOKEN0, "router", SWAP.amount_in), SWAP)), "the worth of the amounts", poor)


def test_a_position_may_be_adopted_but_not_taken_from_another_strategy() -> None:
    adopting = replace(scene.rules(), adopts_unknown_positions=True)
    unknown = replace(one(Collect((8,))), own_token_ids=frozenset({7}))
    refused(unknown, "the position is 8")
    sign(unknown, adopting)
    refused(replace(unknown, foreign_token_ids=frozenset({8})), "the position is 8", adopting)


def test_without_a_mean_price_nothing_that_needs_one() -> None:
    known = one(SWAP)
    refused(replace(known, observation=replace(known.observation, twaps=())), "the mean price over 600 s")


COST = 600_000 * 3 * 10**9


@pytest.mark.parametrize("span", ["spent_hour", "spent_day"])
def test_what_was_spent_counts(span: str) -> None:
    limits = scene.rules().limits
    is_hour = span == "spent_hour"

    def having(step: Step, spent: Spent) -> Evidence:
        return replace(one(step), spent_hour=spent) if is_hour else replace(one(step), spent_day=spent)

    gas, swapped, count = (
        (limits.gas_wei_per_hour, limits.swapped_quote_per_hour, limits.transactions_per_hour)
        if is_hour
        else (limits.gas_wei_per_day, limits.swapped_quote_per_day, limits.transactions_per_day)
    )
    full = [
        (Spent(gas - COST, 0, 0), "the gas cost within"),
        (Spent(0, swapped - 1_000 * 10**6, 0), "what is swapped within"),
        (Spent(0, 0, count - 1), "the number of transactions within"),
    ]
    for spent, sentence in full:
        sign(having(SWAP, spent))
        one_more = Spent(*[value + 1 if value else 0 for value in astuple(spent)])
        refused(having(SWAP, one_more), sentence)
        sign(having(EXIT, one_more))
    refused(having(EXIT, Spent(gas + limits.exit_reserve_gas_wei, 0, 0)), "the gas cost within")
    refused(having(EXIT, Spent(0, 0, count + limits.exit_reserve_transactions)), "the number of")


def test_a_swap_has_a_limit_of_its_own() -> None:
    rules = scene.rules()
    tight = replace(rules, limits=replace(rules.limits, swapped_quote_per_transaction=999 * 10**6))
    refused(one(SWAP), "the worth of the swap", tight)
    sign(one(MINT), tight)


def test_both_kinds_of_router_only_take_their_own_call() -> None:
    known = one(SWAP)
    foreign = scene.transaction(SWAP, known.deadline_timestamp, "router02")
    with pytest.raises(SigningRefusedError, match="router02 of SwapCall is True; allowed is False"):
        policy.check(scene.rules(), known, unsigned_bytes(foreign))


def test_only_kinds_of_step_that_are_known() -> None:
    kinds = {type(each) for steps, _ in scene.PLANS.values() for each in steps}
    assert kinds == {Approve, Exit, Collect, Swap, Mint, Increase}


@pytest.mark.parametrize(
    ("known", "changes", "named"),
    [
        (one(SWAP), {"gas": 10_000_001, "maxFeePerGas": 10**8}, "signing.max_gas_units"),
        (one(SWAP), {"maxPriorityFeePerGas": 501 * 10**9, "maxFeePerGas": 502 * 10**9}, "max_priority_fee_gwei"),
        (one(SWAP), {"maxFeePerGas": 900 * 10**9}, "max_gas_native_per_transaction"),
        (replace(one(SWAP), head_timestamp=one(SWAP).head_timestamp - 90), {}, "the deadline"),
    ],
)
def test_what_is_dear_or_early_waits_and_what_is_wrong_besides_still_halts(
    known: Evidence, changes: dict[str, Any], named: str
) -> None:
    """A node that lags by a minute and a half, or a price, is no reason to stop for ever; a wrong target is."""
    with pytest.raises(SigningLimitError, match=named):
        sign(known, **changes)
    if named != "the deadline":
        with pytest.raises(SigningRefusedError, match="the target"):
            sign(known, **changes, to=scene.ATTACKER)

"""The rules for what several steps do in one transaction, each broken by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from keeper.errors import SigningLimitError, SigningRefusedError
from keeper.model.observation import Account, Allowance
from keeper.model.plan import Approve, Batch, Collect, Exit, Increase, Mint, SingleStep, Step
from keeper.world.signers import batch_rules, policy
from keeper.world.signers.envelope import unsigned_bytes
from keeper.world.signers.evidence import Evidence
from keeper.world.v3.calldata import call_for
from tests.world.signers import batches, scene
from tests.world.signers.batches import ENTER, LEAVE, MOVE, REBALANCE, TIDY
from tests.world.signers.scene import ATTACKER, EXIT, HELD, INCREASE, MINT, OWNER, TOKEN0, TOKEN1

SWAP = scene.swap(True)
MOST = 2**256 - 1


def check(known: Evidence, **rules: Any) -> policy.Allowed:
    """The batch as the account's own executor would send it."""
    assert isinstance(known.step, Batch)
    made = batches.delegated(known.step, known.deadline_timestamp)
    return policy.check(batches.rules("delegated", **rules), known, unsigned_bytes(made))


def refused(step: Batch, sentence: str, *, seen: Any = None, **rules: Any) -> None:
    known = batches.evidence("delegated", step)
    known = known if seen is None else replace(known, observation=seen)
    with pytest.raises(SigningRefusedError, match=sentence):
        check(known, **rules)


def without(step: Batch, *unwanted: SingleStep) -> Batch:
    return Batch(tuple(each for each in step.steps if each not in unwanted))


def instead(step: Batch, old: SingleStep, new: SingleStep) -> Batch:
    assert old in step.steps
    return Batch(tuple(new if each == old else each for each in step.steps))


def holding(balance_0: int, balance_1: int) -> Any:
    seen = batches.evidence("delegated", ENTER).observation
    return replace(seen, wallet=replace(seen.wallet, balance_0=balance_0, balance_1=balance_1))


@pytest.mark.parametrize("step", [*batches.BATCHES.values()])
def test_what_it_swaps_is_what_it_counts(step: Batch) -> None:
    known = batches.evidence("delegated", step)
    assert (check(known).debit_quote > 0) == any(each.kind == "swap" for each in step.steps)


def test_the_worth_of_all_its_swaps_counts() -> None:
    twice = Batch((*batches.batch(SWAP).steps, *batches.batch(SWAP).steps))
    assert check(batches.evidence("delegated", twice)).debit_quote == 2_000 * 10**6
    limits = replace(scene.rules().limits, swapped_quote_per_transaction=1_999 * 10**6)
    with pytest.raises(SigningLimitError, match="max_swapped_quote_per_transaction"):
        check(batches.evidence("delegated", twice), limits=limits)


SWAP_GRANT, MINT_GRANT = Approve(TOKEN0, "router", SWAP.amount_in), Approve(TOKEN1, "positions", 17 * 10**17)

BROKEN: list[tuple[Batch, str]] = [
    # allowances
    (instead(ENTER, SWAP_GRANT, replace(SWAP_GRANT, amount=MOST)), "the amount approved"),
    (instead(ENTER, SWAP_GRANT, replace(SWAP_GRANT, amount=SWAP.amount_in + 1)), "the amount approved"),
    (instead(ENTER, SWAP_GRANT, replace(SWAP_GRANT, spender="positions")), "the amount approved"),
    (instead(ENTER, SWAP_GRANT, replace(SWAP_GRANT, token=ATTACKER)), "the token that is approved"),
    (instead(ENTER, SWAP_GRANT, replace(SWAP_GRANT, token=TOKEN1)), "the amount approved"),
    (without(ENTER, Approve(TOKEN0, "router", 0)), f"the allowance of {TOKEN0} for router at the end"),
    (without(ENTER, Approve(TOKEN1, "positions", 0)), f"the allowance of {TOKEN1} for positions at the end"),
    (Batch((MINT_GRANT, *ENTER.steps)), "the amount approved"),  # for an act that is not the next
    (Batch((*ENTER.steps, SWAP_GRANT)), "the amount approved"),
    (Batch((SWAP_GRANT, *ENTER.steps)), "the allowance that is changed"),
    # positions
    (Batch((EXIT, EXIT)), "the list of positions taken from"),
    (Batch((EXIT, Collect((7,)))), "the list of positions taken from"),
    (Batch((Collect((7,)), Collect((7,)))), "the list of positions taken from"),
    (batches.batch(INCREASE, INCREASE), "the list of positions added to"),
    (batches.batch(scene.PARTIAL, INCREASE), "a position that is added to"),
    (Batch((Collect((10,)), *TIDY.steps)), "the position is 10"),
    (Batch((Collect((11,)), *TIDY.steps)), "the position is 11"),
    # what the single steps are held to
    (instead(LEAVE, EXIT, Exit((replace(EXIT.withdrawals[0], amount_0_min=0),))), "the least of token0 withdrawn"),
    (batches.batch(replace(SWAP, amount_out_min=0)), "the least that the swap pays"),
    (batches.batch(replace(SWAP, sqrt_price_limit_x96=0)), "the swap's price limit"),
    (batches.batch(Mint((replace(MINT.ranges[0], amount_1_min=0),), 0, 1)), "the least of token1 deposited"),
    (batches.batch(Mint((replace(MINT.ranges[0], lower_tick=1),), 0, 1)), "the range"),
]


@pytest.mark.parametrize(("step", "sentence"), BROKEN)
def test_a_batch_that_breaks_a_rule_is_refused_though_the_journal_holds_it(step: Batch, sentence: str) -> None:
    refused(step, sentence)


@pytest.mark.parametrize("steps", [(), (ENTER,), (LEAVE, SWAP)])
def test_a_batch_is_of_single_steps(steps: Any) -> None:
    with pytest.raises(SigningRefusedError, match="a batch is empty, or of batches"):
        batch_rules.check_step(batches.rules("delegated"), batches.evidence("delegated", Batch(steps)))


def test_an_allowance_that_stood_before_is_taken_back_too() -> None:
    seen = batches.evidence("delegated", ENTER).observation
    owed = replace(seen, wallet=replace(seen.wallet, allowances=(Allowance(TOKEN1, "router", 9),)))
    refused(ENTER, f"the allowance of {TOKEN1} for router at the end of the batch is 9", seen=owed)
    check(replace(batches.evidence("delegated", tidied := Batch((*ENTER.steps, Approve(TOKEN1, "router", 0)))),
                  observation=owed))  # fmt: skip
    assert tidied.steps[-1].kind == "approve"


def test_a_standing_allowance_is_taken_back_before_another_is_given() -> None:
    seen = batches.evidence("delegated", ENTER).observation
    owed = replace(seen, wallet=replace(seen.wallet, allowances=(Allowance(TOKEN0, "router", 9),)))
    refused(ENTER, "the allowance that is changed is 9", seen=owed)
    zeroed = Batch((Approve(TOKEN0, "router", 0), *ENTER.steps))
    check(replace(batches.evidence("delegated", zeroed), observation=owed))


def test_nothing_is_spent_twice() -> None:
    """The mint takes 1,000 of token0 and 1.7 of token1, and the swap 1,000 of token0, of which it makes 0.499."""
    paid = SWAP.amount_out_min
    check(replace(batches.evidence("delegated", ENTER), observation=holding(2_000 * 10**6, 17 * 10**17)))
    refused(ENTER, "the amount of token0 is 1000000000; allowed is at most 999999999",
            seen=holding(2_000 * 10**6 - 1, 17 * 10**17))  # fmt: skip
    least = 17 * 10**17 - SWAP.expected_out
    assert SWAP.expected_out >= paid
    check(replace(batches.evidence("delegated", ENTER), observation=holding(2_000 * 10**6, least)))
    refused(ENTER, "the amount of token1", seen=holding(2_000 * 10**6, least - 1))
    both = batches.batch(SWAP, SWAP)
    refused(both, "the allowance that is changed", seen=holding(2_000 * 10**6, 0))


def test_what_is_deposited_is_gone() -> None:
    """The mint takes 1,000 and 1.7, the additions 200 and 0.2."""
    twice = Batch((*batches.batch(MINT).steps, *batches.batch(INCREASE).steps))
    check(replace(batches.evidence("delegated", twice), observation=holding(1_200 * 10**6, 19 * 10**17)))
    refused(twice, "the amount of token0 is 200000000; allowed is at most 199999999",
            seen=holding(1_200 * 10**6 - 1, 19 * 10**17))  # fmt: skip


def test_what_a_swap_is_said_to_pay_counts_no_further_than_the_price_goes() -> None:
    lie = replace(SWAP, expected_out=10**19)
    seen = holding(2_000 * 10**6, 0)
    refused(batches.batch(lie, MINT), "the amount of token1", seen=seen)
    modest = Mint((scene.minted(-600, 200_000, 0, SWAP.amount_out_min),), 0, 1)
    check(replace(batches.evidence("delegated", batches.batch(replace(SWAP, expected_out=0), modest)),
                  observation=seen))  # fmt: skip


def test_what_comes_out_may_go_in_again() -> None:
    poor = holding(0, 0)
    again = Mint((scene.minted(199_500, 201_000, 500 * 10**6, 5 * 10**17), MINT.ranges[1]), 0, 1)
    check(replace(batches.evidence("delegated", batches.batch(EXIT, SWAP, again)), observation=poor))
    refused(batches.batch(SWAP, again), "the amount of token0", seen=poor)
    refused(ENTER, "the amount of token0", seen=poor)
    elsewhere = Batch((*ENTER.steps, EXIT))  # too late
    refused(elsewhere, "the amount of token0", seen=poor)
    only_fees = batches.batch(Collect((7, 8, 9)), MINT)
    refused(only_fees, "the amount of token0 is 1000000000; allowed is at most 5017", seen=poor)


def test_no_more_than_the_capital_but_what_was_in_already() -> None:
    """The positions are worth far more than a thousand: what leaves them may go in again, and nothing else may."""
    check(batches.evidence("delegated", REBALANCE), max_capital_quote=1)
    refused(ENTER, "the worth of the amounts", max_capital_quote=999 * 10**6)
    twice = Batch((*batches.batch(MINT).steps, *batches.batch(INCREASE).steps))
    refused(twice, "the worth of all that is deposited", max_capital_quote=4_500 * 10**6)
    check(batches.evidence("delegated", twice), max_capital_quote=5_000 * 10**6)


@pytest.mark.parametrize(
    ("account", "step", "sentence"),
    [
        ("key", LEAVE, "a batch is a step of the plan"),
        ("key", MOVE, "a batch is a step of the plan"),
        ("multicall", LEAVE, "a step for the position manager is approve"),
        ("multicall", ENTER, "a step for the position manager is approve"),
    ],
)
def test_what_may_be_batched_depends_on_the_owner(account: Account, step: Batch, sentence: str) -> None:
    known = batches.evidence(account, step)
    deadline = known.deadline_timestamp
    for made in (batches.delegated(step, deadline), _by_position_manager(deadline)):
        with pytest.raises(SigningRefusedError, match=f"{sentence}|the target|the number of calls"):
            policy.check(batches.rules(account), known, unsigned_bytes(made))


def _by_position_manager(deadline: int) -> dict[str, Any]:
    call = call_for(scene.contracts(), scene.POOL, MOVE, OWNER, deadline)
    return batches.envelope(call.to, call.data)


def _approved(*steps: Step) -> None:
    known = batches.evidence("multicall", *steps)
    call = call_for(scene.contracts(), scene.POOL, steps[0], OWNER, known.deadline_timestamp)
    policy.check(batches.rules("multicall"), known, unsigned_bytes(batches.envelope(call.to, call.data)))


def test_an_approval_in_front_of_a_multicall_is_what_that_takes() -> None:
    """And it may be more than is held: the exit in the batch comes first."""
    rich = Mint((replace(MINT.ranges[0], amount_0_desired=6_500 * 10**6),), 0, 1)
    _approved(Approve(TOKEN0, "positions", 6_500 * 10**6), Batch((EXIT, rich)))
    with pytest.raises(SigningRefusedError, match="the amount approved is 6499999999; allowed is 6500000000"):
        _approved(Approve(TOKEN0, "positions", 6_499_999_999), Batch((EXIT, rich)))
    with pytest.raises(SigningRefusedError, match="the amount of token0"):
        _approved(Approve(TOKEN0, "positions", 6_500 * 10**6), Batch((Collect((7,)), rich)))


def test_only_the_own_account_is_called_and_by_one_batch_alone() -> None:
    known = batches.evidence("delegated", ENTER)
    deadline = known.deadline_timestamp
    honest = batches.calls(ENTER, OWNER, deadline)
    stolen = batches.calls(ENTER, ATTACKER, deadline)
    swapped = [honest[1], honest[0], *honest[2:]]
    for name, made in (
        ("target of a batch", batches.delegated(ENTER, deadline) | {"to": ATTACKER}),
        ("recipient of SwapCall", batches.envelope(OWNER, batches.execute_batch(stolen))),
        ("the target", batches.envelope(OWNER, batches.execute_batch(swapped))),
        ("the number of calls", batches.envelope(OWNER, batches.execute_batch(honest[:-1]))),
        ("the number of calls", batches.envelope(OWNER, batches.execute_batch([*honest, honest[-1]]))),
        ("the value of a call", batches.envelope(
            OWNER, batches.execute_batch([replace(honest[0], value_wei=1), *honest[1:]]))),
        ("the target of a batch", batches.envelope(honest[0].to, honest[0].data)),
        ("the selector", batches.envelope(OWNER, honest[0].data)),
    ):  # fmt: skip
        with pytest.raises(SigningRefusedError, match=name):
            policy.check(batches.rules("delegated"), known, unsigned_bytes(made))


def test_the_positions_are_those_that_were_observed() -> None:
    known = replace(batches.evidence("delegated", REBALANCE), own_token_ids=frozenset({7, 9}))
    with pytest.raises(SigningRefusedError, match="the position is 8"):
        check(known)
    assert {each.token_id for each in HELD} == {7, 8, 9}
    assert isinstance(INCREASE, Increase)

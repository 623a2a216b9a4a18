"""Whole cycles on the real contracts: decide, sign, mine, book; both token orders, both ways to quote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from keeper.errors import HaltedError
from keeper.model import canonical
from keeper.model.decision import Decision
from keeper.model.outcome import Done, Failed
from keeper.model.plan import Approve, Mint, Step, Swap
from keeper.policy.decide import decide
from keeper.world.journal import decisions
from keeper.world.protocols import Call
from tests.policy.desk import NAME, ORDERS, Desk, Warm, at_desk

LADDER = [{"scale": 1, "share_pct": 50}, {"scale": 2, "share_pct": 30}, {"scale": 4, "share_pct": 20}]
THREE = {"kind": "fixed", "lower_pct": 3, "upper_pct": 3, "ladder": LADDER}
# A change inside the trigger must promise very much.
PATIENT = {"horizon_days": 3, "kappa": 20, "hurdle": 0, "haircut": 1, "min_fee_history_hours": 2, "max_g_per_year": 100}
QUOTES = pytest.mark.parametrize("base_is_quote", [False, True], ids=["stable quote", "base quote"])


def settled(desk: Desk) -> None:
    """What must hold whenever the keeper rests: books equal to the chain to the wei, no allowance, nothing in flight;
    and every decision is made again from its record, byte for byte."""
    assert set(desk.difference().values()) == {0}
    assert all(allowance.amount == 0 for allowance in desk.observe().wallet.allowances)
    assert desk.journal.memory(NAME).open is None
    with desk.journal.reading() as query:
        for stored in decisions.stored_decisions(query):
            made = stored.decision
            again = decide(desk.strategy, made.observation, made.memory)
            assert canonical.encode(again) == canonical.encode(made)
            assert canonical.decode(Decision, canonical.encode(made)) == made


@ORDERS
@QUOTES
@pytest.mark.parametrize("split", [(1, 0), (0, 1), (1, 3)], ids=["all base", "all stable", "mixed"])
def test_enter_from_idle_tokens(warm: Warm, tmp_path: Path, base_is_quote: bool, split: tuple[int, int]) -> None:
    desk = at_desk(warm, tmp_path, base_is_quote=base_is_quote, split=split)
    assert desk.run() == ["swap", "mint"]
    assert desk.codes() == ["inside_trigger"]
    assert desk.idle_ppm() <= 1_000
    (position,) = desk.observe().positions
    assert position.lower_tick < desk.tick < position.upper_tick
    settled(desk)


@ORDERS
@QUOTES
@pytest.mark.parametrize("move", [700, -700], ids=["up", "down"])
def test_rebalance_after_the_price_left(warm: Warm, tmp_path: Path, base_is_quote: bool, move: int) -> None:
    desk = at_desk(warm, tmp_path, base_is_quote=base_is_quote)
    desk.run()
    desk.whale_moves(desk.tick + move)
    assert desk.run() == ["exit", "swap", "mint"]
    assert desk.idle_ppm() <= 1_000
    (position,) = desk.observe().positions
    assert position.lower_tick < desk.tick < position.upper_tick
    settled(desk)


@ORDERS
def test_a_ladder_of_three_is_opened_moved_and_closed(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path, range=THREE, split=(1, 0))
    assert desk.run() == ["swap", "mint"]
    assert len(desk.observe().positions) == 3 and desk.idle_ppm() <= 1_000
    assert [held.share_ppm for held in desk.journal.memory(NAME).held] == [500_000, 300_000, 200_000]
    desk.whale_moves(desk.tick + 450)
    assert desk.run() == ["exit", "swap", "mint"]
    assert len(desk.observe().positions) == 3 and desk.idle_ppm() <= 1_000
    desk.journal.set_state(NAME, "exiting", "the operator asked", 0)
    assert desk.run() == ["exit"]
    assert desk.observe().positions == () and desk.journal.memory(NAME).state == "exited"
    settled(desk)


@ORDERS
@QUOTES
def test_fees_are_compounded(warm: Warm, tmp_path: Path, base_is_quote: bool) -> None:
    least = "0.005" if base_is_quote else "10"
    desk = at_desk(
        warm,
        tmp_path,
        base_is_quote=base_is_quote,
        compound={"min_fees_quote": least, "max_cost_pct": 50},
        range=THREE,
        profit=PATIENT,
    )
    desk.run()
    start = desk.tick
    before = {p.token_id: p.liquidity for p in desk.observe().positions}
    for _ in range(8):
        desk.whale_swap(start + 200)
        desk.whale_swap(start - 200)
    desk.whale_swap(start)
    desk.wait(1_000)
    acts = desk.run()
    assert acts[0] == "collect" and acts[-1] == "increase"
    after = {p.token_id: p.liquidity for p in desk.observe().positions}
    assert after.keys() == before.keys() and all(after[each] > before[each] for each in before)
    assert all(p.uncollected_0 == p.uncollected_1 == 0 for p in desk.observe().positions)
    settled(desk)


@ORDERS
def test_the_operators_exit_takes_everything_and_every_allowance(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()
    stray = desk.venue.call(_approve(desk, 12_345), desk.owner, 2**40)
    _send_as_owner(desk, stray)
    with pytest.raises(HaltedError, match="something else signs with this key"):
        desk.cycle()
    forgiven = desk.journal.resume(NAME, "that was me", 0)
    assert [each.address for each in forgiven.signers] == [desk.owner.lower()]
    desk.journal.set_state(NAME, "exiting", "the operator asked", 0)
    assert desk.run() == ["exit", "approve"]
    assert desk.observe().positions == () and desk.journal.memory(NAME).state == "exited"
    assert desk.codes()[-1:] == ["nothing_to_exit"]
    assert all(allowance.amount == 0 for allowance in desk.observe().wallet.allowances)


@ORDERS
@pytest.mark.parametrize("split", [(1, 0), (0, 1), (1, 1)])
def test_placement_without_a_swap(warm: Warm, tmp_path: Path, split: tuple[int, int]) -> None:
    desk = at_desk(warm, tmp_path, split=split, swap={"route": "none"})
    assert desk.run() == ["mint"]
    assert desk.idle_ppm() <= 1_000
    positions = desk.observe().positions
    assert len(positions) == sum(1 for part in split if part)
    assert all(not p.lower_tick <= desk.tick < p.upper_tick for p in positions)
    settled(desk)


@ORDERS
@pytest.mark.parametrize("split", [(1, 0), (0, 1)])
def test_a_swap_pushed_in_the_same_block_reverts(warm: Warm, tmp_path: Path, split: tuple[int, int]) -> None:
    """The whale trades ahead of our swap in its block, by more than the slippage that is allowed."""
    desk = at_desk(warm, tmp_path, split=split)
    before = desk.observe().wallet
    ours_is_zero_for_one = (split == (1, 0)) == warm.deployment.base_is_token0
    _whale_ahead_of(desk, "swap", -60 if ours_is_zero_for_one else 60)
    outcome = desk.cycle()
    assert isinstance(outcome, Failed) and "reverted" in outcome.reason
    after = desk.observe().wallet
    assert (after.balance_0, after.balance_1) == (before.balance_0, before.balance_1)
    assert set(desk.difference().values()) == {0}


@ORDERS
@pytest.mark.parametrize("split", [(1, 0), (0, 1)])
def test_a_swap_pushed_by_less_loses_no_more_than_the_slippage(
    warm: Warm, tmp_path: Path, split: tuple[int, int]
) -> None:
    desk = at_desk(warm, tmp_path, split=split)
    ours_is_zero_for_one = (split == (1, 0)) == warm.deployment.base_is_token0
    _whale_ahead_of(desk, "swap", -20 if ours_is_zero_for_one else 20)
    before = desk.observe().wallet
    outcome = desk.cycle()
    swap = next(step for step in desk.last_decision().plan.steps if isinstance(step, Swap))
    assert isinstance(outcome, Done)
    after = desk.observe().wallet
    got = after.balance_1 - before.balance_1 if swap.zero_for_one else after.balance_0 - before.balance_0
    assert swap.expected_out * 9_970 // 10_000 <= got < swap.expected_out
    assert set(desk.difference().values()) == {0}


@ORDERS
@pytest.mark.parametrize("push", [130, -130])
def test_a_mint_or_exit_pushed_beyond_the_band_reverts(warm: Warm, tmp_path: Path, push: int) -> None:
    desk = at_desk(warm, tmp_path)
    assert isinstance(desk.cycle(), Done)  # the swap
    _whale_ahead_of(desk, "mint", push)
    assert isinstance(desk.cycle(), Failed)
    assert desk.observe().positions == ()
    desk.whale_swap(desk.tick - push)
    desk.wait(700)
    desk.run()
    held = desk.observe().positions
    desk.journal.set_state(NAME, "exiting", "the operator asked", 0)
    _whale_ahead_of(desk, "exit", push)
    assert isinstance(desk.cycle(), Failed)
    assert [p.token_id for p in desk.observe().positions] == [p.token_id for p in held]
    assert set(desk.difference().values()) == {0}


@ORDERS
@pytest.mark.parametrize("push", [110, -110])
def test_a_push_before_the_observation_holds(warm: Warm, tmp_path: Path, push: int) -> None:
    desk = at_desk(warm, tmp_path)
    desk.whale_swap(desk.tick + push)
    assert desk.run() == [] and "spot_far_from_twap" in desk.codes()
    assert desk.receipts() == []
    desk.whale_swap(desk.tick - push)
    desk.wait(700)
    assert desk.run()[-1] == "mint"
    settled(desk)


def test_an_act_that_always_fails_is_tried_less_and_less(warm: Warm, tmp_path: Path) -> None:
    """A mint that no simulation lets through: three tries at once, then ever longer waits, with no gas in between."""
    desk = at_desk(warm, tmp_path)
    desk.cycle()
    real_call = desk.venue.call

    def spoilt(step: Step, owner: str, deadline_timestamp: int) -> Call:
        if isinstance(step, Mint):
            ranges = tuple(replace(each, amount_0_min=each.amount_0_desired + 1) for each in step.ranges)
            step = replace(step, ranges=ranges)
        return real_call(step, owner, deadline_timestamp)

    desk.venue.call = spoilt  # type: ignore[method-assign]
    tries = 0
    sent = len(desk.receipts())
    for _ in range(48):
        tries += isinstance(desk.cycle(), Failed)
        desk.wait(300)
    assert 6 <= tries <= 9  # four hours: at once three times, then after 5, 10, 20, 40, 80 minutes
    assert "keeps_failing" in desk.codes()
    assert len(desk.receipts()) - sent <= 4 * tries  # two approvals, and taking them back
    desk.venue.call = real_call  # type: ignore[method-assign]
    desk.wait(86_400)
    for _ in range(3):  # a day later the history is fresh again
        desk.observe()
    assert desk.run()[-1:] in (["mint"], [])


def _whale_ahead_of(desk: Desk, kind: str, ticks: int) -> None:
    """Once: right before our transaction of that kind leaves, the whale's, with a higher tip, is in the pool."""
    selectors = {"swap": "414bf389", "mint": "88316456", "exit": "0c49ccbe"}
    done: list[str] = []

    def hook(name: str) -> None:
        if name == "send" and not done and bytes.fromhex(selectors[kind]) in desk.node.sent[-1]:
            done.append(desk.whale_swap(desk.tick + ticks, tip_wei=50 * 10**9, mine=False))

    desk.node.before = hook


def _approve(desk: Desk, amount: int) -> Step:
    return Approve(desk.warm.deployment.token1, "router", amount)


def _send_as_owner(desk: Desk, call: Call) -> None:
    rpc = desk.warm.anvil.rpc
    rpc("anvil_impersonateAccount", desk.owner)
    rpc("eth_sendTransaction", {"from": desk.owner, "to": call.to, "data": "0x" + call.data.hex(), "gas": hex(10**6)})
    desk.warm.anvil.mine()
    rpc("anvil_stopImpersonatingAccount", desk.owner)

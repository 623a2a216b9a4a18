"""Row 38: a position moved, burned or increased by somebody else, and positions that nobody knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keeper.chainlab.calls import call_data
from keeper.errors import HaltedError
from keeper.model.outcome import Held
from keeper.model.plan import Exit, Withdrawal
from keeper.report.accounts import ProfitAndLoss, profit_and_loss
from keeper.report.run import Run
from keeper.world.journal import decisions
from tests.faults.strangers import as_owner, events, is_exact, ledger, position_rows, send
from tests.policy.desk import NAME, Desk, Warm, at_desk

TRANSFER = "transferFrom(address,address,uint256)"
INCREASE = "increaseLiquidity((uint256,uint256,uint256,uint256,uint256,uint256))"
MINT = "mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))"


def entered(warm: Warm, folder: Path, policy: str) -> tuple[Desk, int]:
    """A strategy with one position, its books closed."""
    desk = at_desk(warm, folder, limits={"cooldown_minutes": 0, "on_unknown_position": policy})
    assert desk.run()[-1] == "mint"
    (position,) = desk.observe().positions
    return desk, position.token_id


def whale_mints_for_owner(desk: Desk) -> int:
    """A position of the whale's money that lands in the owner's wallet."""
    deployment, tick = desk.warm.deployment, desk.tick
    spacing = desk.venue.pool.tick_spacing
    lower = (tick // spacing - 50) * spacing
    for token in (deployment.token0, deployment.token1):
        send(desk, desk.warm.whale, token, call_data("approve(address,uint256)", deployment.position_manager, 2**255))
    asked = (deployment.token0, deployment.token1, deployment.fee_pips, lower, lower + 100 * spacing,
             10**18, 2 * 10**9, 0, 0, desk.owner, 2**40)  # fmt: skip
    before = {each.token_id for each in desk.observe().positions}
    send(desk, desk.warm.whale, deployment.position_manager, call_data(MINT, asked))
    ((token_id),) = {each.token_id for each in desk.observe().positions} - before
    return token_id


def outcome(desk: Desk, **more: Any) -> ProfitAndLoss:
    with desk.journal.reading() as query:
        made = tuple(each.decision for each in decisions.stored_decisions(query))
    return profit_and_loss(Run(NAME, made, ledger(desk), desk.observe(), **more))[-1]


def test_38_a_moved_position_halts_and_no_second_one_is_opened(warm: Warm, tmp_path: Path) -> None:
    desk, token_id = entered(warm, tmp_path, "halt")
    as_owner(desk, warm.deployment.position_manager, TRANSFER, desk.owner, warm.whale, token_id)
    with pytest.raises(HaltedError, match=f"position {token_id}: it was moved to {warm.whale}"):
        desk.cycle()
    memory = desk.journal.memory(NAME)
    assert memory.state == "halted" and memory.held == () and position_rows(desk)[token_id][1:] == ("moved", False)
    assert len(events(desk, "position_moved")) == 1 and is_exact(desk)
    assert isinstance(desk.cycle(), Held) and desk.codes() == ["halted"], "the halt is durable by itself"


def test_38_a_moved_position_is_closed_and_the_rest_goes_on(warm: Warm, tmp_path: Path) -> None:
    desk, token_id = entered(warm, tmp_path, "ignore")
    before = outcome(desk).total
    as_owner(desk, warm.deployment.position_manager, TRANSFER, desk.owner, warm.whale, token_id)
    desk.cycle()
    assert desk.journal.memory(NAME).state == "running" and position_rows(desk)[token_id][1:] == ("moved", False)
    assert is_exact(desk)
    assert abs(outcome(desk).total - before) < 1_000, "what was taken is no loss of the strategy's"


def test_38_a_burned_position_comes_back_as_money_of_the_owner(warm: Warm, tmp_path: Path) -> None:
    desk, token_id = entered(warm, tmp_path, "ignore")
    (position,) = desk.observe().positions
    call = desk.venue.call(Exit((Withdrawal(token_id, position.liquidity, 0, 0, burn=True),)), desk.owner, 2**40)
    rpc = warm.anvil.rpc
    nonce, native = rpc("eth_getTransactionCount", desk.owner, "latest"), rpc("eth_getBalance", desk.owner, "latest")
    rpc("anvil_impersonateAccount", desk.owner)
    burned = send(desk, desk.owner, call.to, "0x" + call.data.hex())
    rpc("anvil_setNonce", desk.owner, nonce)
    warm.anvil.set_balance(desk.owner, int(native, 16))
    warm.anvil.mine()
    before = outcome(desk)
    desk.cycle()
    assert position_rows(desk)[token_id][1:] == ("burned", False) and is_exact(desk)
    found = [each for each in ledger(desk) if each.transaction_hash == burned["transactionHash"]]
    assert {each.kind for each in found} == {"deposit"} and all(each.log_index >= 0 for each in found)
    after = outcome(desk)  # the cycle went on to swap for the next range
    assert abs(after.total + after.costs - before.total - before.costs) < after.swap_cost


@pytest.mark.parametrize("policy", ["halt", "ignore"])
def test_38_a_position_increased_by_somebody_else(warm: Warm, tmp_path: Path, policy: str) -> None:
    desk, token_id = entered(warm, tmp_path, policy)
    (before,) = desk.observe().positions
    total = outcome(desk).total
    for token in (warm.deployment.token0, warm.deployment.token1):
        allow = call_data("approve(address,uint256)", warm.deployment.position_manager, 2**255)
        send(desk, warm.whale, token, allow)
    gift = call_data(INCREASE, (token_id, 10**18, 2 * 10**9, 0, 0, 2**40))
    send(desk, warm.whale, warm.deployment.position_manager, gift)
    (after,) = desk.observe().positions
    assert after.liquidity > before.liquidity
    if policy == "halt":
        with pytest.raises(HaltedError, match="without a plan of the keeper"):
            desk.cycle()
    else:
        desk.cycle()
    assert position_rows(desk)[token_id] == (after.liquidity, None, True) and is_exact(desk)
    result = outcome(desk)
    assert result.net_deposits > 10**9 and abs(result.total - total) < 1_000, "a gift is no profit"
    desk.journal.resume(NAME, "a gift", 0)
    desk.cycle()
    assert len(events(desk, "position_changed")) == 1


def test_38_our_own_compounding_is_not_taken_for_a_strangers(warm: Warm, tmp_path: Path) -> None:
    limits = {"max_rebalances_per_day": 0}
    desk = at_desk(warm, tmp_path, compound={"min_fees_quote": "100", "max_cost_pct": 50}, limits=limits)
    desk.run()
    deployment = warm.deployment
    mint = call_data("mint(address,uint256)", desk.owner, 10**17)
    send(desk, deployment.deployer, deployment.base, mint)
    send(desk, deployment.deployer, deployment.quote, call_data("mint(address,uint256)", desk.owner, 2 * 10**8))
    assert "increase" in desk.run()
    (position,) = desk.observe().positions
    assert position_rows(desk)[position.token_id][0] == position.liquidity
    assert events(desk, "position_changed") == [] and is_exact(desk)


def test_38_an_unknown_position_is_said_and_nothing_is_opened(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    token_id = whale_mints_for_owner(desk)
    for _ in range(3):
        assert isinstance(desk.cycle(), Held)
    assert "unknown_position" in desk.codes()
    (said,) = events(desk, "unknown_position")
    assert said.startswith(f"position {token_id}: the journal does not know it")
    assert [each.token_id for each in desk.observe().positions] == [token_id] and position_rows(desk) == {}


def test_38_an_adopted_position_is_capital_brought_in(warm: Warm, tmp_path: Path) -> None:
    desk, own = entered(warm, tmp_path, "adopt")
    before = outcome(desk)
    token_id = whale_mints_for_owner(desk)
    desk.cycle()
    rows = position_rows(desk)
    assert rows[own][2] and rows[token_id][1:] == (None, True)
    assert {each.token_id for each in desk.journal.memory(NAME).held} >= {token_id} and is_exact(desk)
    after = outcome(desk)
    assert after.net_deposits > 10**9 and abs(after.total - before.total) < 1_000
    assert after.fees == pytest.approx(before.fees, abs=10)


def test_38_an_ignored_position_is_left_alone_for_good(warm: Warm, tmp_path: Path) -> None:
    desk, own = entered(warm, tmp_path, "ignore")
    before = outcome(desk)
    token_id = whale_mints_for_owner(desk)
    desk.cycle()
    assert set(position_rows(desk)) == {own} and is_exact(desk)
    desk.journal.set_state(NAME, "exiting", "out", 0)
    desk.run()
    assert [each.token_id for each in desk.observe().positions] == [token_id]
    assert abs(outcome(desk, foreign=frozenset({token_id})).value - before.value) < before.value // 100

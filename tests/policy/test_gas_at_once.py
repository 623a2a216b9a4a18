"""Gas of whole plans in one transaction, held to what the real contracts use for each kind of owner."""

from __future__ import annotations

from itertools import pairwise

import pytest

from keeper.chainlab.bare_owners import Sent
from keeper.chainlab.calls import transact
from keeper.chainlab.deploy import slot0
from keeper.model.observation import Account
from keeper.model.plan import Approve, Batch, Mint, MintRange
from keeper.policy.cost import (
    APPROVE_AT_ONCE_GAS,
    AT_ONCE_GAS,
    AT_ONCE_GAS_PER_CALL,
    REVOKE_AT_ONCE_GAS,
    SPARED_GAS_PER_RENEWAL,
    TRANSACTION_GAS,
)
from keeper.world.protocols import Call
from tests.policy.acting import Actor, actor
from tests.policy.desk import ORDERS, Warm

TOGETHER = pytest.mark.parametrize("account", ["delegated", "safe"])
NOBODY = "0x000000000000000000000000000000000000dead"
COLD_ACCOUNT_GAS, WARM_ACCOUNT_GAS = 2_600, 100
SHARES = {1: (100,), 3: (50, 30, 20)}


def ladder(count: int) -> dict[str, object]:
    rungs = [{"scale": scale, "share_pct": part} for scale, part in zip((1, 2.3, 4.1), SHARES[count], strict=False)]
    return {"kind": "fixed", "lower_pct": 3, "upper_pct": 3, "ladder": rungs}


def busy(warm: Warm, account: Account, count: int) -> Actor:
    often = {"min_fees_quote": "5", "max_cost_pct": 100}
    # Inside its trigger it compounds: the next day pays no move for a little more.
    stays = {"horizon_days": 1, "kappa": 100, "hurdle": 0, "haircut": 1, "min_fee_history_hours": 2}
    return actor(warm, account, base=25 * 10**18, stable=0, range=ladder(count), compound=often, profit=stays)


def life(who: Actor, *, leaves: bool = False) -> list[tuple[str, int, int]]:
    """(what for, gas used, gas estimated) of each decision until there is nothing to do."""
    found: list[tuple[str, int, int]] = []
    for decision, sent in who.until_idle(leaves=leaves):
        plan = decision.plan
        assert plan.next_steps == plan.steps, "an owner that can do all at once leaves nothing over"
        found.append((plan.action, sum(each.gas_units for each in sent), plan.cost.gas_units))
        assert not any(who.allowances())
    return found


@pytest.mark.parametrize(
    ("warm", "account", "count"),
    [(True, "delegated", 1), (True, "safe", 3), (False, "safe", 1), (False, "delegated", 3)],
    indirect=["warm"],
)
def test_estimates_hold_and_are_near(warm: Warm, account: Account, count: int) -> None:
    """A full life: never above the estimate, every allowance taken back, and the dearest of a kind near it."""
    who = busy(warm, account, count)
    lived = life(who)
    who.earn()
    lived += life(who)
    gift = warm.deployment.quote, "mint(address,uint256)", who.owner.address, 500 * 10**6
    transact(warm.anvil.rpc, warm.deployment.deployer, *gift)  # of one token: it is swapped before it is added
    lived += life(who)
    who.whale.moves(who.whale.tick + 700)
    lived += life(who)
    lived += life(who, leaves=True)
    assert who.observe().positions == ()
    nearest: dict[str, float] = {}
    for kind, used, estimated in lived:
        assert used <= estimated, f"{kind} used {used}, {estimated} estimated"
        nearest[kind] = max(nearest.get(kind, 0.0), used / estimated)
    assert nearest.keys() == {"enter", "compound", "rebalance", "exit"}
    assert nearest["enter"] > 0.75 and all(part > 0.5 for part in nearest.values()), nearest


@pytest.mark.parametrize("swap", ["pool", "none"])
def test_one_transaction_is_cheaper_than_many(warm: Warm, swap: str) -> None:
    """The same rebalance by a key alone, an account that delegates and a Safe; without a swap by one multicall too."""
    spent = {}
    for account in ("key", "delegated", "safe", *(("multicall",) if swap == "none" else ())):
        snapshot = warm.anvil.snapshot()
        who = actor(warm, account, base=0, stable=50_000 * 10**6, range=ladder(1), swap={"route": swap})
        _finish(who)
        who.whale.moves(who.whale.tick + 700)
        spent[account] = _finish(who)
        warm.anvil.revert(snapshot)
    transactions = {account: len(sent) for account, sent in spent.items()}
    gas = {account: sum(each.gas_units for each in sent) for account, sent in spent.items()}
    assert transactions.pop("key") == (6 if swap == "pool" else 3)
    assert set(transactions.values()) <= {1, 2}
    assert gas["delegated"] < gas["safe"] < gas["key"]
    assert gas.get("multicall", 0) < gas["key"]


def _finish(who: Actor) -> list[Sent]:
    return [each for _, sent in who.until_idle() for each in sent]


@TOGETHER
def test_what_the_owners_own_contract_takes(warm: Warm, account: Account) -> None:
    """Calls of nobody, of nothing: all but the transaction itself and the look at nobody is the owner's contract."""
    who = busy(warm, account, 1)
    overhead: dict[int, int] = {}
    for count in (2, 2, 4, 12):
        used = int(who.owner.send([Call(NOBODY, b"")] * count)["gasUsed"], 16)
        own = used - TRANSACTION_GAS - COLD_ACCOUNT_GAS - (count - 1) * WARM_ACCOUNT_GAS
        overhead[count] = max(own, overhead.get(count, 0))
    first, *_ = overhead.values()
    per_call = max((b - a) / (m - n) for (n, a), (m, b) in pairwise(list(overhead.items())[1:]))
    assert 0.8 * AT_ONCE_GAS_PER_CALL[account] < per_call <= AT_ONCE_GAS_PER_CALL[account]
    fixed = first - 2 * per_call
    assert 0.85 * AT_ONCE_GAS[account] < fixed <= 0.95 * AT_ONCE_GAS[account]


def test_a_safe_with_more_owners(warm: Warm) -> None:
    """Room for two more signatures than two once the Safe is in use."""
    gas = {}
    for signatures in (2, 3):
        who = busy(warm, "safe", 1)
        who.owner.send([Call(NOBODY, b"")] * 2)
        if signatures > 2:
            who.owner.ask_for(signatures)
        gas[signatures] = int(who.owner.send([Call(NOBODY, b"")] * 2)["gasUsed"], 16)
    assert 6_500 < gas[3] - gas[2] < 8_000
    used = gas[3] + (gas[3] - gas[2])
    assert used - TRANSACTION_GAS - COLD_ACCOUNT_GAS - WARM_ACCOUNT_GAS < AT_ONCE_GAS["safe"]


def _mint(warm: Warm) -> tuple[Mint, list[Approve], list[Approve]]:
    tick = slot0(warm.anvil.rpc, warm.deployment.pool)[1] // 10 * 10
    tokens, amounts = (warm.deployment.token0, warm.deployment.token1), (5 * 10**18, 10_000 * 10**6)
    first, second = amounts if warm.deployment.base_is_token0 else reversed(amounts)
    mint = Mint((MintRange(tick - 500, tick + 500, first, second, 0, 0, 1_000_000),), tick - 500, tick + 500)
    given = [Approve(token, "positions", amount) for token, amount in zip(tokens, (first, second), strict=True)]
    return mint, given, [Approve(token, "positions", 0) for token in tokens]


@ORDERS
def test_an_allowance_for_one_transaction(warm: Warm) -> None:
    """A mint whose allowances stand already, against one that brings its own and takes them back."""
    mint, given, back = _mint(warm)
    alone, cold = {}, 0
    for account in ("key", "delegated"):
        snapshot = warm.anvil.snapshot()
        who = actor(warm, account, base=25 * 10**18, stable=50_000 * 10**6)
        if account == "key":
            alone[account] = who.carry_out(*given, mint)[-1].gas_units
        else:
            who.owner.send([Call(NOBODY, b"")] * 2)  # delegates
            cold = who.carry_out(Batch(tuple(back)))[0].gas_units - TRANSACTION_GAS - _own("delegated", 2)
            alone[account] = who.carry_out(Batch((*given, mint, *back)))[0].gas_units - _own("delegated", 5)
        warm.anvil.revert(snapshot)
    pair = (alone["delegated"] - alone["key"]) / 2
    assert 0.25 * (APPROVE_AT_ONCE_GAS + REVOKE_AT_ONCE_GAS) < pair < 0.5 * (APPROVE_AT_ONCE_GAS + REVOKE_AT_ONCE_GAS)
    assert 0.8 * REVOKE_AT_ONCE_GAS < cold / 2 <= REVOKE_AT_ONCE_GAS


def _own(account: Account, calls: int) -> int:
    """What the owner's contract takes at the least, its first transaction apart."""
    return round(0.85 * AT_ONCE_GAS_PER_CALL[account] * calls)


@pytest.mark.parametrize(
    ("warm", "count", "move"),
    [(True, 1, 700), (True, 3, -400), (False, 1, -400), (False, 3, 700)],
    indirect=["warm"],
)
def test_what_a_successor_finds_warm(warm: Warm, count: int, move: int) -> None:
    """The acts of a rebalance each alone, less the same acts in one transaction, for each position."""
    gas = {}
    for account in ("key", "delegated"):
        snapshot = warm.anvil.snapshot()
        who = busy(warm, account, count)
        _finish(who)
        who.whale.moves(who.whale.tick + move)
        decision = who.decide()
        assert decision.plan.action == "rebalance"
        done = _finish(who)[:6] if account == "key" else who.carry_out(*decision.plan.steps)
        acts = [each.gas_units - TRANSACTION_GAS for each in done if not isinstance(each.steps[0], Approve)]
        gas[account] = sum(acts)
        warm.anvil.revert(snapshot)
    own = _own("delegated", 9) + 3 * 0.25 * (APPROVE_AT_ONCE_GAS + REVOKE_AT_ONCE_GAS)
    spared = (gas["key"] - (gas["delegated"] - own)) / count
    assert SPARED_GAS_PER_RENEWAL < spared < 1.7 * SPARED_GAS_PER_RENEWAL

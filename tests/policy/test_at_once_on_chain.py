"""Plans in one transaction on the real contracts, after others have moved the price: within the drift everything that
was planned is carried out, with next to nothing left idle and no allowance standing."""

from __future__ import annotations

import pytest

from keeper.errors import RpcError
from keeper.model.observation import Account, Observation
from keeper.model.plan import Mint, singles
from keeper.policy.valuation import positions_value, value_in_quote
from tests.policy.acting import Actor, actor
from tests.policy.desk import ORDERS, Warm

# The minimums of the time-weighted price bound it too: here they are further off than any drift.
WIDE_OPEN = {"cooldown_minutes": 0, "max_slippage_bps": 300, "max_twap_deviation_ticks": 250}


def owner(warm: Warm, account: Account, pct: float, drift_bps: int, rungs: int = 1) -> Actor:
    parts = {1: (100,), 3: (50, 30, 20)}[rungs]
    steps = [{"scale": 1 + 0.7 * n, "share_pct": part} for n, part in enumerate(parts)]
    chosen = {"kind": "fixed", "lower_pct": pct, "upper_pct": pct, "ladder": steps}
    limits = WIDE_OPEN | {"max_drift_bps": drift_bps}
    return actor(warm, account, base=10 * 10**18, stable=5_000 * 10**6, range=chosen, limits=limits)


def idle_bps(seen: Observation) -> float:
    first, root = seen.quote_is_token0, seen.pool.sqrt_price_x96
    idle = value_in_quote(seen.wallet.balance_0, seen.wallet.balance_1, root, first)
    return 10_000 * idle / (idle + positions_value(seen, seen.positions))


def rebalanced(who: Actor, ticks: int) -> Observation:
    """Entered, left behind, and carried out after the price went on by so many ticks."""
    who.until_idle()
    who.whale.moves(who.whale.tick + 700)
    decision = who.decide()
    assert decision.plan.action == "rebalance" and not decision.verdict.objections, decision.verdict
    if ticks:
        who.whale.swap(who.whale.tick + ticks)
    who.carry_out(*decision.plan.next_steps)
    assert not any(who.allowances())
    seen = who.observe()
    wanted = [len(step.ranges) for step in singles(decision.plan.steps) if isinstance(step, Mint)]
    assert [len(seen.positions)] == wanted
    return seen


@ORDERS
@pytest.mark.parametrize(
    ("pct", "drift_bps", "rungs", "account"),
    [(2, 10, 1, "delegated"), (2, 100, 3, "safe"), (5, 100, 1, "delegated")],
)
def test_within_the_drift_it_is_carried_out(
    warm: Warm, pct: float, drift_bps: int, rungs: int, account: Account
) -> None:
    still = 0.0
    for part in (0, -1, 1, -0.5):
        snapshot = warm.anvil.snapshot()
        who = owner(warm, account, pct, drift_bps, rungs)
        found = idle_bps(rebalanced(who, round(part * (drift_bps - 1))))
        still = found if part == 0 else still
        print(f"±{pct} %, drift {drift_bps}, {rungs} ranges, moved {part:+}: {found:.1f} bps idle")  # noqa: T201 - figures to quote
        warm.anvil.revert(snapshot)
    assert still <= 20, "where the price stands still, nothing worth speaking of is left idle"


@pytest.mark.parametrize("ticks", [-600, 600])
def test_far_beyond_the_drift_all_of_it_is_undone(warm: Warm, ticks: int) -> None:
    who = owner(warm, "delegated", 2, 10)
    who.until_idle()
    before = who.observe().positions
    with pytest.raises(RpcError, match="reverted"):
        rebalanced(who, ticks)
    assert [each.token_id for each in who.observe().positions] == [each.token_id for each in before]

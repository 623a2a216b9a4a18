"""The gas figures of a plan's cost, held to what the real contracts use."""

from __future__ import annotations

from pathlib import Path

import pytest

from keeper.model.outcome import Done
from keeper.policy.cost import gas_units
from tests.policy.desk import NAME, ORDERS, Desk, Warm, at_desk


@ORDERS
def test_gas_estimates_hold_and_are_near(warm: Warm, tmp_path: Path) -> None:
    """Every act of a full life, one to three ranges: never above the estimate, and the dearest of a kind near it."""
    nearest: dict[str, float] = {}
    for count in (1, 3):
        snapshot = warm.anvil.snapshot()
        (tmp_path / str(count)).mkdir()
        shares = [100] if count == 1 else [50, 30, 20]
        rungs = [{"scale": scale, "share_pct": share} for scale, share in zip((1, 2.3, 4.1), shares, strict=False)]
        ranges = {"kind": "fixed", "lower_pct": 5, "upper_pct": 5, "ladder": rungs}
        often = {"min_fees_quote": "5", "max_cost_pct": 100}
        desk = at_desk(warm, tmp_path / str(count), split=(1, 0), range=ranges, compound=often)
        desk.run()
        _earn(desk)
        desk.run()
        desk.whale_moves(desk.tick + 700)
        desk.run()
        _earn(desk)
        desk.journal.set_state(NAME, "exiting", "the operator asked", 0)
        desk.run()
        for kind, used, estimated in _gas_used(desk):
            assert used <= estimated, f"{kind} used {used}, {estimated} estimated"
            nearest[kind] = max(nearest.get(kind, 0.0), used / estimated)
        desk.journal.close()
        warm.anvil.revert(snapshot)
    assert nearest.keys() == {"approve", "swap", "mint", "collect", "increase", "exit"}
    assert all(part > 0.65 for part in nearest.values()), nearest


@ORDERS
@pytest.mark.parametrize("value", [1_500_000, 6_000_000])
def test_gas_of_a_swap_through_many_ticks(warm: Warm, tmp_path: Path, value: int) -> None:
    generous = {"max_price_impact_bps": 1_000, "max_slippage_bps": 1_000}
    desk = at_desk(warm, tmp_path, split=(1, 0), quote_value=value, limits=generous)
    assert isinstance(desk.cycle(), Done)
    made = desk.last_decision()
    used = int(desk.receipts()[-1]["gasUsed"], 16)
    others = sum(gas_units(step) for step in made.plan.steps if step.kind != "swap")
    estimated = made.plan.cost.gas_units - others
    assert 0.75 * estimated < used <= estimated and used > 170_000


def _earn(desk: Desk) -> None:
    start = desk.tick
    for _ in range(6):
        desk.whale_swap(start + 300)
        desk.whale_swap(start - 300)
    desk.whale_swap(start)
    desk.wait(1_000)


def _gas_used(desk: Desk) -> list[tuple[str, int, int]]:
    with desk.journal.reading() as query:
        plans = [row[0] for row in query("SELECT id FROM plans ORDER BY id", ())]
    found: list[tuple[str, int, int]] = []
    for plan_id in plans:
        for stored in desk.journal.transactions.steps(plan_id):
            assert stored.transaction is not None and stored.transaction.ending is not None
            used = int(stored.transaction.ending.receipt["gasUsed"], 16)
            found.append((stored.step.kind, used, gas_units(stored.step)))
    return found

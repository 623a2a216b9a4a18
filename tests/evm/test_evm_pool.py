"""Whole swaps, mints, burns and fees of the model against the real pool's bytecode, to the wei."""

from __future__ import annotations

import pytest

from keeper.model import full_math, liquidity, swap, swap_step, ticks
from tests.evm.pool_comparison import compare_pools
from tests.evm.test_evm_libraries import flipped

SHARDS = 4


@pytest.mark.parametrize("shard", range(SHARDS))
def test_model_equals_pool(case_count: int, shard: int) -> None:
    wanted = -(-case_count // SHARDS)
    tally = compare_pools(f"pools {shard}", wanted)
    assert not tally.mismatches, f"{len(tally.mismatches)} of {tally}, first: {tally.mismatches[0]}"
    assert tally.swaps == wanted
    # What was compared must have been worth comparing.
    assert 0.5 * wanted < tally.mints
    assert 0.5 * wanted < tally.burns
    assert 0.5 * wanted < tally.pokes
    assert 0.05 * wanted < tally.fees_seen
    assert 0.3 * wanted < tally.ticks_crossed
    assert 0.01 * wanted < tally.swap_reverts < 0.4 * wanted


@pytest.mark.parametrize(
    ("module", "attribute", "wrong", "what"),
    [
        (swap_step, "amount0_delta", flipped(liquidity.amount0_delta), "swap"),
        (swap_step, "mul_div_rounding_up", full_math.mul_div, "swap"),
        (swap, "sqrt_price_at_tick", lambda tick: ticks.sqrt_price_at_tick(tick) - 1, "swap"),
        (liquidity, "amount1_delta", flipped(liquidity.amount1_delta), "mint"),
    ],
    ids=["amount0 of a step", "fee of a step", "price of a tick", "amount1 of a mint"],
)
def test_a_wrong_rounding_is_reported(
    monkeypatch: pytest.MonkeyPatch, module: object, attribute: str, wrong: object, what: str
) -> None:
    monkeypatch.setattr(module, attribute, wrong)
    found = compare_pools("mutation", 200).mismatches
    assert any(what in mismatch for mismatch in found)

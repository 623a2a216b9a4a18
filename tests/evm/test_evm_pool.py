"""Whole swaps, mints, burns and fees of the model against the real pool's bytecode, to the wei."""

from __future__ import annotations

import pytest

from keeper.model import full_math, liquidity, swap, swap_step, ticks
from tests.evm.pool_comparison import assert_agreement, compare_pools
from tests.evm.test_evm_libraries import flipped

SHARDS = 4


@pytest.mark.parametrize("shard", range(SHARDS))
def test_model_equals_pool_at_market_prices(case_count: int, shard: int) -> None:
    """Prices of tokens with 0 to 24 decimals in either order; the other half of the cases lies anywhere."""
    swaps = -(-case_count // (2 * SHARDS))
    assert_agreement(compare_pools(f"market {shard}", swaps, any_price=False), swaps)


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
    found = compare_pools("mutation", 200, any_price=False).mismatches
    assert any(what in mismatch for mismatch in found)

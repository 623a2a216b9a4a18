"""The real pool at prices over the whole domain of ticks; its own file, so that it runs beside the other half."""

from __future__ import annotations

import pytest

from tests.evm.pool_comparison import assert_agreement, compare_pools

SHARDS = 4


@pytest.mark.parametrize("shard", range(SHARDS))
def test_model_equals_pool_at_any_price(case_count: int, shard: int) -> None:
    swaps = -(-case_count // (2 * SHARDS))
    assert_agreement(compare_pools(f"any {shard}", swaps, any_price=True), swaps)

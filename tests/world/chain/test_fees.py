from __future__ import annotations

import pytest

from keeper.world.chain.fees import HEADROOM_BLOCKS, Fees, gas_limit, next_base_fee, offer, replacement

GWEI = 10**9


@pytest.mark.parametrize(
    ("base_fee", "used", "limit", "expected"),
    [
        (100 * GWEI, 15_000_000, 30_000_000, 100 * GWEI),
        (100 * GWEI, 30_000_000, 30_000_000, 112_500_000_000),
        (100 * GWEI, 0, 30_000_000, 87_500_000_000),
        # the first block of London on mainnet, 12,965,000
        (1_000_000_000, 30_025_257, 30_029_122, 1_124_967_822),
        (7, 30_000_000, 30_000_000, 8),  # an eighth of seven is nothing: it still rises by one
        (7, 0, 30_000_000, 7),
        (0, 30_000_000, 30_000_000, 1),
    ],
)
def test_next_base_fee(base_fee: int, used: int, limit: int, expected: int) -> None:
    assert next_base_fee(base_fee, used, limit) == expected


@pytest.mark.parametrize("base_fee", [0, 1, 7, 8, 1000, 12_345_678_901])
def test_an_offer_outlasts_full_blocks(base_fee: int) -> None:
    later = base_fee
    for _ in range(HEADROOM_BLOCKS):
        later = next_base_fee(later, 30_000_000, 30_000_000)
    assert offer(base_fee, 5, None) == Fees(later + 5, 5)


def test_the_ceiling_holds() -> None:
    assert offer(10 * GWEI, GWEI, 11 * GWEI) == Fees(11 * GWEI, GWEI)
    assert offer(10 * GWEI, GWEI, 11 * GWEI - 1) is None
    assert offer(10 * GWEI, GWEI, 1000 * GWEI) == offer(10 * GWEI, GWEI, None)


@pytest.mark.parametrize("cap", [0, 1, 9, 10, 100, 101, 10**9 + 1])
def test_a_replacement_is_at_least_a_tenth_above(cap: int) -> None:
    raised = replacement(Fees(cap, cap), Fees(0, 0), None)
    assert raised is not None and raised.max_fee_wei * 10 >= cap * 11 and raised.max_priority_fee_wei * 10 >= cap * 11
    assert replacement(Fees(cap, cap), Fees(10**12, 10**11), None) == Fees(10**12, 10**11)


@pytest.mark.parametrize(("estimate", "expected"), [(21_000, 26_250), (1, 2), (100_001, 125_002)])
def test_gas_limit_rounds_its_margin_up(estimate: int, expected: int) -> None:
    assert gas_limit(estimate) == expected

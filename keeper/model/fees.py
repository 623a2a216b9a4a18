"""Fee growth inside a range and the fees a position has not collected yet, per token.

Mirrors Uniswap v3-core ``Tick.getFeeGrowthInside`` and ``Position.update`` (whitepaper eq. 6.17 to 6.21 and 6.28).
Fee growth is Q128.128 per unit of liquidity and lives modulo 2**256: only differences mean anything, and they wrap.
"""

from __future__ import annotations

from keeper.model.full_math import MAX_UINT128, MAX_UINT256, Q128


def fee_growth_inside(
    tick_lower: int,
    tick_upper: int,
    tick_current: int,
    growth_global_x128: int,
    lower_outside_x128: int,
    upper_outside_x128: int,
) -> int:
    """Fee growth of one token between two ticks, Q128.128 modulo 2**256."""
    below = lower_outside_x128 if tick_current >= tick_lower else growth_global_x128 - lower_outside_x128
    above = upper_outside_x128 if tick_current < tick_upper else growth_global_x128 - upper_outside_x128
    return (growth_global_x128 - below - above) & MAX_UINT256


def uncollected_fees(liquidity: int, inside_now_x128: int, inside_last_x128: int, tokens_owed: int = 0) -> int:
    """Raw units of one token that a position could collect: fees since its last update plus ``tokens_owed``.

    Truncated to 128 bits twice, as ``Position.update`` does.
    """
    growth_x128 = (inside_now_x128 - inside_last_x128) & MAX_UINT256
    earned = growth_x128 * liquidity // Q128 & MAX_UINT128
    return (tokens_owed + earned) & MAX_UINT128

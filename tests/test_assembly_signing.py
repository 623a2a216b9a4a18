"""What the signing policy is told of a strategy's settings."""

from __future__ import annotations

from decimal import Decimal

import pytest

from keeper.assembly_signing import signing_rules
from keeper.model.price import Token
from keeper.policy.settings import Capital, Limits, Signing, StrategySettings
from keeper.world.chain.contracts import Contracts
from keeper.world.v3.identity import PoolIdentity

POOL = PoolIdentity("0x" + "5B" * 20, Token("0x" + "AA" * 20, "A", 6), Token("0x" + "BB" * 20, "B", 18), 500, 10)
CONTRACTS = Contracts("0x" + "55" * 20, "0x" + "CC" * 20, "0x" + "DD" * 20, router_kind="router02")
SIGNER = "0x" + "Ee" * 20


def settings(quote: str = "token0", **sections: object) -> StrategySettings:
    raw = {
        "name": "test",
        "chain": "local",
        "pool": POOL.address,
        "quote": quote,
        "capital": Capital(max_quote=Decimal("2.5")),
    }
    return StrategySettings.model_validate(raw | sections)


@pytest.mark.parametrize(("quote", "capital"), [("token0", 2_500_000), ("token1", 25 * 10**17)])
def test_units_are_those_of_the_quote_token(quote: str, capital: int) -> None:
    rules = signing_rules(1, CONTRACTS, settings(quote, limits=Limits(max_rebalances_per_day=3)), POOL, SIGNER)
    limits = rules.limits
    assert rules.max_capital_quote == limits.swapped_quote_per_transaction == capital
    assert (limits.swapped_quote_per_hour, limits.swapped_quote_per_day) == (4 * capital, 11 * capital)
    assert rules.quote_is_token0 == (quote == "token0") and rules.router_kind == "router02"


def test_addresses_are_in_lower_case() -> None:
    rules = signing_rules(1, CONTRACTS, settings(), POOL, SIGNER)
    found = (rules.owner, rules.signer, rules.positions, rules.router, rules.pool, rules.token0, rules.token1)
    assert all(address == address.lower() for address in found)


def test_what_is_set_counts() -> None:
    signing = Signing(
        max_gas_native_per_transaction=Decimal("0.1"), max_swapped_quote_per_transaction=Decimal(1),
        max_swapped_quote_per_hour=Decimal(2), max_swapped_quote_per_day=Decimal(3),
        max_priority_fee_gwei=Decimal("0.5"),
    )  # fmt: skip
    limits = Limits(max_gas_gwei=Decimal("1.5"), max_exit_gas_gwei=Decimal(9), on_unknown_position="adopt")
    rules = signing_rules(1, CONTRACTS, settings(signing=signing, limits=limits), POOL, SIGNER)
    assert (rules.max_fee_wei, rules.max_exit_fee_wei, rules.max_priority_fee_wei) == (15 * 10**8, 9 * 10**9, 5 * 10**8)
    assert rules.adopts_unknown_positions and rules.limits.gas_wei_per_transaction == 10**17
    spending = rules.limits
    assert (
        spending.swapped_quote_per_transaction, spending.swapped_quote_per_hour, spending.swapped_quote_per_day,
    ) == (10**6, 2 * 10**6, 3 * 10**6)  # fmt: skip


@pytest.mark.parametrize(
    ("chain_id", "times"), [(1, 1), (10, 1), (8_453, 1), (42_161, 1), (31_337, 1), (56, 3), (137, 1_000), (43_114, 100)]
)
def test_what_is_left_out_goes_by_the_worth_of_the_chains_coin(chain_id: int, times: int) -> None:
    """Half a coin of Polygon's pays for no transaction in a busy hour; half an ether pays for any."""
    limits = signing_rules(chain_id, CONTRACTS, settings(), POOL, SIGNER).limits
    assert (limits.gas_wei_per_transaction, limits.gas_wei_per_exit) == (times * 5 * 10**17, times * 2 * 10**18)
    assert (limits.gas_wei_per_hour, limits.gas_wei_per_day) == (times * 10**18, times * 3 * 10**18)
    assert limits.exit_reserve_gas_wei == times * 4 * 10**18
    signing = Signing(max_gas_native_per_exit=Decimal("0.1"), exit_reserve_gas_native=Decimal(0))
    written = signing_rules(chain_id, CONTRACTS, settings(signing=signing), POOL, SIGNER).limits
    assert (written.gas_wei_per_exit, written.exit_reserve_gas_wei) == (10**17, 0), "what is written counts as it is"


def test_bounds_that_no_setting_can_lift() -> None:
    for name, value in (
        ("max_gas_units", 50_000_001), ("max_gas_native_per_day", 10_001), ("max_transactions_per_day", 10_001),
        ("max_priority_fee_gwei", 100_001), ("max_gas_native_per_hour", "NaN"), ("max_swapped_quote_per_day", -1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            Signing.model_validate({name: value})


def test_whose_positions_they_are_and_what_that_owner_can_do() -> None:
    mine = signing_rules(1, CONTRACTS, settings(), POOL, SIGNER)
    assert (mine.owner, mine.account, mine.delegate, mine.multisend) == (SIGNER.lower(), "key", None, None)
    safe = signing_rules(1, CONTRACTS, settings(), POOL, SIGNER, owner="0x" + "5A" * 20, account="safe",
                         multisend="0x" + "AB" * 20)  # fmt: skip
    assert (safe.owner, safe.signer, safe.multisend) == ("0x" + "5a" * 20, SIGNER.lower(), "0x" + "ab" * 20)
    batching = signing_rules(1, CONTRACTS, settings(), POOL, SIGNER, account="delegated", delegate="0x" + "CD" * 20)
    assert (batching.owner, batching.delegate) == (SIGNER.lower(), "0x" + "cd" * 20)

"""The ledger against the wallet: to the wei, with the sign of journal − chain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from keeper.model.ledger import NATIVE
from keeper.report.reconciliation import reconcile
from tests.report.synthetic import month


@pytest.mark.parametrize("quote_is_token0", [False, True])
def test_a_month_reconciles_to_the_wei(quote_is_token0: bool) -> None:
    run = month(hours=300, quote_is_token0=quote_is_token0)
    outcome = reconcile(run.observations[-1], run.entries)
    assert outcome.difference_wei == [0, 0, 0]
    assert outcome.is_exact
    usdc = next(account for account in outcome.accounts if account.token.symbol == "USDC")
    assert usdc.deposits == 6_000 * 10**6
    assert usdc.mints < 0 < usdc.decreases
    assert usdc.gas == 0
    assert outcome.accounts[2].gas < 0


@pytest.mark.parametrize("side", [0, 1, 2])
def test_one_wei_missing_on_the_chain_shows_as_plus_one(side: int) -> None:
    run = month(hours=100)
    end = run.observations[-1]
    field = ("balance_0", "balance_1", "native_wei")[side]
    poorer = replace(end, wallet=replace(end.wallet, **{field: getattr(end.wallet, field) - 1}))
    expected = [0, 0, 0]
    expected[side] = 1
    assert reconcile(poorer, run.entries).difference_wei == expected


def test_what_was_mined_after_the_observed_block_is_not_held_against_it() -> None:
    run = month(hours=100)
    end = run.observations[-1]
    later = replace(run.entries[-1], block_number=end.block.number + 1, token=NATIVE, amount=-5)
    assert reconcile(end, [*run.entries, later]).difference_wei == [0, 0, 0]


def test_addresses_match_whatever_their_case() -> None:
    run = month(hours=60)
    shouted = [replace(entry, token=entry.token.upper().replace("0X", "0x")) for entry in run.entries]
    shouted = [replace(entry, token=NATIVE) if entry.token == "NATIVE" else entry for entry in shouted]
    assert reconcile(run.observations[-1], shouted).difference_wei == [0, 0, 0]

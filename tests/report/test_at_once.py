"""A rebalance in one transaction, and gas that others pay: counted once, drawn right, in the sums or beside them."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from keeper.model.observation import Account
from keeper.report import pnl_mapping, profit_and_loss, reconcile
from keeper.report.display import Money
from keeper.report.page import render_page
from keeper.report.run import Run
from keeper.report.timeline import bands
from keeper.report.verdict import verdict_text
from keeper.report.words import lines
from keeper.world.journal.proposal_queries import ExecutorGas
from tests.report.small import BASE, GAS, QUOTE, entry, observation, run_of
from tests.report.synthetic import month

HOURS = 480


@pytest.fixture(scope="module", params=[True, False], ids=["quote0", "quote1"])
def runs(request: pytest.FixtureRequest) -> dict[Account, Run]:
    """The same market, lived through by each kind of owner."""
    first: bool = request.param
    accounts: tuple[Account, ...] = ("key", "delegated", "safe")
    return {each: month(hours=HOURS, quote_is_token0=first, account=each) for each in accounts}


def test_one_transaction_counts_as_one_rebalance(runs: dict[Account, Run]) -> None:
    counts = {account: profit_and_loss(run)[-1].rebalances for account, run in runs.items()}
    assert len(set(counts.values())) == 1 and counts["key"] > 3
    several, single = (sum(act.action == "rebalance" for act in runs[each].acts) for each in ("key", "safe"))
    assert single == counts["safe"] and several > 2 * single
    for act in runs["safe"].acts:
        if act.starts_rebalance:
            assert act.has("decrease") and act.has("mint") and len({e.transaction_hash for e in act.entries}) == 1


def test_all_but_gas_is_the_same_however_it_is_sent(runs: dict[Account, Run]) -> None:
    key, at_once = (profit_and_loss(runs[each])[-1] for each in ("key", "delegated"))
    assert key.swap_cost > 0 and key.fees > 0
    for name in ("fees", "swap_cost", "swap_fee", "hodl_change", "value", "rebalances"):
        assert getattr(key, name) == getattr(at_once, name), name
    assert key.divergence - at_once.divergence == 0 and key.lvr == pytest.approx(at_once.lvr, rel=0.02)
    assert 0 < at_once.gas < key.gas


def test_gas_that_executors_paid_is_beside_the_sums_and_in_none(runs: dict[Account, Run]) -> None:
    own, safe = (profit_and_loss(runs[each])[-1] for each in ("delegated", "safe"))
    assert (safe.gas, safe.gas_native_wei) == (0, 0) and own.executor_gas == 0
    assert (safe.executor_gas, safe.executor_gas_wei) == (own.gas, own.gas_native_wei)
    assert safe.total == own.total + own.gas and safe.total_after_executors == own.total
    assert reconcile(runs["safe"].observations[-1], runs["safe"].entries).is_exact


def test_what_executors_paid_is_valued_when_it_was_paid() -> None:
    """Ten wei at one quote each before the price of the native coin doubles; nothing of before the start."""
    seen = [observation(number, 1.0, quote=1_000) for number in (5, 10, 20)]
    dear = replace(seen[1].gas.native_price, numerator=2)
    seen[1] = replace(seen[1], gas=replace(seen[1].gas, native_price=dear))
    paid = [ExecutorGas(f"0x{block}", 10, block, 0) for block in (5, 6, 15, 21)]
    pnl = profit_and_loss(replace(run_of(seen, []), executor_gas=tuple(paid)))[-1]
    assert (pnl.executor_gas_wei, pnl.executor_gas, pnl.total) == (20, 10 + 20, 0)


def test_a_position_ends_where_the_next_one_begins(runs: dict[Account, Run]) -> None:
    drawn = sorted(bands(runs["safe"]), key=lambda each: each.start)
    assert len(drawn) > 3
    assert all(before.end == after.start for before, after in pairwise(drawn))


def test_it_is_said_and_shown_who_paid(runs: dict[Account, Run]) -> None:
    pages = {account: render_page(run, lines) for account, run in runs.items()}
    rebalances = profit_and_loss(runs["safe"])[-1].rebalances
    assert len(re.findall("rebalance · exit.*?mint at once", pages["safe"])) == rebalances
    assert " at once</b>" not in pages["key"]
    assert pages["safe"].count("gas, paid by its executor") == len(runs["safe"].acts)
    assert "Gas paid by executors: " in pages["safe"]
    for account in ("key", "delegated"):
        assert "paid by executors" not in pages[account] and "paid by its executor" not in pages[account]


def test_the_sentences_name_it_only_where_there_is_any(runs: dict[Account, Run]) -> None:
    end = runs["safe"].observations[-1]
    money = Money.scaled(end.pool.token0 if end.quote_is_token0 else end.pool.token1, 10**10)
    said = {each: " ".join(verdict_text(profit_and_loss(runs[each])[-1], money).sentences) for each in runs}
    safe = profit_and_loss(runs["safe"])[-1]
    assert f"paid {money.with_symbol(safe.executor_gas)} for gas, which is in none" in said["safe"]
    assert "executed" not in said["key"]
    assert pnl_mapping(runs["safe"])["gas_paid_by_executors"] == pnl_mapping(runs["delegated"])["gas"]
    assert pnl_mapping(runs["key"])["gas_paid_by_executors"] == "0.000000"


def test_a_swap_between_an_exit_and_a_mint_costs_what_it_cost() -> None:
    """100 quote for 99 base at a price of one, with liquidity coming out and going in around it."""
    moved = [
        entry("decrease", QUOTE, 500), entry("decrease", BASE, 300), entry("swap", QUOTE, -100),
        entry("swap", BASE, 99), entry("mint", QUOTE, -400), entry("mint", BASE, -399), entry("gas", GAS, -10),
    ]  # fmt: skip
    pnl = profit_and_loss(run_of([observation(0, 1.0), observation(10, 1.0)], moved))[-1]
    assert (pnl.swap_cost, pnl.swap_fee, pnl.gas) == (1, 1, 10)

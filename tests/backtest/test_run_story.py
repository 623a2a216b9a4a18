"""A whole little backtest on bars, worked out by hand: what was swapped, minted, earned and paid, unit by unit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from keeper.assembly_paper import starting_balances
from keeper.assembly_settings import varied
from keeper.backtest.evaluate import Evaluator
from keeper.backtest.judging import _terms
from keeper.backtest.made_bars import write_bars
from keeper.backtest.metrics import metrics, steps_of
from keeper.backtest.optimize import Window
from keeper.backtest.result import BacktestResult
from keeper.backtest.run import run_backtest
from keeper.backtest.settings import BacktestSettings
from keeper.model.decision import Decision
from keeper.model.full_math import Q96
from keeper.model.gas_units import gas_used
from keeper.model.ledger import LedgerEntry
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.tape import TapePool
from tests.policy.world import observation, settings

POOL = "0x45dDa9cb7c25131DF268515131f647d726f50608"  # Polygon's USDC/WETH 0.05 %
START = 1_640_995_200
WARM_MINUTES, MINUTES, TICK, LIQUIDITY = 1_620, 1_860, 200_000, 10**18
BEGIN = START + 60 * WARM_MINUTES
PAID_0, PAID_1 = 3_000_007 * 10, 9 * 10**15 + 1  # by others in each minute, either way
GAS_WEI, COIN = 50 * 10**9, Decimal("0.8")
CAPITAL = 20_000


def asked(
    folder: Path, jump_at: int | None = None, jump_ticks: int = 0, *, spike_at: int | None = None, **changes: object
) -> BacktestSettings:
    """A day in which the price goes to and fro by the hour, and four hours at one price; from minute ``jump_at`` of
    these on at another. In minute ``spike_at`` it is far away, and back at its end."""
    jump = MINUTES if jump_at is None else WARM_MINUTES + jump_at
    spike = -1 if spike_at is None else WARM_MINUTES + spike_at
    ticks = [
        TICK + (20 * (minute // 60 % 2) if minute < WARM_MINUTES - 60 else jump_ticks * (minute >= jump))
        for minute in range(MINUTES)
    ]
    rows: dict[str, list[object]] = {
        "timestamp": [START + 60 * minute for minute in range(MINUTES)],
        "closeTick": list(ticks), "openTick": list(ticks),
        "lowestTick": list(ticks), "highestTick": [tick + 900 * (minute == spike) for minute, tick in enumerate(ticks)],
        "inAmount0": [str(PAID_0)] * MINUTES, "inAmount1": [str(PAID_1)] * MINUTES,
        "netAmount0": ["0"] * MINUTES, "netAmount1": ["0"] * MINUTES, "currentLiquidity": [str(LIQUIDITY)] * MINUTES,
    }  # fmt: skip
    write_bars(rows, folder / "made.parquet")
    strategy = settings(
        pool=POOL, chain="polygon", capital={"max_quote": CAPITAL},
        range={"kind": "fixed", "lower_pct": 5.0, "upper_pct": 5.0},
        profit={"gate": "none", "min_fee_history_hours": 1.0},
        schedule={"every_seconds": 1_800, "price_trigger_bps": 100},
        limits={"cooldown_minutes": 0, "max_twap_deviation_ticks": 5_000, "max_long_twap_deviation_ticks": 10_000},
        signing={},
    )  # fmt: skip
    plain = BacktestSettings(
        strategy, folder / "made.parquet", pool=TapePool(chain_id=137), gas=Decimal(50), native_price=COIN,
        capital_quote=Decimal(CAPITAL), start_mix="quote", from_timestamp=BEGIN,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def entries(result: BacktestResult, kind: str) -> list[LedgerEntry]:
    return [each for each in result.run.entries if each.kind == kind]


def acting(result: BacktestResult) -> list[Decision]:
    return [each for each in result.run.decisions if each.plan is not None and not each.verdict.objections]


def test_a_story(tmp_path: Path) -> None:
    result = run_backtest(asked(tmp_path))
    observations = result.run.observations
    first, last = observations[0], observations[-1]
    token0, token1 = first.pool.token0.address, first.pool.token1.address
    assert result.ledger_difference == (0, 0, 0)
    # It swaps once and mints once, in the blocks right after it decided.
    steps = [step for each in acting(result) for step in each.plan.next_steps]  # type: ignore[union-attr]
    swapped = {entry.token.lower(): -entry.amount for entry in entries(result, "swap")}
    minted = {entry.token.lower(): -entry.amount for entry in entries(result, "mint")}
    assert len(entries(result, "swap")) == len(entries(result, "mint")) == 2
    assert [step.kind for step in steps] == ["approve", "swap", "approve", "approve", "mint"]
    assert [each.timestamp - BEGIN for each in entries(result, "gas")] == [2, 4, 6, 8, 10]
    # The swap goes through the bars' liquidity alone, at a fee of 0.05 %.
    at = Fraction(sqrt_price_at_tick(TICK), Q96)
    paid = swapped[token0.lower()]
    net = paid * 999_500 // 1_000_000
    moved = LIQUIDITY * at / (LIQUIDITY + net * at)
    received = -swapped[token1.lower()]
    assert paid > 10**9 and 0 <= LIQUIDITY * (at - moved) - received <= 2
    # The mint is made where the swap has left the price, both amounts rounded up.
    (position,) = last.positions
    low, high = (Fraction(sqrt_price_at_tick(tick), Q96) for tick in (position.lower_tick, position.upper_tick))
    needed = {
        token0.lower(): position.liquidity * (1 / moved - 1 / high),
        token1.lower(): position.liquidity * (moved - low),
    }
    for token, amount in minted.items():
        assert 0 <= amount - needed[token] <= 2 + amount // 10**9
    # From the next minute on it earns its share of 0.05 % of what was paid in, rounded down where the contract does.
    from_second = max(each.timestamp for each in entries(result, "mint"))
    minutes = (last.block.timestamp // 60) - (from_second // 60)
    in_range = LIQUIDITY + position.liquidity
    for owed, each_minute in ((position.uncollected_0, PAID_0), (position.uncollected_1, PAID_1)):
        fee = each_minute - each_minute * 999_500 // 1_000_000
        growth = minutes * ((fee << 128) // in_range)
        assert owed == position.liquidity * growth >> 128 > 0
    # Every transaction has paid its gas, and the wallet holds what was not minted.
    assert [-each.amount for each in entries(result, "gas")] == [gas_used(step, "key") * GAS_WEI for step in steps]
    assert last.wallet.balance_0 == CAPITAL * 10**6 - paid - minted[token0.lower()]
    assert last.wallet.balance_1 == received - minted[token1.lower()]
    _require_figures(result, paid, received, at)


def _require_figures(result: BacktestResult, paid: int, received: int, at: Fraction) -> None:
    """The price ended where it began: fees, costs and what was gained are all there is."""
    last, end = result.run.observations[-1], result.series[-1]
    position = last.positions[0]
    fees = position.uncollected_0 + position.uncollected_1 / at**2
    gas = sum(-each.amount for each in entries(result, "gas"))
    assert abs(end.fees - fees) <= 2
    assert end.gas_native_wei == gas and abs(end.gas - gas * COIN / 10**12) <= len(entries(result, "gas"))
    cost = paid - received / at**2
    assert abs(end.swap_cost - cost) <= 2
    assert cost > paid * Fraction(5, 10_000), "the fee and the price impact"
    # What it minted off the market's price is worth less where the market takes the price back to.
    assert end.lvr >= 0 and abs(end.total - (end.fees - end.swap_cost - end.gas - end.divergence)) <= 2
    assert 0 <= end.divergence <= cost
    assert end.hodl_change == 0 and end.rebalances == 0
    figures = metrics(steps_of(result.run.observations, result.series), 0.0, 1.0)
    assert figures.fee_pct == pytest.approx(float(100 * fees / CAPITAL / 10**6), rel=1e-3)
    assert figures.alpha_quote == figures.fees_quote - figures.lvr_quote - figures.costs_quote
    assert figures.fee_apr_pct is None, "hours say nothing of years"


def test_the_price_wakes_it_when_the_minute_is_over_and_not_before(tmp_path: Path) -> None:
    """The price jumps in the 95th minute; it is known in the first block after it, and filled blocks later."""
    for latency in (0, 40):
        result = run_backtest(asked(tmp_path, 95, 300, latency_blocks=latency))
        seen = [each.observation for each in result.run.decisions]
        above = next(each for each in seen if each.pool.tick > TICK + 100)
        assert above.block.timestamp == BEGIN + 96 * 60, "between two looks of the schedule"
        # It stood at the end of its range at the most: nothing was traded at the old price after it was gone.
        swaps = {each.timestamp for each in entries(result, "swap")}
        assert min(swaps) == BEGIN + 2 * 2 * (1 + latency), "approved, then swapped, each when the one before is mined"


def test_what_lies_within_a_minute_wakes_nobody(tmp_path: Path) -> None:
    """Nobody could have known at which moment of it the price stood there."""
    result = run_backtest(asked(tmp_path, spike_at=50))
    looks = [each.observation.block.timestamp - BEGIN for each in result.run.decisions]
    assert looks[:3] == [0, 4, 10] and all(look % 1_800 == 0 for look in looks[3:])


def test_what_would_be_mined_after_the_tape_is_not_done(tmp_path: Path) -> None:
    late = run_backtest(asked(tmp_path, known_until=BEGIN + 1_860, latency_blocks=900))
    assert [each.kind for each in late.run.entries] == ["deposit"] * 3 + ["gas"], "the approval alone came through"
    assert late.run.observations[-1].wallet.balance_0 == CAPITAL * 10**6
    assert late.run.observations[-1].block.timestamp <= BEGIN + 1_860


def test_a_run_made_again_says_the_same(tmp_path: Path) -> None:
    wanted = asked(tmp_path, 95, 300)
    one, two = run_backtest(wanted), run_backtest(wanted)
    assert one.run == two.run and one.series == two.series


def test_a_trial_sees_its_window_and_no_more(tmp_path: Path) -> None:
    """The price falls after the window: whoever is judged by it has looked into the window that is to judge him."""
    until = BEGIN + 2 * 3_600
    trial = Evaluator(asked(tmp_path, 150, -900), "total")
    score, _ = trial(Window({"range.lower_pct": 7.0}, BEGIN, until))
    still, _ = Evaluator(asked(tmp_path), "total")(Window({"range.lower_pct": 7.0}, BEGIN, until))
    assert score == still and score.figures["days"] == pytest.approx(2 / 24)
    whole, _ = Evaluator(asked(tmp_path, 150, -900), "total")(Window({"range.lower_pct": 7.0}, BEGIN, until + 3_600))
    assert score.objective is not None and whole.objective is not None and abs(whole.objective - score.objective) > 1


def test_a_study_is_shared_only_by_the_same_question(tmp_path: Path) -> None:
    """A shared study holds results: they must not answer for other costs, other latency or another strategy."""
    plain = asked(tmp_path)
    others = (
        replace(plain, latency_blocks=1), replace(plain, gas=Decimal(51)), replace(plain, native_price=Decimal(1)),
        replace(plain, account="safe"), replace(plain, capital_quote=Decimal(1_000)), replace(plain, start_mix="half"),
        replace(plain, every_seconds=900), replace(plain, artifacts={"a": b"1"}),
        replace(plain, strategy=varied(plain.strategy, {"limits.cooldown_minutes": 30})),
    )  # fmt: skip
    said = [_terms(each, each.strategy) for each in (plain, *others)]
    assert len(set(said)) == len(said)
    elsewhere = replace(plain, data=Path("/mnt/made.parquet"), gas=Path("/mnt/gas.csv"))
    assert _terms(elsewhere, plain.strategy) == _terms(replace(plain, gas=Path("gas.csv")), plain.strategy)


def test_what_the_protocol_takes_is_said_or_said_to_be_unknown(tmp_path: Path) -> None:
    silent = run_backtest(asked(tmp_path))
    assert any("does not tell what the protocol takes" in each for each in silent.fill.caveats)
    told = run_backtest(asked(tmp_path, fee_protocol=4 + (10 << 4)))
    assert not any("the protocol" in each for each in told.fill.caveats)
    whole, cut = (each.run.observations[-1].positions[0] for each in (silent, told))
    assert whole.liquidity == cut.liquidity
    assert cut.uncollected_0 == pytest.approx(whole.uncollected_0 * 3 / 4, abs=2)
    assert cut.uncollected_1 == pytest.approx(whole.uncollected_1 * 9 / 10, rel=1e-6)


def test_a_safes_gas_is_said_to_be_in_no_sum(tmp_path: Path) -> None:
    result = run_backtest(asked(tmp_path, account="safe"))
    assert any("Safe's transactions" in each for each in result.fill.caveats)
    end = result.series[-1]
    assert end.gas == 0 < end.executor_gas and result.ledger_difference == (0, 0, 0)


@pytest.mark.parametrize("quote_is_token0", [True, False])
def test_what_the_wallet_starts_with_is_worth_what_was_said(quote_is_token0: bool) -> None:
    pool = observation().pool
    quote, base = (0, 1) if quote_is_token0 else (1, 0)
    decimals = (pool.token0, pool.token1)[quote].decimals
    ratio = Fraction(pool.sqrt_price_x96**2, Q96**2)
    per_base = 1 / ratio if quote_is_token0 else ratio
    worth = Decimal(12_345)
    for mix, share in (("half", Fraction(1, 2)), ("base", Fraction(1)), ("quote", Fraction(0))):
        held = starting_balances(pool, worth, quote_is_token0, mix)  # type: ignore[arg-type]
        raw = int(worth) * 10**decimals
        assert abs(held[base] * per_base - raw * share) <= per_base + 1
        assert abs(held[quote] - raw * (1 - share)) <= 1

"""A backtest on single events: what it earned is our share of each recorded fee, however the tape was kept and cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from keeper.backtest.lookahead import check_lookahead
from keeper.backtest.run import run_backtest
from keeper.backtest.settings import BacktestSettings
from keeper.model.swap_step import compute_swap_step
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent
from keeper.world.tape.opening import open_tape
from keeper.world.tape.tape import TapePool
from keeper.world.tape.writing import TapeWriter
from tests.backtest.test_run_story import BEGIN, CAPITAL, POOL, START, TICK, WARM_MINUTES, asked
from tests.world.tape.made import own_file

LIQUIDITY, SWAPS, APART_SECONDS = 10**18, 330, 360
KNOWN = TapePool(chain_id=137, address=POOL)


def swaps() -> tuple[list[TapeEvent], list[tuple[int, int, int]]]:
    """To and fro within one liquidity, one each six minutes; and (time, token paid in, fee) of each but the first."""
    ticks = [TICK + 7 * (number % 3) - 5 * (number % 2) for number in range(SWAPS)]
    events, fees = [], []
    for number, tick in enumerate(ticks):
        price, time = sqrt_price_at_tick(tick), START + APART_SECONDS * number
        before = sqrt_price_at_tick(ticks[number - 1]) if number else price - 10**20
        step = compute_swap_step(before, price, LIQUIDITY, 1 << 160, 500)
        paid, received = step.amount_in + step.fee_amount, -step.amount_out
        amounts = (paid, received) if price < before else (received, paid)
        if number:
            fees.append((time, 0 if price < before else 1, step.fee_amount))
        events.append(
            TapeEvent(EventKind.SWAP, 1_000 + 180 * number, time, 3, amount_0=amounts[0], amount_1=amounts[1],
                      sqrt_price_x96=price, liquidity=LIQUIDITY, tick=tick)
        )  # fmt: skip
    return events, fees


def settings_for(data: Path, folder: Path) -> BacktestSettings:
    return replace(asked(folder), data=data, pool=KNOWN, start_mix="half", capital_quote=Decimal(CAPITAL) / 10)


def folder_of(events: Sequence[TapeEvent], file: Path, folder: Path) -> Path:
    """The same in parts of 64 rows."""
    tape = open_tape(file, pool=KNOWN)
    writer = TapeWriter(folder, tape.pool, tape.digest, rows_a_group=32, groups_a_part=2)
    writer.add(EventBatch.of(events))
    writer.finish(tape.span, tape.defects, tape.digest)
    return folder


def test_it_earns_its_share_and_says_the_same_however_the_tape_is_kept(tmp_path: Path) -> None:
    events, fees = swaps()
    file = own_file(events, tmp_path / "events.parquet")
    result = run_backtest(settings_for(file, tmp_path))
    last = result.run.observations[-1]
    (position,) = last.positions
    minted = max(entry.timestamp for entry in result.run.entries if entry.kind == "mint")
    assert BEGIN == START + 60 * WARM_MINUTES < minted < BEGIN + 60
    assert position.lower_tick < min(event.tick for event in events), "always in range"
    for side, owed in enumerate((position.uncollected_0, position.uncollected_1)):
        growth = sum(
            (fee << 128) // (LIQUIDITY + position.liquidity)
            for time, paid, fee in fees
            if paid == side and minted < time <= last.block.timestamp
        )
        assert owed == position.liquidity * growth >> 128 > 0
    assert result.ledger_difference == (0, 0, 0)
    assert any("worked out from what its swaps crossed" in each for each in result.fill.caveats)
    assert not any("do not come out of the tick book" in each for each in result.fill.caveats)
    parts = run_backtest(settings_for(folder_of(events, file, tmp_path / "tape"), tmp_path))
    assert parts.run == result.run and parts.series == result.series


def test_a_swap_that_no_book_explains_is_told(tmp_path: Path) -> None:
    events, _ = swaps()
    tick = events[-1].tick + 30
    wrong = [*events[:-1], replace(events[-1], tick=tick, sqrt_price_x96=sqrt_price_at_tick(tick))]
    result = run_backtest(settings_for(own_file(wrong, tmp_path / "wrong.parquet"), tmp_path))
    assert any("1 recorded swaps do not come out of the tick book" in each for each in result.fill.caveats)


def test_on_a_thin_tape_an_honest_strategy_is_not_accused(tmp_path: Path) -> None:
    """Hours pass between two swaps; it looks in between all the same, with the future or without it."""
    events, _ = swaps()
    thin = [each for number, each in enumerate(events) if number < 260 or number % 10 == 0]
    wanted = settings_for(own_file(thin, tmp_path / "thin.parquet"), tmp_path)
    found = check_lookahead(replace(wanted, every_seconds=900), 4, lambda _done, _what: None)
    assert found.passed and found.cuts[0].decisions == 0 < found.cuts[-1].decisions

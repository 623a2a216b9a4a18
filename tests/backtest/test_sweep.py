"""The map of width against trigger is the float engine's sweep, put into rows and columns and scaled to a year."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from keeper.backtest.made_bars import generate_bars, write_bars
from keeper.backtest.sweep import MapCosts, width_map
from keeper.world.tape.cut import cut_after
from keeper.world.tape.opening import open_tape
from keeper.world.tape.paths import PricePath
from keeper.world.tape.sweeps import Recentring, sweep
from tests.world.tape.made import events_in, honest_events, own_file

COSTS = MapCosts(reset_share=0.001, cooldown_seconds=600)


def test_swaps_are_swept_as_a_strategy_sees_them_with_the_fees_of_them_all(tmp_path: Path) -> None:
    tape = open_tape(own_file(honest_events(300, seed=4), tmp_path / "made.parquet"))
    assert tape.kind == "events"
    found = width_map(tape, 500, 10, COSTS, 1, quote_is_token0=False, half_widths_pct=(1.0, 5.0), triggers=(1.0, 2.0))
    events = [each for each in events_in(tape) if each.sqrt_price_x96]
    seen = {each.timestamp: each.sqrt_price_x96 for each in events}  # the last of each second
    first = (events[0].timestamp, events[0].sqrt_price_x96)
    points = [first, *seen.items()] if seen[first[0]] != first[1] else list(seen.items())
    path = PricePath.of_x96([price for _, price in points], [at for at, _ in points])
    half = float(np.log(1.05))
    same = sweep(path, [Recentring(half, half, 2 * half, 2 * half, 0.001, 0.0005, 600)], 500, tick_spacing=10)
    moved, thin = (
        sum(abs(np.log(after / before)) for before, after in pairwise(prices))
        for prices in ([each.sqrt_price_x96 for each in events], [price for _, price in points])
    )
    years = (events[-1].timestamp - events[0].timestamp) / (365.25 * 86_400)
    fees = same.fees[0] * moved / thin
    assert moved > 1.05 * thin
    assert found.fees_apr_pct[1, 1] == pytest.approx(100 * fees / years, rel=1e-9)
    assert found.alpha_apr_pct[1, 1] == pytest.approx(100 * (fees - same.lvr[0] - same.costs[0]) / years, rel=1e-9)


def test_bars_are_scaled_to_what_was_really_paid(tmp_path: Path) -> None:
    """Twice the money through the same prices is twice the fees, and the same loss."""
    columns = generate_bars(3, 5)
    write_bars(columns, tmp_path / "once.parquet")
    for name in ("inAmount0", "inAmount1"):
        columns[name] = [str(2 * int(each)) for each in columns[name]]
    write_bars(columns, tmp_path / "twice.parquet")
    once, twice = (
        width_map(open_tape(tmp_path / f"{name}.parquet"), 500, 10, MapCosts(0.0, 0), 3_600, quote_is_token0=True)
        for name in ("once", "twice")
    )
    assert twice.fees_apr_pct == pytest.approx(2 * once.fees_apr_pct)
    assert (once.fees_apr_pct > 0).all() and (twice.alpha_apr_pct > once.alpha_apr_pct).all()
    assert "multiplied by" in once.caveat
    widest, narrowest = once.resets_per_week[-1], once.resets_per_week[0]
    assert (narrowest >= widest).all() and narrowest[0] > narrowest[-1]


def test_a_cut_tape_is_the_beginning_of_the_whole(tmp_path: Path) -> None:
    write_bars(generate_bars(2, 5), tmp_path / "made.parquet")
    bars = open_tape(tmp_path / "made.parquet")
    events = open_tape(own_file(honest_events(200, seed=4), tmp_path / "events.parquet"))
    assert bars.kind == "bars" and events.kind == "events"
    begun, known = cut_after(bars, bars.span.from_timestamp + 3_600), bars.columns
    assert begun.kind == "bars" and len(begun.columns) == 60 and begun.digest == bars.digest
    assert (begun.columns.in_0 == known.in_0[:60]).all() and begun.span.to_timestamp < bars.span.to_timestamp
    every = events_in(events)
    until = every[len(every) // 2].timestamp
    part = cut_after(events, until)
    assert part.kind == "events"
    assert events_in(part) == [each for each in every if each.timestamp <= until]
    assert part.span.to_block == events_in(part)[-1].block_number


def test_looking_less_often_sees_less_loss_and_no_less_fees(tmp_path: Path) -> None:
    write_bars(generate_bars(10, 6), tmp_path / "made.parquet")
    tape = open_tape(tmp_path / "made.parquet")
    often, seldom = (
        width_map(
            tape, 500, 10, MapCosts(0.0, 0), every, quote_is_token0=True, half_widths_pct=(40.0,), triggers=(1.0,)
        )
        for every in (60, 3_600)
    )
    assert seldom.fees_apr_pct[0, 0] == pytest.approx(often.fees_apr_pct[0, 0], rel=0.05)
    assert often.resets_per_week[0, 0] == seldom.resets_per_week[0, 0] == 0

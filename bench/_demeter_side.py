"""demeter and Range Keeper on the same recorded data: for ``replay.py``. demeter lives in an environment of its own,
made by ``make bench-peers``; KEEPER_PEERS_PYTHON names another interpreter that has it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from keeper.model.price import Token
from keeper.world.tape.bar_market import BarMarket
from keeper.world.tape.bars import BarColumns
from keeper.world.tape.events import limbs
from keeper.world.tape.paths import PricePath, fees_per_liquidity
from keeper.world.tape.tape import BarTape, Defect
from keeper.world.v3.identity import PoolIdentity

HERE = Path(__file__).resolve().parent
EVENTS = "events/polygon_usdc_weth_005_20220105.parquet"
COLLECTED = "events/groundtruth_fees_polygon_usdc_weth_005_20220105.parquet"
BARS = "bars/polygon_usdc_weth_005_minute_202207_202208.parquet"
FEE_PIPS = 500
SMALL, MODEST = 10**12, 10**14  # liquidity that a recorded pool of 10**18 hardly feels
Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Held:
    """A position: what it is called, its range, liquidity, first and last swap and minute, and fees it really got."""

    name: str
    lower: int
    upper: int
    liquidity: int
    swaps: tuple[int, int]
    minutes: tuple[int, int]
    collected: tuple[int, int] | None


def data_folder() -> Path:
    """Where KEEPER_DATA points, or the folder beside the checkout."""
    return Path(os.environ.get("KEEPER_DATA", HERE.parent.parent / "shared" / "data"))


def peer_python() -> Path | None:
    """The interpreter that has demeter, if there is one."""
    python = Path(os.environ.get("KEEPER_PEERS_PYTHON", HERE.parent / ".venv-bench" / "bin" / "python"))
    return python if python.exists() else None


def demeter(bars: pd.DataFrame, positions: list[dict[str, int]]) -> dict[str, Any]:
    """What demeter makes of it, in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        bars.to_parquet(f"{folder}/bars.parquet")
        Path(f"{folder}/job.json").write_text(json.dumps({"bars": f"{folder}/bars.parquet", "positions": positions}))
        command = [str(peer_python()), str(HERE / "_peer_demeter.py"), f"{folder}/job.json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"demeter failed:\n{done.stderr[-2_000:]}")
        return cast(dict[str, Any], json.loads(done.stdout.splitlines()[-1]))


def day_rows(everything: bool) -> list[Row]:
    """The real day: swaps folded into the minute bars that demeter reads; positions that were really held, whose fees
    were really collected, and some that were not."""
    events = pd.read_parquet(data_folder() / EVENTS).sort_values(["block_number", "log_index"], ignore_index=True)
    swaps = events[events.event == "SWAP"]
    path = PricePath.of_x96(int(price) for price in swaps.sqrt_price_x96)
    held = really_held(events, swaps.index.to_numpy()) + never_held(path)
    fees_per_liquidity(path, [0], [10], FEE_PIPS)  # compiled before it is timed
    begin = time.perf_counter()
    fees = fees_per_liquidity(
        path, [each.lower for each in held], [each.upper for each in held], FEE_PIPS,
        from_index=[each.swaps[0] for each in held], to_index=[each.swaps[1] for each in held],
    )  # fmt: skip
    ours_ns = 1e9 * (time.perf_counter() - begin) / len(held) / path.moves
    peer = None
    if everything and peer_python():
        jobs = [
            {
                "lower": each.lower,
                "upper": each.upper,
                "liquidity": SMALL,
                "opens": each.minutes[0],
                "closes": each.minutes[1],
            }
            for each in held
        ]
        peer = demeter(minute_bars(swaps.iloc[1:]), jobs)
    rows = []
    for place, each in enumerate(held):
        ours = [float(fees[token][place]) * each.liquidity for token in (0, 1)]
        truth = each.collected or ours
        label = f"fees of {each.name} [{each.lower}, {each.upper}), {truth[0]:,.0f} raw USDC + {truth[1]:,.0f} wei"
        if each.collected:
            assert all(abs(got - real) <= max(1e-5 * real, 2) for got, real in zip(ours, truth, strict=True)), each.name
        theirs = [one * each.liquidity / SMALL for one in peer["fees"][place]] if peer else []
        rows.append((label, errors(ours, truth) if each.collected else "taken as true", errors(theirs, truth), ""))
    if peer:
        theirs_ns = 1e9 * peer["seconds"] / len(held) / path.moves
        rows.append(
            (
                f"time per (position × swap), {path.moves:,} swaps",
                f"{ours_ns:.1f} ns",
                f"{theirs_ns:,.0f} ns",
                f"{theirs_ns / ours_ns:,.0f}×",
            )
        )
    return rows


def errors(found: list[float], truth: list[float] | tuple[int, int]) -> str:
    """How far off, token by token."""
    return ", ".join(f"{got / real - 1:+.1e}" for got, real in zip(found, truth, strict=True)) if found else "not run"


def really_held(events: pd.DataFrame, swaps: np.ndarray[Any, Any]) -> list[Held]:
    """Positions opened by one Mint in the day whose fees are known from what was paid out."""
    collected = pd.read_parquet(data_folder() / COLLECTED)
    held = []
    for row in collected[collected.opened_in_day].itertuples():
        own = events[(events.token_id == int(row.position_id)) & (events.block_number <= row.collect_block)]
        mints, begin = own[own.event == "MINT"], own.index[0]
        if len(mints) != 1 or own.iloc[0].event != "MINT":
            continue
        end = own[own.event == "COLLECT"].index[-1]
        times = events.block_timestamp.loc[[begin, end]].astype("datetime64[s, UTC]").astype("int64") % 86_400
        minutes = np.round(times.to_numpy() / 60).astype(int)
        held.append(
            Held(
                f"position {row.position_id}, collected", int(row.tick_lower), int(row.tick_upper),
                int(mints.iloc[0].liquidity_delta), (int(np.sum(swaps < begin)) - 1, int(np.sum(swaps < end)) - 1),
                (int(minutes[0]), int(minutes[1]) - 1), (int(row.fee0_real), int(row.fee1_real)),
            )
        )  # fmt: skip
    return held


def never_held(path: PricePath) -> list[Held]:
    """The whole day, three widths around the first price."""
    tick = round(2 * np.log(path.sqrt_price[0]) / np.log(1.0001) / 10) * 10
    return [
        Held(f"±{width} ticks, all day", tick - width, tick + width, 10**15, (0, path.moves), (0, 1_439), None)
        for width in (50, 200, 1_000)
    ]


def minute_bars(swaps: pd.DataFrame) -> pd.DataFrame:
    """Bars as demeter-fetch makes them: net and gross input, first, last, lowest and highest tick, last liquidity."""
    minute = swaps.block_timestamp.dt.floor("min")
    amounts = {token: [int(value) for value in swaps[f"amount{token}"]] for token in "01"}
    frame = pd.DataFrame(
        {
            "minute": minute.to_numpy(), "tick": swaps.tick.astype(int).to_numpy(),
            "liquidity": swaps.liquidity.to_numpy(), "net0": amounts["0"], "net1": amounts["1"],
            "in0": [max(value, 0) for value in amounts["0"]], "in1": [max(value, 0) for value in amounts["1"]],
        }
    ).astype({"net0": object, "net1": object, "in0": object, "in1": object})  # fmt: skip
    groups = frame.groupby("minute")
    bars = pd.DataFrame(
        {
            "netAmount0": groups.net0.sum(), "netAmount1": groups.net1.sum(), "closeTick": groups.tick.last(),
            "openTick": groups.tick.first(), "lowestTick": groups.tick.min(), "highestTick": groups.tick.max(),
            "inAmount0": groups.in0.sum(), "inAmount1": groups.in1.sum(), "currentLiquidity": groups.liquidity.last(),
        }
    )  # fmt: skip
    day = minute.iloc[0].floor("D")
    bars = bars.reindex(pd.date_range(day, periods=1_440, freq="min"))
    for name in ("netAmount0", "netAmount1", "inAmount0", "inAmount1"):
        bars[name] = [str(value) if isinstance(value, int) else "0" for value in bars[name]]
    bars[["closeTick", "currentLiquidity"]] = bars[["closeTick", "currentLiquidity"]].ffill().bfill()
    for name in ("openTick", "lowestTick", "highestTick"):
        bars[name] = bars[name].fillna(bars.closeTick)
    return bars.rename_axis("timestamp").reset_index()


@dataclass(frozen=True, slots=True)
class Bars:
    """As much of a tape of bars as its market reads."""

    columns: BarColumns
    step_seconds: int = 60
    path: Path = Path(BARS)
    defects: tuple[Defect, ...] = ()
    digest: str = ""


def month_rows() -> list[Row]:
    """35 real days of minute bars: demeter beside the market that a backtest of bars lives in."""
    table = pd.read_parquet(data_folder() / BARS).drop(columns="day_file")
    columns = bar_columns(table)
    centre = int(table.openTick.iloc[0]) // 10 * 10
    ranges = [(centre - width, centre + width) for width in (400, 1_000, 4_000)]
    begin = time.perf_counter()
    usdc, weth = Token("0x" + "33" * 20, "USDC", 6), Token("0x" + "44" * 20, "WETH", 18)
    identity = PoolIdentity("0x" + "22" * 20, usdc, weth, FEE_PIPS, 10)
    market = BarMarket(cast(BarTape, Bars(columns)), identity, 137)
    for low, high in ranges:
        market.add(low, high, MODEST)
    market.advance_to_time(market.end.timestamp)
    ours_seconds = time.perf_counter() - begin
    last = len(table) - 1
    jobs = [{"lower": low, "upper": high, "liquidity": MODEST, "opens": 1, "closes": last} for low, high in ranges]
    peer = demeter(table, jobs)
    rows = []
    for held, theirs in zip(market.own(), peer["fees"], strict=True):
        apart = ", ".join(f"{one / two - 1:+.1e}" for one, two in zip(theirs, (held.owed_0, held.owed_1), strict=True))
        label = f"fees of [{held.lower_tick}, {held.upper_tick}) over {len(table):,} minute bars, raw"
        rows.append((label, f"{held.owed_0:,} / {held.owed_1:,}", f"{theirs[0]:,.0f} / {theirs[1]:,.0f}", apart))
    ours_us, theirs_us = 1e6 * ours_seconds / len(table), 1e6 * peer["seconds"] / len(table)
    rows.append(
        ("  time per bar, three positions", f"{ours_us:.1f} µs", f"{theirs_us:,.0f} µs", f"{theirs_us / ours_us:,.0f}×")
    )
    return rows


def bar_columns(table: pd.DataFrame) -> BarColumns:
    """Bars in the project's own columns, every integer exact."""
    ticks = [table[name].astype(np.int32).to_numpy() for name in ("openTick", "closeTick", "lowestTick", "highestTick")]
    amounts = [
        limbs([int(value) for value in table[name]], 4)
        for name in ("inAmount0", "inAmount1", "netAmount0", "netAmount1")
    ]
    liquidity = limbs([int(value) for value in table.currentLiquidity], 2)
    stamps = table.timestamp.astype("datetime64[s, UTC]").astype("int64").to_numpy()
    return BarColumns(stamps, *ticks, *amounts, liquidity)

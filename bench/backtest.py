"""How long a backtest takes: real days of bars, and a year that was made, both with hourly decisions of ``optimal``.

    python bench/backtest.py [--data BARS.parquet] [--short] [--profile]

``--data``: minute bars of the Polygon USDC/WETH 0.05 % pool; also found in the folder that KEEPER_DATA names. Without
them only what was made is measured. ``--short``: three made days, for tests.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

BARS = "bars/polygon_usdc_weth_005_minute_202207_202208.parquet"
STRATEGY = """
name: bench
chain: polygon
pool: "0x45dDa9cb7c25131DF268515131f647d726f50608"
quote: token0
capital: {max_quote: 100_000}
native_price_quote: "0.9"
schedule: {every_seconds: 3600, price_trigger_bps: 10000}
forecaster: {kind: blend, members: [har, garch, true_range], horizon_hours: 24}
range: {kind: optimal}
"""
REAL_SECONDS, YEAR_SECONDS = 8.0, 60.0
SHORT_DAYS, YEAR_DAYS = 3, 365


def main() -> int:
    """Print a line for each tape; the figures are to be compared with those to reach, on a quiet machine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--profile", action="store_true", help="where the time of the made tape goes")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        strategy, made = Path(folder) / "bench.yaml", Path(folder) / "made.parquet"
        strategy.write_text(STRATEGY)
        real = asked.data or Path(os.environ.get("KEEPER_DATA", "../shared/data")) / BARS
        if not asked.short and real.is_file():
            _measure("35 real days", strategy, real, REAL_SECONDS)
        elif not asked.short:
            print(f"real days: NOT measured, there is no file {real}; give --data, or set KEEPER_DATA")
        days = SHORT_DAYS if asked.short else YEAR_DAYS
        _make(made, days)
        _measure(f"{days} made days", strategy, made, None if asked.short else YEAR_SECONDS, profile=asked.profile)
    return 0


def _make(file: Path, days: int) -> None:
    from keeper.backtest.made_bars import generate_bars, write_bars

    write_bars(generate_bars(days, 7), file)


def _measure(name: str, strategy: Path, data: Path, reach_seconds: float | None, *, profile: bool = False) -> None:
    """The whole command in this process, imports included."""
    began, cpu = time.perf_counter(), time.process_time()
    from keeper.backtest import BacktestSettings, run_backtest
    from keeper.config_strategies import load_strategy
    from keeper.world.tape.tape import TapePool

    asked = BacktestSettings(load_strategy(strategy).settings, data, pool=TapePool(chain_id=137))
    if profile:
        profiler = cProfile.Profile()
        result = profiler.runcall(run_backtest, asked)
        pstats.Stats(profiler).sort_stats("cumtime").print_stats(40)
    else:
        result = run_backtest(asked)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    decisions = len(result.run.decisions)
    goal = "" if reach_seconds is None else f", to reach {reach_seconds:g} s"
    print(
        f"{name}: {wall:.1f} s ({cpu:.1f} s of one processor{goal}), {decisions:,} decisions, "
        f"{1e3 * cpu / decisions:.2f} ms each"
    )


if __name__ == "__main__":
    raise SystemExit(main())

"""Replays of a pool's past: the exact engine, the float engine and sweeps, beside peers, in one run.

    python bench/replay.py [--short]

Ratios count, times hang on the machine. Every pair of figures is held against each other before it is printed. demeter
is a peer that only this script knows: ``make bench-peers`` gives it an environment of its own. Recorded data is read
from where KEEPER_DATA points (../shared/data beside the checkout if it points nowhere).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import _demeter_side
import _float_side
import _memory_side

HERE = Path(__file__).resolve().parent
MOST_BYTES = 300_000_000
Row = tuple[str, str, str, str]


def exact_rows(swaps: int) -> list[Row]:
    """The exact engine and real bytecode in revm, on the same swaps with the same results."""
    for needed, remedy in (("_exact_side", "bench/_exact_side.py is not here"), ("pyrevm", "pyrevm has no wheel here")):
        if find_spec(needed) is None:
            return [(f"exact engine, {swaps:,} swaps", "NOT MEASURED", "", remedy)]
    import _exact_side  # type: ignore[import-not-found,unused-ignore]

    found = _exact_side.run(swaps)
    ours, peer = found["engine_us_per_swap"], found["pyrevm_us_per_swap"]
    return [
        (
            f"exact engine, {found['swaps']:,} swaps",
            f"{ours:.3f} µs/swap",
            f"{peer:.1f} µs (pyrevm)",
            f"{peer / ours:,.0f}×",
        )
    ]


def demeter_rows(short: bool) -> list[Row]:
    """demeter and ours on recorded data. What is not run is said."""
    if not (_demeter_side.data_folder() / _demeter_side.EVENTS).is_file():
        return [
            ("recorded data", "NOT MEASURED", "NOT MEASURED", "KEEPER_DATA points to no folder with events/ and bars/")
        ]
    rows = _demeter_side.day_rows(everything=not short)
    if _demeter_side.peer_python() is None:
        return [*rows, ("demeter", "", "NOT MEASURED", "make bench-peers, then again")]
    return rows


def month_rows(short: bool) -> list[Row]:
    """Recorded bars of a month, where demeter and they are at hand (the section before says what is missing)."""
    at_hand = (_demeter_side.data_folder() / _demeter_side.BARS).is_file() and _demeter_side.peer_python()
    return _demeter_side.month_rows() if at_hand and not short else []


def memory_rows(swaps: int) -> list[Row]:
    """The resident peak of a process that streams a long tape from its files."""
    # Compiled here first: a compiler in the child would be measured with it.
    _memory_side.stream("1000")
    with tempfile.TemporaryDirectory() as folder:
        source, how = str(swaps), "made in memory: the tape's files are not here yet"
        begin = time.perf_counter()
        if find_spec("keeper.world.tape.writing"):
            source, how = f"{folder}/tape", ""
            child("write", source, str(swaps))
            how = f"written in {time.perf_counter() - begin:.0f} s, {size_of(Path(source)) / 1e6:,.0f} MB of parquet"
        found = child("stream", source)
    assert found["swaps"] == swaps
    peak = found["peak_bytes"]
    return [
        (f"resident peak, {swaps:,} swaps streamed", f"{peak / 1e6:.0f} MB", f"{MOST_BYTES / 1e6:.0f} MB", how),
        (
            f"  1,000 ranges paid from it, {found['followed']:,} swaps followed in exact integers",
            f"{1e6 * found['seconds'] / swaps:.2f} µs/swap",
            "",
            f"{found['open_seconds']:.1f} s to open and check",
        ),
    ]


def child(*arguments: str) -> dict[str, Any]:
    """A run of ``_memory_side`` in its own process."""
    command = [sys.executable, str(HERE / "_memory_side.py"), *arguments]
    # Arrow's own allocator keeps what it once had.
    lean = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=lean)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-2_000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def size_of(folder: Path) -> int:
    """Bytes of the files in it."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a hundredth of it, without demeter: some seconds")
    short = parser.parse_args().short
    print("| work | Range Keeper | peer, or limit | ratio, or remark |\n|---|---|---|---|")
    sections = (
        lambda: exact_rows(1_000 if short else 100_000),
        lambda: _float_side.float_rows(10_000 if short else 100_000),
        lambda: _float_side.sweep_rows(2_000 if short else 100_000, 100 if short else 1_000),
        lambda: demeter_rows(short),
        lambda: month_rows(short),
        lambda: memory_rows(50_000 if short else 10_000_000),
    )
    for section in sections:
        for row in section():
            print(f"| {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long ``keeper --help`` takes, in starts of a bare interpreter: ``python bench/cli_start.py``."""

from __future__ import annotations

import subprocess
import sys
import time

ROUNDS = 20
LIMIT = 20.0


def fastest_seconds(arguments: list[str]) -> float:
    """The fastest of several runs: what the work costs when nothing else disturbs it."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> int:
    """Print both times and their ratio; non-zero when the ratio is over the limit."""
    bare = fastest_seconds([sys.executable, "-c", "pass"])
    helped = fastest_seconds([sys.executable, "-m", "keeper", "--help"])
    ratio = helped / bare
    sys.stdout.write(f"python -c pass {bare * 1e3:.1f} ms, keeper --help {helped * 1e3:.1f} ms, ratio {ratio:.1f}\n")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

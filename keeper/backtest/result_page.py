"""A backtest as the page shows it, and what every study's page says of its ground."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from keeper import __version__
from keeper.backtest.metrics import DEFINITIONS
from keeper.backtest.result import BacktestResult, FillModel
from keeper.report import BacktestPage, Lived, when
from keeper.world.tape.tape import Defect

# Of the page's own charts, beside those of the tables.
PAGE_TERMS: dict[str, str] = {
    "Hedged alpha": "fees − LVR − swap cost − gas: what providing earned apart from the direction of the price.",
    "Divergence": "what the changing mix of tokens lost against holding: the residual of the exact sum, so also "
    "a wei of rounding.",
    "HODL": "the very tokens of the start, untouched; 50/50 and 100 % are the same worth, placed so at the start.",
    "v2 full range": "liquidity over every price at this pool's fee, its fees kept as they came; no gas, no dilution.",
}
_LIBRARIES = ("numpy", "numba")


def backtest_page(result: BacktestResult) -> BacktestPage:
    """One strategy's life. ValueError: it has less than two observations."""
    end = result.series[-1]
    return BacktestPage(
        kicker="backtest",
        title=result.strategy,
        facts=(
            result.pool_label,
            f"{when(end.start_timestamp)} – {when(end.timestamp)}",
            f"{end.days:.1f} days of {result.fill.tape_kind}",
        ),
        terms={**PAGE_TERMS, **DEFINITIONS},
        provenance=(
            *tape_words(result.tape_path, result.tape_digest),
            *fill_words(result.fill),
            ("Settings", f"SHA-256 {result.settings_digest}"),
            *version_words(),
        ),
        caveats=result.fill.caveats,
        defects=defect_sentences(result.defects),
        lived=Lived(result.run, result.series),
    )


def tape_words(path: str, digest: str) -> tuple[tuple[str, str], ...]:
    """The file's name alone: a page is passed on, and where it was made is nobody's business."""
    return (("Tape", f"{Path(path).name}, SHA-256 {digest}"),)


def fill_words(fill: FillModel) -> tuple[tuple[str, str], ...]:
    latency = "at the next block" if not fill.latency_blocks else f"{fill.latency_blocks + 1} blocks later"
    owner = {"key": "act by act", "delegated": "a plan in one transaction", "safe": "a Safe, a plan in one transaction"}
    return (
        ("Fills", f"{latency}, {owner.get(fill.account, fill.account)}; looked every {fill.every_seconds:,} s"),
        ("Gas", fill.gas_source),
    )


def version_words() -> tuple[tuple[str, str], ...]:
    found = [f"Range Keeper {__version__}", f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return (("Versions", ", ".join(found)),)


def defect_sentences(defects: Sequence[Defect]) -> tuple[str, ...]:
    return tuple(each.sentence[:1].upper() + each.sentence[1:] + "." for each in defects)

"""What a comparison honestly shows, in sentences drawn from its figures, and what must be known before believing it."""

from __future__ import annotations

from collections.abc import Sequence

from keeper.backtest.compare import Comparison, Row
from keeper.backtest.methods import BENCHMARK

LEAST_IN_RANGE_PCT = 10.0  # a row that is in range for less is judged by what it held, not by its range
_EVEN_PCT = 0.01  # nearer to holding than this, of the capital, is neither won nor lost

CAVEATS: tuple[str, ...] = (
    "LVR is measured from observation to observation; between two of them a move there and back costs nothing here.",
    "Intervals are of a stationary block bootstrap of these very days: they cannot know a market that these days were "
    "not.",
    "Hedged rows hold a short on paper: its margin, its slippage and the tokens it would take are not counted.",
)


def sentences(comparison: Comparison) -> tuple[str, ...]:
    """From the figures alone. Never fewer than two."""
    said = [*_against_holding(comparison), *_alpha(comparison), *_told_apart(comparison), *_sharpe(comparison)]
    said += _aside(comparison)
    return (*said, *_never_in(comparison))


def caveats(comparison: Comparison) -> tuple[str, ...]:
    """Those of every comparison, of this one's fills and of its tape."""
    defects = tuple(f"The tape: {defect.sentence}." for defect in comparison.ground.defects)
    return (*CAVEATS, *comparison.ground.fill.caveats, *defects)


def bootstrap_words(comparison: Comparison) -> str:
    """What the intervals are; or why there are none."""
    days = len(comparison.rows[0].daily)
    if comparison.rows[0].intervals is None:
        return f"No intervals: {days} whole days are too few to draw from."
    scheme = comparison.scheme
    return (
        f"Intervals hold {scheme.level:.0%} of {scheme.draws:,} resampled periods of {days} days (stationary "
        f"bootstrap, mean block {scheme.mean_block_days(days):.0f} days, seed {scheme.seed}; all rows draw the same)."
    )


def _over(comparison: Comparison) -> str:
    return f"{comparison.days:.1f} days"


def _movers(comparison: Comparison) -> list[Row]:
    """Rows that were in a range which moves; a paper short is another bet than holding."""
    return [row for row in comparison.rows if row.is_active and row.kind == "run" and not _is_aside(row)]


def _is_aside(row: Row) -> bool:
    return row.metrics.in_range_pct < LEAST_IN_RANGE_PCT


def _never_in(comparison: Comparison) -> list[str]:
    reasons = dict.fromkeys(row.idle_reason for row in comparison.rows if row.idle_reason)
    return [
        f"Never opened a position: {_listed([row.label for row in comparison.rows if row.idle_reason == reason])} "
        f"({reason})."
        for reason in reasons
    ]


def _aside(comparison: Comparison) -> list[str]:
    rows = [row for row in comparison.rows if row.kind == "run" and _is_aside(row) and not row.idle_reason]
    return [
        f"{row.label} was in range for {row.metrics.in_range_pct:.0f} % of the time only: its total is mostly that of "
        "the tokens it held meanwhile, and says nothing for or against its range."
        for row in rows
    ]


def _against_holding(comparison: Comparison) -> list[str]:
    holding, movers = comparison.row(BENCHMARK), _movers(comparison)
    if holding is None or not movers:
        return []
    even = holding.metrics.total_pct
    above = [row.label for row in movers if row.metrics.total_pct > even + _EVEN_PCT]
    below = [row.label for row in movers if row.metrics.total_pct < even - _EVEN_PCT]
    if len(below) == len(movers):
        return [f"Every active range lost to HODL 50/50 over these {_over(comparison)}."]
    if len(above) == len(movers):
        return [f"Every active range ended above HODL 50/50 over these {_over(comparison)}."]
    return [
        f"{len(below)} of {len(movers)} active ranges lost to HODL 50/50 over these {_over(comparison)}; ended "
        f"above it: {_listed(above) or 'none'}."
    ]


def _alpha(comparison: Comparison) -> list[str]:
    tried = [row for row in comparison.rows if row.kind in ("run", "hedged") and not row.idle_reason]
    if not tried:
        return ["No method opened a position."]
    good = [row.label for row in tried if row.metrics.alpha_pct > 0]
    if not good:
        below = sum(row.intervals is not None and row.intervals.alpha_apr_pct.upper < 0 for row in tried)
        clear = f", clear of zero with the whole interval in {below} of {len(tried)}" if tried[0].intervals else ""
        return [
            f"No range earned what arbitrage and its own costs took: hedged alpha was negative in every row{clear}."
        ]
    sure = [row.label for row in tried if row.intervals is not None and row.intervals.alpha_apr_pct.lower > 0]
    end = f"clear of zero with the whole interval: {_listed(sure)}" if sure else "none of them clear of zero"
    if tried[0].intervals is None:
        end = "but so short a period cannot say whether that was more than chance"
    return [f"Hedged alpha was positive in {len(good)} of {len(tried)} rows ({_listed(good)}), {end}."]


def _told_apart(comparison: Comparison) -> list[str]:
    rows = [row for row in comparison.rows if row.against_hodl is not None and row.kind == "run"]
    if not rows:
        return []
    better = [row.label for row in rows if row.against_hodl and row.against_hodl.total_apr_pct.lower > 0]
    worse = [row.label for row in rows if row.against_hodl and row.against_hodl.total_apr_pct.upper < 0]
    if not better and not worse:
        return ["The intervals of all differences hold zero: by Total APR no range can be told from HODL 50/50."]
    parts = [f"better {_listed(better)}"] if better else []
    parts += [f"worse {_listed(worse)}"] if worse else []
    return [
        f"By Total APR these can be told from HODL 50/50: {'; '.join(parts)}. Of {len(rows)} differences, about "
        f"{max(1, round(len(rows) * (1 - comparison.scheme.level)))} would look so by chance alone."
    ]


def _sharpe(comparison: Comparison) -> list[str]:
    rated = [row for row in _movers(comparison) if row.metrics.sharpe is not None]
    best = max(rated, key=lambda row: row.metrics.sharpe or 0.0, default=None)
    if best is None or (best.metrics.sharpe or 0) <= 0 or best.metrics.alpha_pct >= 0:
        return []
    return [
        f"The best Sharpe of a range, {best.metrics.sharpe:.2f} of {best.label}, comes with negative alpha: it is the "
        "market's, not the method's."
    ]


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels)

"""The regime study as lines for a terminal and as a mapping for machines, and the sentence that it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from keeper.backtest.bootstrap import Interval
from keeper.backtest.regime_study import LATE_DAYS, DetectorRow, Placebo, RegimeStudy
from keeper.backtest.regime_study_tape import TapeRow, TapeStudy

NOTHING = "–"
NOTES: tuple[str, ...] = (
    "Δ: what the asymmetric rule was worth when it acted on the labels, less what it was worth always neutral, all "
    "costs paid; Δ alpha is its part without direction (fees − LVR − costs).",
    "Placebos switch as the detector does and know nothing: its runs of labels in another order (order), and labels by "
    "chance that last as long (chance). p: the share of them, the detector included, that did at least as well.",
    "A label known at an hour's close acts from the close of the next. One reset more or less sends every later range "
    "another way: labels that know nothing come out far from zero too, on either side, as the placebos do. So a "
    "detector helps only where its interval is above zero and both placebos are beaten in 19 of 20 cases.",
)


def regime_lines(studies: Sequence[RegimeStudy], tape: TapeStudy | None) -> list[str]:
    """Tables, the sentence of each, and what must be known."""
    lines: list[str] = []
    for study in studies:
        lines += [*_prices_table(study), "", verdict(study), "", *_confusion_lines(study), ""]
    if tape is not None:
        lines += [*_tape_table(tape), "", tape_verdict(tape), ""]
    return [*lines, *(f"- {note}" for note in NOTES)]


def verdict(study: RegimeStudy) -> str:
    """Whether any detector helps, and if none does, that."""
    asked = [row for row in study.rows if row.shuffled is not None]
    good = [row.detector for row in asked if row.helps]
    if good:
        return f"On {study.name} acting on {', '.join(good)} paid, beyond chance and both placebos."
    return f"On {study.name} no detector helps: none is above always neutral beyond chance and both placebos."


def tape_verdict(study: TapeStudy) -> str:
    good = [
        row.detector
        for row in study.rows
        if row.p_value is not None and row.p_value < 0.1 and row.intervals and row.intervals.total_apr_pct.lower > 0
    ]
    span = f"On the tape ({study.days:.1f} days of {study.pool_label})"
    if good:
        return f"{span} acting on {', '.join(good)} paid, beyond chance and its placebos; these are few days."
    return f"{span} no detector helps: none is above always neutral beyond chance and its placebos."


def regime_mapping(studies: Sequence[RegimeStudy], tape: TapeStudy | None) -> dict[str, Any]:
    """Everything, JSON-ready."""
    return {
        "prices": [
            {**asdict(study), "helps": [row.detector for row in study.rows if row.helps], "verdict": verdict(study)}
            for study in studies
        ],
        "tape": None
        if tape is None
        else {
            "pool": tape.pool_label,
            "days": tape.days,
            "neutral": {"total_pct": tape.neutral.total_pct, "alpha_pct": tape.neutral.alpha_pct},
            "rows": [_tape_row_mapping(row) for row in tape.rows],
            "verdict": tape_verdict(tape),
        },
        "notes": list(NOTES),
    }


def _tape_row_mapping(row: TapeRow) -> dict[str, Any]:
    return {
        **{name: value for name, value in asdict(row).items() if name != "metrics"},
        "rebalances": row.metrics.rebalances,
        "p_value": row.p_value,
    }


def _prices_table(study: RegimeStudy) -> list[str]:
    model = study.model
    head = (
        f"{study.name}: asymmetric rule, % of the capital a year; fees {model.fee_over_lvr:g} × LVR on a full range, "
        f"{model.swap_bps:g} bp of what is swapped, {model.gas_bps:g} bp a reset.\n"
        f"Always neutral: total {study.neutral_total_pct:+.1f}, alpha {study.neutral_alpha_pct:+.1f}."
    )
    columns = ("detector", "in trend", "switches", "Δ", "90 %", "Δ alpha", "90 %", "costs", "p order", "p chance",
               f"{', '.join(map(str, LATE_DAYS))} d late")  # fmt: skip
    return [*head.split("\n"), *_aligned([columns, *(_prices_row(row) for row in study.rows)])]


def _prices_row(row: DetectorRow) -> tuple[str, ...]:
    return (
        row.detector,
        f"{row.trend_share_pct:.0f} %",
        str(row.switches),
        f"{row.delta_pct:+.1f}",
        _span(row.interval),
        f"{row.delta_alpha_pct:+.1f}",
        _span(row.alpha_interval),
        f"{row.extra_costs_pct:+.1f}",
        _chance(row.shuffled),
        _chance(row.by_chance),
        ", ".join(f"{each:+.1f}" for each in row.late_pct) or NOTHING,
    )


def _tape_table(study: TapeStudy) -> list[str]:
    head = (
        f"The tape: {study.pool_label}, {study.days:.1f} days, through the backtest; % of the capital in all.\n"
        f"Always neutral: total {study.neutral.total_pct:+.2f}, alpha {study.neutral.alpha_pct:+.2f}, "
        f"{study.neutral.rebalances} rebalances."
    )
    columns = ("detector", "in trend", "rebalances", "Δ", "Δ a year, 90 %", "Δ alpha", "placebos", "p", "1, 3 d late")
    return [*head.split("\n"), *_aligned([columns, *(_tape_row(row) for row in study.rows)])]


def _tape_row(row: TapeRow) -> tuple[str, ...]:
    placebos = row.placebos_pct
    return (
        row.detector,
        # A constant stance is the operator's view: no detector spoke.
        f"{row.trend_share_pct:.0f} %" if not row.detector.startswith("always") else NOTHING,
        str(row.metrics.rebalances),
        f"{row.delta_total_pct:+.2f}",
        NOTHING if row.intervals is None else _span(row.intervals.total_apr_pct),
        f"{row.delta_alpha_pct:+.2f}",
        f"{min(placebos):+.2f}…{max(placebos):+.2f}" if placebos else NOTHING,
        NOTHING if row.p_value is None else f"{row.p_value:.2f}",
        ", ".join(f"{each:+.2f}" for each in row.late_pct) or NOTHING,
    )


def _confusion_lines(study: RegimeStudy) -> list[str]:
    """What was said each day against what would have paid most, and what the difference cost."""
    lines = ["Days: stance taken against the one that would have paid most that day (regret, % of the capital in all):"]
    for row in study.rows:
        if row.shuffled is None:
            continue
        cells: list[tuple[str, ...]] = [("said", "best negative", "best neutral", "best positive")]
        for said in ("negative", "neutral", "positive"):
            mine = [cell for cell in row.confusion if cell.said == said]
            cells.append((said, *(f"{cell.periods} ({100 * cell.regret:.0f})" for cell in mine)))
        lines += [row.detector, *(f"  {line}" for line in _aligned(cells))]
    return lines


def _span(interval: Interval) -> str:
    return f"{interval.lower:+.1f}…{interval.upper:+.1f}"


def _chance(placebo: Placebo | None) -> str:
    return NOTHING if placebo is None else f"{placebo.p_value:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        (
            row[0].ljust(widths[0])
            + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        )
        for row in rows
    ]

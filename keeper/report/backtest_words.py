"""What the page of a study shows, in plain words and figures: who makes a study fills these in, the page draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from keeper.report.accounts import ProfitAndLoss
from keeper.report.run import Run

Tone = Literal["gain", "loss", ""]


@dataclass(frozen=True, slots=True)
class Lived:
    """One strategy's life on a tape: ``series`` is profit and loss as of each of the run's observations."""

    run: Run
    series: tuple[ProfitAndLoss, ...]

    def __post_init__(self) -> None:
        if len(self.series) != len(self.run.observations) or len(self.series) < 2:
            raise ValueError(f"{len(self.series)} accounts of {len(self.run.observations)} observations make no life")


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of a table. ``value`` is what it is sorted by (None sorts last); ``below`` its interval in words;
    ``tone`` only where the sign means gain or loss."""

    text: str
    value: float | None = None
    below: str = ""
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class MethodRow:
    """``is_own``: a strategy of the reader's, not a method everybody knows. ``growth_pct``: what it was worth at the
    end of each whole day, per cent above the start."""

    label: str
    words: str
    cells: tuple[Cell, ...]
    is_own: bool = False
    growth_pct: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Methods:
    """Methods side by side; ``heads`` name the cells. ``first_timestamp`` is that of the start of ``growth_pct``."""

    heads: tuple[str, ...]
    rows: tuple[MethodRow, ...]
    first_timestamp: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Rows are half-widths (per cent either side), columns triggers in half-widths; per cent a year, and a week.

    ``written``: half-width and trigger of the strategy as it stands; None: it has no one place here, ``place_words``
    says why, or where that is.
    """

    half_widths_pct: tuple[float, ...]
    triggers: tuple[float, ...]
    alpha_apr_pct: tuple[tuple[float, ...], ...]
    fees_apr_pct: tuple[tuple[float, ...], ...]
    resets_per_week: tuple[tuple[float, ...], ...]
    days: float
    notes: tuple[str, ...]
    written: tuple[float, float] | None = None
    place_words: str = ""


@dataclass(frozen=True, slots=True)
class SearchWindow:
    """One window of a search. Scores are in the objective's unit; None: that run gave none. ``skill`` says how much
    of the training's best is luck."""

    train_from: int
    train_to: int
    test_from: int
    test_to: int
    chosen: str
    trained: float | None
    tested: float | None
    written_trained: float | None
    written_tested: float | None
    skill: str


@dataclass(frozen=True, slots=True)
class Searched:
    """Settings that were looked for on one part of a tape and judged on another. ``latest``: what the newest window
    chose, one line a setting."""

    objective: str
    trials: int
    failures: int
    windows: tuple[SearchWindow, ...]
    sentences: tuple[str, ...]
    latest: tuple[str, ...]
    map: HeatMap | None = None


@dataclass(frozen=True, slots=True)
class BacktestPage:
    """``kicker`` names the kind of study; ``headline`` and ``sentences`` are left out where a life speaks for itself.

    ``terms`` are the definitions, ``provenance`` what the figures rest on (tape, fills, digests, versions), each a name
    and a text. Plain text throughout: the page escapes it.
    """

    kicker: str
    title: str
    facts: tuple[str, ...]
    terms: Mapping[str, str]
    provenance: tuple[tuple[str, str], ...]
    caveats: tuple[str, ...]
    defects: tuple[str, ...] = ()
    tone: Tone = ""
    headline: str = ""
    sentences: tuple[str, ...] = ()
    lived: Lived | None = None
    methods: Methods | None = None
    searched: Searched | None = None
    method_words: tuple[tuple[str, str], ...] = field(default=())

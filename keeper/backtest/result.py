"""What a backtest leaves behind, whoever reads it: metrics, tables, the page."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.report import ProfitAndLoss, Run
from keeper.world.tape.tape import Defect


@dataclass(frozen=True, slots=True)
class FillModel:
    """How acts were filled; printed with every report."""

    tape_kind: str  # events | bars
    account: str  # key | delegated | safe: what the owner can do in one transaction
    latency_blocks: int
    every_seconds: int
    gas_source: str
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """One strategy on one tape. ``series`` is as of each observation (hour by hour, say), the last is the outcome.

    ``journal_url``: its decisions, plans and ledger, as a live run leaves them: `keeper replay` and `explain` read it.
    ``ledger_difference``: what the ledger and the paper wallet differ by, raw units of token0, token1 and wei: zeros.
    """

    strategy: str
    settings_digest: str
    tape_digest: str
    tape_path: str
    pool_label: str
    run: Run
    series: tuple[ProfitAndLoss, ...]
    journal_url: str
    fill: FillModel
    defects: tuple[Defect, ...]
    ledger_difference: tuple[int, int, int]
    seconds: float

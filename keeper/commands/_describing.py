"""How proposals are put into words for the owners of a Safe, wherever the keeper runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keeper.config_strategies import StrategyFile
    from keeper.model.decision import Decision


def describing(strategies: Iterable[StrategyFile]) -> Callable[[Decision, int, str], tuple[str, str]]:
    """Title and text of a proposal from its decision, its number and what the simulation showed; gains are given over
    the strategy's own horizon."""
    horizons = {file.settings.name: file.settings.profit.horizon_days for file in strategies}

    def words(decision: Decision, decision_id: int, report: str) -> tuple[str, str]:
        from keeper.report import describe

        return describe(decision, decision_id, report, horizon_days=horizons.get(decision.strategy))

    return words

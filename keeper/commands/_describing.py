"""Proposals in words for the owners of a Safe: what the daemon posts is what ``keeper proposals`` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from keeper.report import describe

if TYPE_CHECKING:
    from keeper.config_strategies import StrategyFile
    from keeper.model.decision import Decision


def describing(strategies: Callable[[], Iterable[StrategyFile]]) -> Callable[[Decision, int, str], tuple[str, str]]:
    """Title and text of a decision's proposal, its gain over the horizon of the strategy as it is then in force."""

    def words(decision: Decision, decision_id: int, report: str) -> tuple[str, str]:
        horizons = {each.settings.name: each.settings.profit.horizon_days for each in strategies()}
        return describe(decision, decision_id, report, horizon_days=horizons.get(decision.strategy))

    return words

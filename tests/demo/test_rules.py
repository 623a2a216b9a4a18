"""Every range rule, forecaster and regime at work on the real contracts: to the wei, and made again byte for byte."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from keeper import cli
from keeper.chainlab.demo import DemoEnd, DemoSettings, run_demo

BLEND = {"kind": "blend", "members": ["ewma", "garch", "har", "true_range", "range_based"]}
WITHOUT_CHECK = {"gate": "none"}
SHORT: list[tuple[str, dict[str, Any]]] = [
    ("optimal", {"range": {"kind": "optimal"}, "forecaster": BLEND, "regime": {"kind": "trend", "act": True}}),
]
LONG: list[tuple[str, dict[str, Any]]] = [
    ("base_limit", {"range": {"kind": "base_limit", "base_width_pct": 3, "limit_width_pct": 2, "rebalance_hours": 12}}),
    ("fixed", {"range": {"kind": "fixed", "lower_pct": 3, "upper_pct": 4}, "profit": WITHOUT_CHECK}),
    ("tau_reset", {"range": {"kind": "tau_reset", "tau_ticks": 300}, "profit": WITHOUT_CHECK}),
    ("bollinger", {"range": {"kind": "bollinger"}, "profit": WITHOUT_CHECK}),
    ("asymmetric", {"range": {"kind": "asymmetric"}, "view": "bullish"}),
    ("asymmetric_by_regime", {"range": {"kind": "asymmetric"}, "regime": {"kind": "trend", "act": True}}),
    ("optimal_bearish", {"range": {"kind": "optimal"}, "view": "bearish", "regime": {"kind": "markov"}}),
    ("hedged", {"range": {"kind": "hedged"}}),
    ("bands", {"range": {"kind": "bands"}}),
    ("full", {"range": {"kind": "full"}}),
    ("no_swap", {"range": {"kind": "sigma", "k": 0.7}, "swap": {"route": "none"}}),
    ("range_based", {"forecaster": {"kind": "range_based"}}),
]


def at_work(instead: dict[str, Any], days: float, folder: Path, seed: int = 3) -> tuple[DemoEnd, list[str]]:
    end = run_demo(DemoSettings(days=days, seed=seed, prices=None, directory=folder, strategy=instead),
                   lambda _done, _what: None)  # fmt: skip
    assert end.ledger_difference_wei == (0, 0, 0)
    assert cli.run(["replay", "--journal", end.journal_url]) == 0
    with sqlite3.connect(folder / "demo.db") as connection:
        done = connection.execute("SELECT action FROM plans WHERE state = 'done' ORDER BY id").fetchall()
    return end, [action for (action,) in done]


@pytest.mark.parametrize(("name", "instead"), SHORT, ids=[name for name, _ in SHORT])
def test_a_rule_at_work(name: str, instead: dict[str, Any], tmp_path: Path) -> None:  # noqa: ARG001
    _, actions = at_work(instead, 1.5, tmp_path)
    assert "enter" in actions


@pytest.mark.soak
@pytest.mark.parametrize(("name", "instead"), SHORT + LONG, ids=[name for name, _ in SHORT + LONG])
def test_a_rule_at_work_for_ten_days(name: str, instead: dict[str, Any], tmp_path: Path) -> None:
    _, actions = at_work(instead, 10, tmp_path)
    assert "enter" in actions or name == "hedged", actions
    if instead.get("profit") == WITHOUT_CHECK:
        assert "rebalance" in actions

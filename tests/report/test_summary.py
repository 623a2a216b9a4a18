"""The terminal's table and the machine's figures."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.console import Console

from keeper.report.summary import pnl_mapping, print_summary
from tests.report.synthetic import month


@pytest.mark.parametrize("quote_is_token0", [False, True])
def test_the_figures_add_up_as_decimals(quote_is_token0: bool) -> None:
    pnl = {name: Decimal(text) for name, text in pnl_mapping(month(quote_is_token0=quote_is_token0)).items()}
    losses = pnl["divergence"] + pnl["swap_cost"] + pnl["gas"]
    assert pnl["total"] == pnl["hodl"] + pnl["fees"] - losses
    assert pnl["hedged_alpha"] == pnl["fees"] - pnl["lvr"] - pnl["swap_cost"] - pnl["gas"]
    assert pnl["value_end"] - pnl["value_start"] - pnl["gas"] == pnl["total"]
    assert pnl["days"] == 30
    assert 0 < pnl["fees_base"] < pnl["fees_quote"]


def printed(symbols: tuple[str, str] = ("USDC", "WETH"), turnover: float = 2.2) -> str:
    out = io.StringIO()
    print_summary(month(symbols=symbols, turnover=turnover), Console(file=out, width=110))
    return out.getvalue()


def test_the_table_holds_the_same_figures() -> None:
    text, pnl = printed(), pnl_mapping(month())
    for name in ("fees", "hodl", "total"):
        assert f"{Decimal(pnl[name]):,.2f}" in text
    assert "difference, wei" in text
    assert "hedged alpha" in text


def test_a_symbol_is_neither_markup_nor_a_control_sequence() -> None:
    text = printed(("US[red]D", "W\x1b[31mE"))
    assert "US[red]D" in text
    assert "USD" not in text  # what is left of it where it is taken for markup
    assert "\x1b" not in text


def test_a_loss_is_called_a_loss() -> None:
    assert "worse than doing nothing" in printed(turnover=0.1)

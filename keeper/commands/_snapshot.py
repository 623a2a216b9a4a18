"""What the journal last knew of each strategy, in figures for tables and JSON."""

from __future__ import annotations

from typing import Any

from keeper.model.decision import Decision
from keeper.report import number, price_at, price_now, symbol
from keeper.world.journal import decisions, queries
from keeper.world.journal.query import Query


def last_decisions(query: Query) -> dict[str, Decision]:
    """The last decision of each strategy, without the samples of its history."""
    return {
        status.name: decisions.bare_decision(query, status.last_decision_id)
        for status in queries.statuses(query)
        if status.last_decision_id is not None
    }


def price_figures(decision: Decision) -> dict[str, Any]:
    """The price as the decision saw it, as text that loses nothing to floating point."""
    observation = decision.observation
    price = price_now(observation)
    return {
        "price": number(price.to_decimal(), 12).replace(",", ""),
        "price_unit": f"{symbol(price.quote)} per {symbol(price.base)}",
        "in_range": any(p.lower_tick <= observation.pool.tick < p.upper_tick for p in observation.positions),
        "open_positions": len(observation.positions),
    }


def owner_figures(decision: Decision) -> dict[str, Any]:
    """Whose holdings the decision was about, and what that owner can do in one transaction."""
    wallet = decision.observation.wallet
    return {"owner": wallet.owner, "account": wallet.account}


def bounds(decision: Decision, lower_tick: int, upper_tick: int) -> tuple[str, str]:
    """The lower and upper price of a range, quote token for one base token."""
    low, high = sorted((price_at(lower_tick, decision.observation), price_at(upper_tick, decision.observation)))
    return number(low.to_decimal()), number(high.to_decimal())

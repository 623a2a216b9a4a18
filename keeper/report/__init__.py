"""Decisions and figures in words for people: pure functions from the model to text."""

from __future__ import annotations

from keeper.report.figures import (
    amount,
    base_token,
    distance_pct,
    duration,
    figure,
    number,
    price_at,
    price_now,
    price_range,
    quote_token,
    when,
)
from keeper.report.words import Paragraph, answer, explain, headline, lines, step_in_words

__all__ = [
    "Paragraph",
    "amount",
    "answer",
    "base_token",
    "distance_pct",
    "duration",
    "explain",
    "figure",
    "headline",
    "lines",
    "number",
    "price_at",
    "price_now",
    "price_range",
    "quote_token",
    "step_in_words",
    "when",
]

"""What a strategy says of its feeds, and what its parts would need of them: mistakes that only show side by side."""

from __future__ import annotations

from typing import Any

from keeper.config_validation import names_a_server
from keeper.config_yaml import Document
from keeper.policy.settings import StrategySettings

_NEEDS_IMPLIED = "gets its figures from the section `implied:`, which is missing; add implied: {currency: ETH} (or BTC)"


def check_feeds(document: Document, settings: StrategySettings) -> None:
    """Report what cannot work, and warn of what will not be had."""
    if settings.implied is None:
        _check_forecaster(document, settings.forecaster)
    elif not names_a_server(settings.implied.url):
        document.report(("implied", "url"), "url: expected the address of a server, such as https://www.deribit.com")
    oracle = settings.oracle
    if oracle is None:
        return
    if oracle.quote_feed is None and "quote_max_age_seconds" in oracle.model_fields_set:
        document.report(
            ("oracle", "quote_max_age_seconds"),
            "quote_max_age_seconds is the age of `quote_feed`, which is missing; add that feed, or leave this out",
        )
    if oracle.quote_feed is not None and oracle.quote_feed.lower() == oracle.feed.lower():
        document.report(
            ("oracle", "quote_feed"),
            "quote_feed is the same as feed, so the price would always be 1; name the quote token's own feed",
        )


def _check_forecaster(document: Document, values: dict[str, Any]) -> None:
    if values.get("kind") == "implied":
        document.report(("forecaster", "kind"), f"forecaster implied {_NEEDS_IMPLIED}")
    members = values.get("members")
    for member in members if isinstance(members, list | tuple) else ():
        if (member.get("kind") if isinstance(member, dict) else member) == "implied":
            document.warn(("forecaster", "members"), f"blend goes without its member implied: it {_NEEDS_IMPLIED}")

"""The feeds that a strategy's settings name: the pool's tape, the price oracle, implied volatility."""

from __future__ import annotations

from collections.abc import Sequence

from keeper.model.price import Token
from keeper.policy.settings import Implied, OracleSettings, PriceHistory
from keeper.world.chain.multicall import Multicall
from keeper.world.chain.node import HttpNode
from keeper.world.feeds.chainlink import ChainlinkFeed, FeedAddress
from keeper.world.feeds.deribit import DeribitFeed, Source
from keeper.world.feeds.pool_events import PoolTape
from keeper.world.feeds.swap_logs import SwapLogs
from keeper.world.journal.journal import SqlJournal

TAPE_SECONDS = 5.0


def open_tape(
    urls: Sequence[str], chain_id: int, journal: SqlJournal, pool_address: str, history: PriceHistory
) -> PoolTape:
    """The pool's tape in the journal. It has a node of its own, less patient: a slow answer about the past must not
    hold up an observation."""
    node = HttpNode(urls, chain_id=chain_id, timeout_seconds=TAPE_SECONDS, retries=1)
    store = journal.tape(chain_id, pool_address)
    return PoolTape(store, SwapLogs(node, pool_address), days=history.days, backfill=history.backfill)


def oracle_feed(settings: OracleSettings, multicall: Multicall, base: Token, quote: Token) -> ChainlinkFeed:
    """The price feed that the settings name."""
    second = settings.quote_feed
    return ChainlinkFeed(
        multicall,
        base,
        quote,
        FeedAddress(settings.feed, settings.max_age_seconds),
        inverse=settings.inverse,
        quote_feed=None if second is None else FeedAddress(second, settings.quote_max_age_seconds),
        sequencer_feed=settings.sequencer_feed,
    )


def implied_feed(settings: Implied) -> DeribitFeed:
    """The volatility feed that the settings name."""
    sources: tuple[Source, ...] = ("dvol", "option_chain") if settings.source == "both" else (settings.source,)
    age = int(settings.max_age_hours * 3_600)
    return DeribitFeed(
        settings.currency, sources, url=settings.url, max_age_seconds=age, refresh_seconds=settings.refresh_seconds
    )

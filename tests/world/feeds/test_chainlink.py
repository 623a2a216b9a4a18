"""Price feeds: a deployed contract that answers Chainlink's ABI, every fault of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from keeper.model.observation import Block, MissingInput, OracleQuote
from keeper.model.price import Token
from keeper.world.feeds.chainlink import ChainlinkFeed, FeedAddress
from tests.world.conftest import Desk
from tests.world.feeds.conftest import Aggregator

MakeFeed = Callable[[int], Aggregator]
NOBODY = "0x" + "77" * 20


def head(desk: Desk, **changes: Any) -> Block:
    raw = desk.latest()
    block = Block(31337, int(raw["number"], 16), raw["hash"], int(raw["timestamp"], 16), 0)
    return replace(block, **changes)


def tokens(desk: Desk) -> tuple[Token, Token]:
    """Base and quote: WETH and USDC."""
    return desk.venue.pool.token0, desk.venue.pool.token1


def ask(desk: Desk, feed: str, *, max_age: int = 3_900, block: Block | None = None, **more: Any) -> Any:
    made = ChainlinkFeed(desk.venue.multicall, *tokens(desk), FeedAddress(feed, max_age), **more)
    return made.quote(block or head(desk))


def reason(answer: Any) -> str:
    assert isinstance(answer, MissingInput)
    assert answer.name == "oracle"
    return answer.reason


def test_a_direct_feed(desk: Desk, aggregator: MakeFeed) -> None:
    feed = aggregator(8)
    feed.push(2_345_67000000, age=60)
    answer = ask(desk, feed.address)
    assert isinstance(answer, OracleQuote)
    assert answer.price.to_decimal() == Decimal("2345.67")
    assert (answer.price.base, answer.price.quote) == tokens(desk)
    assert (answer.updated_timestamp, answer.source) == (head(desk).timestamp - 60, f"chainlink:{feed.address}")


def test_it_is_read_at_the_observed_block(desk: Desk, aggregator: MakeFeed) -> None:
    feed = aggregator(8)
    feed.push(2_000_00000000)
    before = head(desk)
    feed.push(3_000_00000000)
    assert ask(desk, feed.address, block=before).price.to_decimal() == 2_000
    assert ask(desk, feed.address).price.to_decimal() == 3_000


@pytest.mark.parametrize("decimals", [0, 6, 8, 18])
def test_the_other_way_round_and_any_decimals(desk: Desk, aggregator: MakeFeed, decimals: int) -> None:
    feed = aggregator(decimals)
    feed.push(4 * 10**decimals)
    assert ask(desk, feed.address).price.to_decimal() == 4
    assert ask(desk, feed.address, inverse=True).price.to_decimal() == Decimal("0.25")


def test_two_feeds_with_ages_of_their_own(desk: Desk, aggregator: MakeFeed) -> None:
    ether, dollar = aggregator(8), aggregator(6)
    dollar.push(998_000, age=80_000)
    ether.push(2_000_00000000, age=30)
    answer = ask(desk, ether.address, quote_feed=FeedAddress(dollar.address, 90_000))
    assert abs(answer.price.to_decimal() - Decimal(2000) / Decimal("0.998")) < Decimal("1e-9")
    assert answer.updated_timestamp == head(desk).timestamp - 30
    stale = ask(desk, ether.address, quote_feed=FeedAddress(dollar.address, 70_000))
    assert dollar.address in reason(stale) and "old" in reason(stale)


def test_what_no_price_can_be_made_of(desk: Desk, aggregator: MakeFeed) -> None:
    feed = aggregator(8)
    assert "no Chainlink feed" in reason(ask(desk, feed.address))  # no round yet: it reverts
    feed.push(0)
    assert "answers 0" in reason(ask(desk, feed.address))
    feed.push(-5)
    assert "answers -5" in reason(ask(desk, feed.address))
    feed.push(2_000_00000000, behind=1)
    assert "not finished" in reason(ask(desk, feed.address))
    feed.push(2_000_00000000, age=-500)
    assert "after the block" in reason(ask(desk, feed.address))
    assert "no contract" in reason(ask(desk, NOBODY))
    assert "no Chainlink feed" in reason(ask(desk, desk.deployment.pool))


def test_age_at_the_very_limit(desk: Desk, aggregator: MakeFeed) -> None:
    feed = aggregator(8)
    feed.push(2_000_00000000, age=100)
    assert isinstance(ask(desk, feed.address, max_age=100), OracleQuote)
    assert "100 s old, more than 99 s" in reason(ask(desk, feed.address, max_age=99))


def test_the_sequencer_must_be_up_and_for_a_while(desk: Desk, aggregator: MakeFeed) -> None:
    feed, sequencer = aggregator(8), aggregator(0)
    feed.push(2_000_00000000)
    now = head(desk).timestamp
    sequencer.push(1, started=now - 10_000)
    assert "down" in reason(ask(desk, feed.address, sequencer_feed=sequencer.address))
    sequencer.push(0, started=now - 3_000)
    assert "only" in reason(ask(desk, feed.address, sequencer_feed=sequencer.address))
    sequencer.push(0, started=0)
    assert "no round" in reason(ask(desk, feed.address, sequencer_feed=sequencer.address))
    sequencer.push(0, started=now - 4_000)
    assert isinstance(ask(desk, feed.address, sequencer_feed=sequencer.address), OracleQuote)


def test_a_node_that_does_not_answer(desk: Desk, aggregator: MakeFeed) -> None:
    feed = aggregator(8)
    feed.push(2_000_00000000)
    gone = head(desk, hash="0x" + "12" * 32)
    assert isinstance(ask(desk, feed.address, block=gone), MissingInput)


def test_the_observation_has_it_or_says_why_not(desk: Desk, aggregator: MakeFeed) -> None:
    feed = aggregator(8)
    made = ChainlinkFeed(desk.venue.multicall, *tokens(desk), FeedAddress(feed.address, 3_900))
    observer = desk.observer(oracle=made)
    seen = observer.observe()
    assert seen.oracle is None and [each.name for each in seen.missing] == ["oracle"]
    feed.push(2_000_00000000)
    seen = observer.observe()
    assert seen.oracle is not None and seen.oracle.price.to_decimal() == 2_000
    assert seen.missing == ()

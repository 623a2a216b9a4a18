"""A price from Chainlink's feeds (``AggregatorV3Interface``), read at the observation's own block.

One feed of base in quote, the same the other way round, or two feeds with a common denominator: base/USD over
quote/USD, each with an age of its own (a stable coin's feed may be a day old where ether's must be an hour).
On a rollup the feed may be old without looking so while the sequencer is down: its uptime feed tells
(answer 0 is up, 1 is down, ``startedAt`` since when).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from keeper.errors import TransientError
from keeper.model.observation import Block, MissingInput, OracleQuote
from keeper.model.price import Price, Token
from keeper.world.chain import codec
from keeper.world.chain.multicall import Call, Multicall

SEQUENCER_GRACE_SECONDS: Final = 3_600
_ROUND: Final = codec.SELECTORS["latestRoundData()"]
_DECIMALS: Final = codec.SELECTORS["decimals()"]
_MOST_DECIMALS: Final = 60


class _UnusableError(Exception):
    """Why a feed's answer cannot be used."""


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """A feed and how old its answer may be: its heartbeat and some room, seconds."""

    address: str
    max_age_seconds: int


@dataclass(frozen=True, slots=True)
class _Round:
    """``latestRoundData``."""

    round_id: int
    answer: int
    started_timestamp: int
    updated_timestamp: int
    answered_in_round: int


class ChainlinkFeed:
    """Implements ``OracleFeed`` for one pair.

    ``inverse``: the feed gives the quote token in the base token. ``quote_feed``: both feeds give their token in a
    third currency; the answer is then as old as the first. ``sequencer_feed``: of a rollup, whose answers count only
    while the sequencer has been up for an hour.
    """

    def __init__(
        self,
        multicall: Multicall,
        base: Token,
        quote: Token,
        feed: FeedAddress,
        *,
        inverse: bool = False,
        quote_feed: FeedAddress | None = None,
        sequencer_feed: str | None = None,
    ) -> None:
        self._multicall = multicall
        self._base, self._quote = base, quote
        self._feed, self._quote_feed = feed, quote_feed
        self._inverse = inverse
        self._sequencer_feed = sequencer_feed
        feeds = [each.address for each in (feed, quote_feed) if each is not None]
        self._calls: list[Call] = [(address, selector) for address in feeds for selector in (_ROUND, _DECIMALS)]
        if sequencer_feed is not None:
            self._calls.append((sequencer_feed, _ROUND))

    def quote(self, block: Block) -> OracleQuote | MissingInput:
        """The price at the block, or why there is none."""
        try:
            answers = dict(zip(self._calls, self._multicall.read(self._calls, block.hash), strict=True))
            self._require_sequencer(answers, block.timestamp)
            ratio, updated = self._value(answers, self._feed, block.timestamp)
            if self._inverse:
                ratio = 1 / ratio
            if self._quote_feed is not None:
                ratio /= self._value(answers, self._quote_feed, block.timestamp)[0]
        except (_UnusableError, TransientError) as error:
            return MissingInput("oracle", str(error))
        price = Price(
            self._base, self._quote, ratio.numerator * 10**self._quote.decimals,
            ratio.denominator * 10**self._base.decimals,
        )  # fmt: skip
        return OracleQuote(f"chainlink:{self._feed.address}", price, updated)

    def _value(self, answers: dict[Call, bytes | None], feed: FeedAddress, now: int) -> tuple[Fraction, int]:
        """What the feed says in whole units, and since when."""
        last = _round(feed.address, answers[feed.address, _ROUND])
        decimals = _decimals(feed.address, answers[feed.address, _DECIMALS])
        if last.answer <= 0:
            raise _UnusableError(f"feed {feed.address} answers {last.answer}, which is no price")
        if last.updated_timestamp == 0 or last.answered_in_round < last.round_id:
            raise _UnusableError(f"feed {feed.address} has not finished round {last.round_id}")
        age = now - last.updated_timestamp
        if age < 0:
            raise _UnusableError(f"feed {feed.address} was updated {-age} s after the block: its clock is wrong")
        if age > feed.max_age_seconds:
            raise _UnusableError(f"feed {feed.address} is {age} s old, more than {feed.max_age_seconds} s")
        return Fraction(last.answer, 10**decimals), last.updated_timestamp

    def _require_sequencer(self, answers: dict[Call, bytes | None], now: int) -> None:
        if self._sequencer_feed is None:
            return
        status = _round(self._sequencer_feed, answers[self._sequencer_feed, _ROUND])
        if status.answer != 0:
            raise _UnusableError(f"the sequencer is down, says {self._sequencer_feed}")
        if status.started_timestamp == 0:
            raise _UnusableError(f"the sequencer's feed {self._sequencer_feed} has no round yet")
        up = now - status.started_timestamp
        if up < SEQUENCER_GRACE_SECONDS:
            raise _UnusableError(f"the sequencer has been up for {up} s only, less than {SEQUENCER_GRACE_SECONDS} s")


def _round(address: str, answer: bytes | None) -> _Round:
    if answer == b"":
        raise _UnusableError(f"there is no contract at the feed's address {address}")
    if answer is None or len(answer) != 5 * codec.WORD:
        raise _UnusableError(f"{address} does not answer latestRoundData(): it is no Chainlink feed")
    return _Round(codec.unsigned(answer), codec.signed(answer, 1), *(codec.unsigned(answer, at) for at in (2, 3, 4)))


def _decimals(address: str, answer: bytes | None) -> int:
    if not answer or len(answer) != codec.WORD or codec.unsigned(answer) > _MOST_DECIMALS:
        raise _UnusableError(f"{address} does not answer decimals(): it is no Chainlink feed")
    return codec.unsigned(answer)

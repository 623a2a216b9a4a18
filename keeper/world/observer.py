"""The observer on a chain: everything a decision may know, at one block hash."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from keeper.errors import TransientError
from keeper.model.observation import Account, GasState, MissingInput, Observation, Sample
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.chain.codec import checksum
from keeper.world.chain.head import Head, HeadNode, read_head
from keeper.world.chain.head_rules import HeadRules, Seen, judge_head
from keeper.world.feeds.pool_events import PoolTape
from keeper.world.history import HourlyGrid, SampleStore
from keeper.world.native_price import check_native_price, native_price
from keeper.world.protocols import ImpliedFeed, OracleFeed
from keeper.world.second_opinion import DISAGREES, SecondOpinion
from keeper.world.taped_history import TapedHistory
from keeper.world.v3.state import Reading, StateReader
from keeper.world.venues.uniswap_v3 import UniswapV3

TICK_WINDOW = 6_000


def reader_of(
    venue: UniswapV3,
    owner: str,
    twap_windows_seconds: Sequence[int],
    tick_window: int = TICK_WINDOW,
    account: Account = "key",
) -> StateReader:
    """Reads exactly what an observation holds of the venue's pool and the owner."""
    return venue.reader(checksum(owner), twap_windows_seconds, tick_window=tick_window, account=account)


class ChainObserver:
    """Implements ``Observer`` for one strategy: one pool, one owner.

    Every observation adds a sample of the pool to ``samples``. With a ``tape`` every hour that it covers has a sample
    at the full hour and a bar. Before the first observation, full hours of the last ``history_hours`` that have no
    sample then are filled from the pool's own oracle, as far as it remembers.
    ``native_price_quote`` is the operator's price of the native coin in whole quote tokens, where the pool does not
    hold the wrapped coin. ``head_rules`` say which blocks are refused, by ``wall_clock`` (UNIX seconds); ``second``
    reads everything again through another node.

    Raises:
        ConfigError: gas has no price.
    """

    def __init__(
        self,
        node: HeadNode,
        venue: UniswapV3,
        owner: str,
        samples: SampleStore,
        *,
        chain_id: int,
        quote_is_token0: bool,
        twap_windows_seconds: Sequence[int] = (600, 3_600),
        tick_window: int = TICK_WINDOW,
        history_hours: int = 720,
        native_price_quote: Decimal | None = None,
        tape: PoolTape | None = None,
        oracle: OracleFeed | None = None,
        implied: ImpliedFeed | None = None,
        head_rules: HeadRules | None = None,
        wall_clock: Callable[[], float] = time.time,
        second: SecondOpinion | None = None,
        account: Account = "key",
    ) -> None:
        pool = venue.pool
        check_native_price(pool.token0, pool.token1, venue.contracts.wrapped_native, native_price_quote)
        self._node = node
        self._venue = venue
        self._samples = samples
        self._chain_id = chain_id
        self._quote_is_token0 = quote_is_token0
        self._native_price_quote = native_price_quote
        self._owner = checksum(owner)
        self._reader = reader_of(venue, self._owner, twap_windows_seconds, tick_window, account)
        self._history_hours = history_hours
        self._grid = HourlyGrid(history_hours)
        self._taped = None if tape is None else TapedHistory(tape)
        self._oracle = oracle
        self._implied = implied
        self._is_filled = False
        self._head_rules, self._wall_clock, self._second = head_rules or HeadRules(), wall_clock, second
        self._seen: Seen | None = None
        self._sent_count = 0

    @property
    def sent_count(self) -> int:
        """How many transactions the owner had sent at the last observation."""
        return self._sent_count

    def observe(self) -> Observation:
        """The world at the newest block.

        Raises:
            TransientError: the node does not answer, its newest block is not one to decide on, or the block was
                replaced meanwhile.
        """
        head = read_head(self._node, self._chain_id, self._owner)
        doubts = self._doubts(head)
        reading = self._reader.read(head.block.hash)
        self._sent_count = head.sent_count
        disputed = self._second.on(head.block, reading) if self._second is not None else None
        missing = [*doubts, *([disputed] if disputed is not None else []), *self._past(head, reading, disputed)]
        oracle = self._oracle.quote(head.block) if self._oracle is not None else None
        implied = self._implied.quotes(head.block.timestamp) if self._implied is not None else ((), ())
        missing += [oracle] if isinstance(oracle, MissingInput) else []
        price = native_price(
            reading.pool, self._quote_is_token0, self._venue.contracts.wrapped_native, self._native_price_quote
        )
        return Observation(
            block=head.block,
            pool=reading.pool,
            quote_is_token0=self._quote_is_token0,
            twaps=reading.twaps,
            positions=reading.positions,
            wallet=reading.wallet,
            gas=GasState(head.block.base_fee_wei, head.priority_fee_wei, price),
            history=self._grid.history(head.block.timestamp),
            oracle=None if isinstance(oracle, MissingInput) else oracle,
            implied=implied[0],
            missing=(*missing, *implied[1]),
        )

    def _doubts(self, head: Head) -> list[MissingInput]:
        """TransientError where the head is not one to decide on."""
        verdict = judge_head(head.block, self._seen, self._wall_clock(), self._head_rules)
        self._seen = verdict.seen
        if verdict.refusal:
            raise TransientError(verdict.refusal)
        return [MissingInput("sequencer", verdict.grace)] if verdict.grace else []

    def _past(self, head: Head, reading: Reading, disputed: MissingInput | None) -> tuple[MissingInput, ...]:
        """Bring the history up to the head; what of it is missing. A reading that another node contradicts is nobody's
        past: it would steer forecasts long after the two agree again."""
        if not self._is_filled:
            self._load_history(head)
        if disputed is not None and disputed.name == DISAGREES:
            return ()
        self._remember(head, reading)
        missing = tuple(self._complete_history(head, reading))
        if not self._is_filled:
            self._fill_history(head)
        return missing

    def _remember(self, head: Head, reading: Reading) -> None:
        pool = reading.pool
        sample = Sample(
            head.block.timestamp, pool.sqrt_price_x96, pool.fee_growth_global_0_x128, pool.fee_growth_global_1_x128
        )
        self._samples.add(pool.address, self._chain_id, sample)
        self._grid.add((sample,))

    def _complete_history(self, head: Head, reading: Reading) -> Iterator[MissingInput]:
        """Hours that the tape covers get their sample and bar; yields what of the tape is missing."""
        if self._taped is None:
            return
        pool, block = reading.pool, head.block
        followed = self._taped.follow(block, pool.sqrt_price_x96)
        if followed.rewound_to is not None:
            self._samples.forget_after(pool.address, self._chain_id, followed.rewound_to)
            self._grid = HourlyGrid(self._history_hours)
            self._load_history(head)
            self._remember(head, reading)
        for samples in self._taped.complete(self._grid, followed, block, pool):
            self._samples.replace(pool.address, self._chain_id, samples)
            self._grid.add(samples)
        if followed.missing is not None:
            yield MissingInput("tape", followed.missing)

    def _load_history(self, head: Head) -> None:
        pool, now = self._venue.pool.address, head.block.timestamp
        self._grid.add(self._samples.between(pool, self._chain_id, now - (self._grid.hours + 1) * 3_600, now))

    def _fill_history(self, head: Head) -> None:
        pool, now = self._venue.pool.address, head.block.timestamp
        past = self._venue.past_ticks(head.block.hash, now, self._grid.missing(now))
        filled = [Sample(timestamp, sqrt_price_at_tick(tick), None, None) for timestamp, tick in sorted(past.items())]
        for sample in filled:
            self._samples.add(pool, self._chain_id, sample)
        self._grid.add(filled)
        self._is_filled = True

"""All that a pool and its owner hold at one block: price, liquidity around it, oracle, positions, wallet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keeper.model.fees import fee_growth_inside, uncollected_fees
from keeper.model.observation import Account, Allowance, PoolState, Position, TickState, Twap, Wallet
from keeper.model.ticks import MAX_TICK, MIN_TICK
from keeper.world.chain import codec
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.multicall import Call, Multicall
from keeper.world.chain.pinned import PinnedReads
from keeper.world.v3 import reads
from keeper.world.v3.identity import PoolIdentity

_WORD_BITS = 256


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read at one block."""

    pool: PoolState
    twaps: tuple[Twap, ...]
    positions: tuple[Position, ...]
    wallet: Wallet


class StateReader:
    """Reads one pool for one owner, block after block.

    The first exchange asks for everything that the last block needed; further ones happen only where something new
    came up (the price reached another bitmap word, a tick was initialised, a position was minted).

    ``tick_window`` is how far from the price liquidity must be known, in ticks; ``max_words_each_side`` bounds it for
    pools of small spacing (one word covers 256 spacings).
    """

    def __init__(
        self,
        multicall: Multicall,
        contracts: Contracts,
        identity: PoolIdentity,
        owner: str,
        *,
        twap_windows_seconds: Sequence[int] = (),
        tick_window: int = 6_000,
        max_words_each_side: int = 24,
        account: Account = "key",
    ) -> None:
        self._multicall = multicall
        self._identity = identity
        self._owner, self._account = owner, account
        self._windows = tuple(dict.fromkeys(twap_windows_seconds))
        self._tick_window = tick_window
        self._max_words = max_words_each_side
        self._positions = contracts.positions
        self._spenders = {"router": contracts.router, "positions": contracts.positions}
        self._hints: tuple[Call, ...] = ()
        pool, token0, token1 = identity.address, identity.token0.address, identity.token1.address
        self._slot0, self._liquidity, self._growth_0, self._growth_1 = (
            reads.plain(pool, name)
            for name in ("slot0()", "liquidity()", "feeGrowthGlobal0X128()", "feeGrowthGlobal1X128()")
        )
        self._observes = {window: reads.observe_call(pool, (window, 0)) for window in self._windows}
        self._balances = reads.balance_call(token0, owner), reads.balance_call(token1, owner)
        self._native = multicall.native_balance_call(owner)
        self._nft_count = reads.balance_call(self._positions, owner)
        self._allowances = [
            (token, spender, reads.allowance_call(token, owner, address))
            for token in (token0, token1)
            for spender, address in self._spenders.items()
        ]

    def read(self, block_hash: str) -> Reading:
        """Everything at the block.

        Raises:
            RpcError: a contract does not answer as it must, or the block is no longer part of the chain.
            TransientError: the node does not answer.
        """
        at = PinnedReads(self._multicall, block_hash)
        at.fetch((*self._core_calls(), *self._hints))
        slot0 = reads.decode_slot0(at.must(self._slot0, "slot0()"))
        words = self._words_around(slot0.tick)
        nfts = range(codec.unsigned(at.must(self._nft_count, "balanceOf()")))
        owned = [reads.owned_token_call(self._positions, self._owner, index) for index in nfts]
        at.fetch((*(reads.bitmap_call(self._identity.address, word) for word in words), *owned))
        token_ids = [codec.unsigned(at.must(call, "tokenOfOwnerByIndex()")) for call in owned]
        ticks = list(self._initialized(at, words))
        records = [reads.position_call(self._positions, token_id) for token_id in token_ids]
        at.fetch((*(reads.tick_call(self._identity.address, tick) for tick in ticks), *records))
        pool = self._pool_state(at, slot0, words, ticks)
        positions = self._position_states(at, pool, token_ids)
        reading = Reading(pool, self._twaps(at), positions, self._wallet(at))
        self._hints = at.taken
        return reading

    def _core_calls(self) -> Iterator[Call]:
        yield from (self._slot0, self._liquidity, self._growth_0, self._growth_1)
        yield from self._observes.values()
        yield from (*self._balances, self._native, self._nft_count)
        yield from (call for _, _, call in self._allowances)

    def _words_around(self, tick: int) -> range:
        spacing = self._identity.tick_spacing
        middle = tick // spacing // _WORD_BITS
        lowest = max(tick - self._tick_window, MIN_TICK) // spacing // _WORD_BITS
        highest = min(tick + self._tick_window, MAX_TICK) // spacing // _WORD_BITS
        return range(max(lowest, middle - self._max_words), min(highest, middle + self._max_words) + 1)

    def _initialized(self, at: PinnedReads, words: range) -> Iterator[int]:
        """Initialized ticks, ascending: the bits set in the bitmap words."""
        spacing = self._identity.tick_spacing
        for position in words:
            bits = codec.unsigned(at.must(reads.bitmap_call(self._identity.address, position), "tickBitmap()"))
            while bits:
                lowest = bits & -bits
                yield (position * _WORD_BITS + lowest.bit_length() - 1) * spacing
                bits ^= lowest

    def _pool_state(self, at: PinnedReads, slot0: reads.Slot0, words: range, ticks: Sequence[int]) -> PoolState:
        identity = self._identity
        width = _WORD_BITS * identity.tick_spacing
        return PoolState(
            address=identity.address,
            token0=identity.token0,
            token1=identity.token1,
            fee_pips=identity.fee_pips,
            tick_spacing=identity.tick_spacing,
            sqrt_price_x96=slot0.sqrt_price_x96,
            tick=slot0.tick,
            liquidity=codec.unsigned(at.must(self._liquidity, "liquidity()")),
            fee_growth_global_0_x128=codec.unsigned(at.must(self._growth_0, "feeGrowthGlobal0X128()")),
            fee_growth_global_1_x128=codec.unsigned(at.must(self._growth_1, "feeGrowthGlobal1X128()")),
            fee_protocol=slot0.fee_protocol,
            observation_cardinality=slot0.observation_cardinality,
            ticks=tuple(TickState(tick, *self._tick(at, tick)) for tick in ticks),
            known_lower_tick=max(words.start * width, MIN_TICK),
            known_upper_tick=min(words.stop * width - 1, MAX_TICK),
        )

    def _tick(self, at: PinnedReads, tick: int) -> reads.TickRecord:
        return reads.decode_tick(at.must(reads.tick_call(self._identity.address, tick), "ticks()"))

    def _position_states(self, at: PinnedReads, pool: PoolState, token_ids: Sequence[int]) -> tuple[Position, ...]:
        """The owner's positions of this pool which hold liquidity or are owed something."""
        ours = {
            token_id: record
            for token_id in token_ids
            if self._is_ours(
                record := reads.decode_position(at.must(reads.position_call(self._positions, token_id), "positions()"))
            )
        }
        ends = {tick for record in ours.values() for tick in (record.lower_tick, record.upper_tick)}
        at.fetch(reads.tick_call(pool.address, tick) for tick in sorted(ends))
        return tuple(
            position
            for token_id, record in ours.items()
            if (position := self._position(at, pool, token_id, record)) is not None
        )

    def _is_ours(self, record: reads.PositionRecord) -> bool:
        identity = self._identity
        return (
            record.fee_pips == identity.fee_pips
            and int.from_bytes(record.token0, "big") == identity.token0.sort_key
            and int.from_bytes(record.token1, "big") == identity.token1.sort_key
        )

    def _position(
        self, at: PinnedReads, pool: PoolState, token_id: int, record: reads.PositionRecord
    ) -> Position | None:
        uncollected_0, uncollected_1 = record.owed_0, record.owed_1
        if record.liquidity:
            lower, upper = self._tick(at, record.lower_tick), self._tick(at, record.upper_tick)
            inside_0 = fee_growth_inside(
                record.lower_tick, record.upper_tick, pool.tick, pool.fee_growth_global_0_x128,
                lower.fee_growth_outside_0_x128, upper.fee_growth_outside_0_x128,
            )  # fmt: skip
            inside_1 = fee_growth_inside(
                record.lower_tick, record.upper_tick, pool.tick, pool.fee_growth_global_1_x128,
                lower.fee_growth_outside_1_x128, upper.fee_growth_outside_1_x128,
            )  # fmt: skip
            uncollected_0 = uncollected_fees(record.liquidity, inside_0, record.inside_last_0_x128, record.owed_0)
            uncollected_1 = uncollected_fees(record.liquidity, inside_1, record.inside_last_1_x128, record.owed_1)
        if not (record.liquidity or uncollected_0 or uncollected_1):
            return None
        return Position(token_id, record.lower_tick, record.upper_tick, record.liquidity, uncollected_0, uncollected_1)

    def _twaps(self, at: PinnedReads) -> tuple[Twap, ...]:
        """The means that the oracle's memory reaches; a window it does not reach is left out."""
        found = []
        for window, call in self._observes.items():
            answer = at.get(call)
            if answer:
                before, now = reads.decode_tick_cumulatives(answer)
                found.append(Twap(window, (now - before) // window))
        return tuple(found)

    def _wallet(self, at: PinnedReads) -> Wallet:
        balance_0, balance_1 = (codec.unsigned(at.must(call, "balanceOf()")) for call in self._balances)
        allowances = tuple(
            Allowance(token, spender, codec.unsigned(at.must(call, "allowance()")))  # type: ignore[arg-type]
            for token, spender, call in self._allowances
        )
        native_wei = codec.unsigned(at.must(self._native, "getEthBalance()"))
        return Wallet(self._owner, balance_0, balance_1, native_wei, allowances, self._account)

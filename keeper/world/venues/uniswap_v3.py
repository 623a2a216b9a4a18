"""Uniswap v3 and the forks that kept its interfaces unchanged: one pool, its contracts, all that is done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keeper.model.ledger import Effects
from keeper.model.observation import Account
from keeper.model.plan import Step
from keeper.world.chain import codec
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.multicall import Multicall
from keeper.world.protocols import Call, Node
from keeper.world.v3 import reads
from keeper.world.v3.calldata import call_for
from keeper.world.v3.effects import effects_of
from keeper.world.v3.identity import PoolIdentity, PoolKey, resolve_pool
from keeper.world.v3.state import StateReader

_OBSERVE_CHUNK_CALLS = 50
_POINT_SECONDS = 60


def build(node: Node, contracts: Contracts, pool: str | PoolKey) -> UniswapV3:
    """Finds and checks the pool (an address, or tokens and fee).

    Raises:
        ConfigError: the pool or a contract is not what it should be; the sentence says how to mend it.
        TransientError: the node does not answer.
    """
    multicall = Multicall(node, contracts.multicall)
    return UniswapV3(contracts, multicall, resolve_pool(multicall, contracts, pool))


class UniswapV3:
    """One pool of one deployment of the v3 contracts. Implements ``Venue``."""

    def __init__(self, contracts: Contracts, multicall: Multicall, pool: PoolIdentity) -> None:
        self.contracts = contracts
        self.multicall = multicall
        self.pool = pool

    def reader(
        self,
        owner: str,
        twap_windows_seconds: Sequence[int],
        *,
        tick_window: int,
        max_words_each_side: int = 24,
        account: Account = "key",
    ) -> StateReader:
        """Reads the pool and the owner's part in it, block after block."""
        return StateReader(
            self.multicall, self.contracts, self.pool, owner, twap_windows_seconds=twap_windows_seconds,
            tick_window=tick_window, max_words_each_side=max_words_each_side, account=account,
        )  # fmt: skip

    def sqrt_price_x96(self) -> int:
        """The pool's price at the newest block, by one small call: a reason to look closer, never to act."""
        call = {"to": self.pool.address, "data": "0x" + codec.SELECTORS["slot0()"].hex()}
        answer = self.multicall.node.request("eth_call", [call, "latest"])
        return reads.decode_slot0(bytes.fromhex(answer[2:])).sqrt_price_x96

    def past_ticks(self, block_hash: str, block_timestamp: int, timestamps: Sequence[int]) -> dict[int, int]:
        """The pool's mean tick over the minute before each of the timestamps, as far back as its oracle remembers.

        A minute is near enough to a point: the mean over a whole hour would lose a third of the variance.
        """
        found: dict[int, int] = {}
        newest_first = sorted(timestamps, reverse=True)
        for start in range(0, len(newest_first), _OBSERVE_CHUNK_CALLS):
            chunk = newest_first[start : start + _OBSERVE_CHUNK_CALLS]
            ages = [block_timestamp - timestamp for timestamp in chunk]
            calls = [reads.observe_call(self.pool.address, (age + _POINT_SECONDS, age)) for age in ages]
            for timestamp, answer in zip(chunk, self.multicall.read(calls, block_hash), strict=True):
                if not answer:  # the oracle has forgotten; it has also forgotten all before
                    return found
                before, after = reads.decode_tick_cumulatives(answer)
                found[timestamp] = (after - before) // _POINT_SECONDS
        return found

    def call(self, step: Step, owner: str, deadline_timestamp: int) -> Call:
        """The transaction that carries out the step for the owner; what it pays goes to the owner."""
        return call_for(self.contracts, self.pool, step, owner, deadline_timestamp)

    def effects(self, receipt: Mapping[str, Any], owner: str, timestamp: int) -> Effects:
        """What a mined transaction did to the owner's balances; ``timestamp`` is its block's."""
        return effects_of(self.contracts, self.pool, receipt, owner, timestamp)

"""What proves that a node left no log out: the pool's own state, and what it holds of both tokens, follow from them.

Where a node gives the state of old blocks, the price and liquidity at the end of some blocks must be those of the last
event in them, and what the pool holds must have changed by just what its events moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from keeper.errors import RpcError, TransientError
from keeper.world.chain import codec
from keeper.world.feeds.swap_logs import LogNode
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.v3 import reads
from keeper.world.v3.identity import PoolIdentity

_IN: Final = (EventKind.SWAP, EventKind.MINT, EventKind.FLASH)
# How a node behind a failover says that it does not have the block's state (any more).
_CANNOT: Final = "cannot answer eth_call now"
_OUT: Final = (EventKind.COLLECT, EventKind.COLLECT_PROTOCOL)


class Proof(Enum):
    """``UNPROVEN``: the node does not say. ``WRONG_PRICE``: the pool's price or liquidity is not that of the events.
    ``UNEXPLAINED``: its balances are not, which a transfer straight to the pool does as well."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    WRONG_PRICE = "wrong_price"
    UNEXPLAINED = "unexplained"


class StateAsk:
    """Asks for the pool's state beside the logs, and says what it proves. Safe to share by threads.

    ``balances_tell`` is for whoever finds that they do not: tokens that rebase, pools that are sent tokens every day.
    """

    def __init__(self, identity: PoolIdentity) -> None:
        pool = identity.address
        held = (reads.balance_call(token.address, pool) for token in (identity.token0, identity.token1))
        self._asked = [reads.plain(pool, "slot0()"), reads.plain(pool, "liquidity()"), *held]
        self._forgotten_below = 0
        self.balances_tell = True

    def proof(self, events: Sequence[TapeEvent], first_block: int, last_block: int, node: LogNode) -> Proof:
        """What the pool's state before and after the blocks says about their events.

        Raises:
            TransientError: the node does not answer at all.
        """
        if 0 < first_block <= self._forgotten_below:
            return Proof.UNPROVEN
        asked = [_call(each, last_block) for each in self._asked]
        if first_block:
            asked += [_call(each, first_block - 1) for each in self._asked]
        try:
            answers = node.batch_outcomes(asked)
        except TransientError as error:
            if _CANNOT not in str(error):
                raise
            answers = [RpcError(str(error))]
        told = [bytes.fromhex(answer[2:]) for answer in answers if not isinstance(answer, RpcError)]
        if len(told) < len(asked):
            self._forgotten_below = max(self._forgotten_below, first_block)
            return Proof.UNPROVEN
        then = _Held.of(told[len(self._asked) :]) if first_block else _Held(0, 0, 0, 0, 0)
        now = _Held.of(told[: len(self._asked)])
        if not _is_price(events, then, now):
            return Proof.WRONG_PRICE
        if not self.balances_tell:
            return Proof.UNPROVEN
        change = [now.balance_0 - then.balance_0, now.balance_1 - then.balance_1]
        return Proof.PROVEN if change == moved(events) else Proof.UNEXPLAINED


class _Held(NamedTuple):
    """A pool's state and what it holds at one block; zeros where it, or a token, is not there yet."""

    sqrt_price_x96: int
    tick: int
    liquidity: int
    balance_0: int
    balance_1: int

    @classmethod
    def of(cls, answers: Sequence[bytes]) -> _Held:
        slot0, *words = answers
        state = reads.decode_slot0(slot0)
        return cls(state.sqrt_price_x96, state.tick, *(codec.unsigned(each) for each in words))


def moved(events: Sequence[TapeEvent]) -> list[int]:
    """What the events brought into the pool of both tokens, raw units."""
    change = [0, 0]
    for event in events:
        sign = 1 if event.kind in _IN else -1 if event.kind in _OUT else 0
        change[0] += sign * event.amount_0
        change[1] += sign * event.amount_1
    return change


def _is_price(events: Sequence[TapeEvent], then: _Held, now: _Held) -> bool:
    """Whether price, tick and active liquidity after the events are those of the pool."""
    last = next((at for at in reversed(range(len(events))) if events[at].sqrt_price_x96), None)
    if last is None:
        price, tick, liquidity, later = then.sqrt_price_x96, then.tick, then.liquidity, events
    else:
        end, later = events[last], events[last + 1 :]
        price, tick, liquidity = end.sqrt_price_x96, end.tick, end.liquidity
    expected = price, tick, active_liquidity(liquidity, tick, later)
    return (now.sqrt_price_x96, now.tick, now.liquidity) == expected


def active_liquidity(liquidity: int, tick: int, events: Sequence[TapeEvent]) -> int:
    """What is active after events none of which moved the price."""
    return liquidity + sum(
        event.liquidity if event.kind == EventKind.MINT else -event.liquidity
        for event in events
        if event.kind in (EventKind.MINT, EventKind.BURN) and event.lower_tick <= tick < event.upper_tick
    )


def _call(call: tuple[str, bytes], block: int) -> tuple[str, list[Any]]:
    target, data = call
    return "eth_call", [{"to": target, "data": "0x" + data.hex()}, hex(block)]

"""A pool's logs as a node sends them, taken apart and held against everything else that the node says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keeper.errors import ConfigError, RpcError, TransientError
from keeper.world.chain import codec
from keeper.world.feeds.swap_logs import LogNode, SwapLogs
from keeper.world.feeds.swaps import TapeBlock
from keeper.world.tape.checks import EventChecks
from keeper.world.tape.download_proof import Proof, StateAsk
from keeper.world.tape.events import EventBatch, EventKind, TapeEvent
from keeper.world.v3.identity import PoolIdentity
from keeper.world.v3.logs import signed_topic

_COLLECT_PROTOCOL: Final = "0x596b573906218d3411850b26a6b437d6c4522fdb43d2d2386263f86d50b8b151"
_BURN: Final = "0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c"
# Topic -> kind, indexed values and words of data.
SHAPES: Final[dict[str, tuple[EventKind, int, int]]] = {
    codec.TOPICS["Initialize(uint160,int24)"]: (EventKind.INITIALIZE, 0, 2),
    codec.TOPICS["Swap(address,address,int256,int256,uint160,uint128,int24)"]: (EventKind.SWAP, 2, 5),
    codec.TOPICS["Mint(address,address,int24,int24,uint128,uint256,uint256)"]: (EventKind.MINT, 3, 4),
    _BURN: (EventKind.BURN, 3, 3),
    codec.TOPICS["Collect(address,address,int24,int24,uint128,uint128)"]: (EventKind.COLLECT, 3, 3),
    codec.TOPICS["SetFeeProtocol(uint8,uint8,uint8,uint8)"]: (EventKind.SET_FEE_PROTOCOL, 0, 4),
    _COLLECT_PROTOCOL: (EventKind.COLLECT_PROTOCOL, 2, 2),
    codec.TOPICS["Flash(address,address,uint256,uint256,uint256,uint256)"]: (EventKind.FLASH, 2, 4),
}
_ADDRESS_BITS: Final = (1 << 160) - 1
_NOWHERE: Final = Path("the node's logs")


@dataclass(frozen=True, slots=True)
class Chunk:
    """All events of some blocks, both ends included, and what speaks for their being all."""

    first: TapeBlock
    last: TapeBlock
    events: tuple[TapeEvent, ...]
    proof: Proof


class ChunkReader:
    """Reads the events of one pool. Safe to share by threads."""

    def __init__(self, node: LogNode, identity: PoolIdentity) -> None:
        self._node = node
        self._identity = identity
        self._pool = identity.address.lower()
        self._headers = SwapLogs(node, identity.address)
        self.state = StateAsk(identity)

    def read(self, first_block: int, last_block: int) -> Chunk:
        """The events of the blocks.

        Raises:
            TransientError: no usable answer, or one that contradicts itself.
        """
        wanted = {
            "address": self._pool, "fromBlock": hex(first_block), "toBlock": hex(last_block), "topics": [list(SHAPES)],
        }  # fmt: skip
        answers = self._node.batch_outcomes(
            [
                ("eth_getLogs", [wanted]),
                ("eth_getBlockByNumber", [hex(first_block), False]),
                ("eth_getBlockByNumber", [hex(last_block), False]),
            ]
        )
        for answer in answers:
            if isinstance(answer, RpcError):
                raise answer
        lowest, highest = _block(answers[1], first_block), _block(answers[2], last_block)
        rows = self._rows(answers[0], lowest, highest)
        events = tuple(self._event(row, stamp) for row, stamp in zip(rows, self._stamps(rows, lowest, highest),
                                                                     strict=True))  # fmt: skip
        proof = self.state.proof(events, first_block, last_block, self._node)
        if proof is not Proof.PROVEN:
            self._look_at(events)
        return Chunk(lowest, highest, events, proof)

    def _rows(self, logs: Any, lowest: TapeBlock, highest: TapeBlock) -> list[_Log]:
        try:
            rows = sorted((_Log(log) for log in logs), key=lambda row: (row.block_number, row.log_index))
        except (LookupError, TypeError, ValueError, AttributeError):
            raise RpcError("eth_getLogs: the node sent something that is not a log") from None
        hashes = {lowest.number: lowest.hash, highest.number: highest.hash}
        good = len({(row.block_number, row.log_index) for row in rows}) == len(rows) and all(
            lowest.number <= row.block_number <= highest.number
            and hashes.setdefault(row.block_number, row.block_hash) == row.block_hash
            and row.address == self._pool
            and row.has_shape
            and not row.removed
            for row in rows
        )
        if not good:
            raise RpcError(
                f"eth_getLogs: what the node sent for blocks {lowest.number} to {highest.number} does not fit them"
            )
        return rows

    def _stamps(self, rows: Sequence[_Log], lowest: TapeBlock, highest: TapeBlock) -> list[int]:
        """Of each row: as the logs say (newer nodes), else from the headers of its block."""
        known = {lowest.number: lowest.timestamp, highest.number: highest.timestamp}
        for row in rows:
            if row.timestamp is not None and known.setdefault(row.block_number, row.timestamp) != row.timestamp:
                raise RpcError(f"eth_getLogs: the node tells two times of block {row.block_number}")
        hashes = {row.block_number: row.block_hash for row in rows}
        for block in self._headers.headers(sorted(hashes.keys() - known.keys())):
            if block.hash != hashes[block.number]:
                raise TransientError(f"block {block.number} was replaced while it was being read")
            known[block.number] = block.timestamp
        stamps = [known[row.block_number] for row in rows]
        if stamps != sorted(stamps) or any(not lowest.timestamp <= at <= highest.timestamp for at in stamps):
            raise RpcError("eth_getLogs: the node's logs have timestamps outside their blocks")
        return stamps

    def _event(self, row: _Log, timestamp: int) -> TapeEvent:
        return TapeEvent(row.kind, row.block_number, timestamp, row.log_index, **_FIELDS[row.kind](row))

    def _look_at(self, events: Sequence[TapeEvent]) -> None:
        """TransientError: no pool can have done this, or logs between these are missing."""
        if not events:
            return
        checks = EventChecks(_NOWHERE, self._identity.tick_spacing)
        try:
            checks.add(EventBatch.of(events))
            found = checks.finish()
        except ConfigError as error:
            raise RpcError(f"eth_getLogs: the node sent events that no pool can have made ({error})") from None
        if found.gaps:
            raise LeftOutError(*found.gaps[0])


class LeftOutError(RpcError):
    """The node left logs out, between two blocks."""

    def __init__(self, first_block: int, last_block: int) -> None:
        self.first_block, self.last_block = first_block, last_block
        where = f"in block {first_block}" if first_block == last_block else f"from block {first_block} to {last_block}"
        super().__init__(
            f"eth_getLogs: the node leaves logs of the pool out, {where}: what it gives cannot be all; use another node"
        )


class _Log:
    """One log as the node sent it."""

    __slots__ = (
        "address", "block_hash", "block_number", "data", "has_shape", "kind", "log_index", "removed", "timestamp",
        "topics",
    )  # fmt: skip

    def __init__(self, log: Mapping[str, Any]) -> None:
        self.address = log["address"].lower()
        self.kind, indexed, words = SHAPES[log["topics"][0].lower()]
        self.topics = [int(topic, 16) for topic in log["topics"][1:]]
        self.data = bytes.fromhex(log["data"][2:])
        self.has_shape = len(self.topics) == indexed and len(self.data) == codec.WORD * words
        self.block_number = int(log["blockNumber"], 16)
        self.block_hash = log["blockHash"].lower()
        self.log_index = int(log["logIndex"], 16)
        self.removed = bool(log.get("removed")) or self.log_index >= 1 << 31
        stamp = log.get("blockTimestamp")
        self.timestamp = None if stamp is None else int(stamp, 16)


def _swap(row: _Log) -> dict[str, Any]:
    return {
        "amount_0": codec.signed(row.data, 0), "amount_1": codec.signed(row.data, 1),
        "sqrt_price_x96": codec.unsigned(row.data, 2), "liquidity": codec.unsigned(row.data, 3),
        "tick": codec.signed(row.data, 4),
    }  # fmt: skip


def _initialize(row: _Log) -> dict[str, Any]:
    return {"sqrt_price_x96": codec.unsigned(row.data), "tick": codec.signed(row.data, 1)}


def _range(row: _Log) -> dict[str, Any]:
    owner, lower, upper = row.topics
    return {
        "owner": f"0x{owner & _ADDRESS_BITS:040x}", "lower_tick": signed_topic(lower),
        "upper_tick": signed_topic(upper),
    }  # fmt: skip


def _amounts(row: _Log, place: int) -> dict[str, Any]:
    return {"amount_0": codec.unsigned(row.data, place), "amount_1": codec.unsigned(row.data, place + 1)}


def _fee_protocol(row: _Log) -> dict[str, Any]:
    old_0, old_1, new_0, new_1 = codec.words(row.data)
    return {"amount_0": old_0 + (old_1 << 4), "amount_1": new_0 + (new_1 << 4)}


_FIELDS: Final[dict[EventKind, Callable[[_Log], dict[str, Any]]]] = {
    EventKind.INITIALIZE: _initialize,
    EventKind.SWAP: _swap,
    EventKind.MINT: lambda row: _range(row) | _amounts(row, 2) | {"liquidity": codec.unsigned(row.data, 1)},
    EventKind.BURN: lambda row: _range(row) | _amounts(row, 1) | {"liquidity": codec.unsigned(row.data, 0)},
    EventKind.COLLECT: lambda row: _range(row) | _amounts(row, 1),
    EventKind.SET_FEE_PROTOCOL: _fee_protocol,
    EventKind.COLLECT_PROTOCOL: lambda row: _amounts(row, 0),
    EventKind.FLASH: lambda row: _amounts(row, 2),
}


def _block(reply: Any, number: int) -> TapeBlock:
    if int(reply["number"], 16) != number:
        raise RpcError(f"the node answered block {number} with another")
    return TapeBlock(number, str(reply["hash"]).lower(), int(reply["timestamp"], 16))

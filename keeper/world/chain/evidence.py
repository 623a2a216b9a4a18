"""What the chain can tell of a difference: transfers of a token to and from an owner, and what became of an NFT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from keeper.errors import TransientError
from keeper.world.chain import codec, sights
from keeper.world.chain.multicall import Multicall
from keeper.world.protocols import Node

_TRANSFER: Final = codec.TOPICS["Transfer(address,address,uint256)"]
_BLOCKS_AT_ONCE: Final = 10_000
_MOST_PIECES: Final = 20
_ERC20_TOPICS: Final = 3  # an ERC-721 transfer has the token id as a fourth

Fate = Literal["moved", "burned", "emptied"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """A token's movement, signed from the owner's side, raw units."""

    amount: int
    transaction_hash: str
    log_index: int
    block_number: int
    timestamp: int


class ChainEvidence:
    """Asks one chain. Needed only where the books and the chain differ."""

    def __init__(self, node: Node, multicall: Multicall, positions_address: str) -> None:
        self._node, self._multicall, self._positions = node, multicall, positions_address

    def transfers(self, token: str, owner: str, from_block: int, to_block: int) -> tuple[Transfer, ...]:
        """Every transfer of more than nothing to or from the owner, oldest first; none where the node has no logs."""
        if to_block - from_block >= _BLOCKS_AT_ONCE * _MOST_PIECES:
            return ()
        try:
            raw = list(self._logs(token, owner, from_block, to_block))
            numbers = sorted({int(each["blockNumber"], 16) for each in raw})
            headers = self._node.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
            times = {number: int(header["timestamp"], 16) for number, header in zip(numbers, headers, strict=True)}
            made = [_transfer(log, owner, times) for log in raw]
        except (TransientError, KeyError, TypeError, ValueError):
            return ()
        # Most tokens let anybody move nothing out of any wallet; and one to oneself, found twice, is nothing too.
        found = {(each.transaction_hash, each.log_index): each for each in made if each.amount}
        return tuple(sorted(found.values(), key=lambda each: (each.block_number, each.log_index)))

    def _logs(self, token: str, owner: str, from_block: int, to_block: int) -> Iterator[dict[str, Any]]:
        mine = "0x" + codec.word(owner).hex()
        for start in range(from_block, to_block + 1, _BLOCKS_AT_ONCE):
            blocks = {"fromBlock": hex(start), "toBlock": hex(min(to_block, start + _BLOCKS_AT_ONCE - 1))}
            for topics in ([_TRANSFER, None, mine], [_TRANSFER, mine]):
                asked = {**blocks, "address": token, "topics": topics}
                for log in self._node.request("eth_getLogs", [asked]):
                    if len(log["topics"]) == _ERC20_TOPICS:
                        yield log

    def is_other_block(self, number: int, block_hash: str) -> bool:
        """Whether the chain has another block of that number now. TransientError where the node does not tell."""
        with sights.plain_answers():
            block = self._node.request("eth_getBlockByNumber", [hex(number), False])
            return str(block["hash"]).lower() != block_hash.lower()

    def is_unmined(self, transaction_hash: str) -> bool:
        """Whether the chain does not have the transaction now. TransientError where the node does not answer."""
        return self._node.request("eth_getTransactionReceipt", [transaction_hash]) is None

    def fate(self, token_id: int, owner: str, block_hash: str) -> tuple[Fate, str]:
        """What became of a position that the owner no longer shows in the pool, and who has it now (or "").

        Raises:
            TransientError: the node does not answer.
        """
        (answer,) = self._multicall.read([(self._positions, codec.call("ownerOf(uint256)", token_id))], block_hash)
        if not answer:
            return "burned", ""
        holder = codec.address(answer)
        return ("emptied", holder) if int(holder, 16) == int(owner, 16) else ("moved", holder)


def _transfer(log: dict[str, Any], owner: str, times: dict[int, int]) -> Transfer:
    giver, taker = (int(topic, 16) for topic in log["topics"][1:])
    mine, number = int(owner, 16), int(log["blockNumber"], 16)
    amount = int(log["data"], 16) * ((taker == mine) - (giver == mine))
    return Transfer(amount, str(log["transactionHash"]).lower(), int(log["logIndex"], 16), number, times[number])

"""Receipts and their logs, whichever client they came from: JSON-RPC hex strings, or integers and bytes of web3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keeper.world.chain import codec

_NAME_OF_TOPIC = {bytes.fromhex(topic[2:]): name for name, topic in codec.TOPICS.items()}


@dataclass(frozen=True, slots=True)
class Log:
    """One log whose topic is known. ``address``: the emitting contract as a number; ``topics``: without the first."""

    name: str
    address: int
    topics: tuple[int, ...]
    data: bytes
    index: int

    def unsigned(self, word: int) -> int:
        return codec.unsigned(self.data, word)

    def signed(self, word: int) -> int:
        return codec.signed(self.data, word)


def known_logs(receipt: Mapping[str, Any]) -> Iterator[Log]:
    """The receipt's logs with a topic of :data:`codec.TOPICS`, in the order of execution."""
    for raw in sorted(receipt.get("logs") or (), key=lambda each: integer(each["logIndex"])):
        topics = [octets(topic) for topic in raw["topics"]]
        name = _NAME_OF_TOPIC.get(topics[0]) if topics else None
        if name is not None:
            numbers = tuple(int.from_bytes(topic, "big") for topic in topics[1:])
            yield Log(name, int(raw["address"], 16), numbers, octets(raw["data"]), integer(raw["logIndex"]))


def integer(value: Any) -> int:
    """A quantity: a number, or hex text."""
    return int(value, 16) if isinstance(value, str) else int(value)


def octets(value: Any) -> bytes:
    """Data: bytes, or hex text."""
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


def signed_topic(value: int) -> int:
    """An indexed signed integer."""
    return value - (1 << 256) if value >> 255 else value

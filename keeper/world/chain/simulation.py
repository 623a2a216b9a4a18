"""Trying several calls in a row on the newest state, without sending any: ``eth_simulateV1``.

Each call is as a transaction of its own, gas is free, and nobody's signature is asked for (``validation`` off), so a
contract may be the sender too. Source: the execution APIs of Ethereum, method ``eth_simulateV1``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keeper.errors import RpcError
from keeper.world.chain import codec, reverts
from keeper.world.protocols import Node

ASK_AGAIN_SECONDS: Final = 3_600.0
"""How long a node that cannot simulate is taken at its word: it may be updated, or replaced behind its URL."""

# JSON-RPC 2.0 "invalid params": an older form of the method. From -38010 to -38026 the errors that the method has for a
# request as a whole (a block's gas limit, a bound on calls): none of them says that a call would fail.
_INVALID_PARAMS: Final = -32602
_OWN_CODES: Final = range(-38_999, -38_000)

# JSON-RPC 2.0 "method not found", EIP-1474 "method not supported"; many providers have words of their own instead.
_UNKNOWN_METHOD_CODES: Final = (-32601, -32004)
_UNKNOWN_METHOD_WORDS: Final = (
    "method not found", "does not exist", "not supported", "unsupported", "not available", "unknown method",
    "not whitelisted", "not allowed", "not implemented", "unrecognized method", "no such method",
)  # fmt: skip


class NotSimulatedError(RpcError):
    """The node does not offer ``eth_simulateV1``, or not for this request."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One call to try. ``gas_units`` None: as much as the node allows."""

    sender: str
    to: str
    data: bytes
    value_wei: int = 0
    gas_units: int | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What a call did: whether it went through, what it returned (or its revert's data), gas used after refunds."""

    succeeded: bool
    data: bytes
    gas_used: int

    @property
    def number(self) -> int | None:
        """The unsigned integer that a getter returned; None where it failed or returned less than a word."""
        return codec.unsigned(self.data) if self.succeeded and len(self.data) >= codec.WORD else None

    @property
    def reason(self) -> str:
        """Why it failed, in words."""
        return reverts.decode(self.data.hex()) or "reverted without a reason"


@dataclass(frozen=True, slots=True)
class TrialBlock:
    """Calls of one block; ``timestamp`` (UNIX seconds) None: the node's choice, right after the newest block."""

    trials: tuple[Trial, ...]
    timestamp: int | None = None


class Simulator:
    """Simulates on one node, and remembers for a while that it cannot. ``now`` is a monotonic clock, seconds."""

    def __init__(self, node: Node, *, now: Callable[[], float] = time.monotonic) -> None:
        self.node = node
        self._now = now
        self._not_before = float("-inf")

    @property
    def offered(self) -> bool:
        """Whether the node is worth asking: it has not said lately that it cannot."""
        return self._now() >= self._not_before

    def run(
        self,
        blocks: Sequence[TrialBlock],
        *,
        codes: Mapping[str, bytes] | None = None,
        then: Sequence[tuple[str, Sequence[Any]]] = (),
    ) -> tuple[list[list[Tried]], list[Any]]:
        """What each call of each block did, and the answers to ``then``, which are asked in the same exchange.

        ``codes`` stands in for the code at addresses, in the simulation alone.

        Raises:
            NotSimulatedError: the node does not offer it (remembered for ``ASK_AGAIN_SECONDS``).
            RpcError: the node refused, or one of ``then`` failed.
            TransientError: no usable answer.
        """
        if not self.offered:
            raise NotSimulatedError("the node does not offer eth_simulateV1")
        payload = {
            "blockStateCalls": [_block(block, codes if first else None) for block, first in _marked(blocks)],
            "validation": False,
            "traceTransfers": False,
            "returnFullTransactions": False,
        }
        try:
            answer, *others = self.node.batch([("eth_simulateV1", [payload, "latest"]), *then])
            return _tried(answer, blocks), others
        except NotSimulatedError:
            self._not_before = self._now() + ASK_AGAIN_SECONDS
            raise
        except RpcError as error:
            if error.code in _OWN_CODES:  # about this request: the next may be another
                raise NotSimulatedError(f"the node did not simulate it: {error}", code=error.code) from error
            if not _is_unknown_method(error):
                raise
            self._not_before = self._now() + ASK_AGAIN_SECONDS
            raise NotSimulatedError(f"the node does not offer eth_simulateV1: {error}", code=error.code) from error


def _marked(blocks: Sequence[TrialBlock]) -> list[tuple[TrialBlock, bool]]:
    """Overrides of the state last from the first block on."""
    return [(block, at == 0) for at, block in enumerate(blocks)]


def _block(block: TrialBlock, codes: Mapping[str, bytes] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"calls": [_call(trial) for trial in block.trials]}
    if codes:
        made["stateOverrides"] = {address: {"code": "0x" + code.hex()} for address, code in codes.items()}
    if block.timestamp is not None:
        made["blockOverrides"] = {"time": hex(block.timestamp)}
    return made


def _call(trial: Trial) -> dict[str, str]:
    call = {"from": trial.sender, "to": trial.to, "data": "0x" + trial.data.hex(), "value": hex(trial.value_wei)}
    return call if trial.gas_units is None else call | {"gas": hex(trial.gas_units)}


def _tried(answer: Any, blocks: Sequence[TrialBlock]) -> list[list[Tried]]:
    try:
        found = [
            [
                Tried(int(each["status"], 16) == 1, bytes.fromhex(each["returnData"][2:]), int(each["gasUsed"], 16))
                for each in block["calls"]
            ]
            for block in answer
        ]
    except (TypeError, KeyError, ValueError):
        raise NotSimulatedError("the node answered eth_simulateV1 in another form than it promises") from None
    # A node may put empty blocks in between to keep its block times; those hold no calls.
    found = [block for block in found if block]
    if [len(block) for block in found] != [len(block.trials) for block in blocks]:
        raise NotSimulatedError("the node did not simulate every call that it was given")
    return found


def _is_unknown_method(error: RpcError) -> bool:
    if error.code in (*_UNKNOWN_METHOD_CODES, _INVALID_PARAMS):
        return True
    words = str(error).lower()
    return not reverts.is_refusal(error) and any(each in words for each in _UNKNOWN_METHOD_WORDS)

"""How many blocks a node gives the logs of at once: learnt from its answers, and from what it says when it refuses."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from keeper.errors import TransientError

FIRST_BLOCKS: Final = 2_000
MOST_BLOCKS: Final = 50_000
FORGIVEN_SECONDS: Final = 3_600.0
QUICK_SECONDS: Final = 1.0
_FEW_LOGS: Final = 1_000
# Where a reply has exactly so many logs, a node has probably left the rest out.
_ROUND_COUNTS: Final = frozenset({1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000})

# What nodes and providers say when too much was asked at once …
_TOO_MUCH: Final = (
    "more than", "too many", "too large", "too big", "too wide", "block range", "range limit", "exceeds limit",
    "exceeds the range", "exceed maximum", "exceeds max", "max range", "maximum is set to", "limited to",
    "limit exceeded", "response size", "query timeout", "timed out", "timeout", "time out", "deadline exceeded",
    "bigger than", "response too large", "smaller range", "limit the query", "up to a", "eth_getlogs is limited",
)  # fmt: skip
# … and when what was asked lies too far back for them.
_TOO_OLD: Final = (
    "pruned", "archive", "history has been", "history is not available", "historical", "not available for",
    "older than", "missing trie node", "before the earliest", "earliest available", "state unavailable",
    "ancient", "header not found", "logs not available", "unknown block", "block not found",
    "answer to eth_getblockbynumber is not one",
)  # fmt: skip
# A node that is asked too often says "limit" as well, and means something else.
_TOO_OFTEN: Final = ("too many requests", "rate limit", "request rate", "per second", "http 429", "daily", "quota")


class OldLogsRefusedError(TransientError):
    """The node does not give logs of so long ago."""


class LogSpans:
    """The number of blocks to ask for next. Safe to share by threads: what one learns is a hint to the others."""

    def __init__(self, first_blocks: int = FIRST_BLOCKS, clock: Callable[[], float] = time.monotonic) -> None:
        self.blocks = first_blocks
        self._most_blocks = MOST_BLOCKS
        self._shrunk = -math.inf
        self._clock = clock

    def begin(self) -> float:
        """Call before asking; the time by the clock."""
        now = self._clock()
        if now - self._shrunk >= FORGIVEN_SECONDS:
            self._most_blocks = MOST_BLOCKS  # a node that was ill for a while must not be spared for ever
        return now

    def takes(self, count: int, span: int, began: float) -> bool:
        """Whether an answer with so many logs of so many blocks, asked for at ``began``, is to be believed; learns
        from it either way."""
        if count in _ROUND_COUNTS and span > 1:
            self._shrink(span)
            return False
        quick = count <= _FEW_LOGS and self._clock() - began < QUICK_SECONDS
        if quick and span >= self.blocks:
            self.blocks = min(2 * self.blocks, self._most_blocks)
        return True

    def learns_from(self, error: TransientError, span: int) -> bool:
        """Whether fewer than ``span`` blocks may succeed where so many failed; from now on fewer are asked for.

        Raises:
            OldLogsRefusedError: the node has no logs of that time.
        """
        if _is_about(error, _TOO_OFTEN):
            return False
        if _is_about(error, _TOO_MUCH):
            self._shrink(span)
        elif _is_about(error, _TOO_OLD):
            raise OldLogsRefusedError(str(error)) from None
        elif "in time" in str(error):
            self.blocks = max(1, span // 2)  # slow today; tomorrow it may grow again
        else:
            return False
        return span > 1

    def _shrink(self, refused_blocks: int) -> None:
        """Half of what was refused, and not so much again for an hour."""
        self.blocks = max(1, refused_blocks // 2)
        self._most_blocks = max(1, refused_blocks - 1)
        self._shrunk = self._clock()


def asks_for_patience(error: Exception) -> bool:
    """Whether the node only says that it is asked too often."""
    return _is_about(error, _TOO_OFTEN)


def _is_about(error: Exception, words: Sequence[str]) -> bool:
    said = str(error).lower()
    return any(word in said for word in words)

"""Decisions packed small: one in a while is kept whole, the others as what differs from it.

Successive decisions of a strategy repeat each other's ticks, tokens and settings. Deflate with the last whole one (the
keyframe) as its dictionary stores a third of what it would alone.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from keeper.world.journal.query import Query

KEYFRAME_EVERY: Final = 32
_WINDOW_BYTES: Final = 32_768  # all that deflate can look back on


@dataclass(slots=True)
class _Keyframe:
    decision_id: int
    body: bytes
    followers: int = 0


class BodyWriter:
    """Packs bodies against the last keyframe of their strategy. After a rollback call ``forget``."""

    def __init__(self) -> None:
        self._keyframes: dict[str, _Keyframe] = {}

    def pack(self, strategy: str, body: bytes) -> tuple[bytes, int | None]:
        """The packed body, and the decision whose body it refers to (None: it is a keyframe)."""
        keyframe = self._keyframes.get(strategy)
        if keyframe is None or keyframe.followers >= KEYFRAME_EVERY:
            return zlib.compress(body), None
        keyframe.followers += 1
        packer = zlib.compressobj(zdict=keyframe.body[-_WINDOW_BYTES:])
        return packer.compress(body) + packer.flush(), keyframe.decision_id

    def written(self, strategy: str, decision_id: int, body: bytes, keyframe_id: int | None) -> None:
        """Tell what became of ``pack``: the number its decision got."""
        if keyframe_id is None:
            self._keyframes[strategy] = _Keyframe(decision_id, body)

    def forget(self) -> None:
        """Begin with new keyframes."""
        self._keyframes.clear()


class BodyReader:
    """Unpacks bodies; decisions of one keyframe share its reading."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._keyframe: tuple[int, bytes] | None = None

    def body(self, decision_id: int) -> bytes:
        """The canonical bytes of a decision without its history's samples."""
        ((packed, keyframe_id),) = self._query("SELECT body, keyframe_id FROM decisions WHERE id = ?", (decision_id,))
        if keyframe_id is None:
            return zlib.decompress(packed)
        if self._keyframe is None or self._keyframe[0] != keyframe_id:
            self._keyframe = keyframe_id, self.body(keyframe_id)
        return zlib.decompressobj(zdict=self._keyframe[1][-_WINDOW_BYTES:]).decompress(packed)

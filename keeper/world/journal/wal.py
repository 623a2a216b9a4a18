"""Commits that a damaged SQLite write-ahead log holds and SQLite would pass over.

SQLite reads the log up to the first frame whose checksum is wrong and is silent about the rest. After a power failure
that is right: the last commit was not confirmed to anybody. More than one commit after the wrong frame means that
confirmed ones are lost, because each is on the disk before the next begins.

Format: https://sqlite.org/fileformat2.html#walformat
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24
_MAGIC_LITTLE, _MAGIC_BIG = 0x377F0682, 0x377F0683
_SALTS_AT: Final = slice(16, 24)
_TRIES: Final = 5


def lost_commits(log: Path) -> int:
    """How many confirmed commits of the log SQLite would not see; 0 when there is no log.

    Another process may be writing: the log is read again when it began anew meanwhile.
    """
    for _ in range(_TRIES):
        try:
            content = log.read_bytes()
            with log.open("rb") as file:
                header_after = file.read(_HEADER_BYTES)
        except FileNotFoundError:
            return 0
        if header_after == content[:_HEADER_BYTES]:
            return _lost(content)
    return 0  # it is written to faster than it can be read: alive and well


def _lost(content: bytes) -> int:
    if len(content) <= _HEADER_BYTES + _FRAME_HEADER_BYTES:
        return 0
    import numpy as np  # needed after a crash alone

    magic, _, page_bytes = struct.unpack_from(">III", content)
    order = {_MAGIC_LITTLE: "<", _MAGIC_BIG: ">"}.get(magic)
    is_size = page_bytes.bit_count() == 1 and 512 <= page_bytes <= 65_536
    if order is None or not is_size or not _header_is_whole(content, order):
        # The header is on the disk before the first frame is written.
        return len(content[_HEADER_BYTES:].strip(b"\0")) and 1
    frame_bytes = _FRAME_HEADER_BYTES + page_bytes
    count = (len(content) - _HEADER_BYTES) // frame_bytes
    frames = np.frombuffer(content, np.uint8, count * frame_bytes, _HEADER_BYTES).reshape(count, frame_bytes)
    ours = (frames[:, 8:16] == np.frombuffer(content[_SALTS_AT], np.uint8)).all(axis=1)
    good = _checksums_hold(np, frames, content, order) & ours
    first_wrong = int(np.argmin(good)) if not good.all() else count
    commits = ours & frames[:, 4:8].any(axis=1)
    lost = int(commits[first_wrong:].sum())
    return lost if lost > 1 else 0


def _header_is_whole(content: bytes, order: str) -> bool:
    words = struct.unpack_from(f"{order}6I", content)
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return (first, second) == struct.unpack_from(">II", content, 24)


def _checksums_hold(np: Any, frames: Any, content: bytes, order: str) -> Any:
    """For each frame, whether its checksum follows from its bytes and the checksum before it."""
    stored = frames[:, 16:24].copy().view(">u4").astype(np.uint32)
    before = np.vstack([np.frombuffer(content[24:32], ">u4").astype(np.uint32), stored[:-1]])
    summed = np.hstack([frames[:, :8], frames[:, _FRAME_HEADER_BYTES:]]).view(f"{order}u4").astype(np.uint32)
    first, second = before[:, 0].copy(), before[:, 1].copy()
    for at in range(0, summed.shape[1], 2):
        first += summed[:, at] + second
        second += summed[:, at + 1] + first
    return (first == stored[:, 0]) & (second == stored[:, 1])

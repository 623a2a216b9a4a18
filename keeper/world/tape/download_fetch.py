"""Reading runs of blocks from several threads, smaller where the node wants it so, until each is there and believed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from keeper.errors import RpcError, TransientError
from keeper.world.feeds.log_spans import LogSpans, asks_for_patience
from keeper.world.tape.download_logs import Chunk, ChunkReader, LeftOutError
from keeper.world.tape.download_proof import Proof
from keeper.world.tape.download_store import PieceStore
from keeper.world.tape.tape import Span

_AGAIN: Final = 2
_MOST_UNEXPLAINED: Final = 8

Progress = Callable[[int, int, int], None]
"""Told blocks read, blocks in all, and events so far."""


class Fetching:
    """Reads what is missing, from several threads."""

    def __init__(
        self, store: PieceStore, reader: ChunkReader, spans: LogSpans, patience_seconds: Sequence[float],
        sleep: Callable[[float], None],
    ) -> None:  # fmt: skip
        self._store, self._reader, self._spans = store, reader, spans
        self._patience, self._sleep = tuple(patience_seconds), sleep
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._left: list[tuple[int, int]] = []
        self._events = self._blocks = self._unexplained = 0
        self._tell: Callable[[], None] = lambda: None

    def run(self, missing: list[tuple[int, int]], span: Span, workers: int, progress: Progress | None) -> None:
        """Every missing run of blocks of the span into the store.

        Raises:
            ConfigError: the store cannot be written.
            TransientError: the node does not answer, leaves logs out, or contradicts itself.
        """
        total = span.to_block - span.from_block + 1
        self._left = missing[::-1]
        self._blocks = total - sum(last - first + 1 for first, last in missing)
        if progress is not None:
            self._tell = lambda: progress(self._blocks, total, self._events)
        self._tell()
        with ThreadPoolExecutor(workers) as threads:
            tasks = [threads.submit(self._work) for _ in range(workers)]
            try:
                for task in tasks:
                    task.result()
            finally:
                self._stop.set()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                stripe = self._next()
                if stripe is None:
                    return
                self._fetch(*stripe)
        except BaseException:
            self._stop.set()
            raise

    def _next(self) -> tuple[int, int] | None:
        with self._lock:
            if not self._left:
                return None
            first, last = self._left.pop()
            end = min(last, first + self._spans.blocks - 1)
            if end < last:
                self._left.append((end + 1, last))
            return first, end

    def _fetch(self, first: int, last: int) -> None:
        at = first
        while at <= last and not self._stop.is_set():
            chunk = self._read(at, min(last, at + self._spans.blocks - 1))
            if chunk is not None:
                self._settle(chunk)
                at = chunk.last.number + 1

    def _read(self, first: int, last: int) -> Chunk | None:
        """The blocks' events; None where fewer blocks are to be asked for."""
        span, attempt = last - first + 1, 0
        while True:
            began = self._spans.begin()
            try:
                chunk = self._reader.read(first, last)
                return chunk if self._spans.takes(len(chunk.events), span, began) else None
            except TransientError as error:
                if not isinstance(error, LeftOutError) and self._spans.learns_from(error, span):
                    return None
                # A node that answered "no", or nonsense, will again, unless another one stands behind the same URL.
                said_no = isinstance(error, RpcError) and not asks_for_patience(error)
                bound = min(_AGAIN, len(self._patience)) if said_no else len(self._patience)
                if attempt >= bound or self._stop.is_set():
                    raise
            self._sleep(self._patience[attempt])
            attempt += 1

    def _settle(self, chunk: Chunk) -> None:
        """Keep it, if it is all; else find the one block where it is not."""
        first, last = chunk.first.number, chunk.last.number
        if chunk.proof in (Proof.PROVEN, Proof.UNPROVEN):
            self._keep(chunk)
        elif first < last:
            middle = (first + last) // 2
            self._fetch(first, middle)
            self._fetch(middle + 1, last)
        else:
            self._settle_block(chunk)

    def _settle_block(self, chunk: Chunk) -> None:
        block = chunk.first.number
        for attempt in range(_AGAIN):
            self._sleep(self._patience[min(attempt, len(self._patience) - 1)] if self._patience else 0.0)
            again = self._read(block, block)
            if again is not None and again.proof in (Proof.PROVEN, Proof.UNPROVEN):
                self._keep(again)
                return
        if chunk.proof is Proof.WRONG_PRICE:
            raise LeftOutError(block, block)
        with self._lock:
            self._unexplained += 1
            if self._unexplained >= _MOST_UNEXPLAINED:
                self._reader.state.balances_tell = False
        self._keep(chunk)

    def _keep(self, chunk: Chunk) -> None:
        self._store.write(chunk)
        with self._lock:
            self._events += len(chunk.events)
            self._blocks += chunk.last.number - chunk.first.number + 1
            self._tell()

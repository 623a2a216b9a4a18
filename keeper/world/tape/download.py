"""Downloading a tape: run after run of blocks into small files, from several threads; then one tape out of them.

Whatever stops it, what was read stays, and the same call goes on. The tape that comes out depends on the chain alone:
neither on how many blocks were asked for at once, nor on who answered first, nor on how often it was stopped.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keeper.errors import ConfigError
from keeper.world.chain.multicall import Multicall
from keeper.world.feeds.log_spans import FIRST_BLOCKS, LogSpans
from keeper.world.tape import manifest as manifests
from keeper.world.tape.download_blocks import header
from keeper.world.tape.download_fetch import Fetching, Progress
from keeper.world.tape.download_logs import ChunkReader, LeftOutError
from keeper.world.tape.download_opening import state_at, state_before
from keeper.world.tape.download_pace import BatchNode
from keeper.world.tape.download_store import Piece, PieceStore, Plan, events_of, last_state
from keeper.world.tape.manifest import Manifest
from keeper.world.tape.tape import Span, TapePool
from keeper.world.tape.writing import TapeWriter, require_written
from keeper.world.tape.writing_files import make_folder
from keeper.world.v3.identity import PoolIdentity

PATIENCE_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to download: a pool of a chain, and its first and last block."""

    chain_id: int
    identity: PoolIdentity
    first_block: int
    last_block: int

    @property
    def pool(self) -> TapePool:
        """As the tape names it."""
        one = self.identity
        return TapePool(self.chain_id, one.address, one.token0, one.token1, one.fee_pips, one.tick_spacing)


def planned_end(folder: Path) -> int | None:
    """The last block of the download that was begun in a folder; None where none was."""
    plan = PieceStore(folder).plan()
    if plan is not None:
        return plan.span.to_block
    manifest = manifests.read_manifest(folder) if (folder / manifests.NAME).exists() else None
    return None if manifest is None or manifest.span is None else manifest.span.to_block


def download(
    node: BatchNode,
    multicall: Multicall,
    wanted: Wanted,
    folder: Path,
    *,
    workers: int = 4,
    first_blocks: int = FIRST_BLOCKS,
    patience_seconds: Sequence[float] = PATIENCE_SECONDS,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Manifest:
    """All events of the blocks into ``folder``; what is there already is not asked for again.

    Raises:
        ConfigError: the folder holds another tape, or cannot be written.
        TransientError: the node does not answer, leaves logs out, or contradicts itself; call again to go on.
    """
    store = PieceStore(folder)
    done = _done_before(store, wanted)
    if done is not None:
        return done
    make_folder(store.folder)
    with _alone(store.folder):
        plan = _plan(store, multicall, wanted)
        fetching = Fetching(store, ChunkReader(node, wanted.identity), LogSpans(first_blocks), patience_seconds, sleep)
        fetching.run(store.missing(plan.span), plan.span, workers, progress)
        return _into_tape(store, plan)


def _done_before(store: PieceStore, wanted: Wanted) -> Manifest | None:
    """The tape, if it is whole already. ConfigError: it is another one."""
    if not (store.tape_folder / manifests.NAME).exists():
        return None
    manifest = manifests.read_manifest(store.tape_folder)
    if not manifest.complete or manifest.span is None:
        return None
    same = manifest.pool.chain_id == wanted.chain_id and manifest.pool.address == wanted.identity.address
    if not same or (manifest.span.from_block, manifest.span.to_block) != (wanted.first_block, wanted.last_block):
        raise _another(store.tape_folder, manifest.pool, manifest.span)
    store.clear()
    return manifest


def _plan(store: PieceStore, multicall: Multicall, wanted: Wanted) -> Plan:
    """What was begun here, or a new beginning. ConfigError: something else was begun here."""
    plan = store.plan()
    last = header(multicall.node, wanted.last_block)
    if plan is not None:
        same = (plan.pool.chain_id, plan.pool.address) == (wanted.chain_id, wanted.identity.address)
        if not same or (plan.span.from_block, plan.span.to_block) != (wanted.first_block, wanted.last_block):
            raise _another(store.tape_folder, plan.pool, plan.span)
        if plan.last_hash != last.hash:
            raise ConfigError(
                f"the chain has replaced block {last.number} since this download was begun: delete the folder and "
                "choose an earlier last block",
                path=str(store.tape_folder),
            )
        return plan
    opening, missing = state_before(multicall, wanted.identity, wanted.first_block)
    closing = state_at(multicall, wanted.identity, wanted.last_block)
    first = header(multicall.node, wanted.first_block)
    span = Span(first.number, last.number, first.timestamp, last.timestamp)
    plan = Plan(wanted.pool, span, last.hash, opening, missing, closing)
    store.begin(plan)
    return plan


def _into_tape(store: PieceStore, plan: Plan) -> Manifest:
    pieces = store.pieces()
    tape = events_of(store, plan, pieces, plan.pool)
    for first, last in tape.gaps:
        if store.drop(first, last):
            raise LeftOutError(first, last)
    _require_end(store, plan, pieces)
    writer = TapeWriter(
        store.tape_folder, tape.pool, tape.digest, opening=plan.opening, opening_missing=plan.opening_missing,
        closing=plan.closing,
    )  # fmt: skip
    passed, done = 0, writer.rows
    for batch in tape.batches():
        if passed + len(batch) > done:
            writer.add(batch.part(max(0, done - passed), len(batch)))
        passed += len(batch)
    manifest = writer.finish(plan.span, tape.defects, tape.digest)
    require_written(store.tape_folder, manifest)
    store.clear()
    return manifest


def _require_end(store: PieceStore, plan: Plan, pieces: Sequence[Piece]) -> None:
    """TransientError: the pool's price at the end is not that of the last event, so that something is missing."""
    closing = plan.closing
    found = None if closing is None else last_state(pieces)
    if closing is None or found is None:
        return
    price, tick, liquidity, block = found
    if (price, tick, liquidity) != (closing.sqrt_price_x96, closing.tick, closing.liquidity):
        store.drop(block, plan.span.to_block)
        raise LeftOutError(block, plan.span.to_block)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """ConfigError: another process is downloading into the folder."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError("another download is writing here: wait for it", path=str(folder.parent)) from None
        yield


def _another(folder: Path, pool: TapePool, span: Span) -> ConfigError:
    return ConfigError(
        f"holds blocks {span.from_block} to {span.to_block} of the pool {pool.address} on chain {pool.chain_id}: "
        "choose another folder, or ask for just these",
        path=str(folder),
    )
